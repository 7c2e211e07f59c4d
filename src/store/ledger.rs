//! The open redb file, and how it is opened again after the disk failed under it.

use std::sync::Arc;

use parking_lot::RwLock;
use redb::{Database, ReadableDatabase, ReadableTable};

use super::codec::Dictionaries;
use super::error::Error;
use super::recent::Recent;
use super::snapshot::Snapshot;
use super::tables::{self, FORMAT};

/// Makes the database; called again after every storage failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send + Sync>;

pub(super) struct Ledger {
    opener: Opener,
    latest: Latest,
    open: RwLock<Option<Open>>,
    pub(super) dictionaries: Dictionaries,
}

/// One opening of the file.
struct Open {
    database: Arc<Database>,
    recent: Arc<Recent>,
}

impl Open {
    fn new(database: Database) -> Self {
        Self { database: Arc::new(database), recent: Arc::default() }
    }
}

/// The snapshot of the newest commit: to begin one and to open its tables costs more than the look-ups of a read.
#[derive(Default)]
struct Latest(RwLock<(u64, Option<Snapshot>)>);

impl Latest {
    /// The snapshot, or else the number of the commits so far, to be given to [`Latest::keep`].
    fn get(&self) -> Result<Snapshot, u64> {
        let latest = self.0.read();
        latest.1.clone().ok_or(latest.0)
    }

    /// Keeps a snapshot, unless something was committed since before it was begun.
    fn keep(&self, commits: u64, snapshot: &Snapshot) {
        let mut latest = self.0.write();
        if latest.0 == commits {
            latest.1 = Some(snapshot.clone());
        }
    }

    /// From here on, nobody is given what was committed before.
    fn renew(&self) {
        let mut latest = self.0.write();
        latest.0 += 1;
        // Dropped after the lock: the last holder of a snapshot has some tidying to do.
        let old = latest.1.take();
        drop(latest);
        drop(old);
    }
}

impl Ledger {
    pub(super) fn open(opener: Opener) -> Result<Self, Error> {
        let database = opener()?;
        prepare(&database)?;
        let ledger = Self {
            opener,
            latest: Latest::default(),
            open: RwLock::new(Some(Open::new(database))),
            dictionaries: Dictionaries::default(),
        };
        ledger.dictionaries.read_all(&ledger.snapshot()?)?;
        Ok(ledger)
    }

    pub(super) fn database(&self) -> Result<Arc<Database>, Error> {
        self.open.read().as_ref().map(|open| Arc::clone(&open.database)).ok_or(Error::Unavailable)
    }

    /// A snapshot of everything committed before the call.
    pub(super) fn snapshot(&self) -> Result<Snapshot, Error> {
        let commits = match self.latest.get() {
            Ok(snapshot) => return Ok(snapshot),
            Err(commits) => commits,
        };
        let open = self.open.read();
        let open = open.as_ref().ok_or(Error::Unavailable)?;
        let transaction = open.database.begin_read()?;
        let snapshot = Snapshot::new(transaction, self.dictionaries.clone(), Arc::clone(&open.recent));
        self.latest.keep(commits, &snapshot);
        Ok(snapshot)
    }

    /// Called after each commit and before anyone is told of it.
    pub(super) fn renew(&self) {
        self.latest.renew();
    }

    /// Drops the handle and opens the file again: after a failed write or sync, what the old handle believes to be on
    /// disk may not be (the kernel marks pages clean after a failed fsync).
    pub(super) fn reopen(&self) -> Result<(), Error> {
        let mut slot = self.open.write();
        // First the reader: the file closes when nothing reads it any more.
        self.latest.renew();
        *slot = None;
        let database = (self.opener)()?;
        prepare(&database)?;
        *slot = Some(Open::new(database));
        Ok(())
    }

    /// Gives back pages that no version uses any more. Nothing else may read or write meanwhile: true if that was so.
    pub(super) fn compact(&self) -> Result<bool, Error> {
        let mut slot = self.open.write();
        self.latest.renew();
        let Some(open) = slot.as_mut() else { return Err(Error::Unavailable) };
        // A reader is in the way; the file stays as it is.
        let Some(database) = Arc::get_mut(&mut open.database) else { return Ok(false) };
        match database.compact() {
            Ok(_) => Ok(true),
            Err(redb::CompactionError::Storage(error)) => Err(error.into()),
            // A transaction or a savepoint is.
            Err(_) => Ok(false),
        }
    }

    pub(super) fn close(&self) {
        let mut slot = self.open.write();
        // First the reader: the file closes when nothing reads it any more.
        self.latest.renew();
        *slot = None;
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
            Some(FORMAT) => return Ok(()),
            Some(_) | None => {
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
