//! The one file that names redb: a file of ordered tables of bytes, one writer at a time, readers that keep what they
//! began with. The rest of the room speaks of tables by name, keys, values and [`super::Error`].
//!
//! Reads are concrete types and not a trait: a look-up of a record is a few microseconds, which a search makes hundreds of
//! times. A second engine would be a second file with these types.

use std::io::ErrorKind;
use std::ops::{Bound, RangeBounds};
use std::path::Path;

use redb::{
    AccessGuard, Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, TableDefinition, TableHandle, WriteTransaction,
};

use super::error::Error;
use super::tables::Row;

/// Bytes of redb page cache. The operating system caches the file as well, so this stays small.
const CACHE_BYTES: usize = 48 << 20;

type Raw = &'static [u8];

const fn definition(name: &str) -> TableDefinition<'_, Raw, Raw> {
    TableDefinition::new(name)
}

/// The open file.
pub(super) struct Engine(Database);

impl Engine {
    /// Opens the file, creating it if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        Ok(Self(builder.create(path)?))
    }

    /// On a disk that a test made.
    #[cfg(test)]
    pub(super) fn on(disk: impl redb::StorageBackend) -> Result<Self, Error> {
        Ok(Self(redb::Builder::new().create_with_backend(disk)?))
    }

    /// Begins the one write transaction. What it commits is on the disk before the commit returns.
    pub(super) fn begin_write(&self) -> Result<Write, Error> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate).map_err(|error| Error::Io(error.to_string()))?;
        // Implies two-phase commit: after a crash the file opens without being walked.
        transaction.set_quick_repair(true);
        Ok(Write(transaction))
    }

    /// Begins to read what is committed now.
    pub(super) fn begin_read(&self) -> Result<Read, Error> {
        Ok(Read(self.0.begin_read()?))
    }

    /// Gives back pages that no version uses any more. False if a transaction is in the way, and nothing was done.
    pub(super) fn compact(&mut self) -> Result<bool, Error> {
        match self.0.compact() {
            Ok(_) => Ok(true),
            Err(redb::CompactionError::Storage(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// Bytes of the file that hold data.
    pub(super) fn used_bytes(&self) -> Result<u64, Error> {
        let transaction = self.0.begin_write()?;
        let stats = transaction.stats()?;
        let used = stats.allocated_pages().saturating_mul(stats.page_size() as u64);
        transaction.abort()?;
        Ok(used)
    }
}

/// The write transaction; nothing of it is kept if it is dropped.
pub(super) struct Write(WriteTransaction);

impl Write {
    /// Its tables, opened as they are needed.
    pub(super) const fn tables(&self) -> Tables<'_> {
        Tables { transaction: &self.0, open: Vec::new() }
    }

    /// Keeps everything, durably.
    pub(super) fn commit(self) -> Result<(), Error> {
        Ok(self.0.commit()?)
    }
}

/// The tables of a write transaction, kept open: looking a table up costs as much as an insert.
pub(super) struct Tables<'t> {
    transaction: &'t WriteTransaction,
    /// A handful: walking along them is quicker than any map.
    open: Vec<(Box<str>, OpenTable<'t>)>,
}

/// One table of a write transaction.
pub(super) struct OpenTable<'t>(redb::Table<'t, Raw, Raw>);

impl<'t> Tables<'t> {
    /// A table, which comes into being if it is not there.
    pub(super) fn table(&mut self, name: &str) -> Result<&mut OpenTable<'t>, Error> {
        let at = if let Some(at) = self.open.iter().position(|(known, _)| **known == *name) {
            at
        } else {
            self.open.push((name.into(), OpenTable(self.transaction.open_table(definition(name))?)));
            self.open.len() - 1
        };
        self.open.get_mut(at).map(|(_, table)| table).ok_or(Error::Unavailable)
    }
}

impl OpenTable<'_> {
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.0.insert(key, value)?;
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Result<(), Error> {
        self.0.remove(key)?;
        Ok(())
    }
}

/// Keys from one bound to another.
pub(super) type KeyRange<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// What a transaction of the writer reads; hides the lifetimes of its tables.
pub(super) trait Base {
    fn get(&mut self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    fn range(&mut self, table: &str, range: KeyRange<'_>, limit: usize) -> Result<Vec<Row>, Error>;
}

impl Base for Tables<'_> {
    fn get(&mut self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.table(table)?.0.get(key)?.map(|value| value.value().to_vec()))
    }

    fn range(&mut self, table: &str, range: KeyRange<'_>, limit: usize) -> Result<Vec<Row>, Error> {
        let mut out = Vec::new();
        for row in self.table(table)?.0.range::<&[u8]>(range)?.take(limit) {
            let (key, value) = row?;
            out.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(out)
    }
}

/// What was committed when it began.
pub(super) struct Read(ReadTransaction);

impl Read {
    /// A table, or nothing if no value was ever put into it.
    pub(super) fn table(&self, name: &str) -> Result<Option<Rows>, Error> {
        match self.0.open_table(definition(name)) {
            Ok(open) => Ok(Some(Rows(open))),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A table that is there since the file was made.
    pub(super) fn own_table(&self, name: &str) -> Result<Rows, Error> {
        Ok(Rows(self.0.open_table(definition(name))?))
    }

    /// Names of all tables, in order.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = self.0.list_tables()?.map(|table| table.name().to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }
}

/// A table as it was when reading began.
pub(super) struct Rows(ReadOnlyTable<Raw, Raw>);

/// A key or a value, in the page where it lies.
pub(super) struct Cell(AccessGuard<'static, Raw>);

impl Cell {
    pub(super) fn value(&self) -> &[u8] {
        self.0.value()
    }
}

impl Rows {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Cell>, Error> {
        Ok(self.0.get(key)?.map(Cell))
    }

    pub(super) fn range<'k>(&self, range: impl RangeBounds<&'k [u8]>) -> Result<Range, Error> {
        Ok(Range(self.0.range::<&[u8]>(range)?))
    }

    pub(super) fn len(&self) -> Result<u64, Error> {
        Ok(self.0.len()?)
    }
}

/// Rows in the order of their keys, from either end.
pub(super) struct Range(redb::Range<'static, Raw, Raw>);

type Step = Result<(AccessGuard<'static, Raw>, AccessGuard<'static, Raw>), redb::StorageError>;

fn cells(step: Step) -> Result<(Cell, Cell), Error> {
    let (key, value) = step?;
    Ok((Cell(key), Cell(value)))
}

impl Iterator for Range {
    type Item = Result<(Cell, Cell), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(cells)
    }
}

impl DoubleEndedIterator for Range {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(cells)
    }
}

impl From<redb::StorageError> for Error {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Corrupted(what) => Self::Corrupted(what),
            redb::StorageError::Io(io) if io.kind() == ErrorKind::StorageFull => Self::Full,
            redb::StorageError::Io(io) => Self::Io(io.to_string()),
            redb::StorageError::PreviousIo | redb::StorageError::DatabaseClosed => Self::Unavailable,
            other => Self::Io(other.to_string()),
        }
    }
}

impl From<redb::TableError> for Error {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(inner) => inner.into(),
            other => Self::Corrupted(other.to_string()),
        }
    }
}

impl From<redb::TransactionError> for Error {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(inner) => inner.into(),
            other => Self::Io(other.to_string()),
        }
    }
}

impl From<redb::CommitError> for Error {
    fn from(error: redb::CommitError) -> Self {
        match error {
            redb::CommitError::Storage(inner) => inner.into(),
            other => Self::Io(other.to_string()),
        }
    }
}

impl From<redb::DatabaseError> for Error {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::Busy,
            redb::DatabaseError::Storage(inner) => inner.into(),
            other => Self::Corrupted(other.to_string()),
        }
    }
}
