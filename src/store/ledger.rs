//! The open file, and how it is opened again after the disk failed under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::codec::Dictionaries;
use super::engine::{Base, Engine};
use super::error::Error;
use super::recent::Recent;
use super::snapshot::Snapshot;
use super::tables::{self, FORMAT};
use crate::fhir::definitions::Definitions;

/// Opens the file; called again after every storage failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Engine, Error> + Send + Sync>;

pub(super) struct Ledger {
    opener: Opener,
    latest: Latest,
    /// The id of the last snapshot; none has zero.
    snapshots: AtomicU64,
    open: RwLock<Option<Open>>,
    pub(super) dictionaries: Dictionaries,
    pub(super) definitions: Definitions,
}

/// One opening of the file.
struct Open {
    engine: Arc<Engine>,
    recent: Arc<Recent>,
}

impl Open {
    fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(engine), recent: Arc::default() }
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
    pub(super) fn open(opener: Opener, definitions: Definitions) -> Result<Self, Error> {
        let engine = opener()?;
        prepare(&engine)?;
        let ledger = Self {
            opener,
            latest: Latest::default(),
            snapshots: AtomicU64::new(0),
            open: RwLock::new(Some(Open::new(engine))),
            dictionaries: Dictionaries::default(),
            definitions,
        };
        ledger.dictionaries.read_all(&ledger.snapshot()?)?;
        Ok(ledger)
    }

    pub(super) fn engine(&self) -> Result<Arc<Engine>, Error> {
        self.open.read().as_ref().map(|open| Arc::clone(&open.engine)).ok_or(Error::Unavailable)
    }

    /// A snapshot of everything committed before the call.
    pub(super) fn snapshot(&self) -> Result<Snapshot, Error> {
        let commits = match self.latest.get() {
            Ok(snapshot) => return Ok(snapshot),
            Err(commits) => commits,
        };
        let open = self.open.read();
        let open = open.as_ref().ok_or(Error::Unavailable)?;
        let transaction = open.engine.begin_read()?;
        let id = self.snapshots.fetch_add(1, Ordering::Relaxed) + 1;
        let snapshot = Snapshot::new(id, transaction, self.dictionaries.clone(), Arc::clone(&open.recent));
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
        let engine = (self.opener)()?;
        prepare(&engine)?;
        *slot = Some(Open::new(engine));
        Ok(())
    }

    /// Gives back pages that no version uses any more. Nothing else may read or write meanwhile: true if that was so.
    pub(super) fn compact(&self) -> Result<bool, Error> {
        let mut slot = self.open.write();
        self.latest.renew();
        let Some(open) = slot.as_mut() else { return Err(Error::Unavailable) };
        // A reader is in the way; the file stays as it is.
        let Some(engine) = Arc::get_mut(&mut open.engine) else { return Ok(false) };
        engine.compact()
    }

    pub(super) fn close(&self) {
        let mut slot = self.open.write();
        // First the reader: the file closes when nothing reads it any more.
        self.latest.renew();
        *slot = None;
    }

    pub(super) fn used_bytes(&self) -> Result<u64, Error> {
        self.engine()?.used_bytes()
    }
}

/// Creates the tables of a new file and checks the format of an old one.
fn prepare(engine: &Engine) -> Result<(), Error> {
    let write = engine.begin_write()?;
    {
        let mut tables = write.tables();
        let found = tables.get(tables::META.name(), tables::META_FORMAT)?;
        match found.as_deref().and_then(tables::read_u32) {
            Some(found) if found > FORMAT => return Err(Error::Newer { found, known: FORMAT }),
            Some(FORMAT) => return Ok(()),
            Some(_) | None => {
                tables.table(tables::META.name())?.insert(tables::META_FORMAT, &FORMAT.to_be_bytes())?;
            }
        }
        for table in
            [tables::IDS, tables::CURRENT, tables::HISTORY, tables::COMPARTMENT, tables::CHANGES, tables::DICTIONARIES]
        {
            tables.table(table.name())?;
        }
    }
    write.commit()
}
