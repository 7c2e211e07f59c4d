//! The open redb file, and how it is opened again after the disk failed under it.

use std::sync::Arc;

use parking_lot::RwLock;
use redb::{Database, ReadableDatabase, ReadableTable};

use super::codec::{Bodies, Dictionaries};
use super::error::Error;
use super::snapshot::Snapshot;
use super::tables::{self, FORMAT};

/// Makes the database; called again after every storage failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send + Sync>;

pub(super) struct Ledger {
    opener: Opener,
    database: RwLock<Option<Arc<Database>>>,
    pub(super) dictionaries: Dictionaries,
    bodies: Arc<Bodies>,
}

impl Ledger {
    pub(super) fn open(opener: Opener) -> Result<Self, Error> {
        let database = opener()?;
        prepare(&database)?;
        let ledger = Self {
            opener,
            database: RwLock::new(Some(Arc::new(database))),
            dictionaries: Dictionaries::default(),
            bodies: Arc::default(),
        };
        ledger.dictionaries.read_all(&ledger.snapshot()?)?;
        Ok(ledger)
    }

    pub(super) fn database(&self) -> Result<Arc<Database>, Error> {
        self.database.read().clone().ok_or(Error::Unavailable)
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, Error> {
        let transaction = self.database()?.begin_read()?;
        Ok(Snapshot::new(transaction, self.dictionaries.clone(), Arc::clone(&self.bodies)))
    }

    /// Drops the handle and opens the file again: after a failed write or sync, what the old handle believes to be on
    /// disk may not be (the kernel marks pages clean after a failed fsync).
    pub(super) fn reopen(&self) -> Result<(), Error> {
        let mut slot = self.database.write();
        *slot = None;
        self.bodies.clear();
        let database = (self.opener)()?;
        prepare(&database)?;
        *slot = Some(Arc::new(database));
        Ok(())
    }

    /// Gives back pages that no version uses any more. Nothing else may read or write meanwhile: true if that was so.
    pub(super) fn compact(&self) -> Result<bool, Error> {
        let mut slot = self.database.write();
        let Some(shared) = slot.take() else { return Err(Error::Unavailable) };
        match Arc::try_unwrap(shared) {
            Ok(mut database) => {
                let done = database.compact();
                *slot = Some(Arc::new(database));
                match done {
                    Ok(_) => Ok(true),
                    Err(redb::CompactionError::Storage(error)) => Err(error.into()),
                    // A reader or a savepoint is in the way; the file stays as it is.
                    Err(_) => Ok(false),
                }
            }
            Err(shared) => {
                *slot = Some(shared);
                Ok(false)
            }
        }
    }

    pub(super) fn close(&self) {
        *self.database.write() = None;
    }

    pub(super) fn used_bytes(&self) -> Result<u64, Error> {
        let transaction = self.database()?.begin_write()?;
        let stats = transaction.stats()?;
        let used = stats.allocated_pages().saturating_mul(stats.page_size() as u64);
        transaction.abort()?;
        Ok(used)
    }
}

/// Creates the tables of a new file and checks the format of an old one.
fn prepare(database: &Database) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(tables::META.definition())?;
        let found = meta.get(tables::META_FORMAT)?.and_then(|value| tables::read_u32(value.value()));
        match found {
            Some(found) if found > FORMAT => return Err(Error::Newer { found, known: FORMAT }),
            Some(_) => return Ok(()),
            None => {
                meta.insert(tables::META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
            }
        }
        for table in
            [tables::IDS, tables::CURRENT, tables::HISTORY, tables::COMPARTMENT, tables::CHANGES, tables::DICTIONARIES]
        {
            transaction.open_table(table.definition())?;
        }
    }
    transaction.commit()?;
    Ok(())
}
