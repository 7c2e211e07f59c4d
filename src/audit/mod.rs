//! The append-only, hash-chained record of who saw what. An entry is in the file before the answer leaves.
//!
//! Invariants: [`Audit::record`] and [`Audit::write`] return only after `write(2)` took the entry, so it survives any crash of the process;
//! it is on the disk at most 200 ms later. Once a write or a sync has failed, every later `record` fails until the
//! audit is opened again, and a read whose entry was not taken must not go out. Nothing in the product deletes or
//! changes an entry. An entry holds ids and counts, never what was read.
//!
//! Each realm has a folder, and so a chain, of its own. The look-ups (last read of a grant, activity of a member) are
//! derived from the files when the audit is opened, over the newest [`REBUILD_BYTES`]; they are bounded per member.

mod entry;
mod frame;
mod head;
mod journal;
mod lookup;
mod segment;
#[cfg(test)]
mod tests;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::outbound::Clock;

pub use entry::{Entry, Recorded, Who};
pub use head::{Signer, Verifier};
pub use journal::HeadKeeper;
pub use lookup::{Activity, LastRead};
pub use verify::{Broken, Report, entries, verify};

use journal::Journal;
use lookup::Lookup;
use segment::{Disk, FolderDisk};

/// How much of the newest record is read to rebuild the look-ups at open: about 150,000 entries, a tenth of a second.
pub const REBUILD_BYTES: u64 = 32 << 20;

/// What can go wrong with the audit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files cannot be read or written.
    #[error("the audit file {} failed: {cause}; nothing is disclosed until the disk is well and Ingle is restarted", path.display())]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// An earlier write failed.
    #[error("the audit stopped after an earlier failure; nothing is disclosed until Ingle is restarted")]
    Stopped,
    /// The entry cannot be written down.
    #[error("the audit entry is larger than {} bytes", frame::ENTRY_MAX)]
    TooLarge,
    /// A file is not what this version writes.
    #[error("the audit file {} is not one of ours: {why}; run `ingle verify`", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A place in the chain.
#[must_use = "the answer waits until the entry at this place is in the file"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

/// A handle to one realm's audit. Cloning is cheap.
#[derive(Clone)]
pub struct Audit {
    journal: Arc<Journal>,
    lookup: Arc<RwLock<Lookup>>,
    clock: Clock,
    _keeper: Arc<journal::Keeper>,
}

impl Audit {
    /// Opens the folder, makes it when it is not there, sets a torn end aside and goes on after it.
    pub fn open(folder: &Path, signer: Signer, clock: Clock) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|cause| Error::Disk { path: folder.to_owned(), cause })?;
        Self::on(Arc::new(FolderDisk::new(folder)), signer, clock)
    }

    fn on(disk: Arc<dyn Disk>, signer: Signer, clock: Clock) -> Result<Self, Error> {
        let end = segment::find_end(disk.folder())?;
        let mut lookup = Lookup::default();
        verify::replay(disk.folder(), REBUILD_BYTES, &mut |entry| lookup.replay(entry))?;
        let journal = Arc::new(Journal::open(disk, end, signer, clock.clone())?);
        let keeper = Arc::new(journal::Keeper::start(&journal));
        Ok(Self { journal, lookup: Arc::new(RwLock::new(lookup)), clock, _keeper: keeper })
    }

    /// Takes one entry into the file. On an error the answer that it describes must not leave.
    pub fn record(&self, entry: &Entry<'_>) -> Result<(), Error> {
        let place = self.enter(entry)?;
        self.write(place)
    }

    /// Gives one entry its place in the chain. The answer that it describes must not leave before [`Audit::write`]
    /// returned for that place.
    pub fn enter(&self, entry: &Entry<'_>) -> Result<Place, Error> {
        let now = self.clock.now();
        let place = self.journal.enter(&entry.payload(now))?;
        self.lookup.write().note(entry, now);
        Ok(Place(place))
    }

    /// Whether the entry at a place is in the file.
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        self.journal.has(place.0)
    }

    /// Returns once the entry at a place is in the file, and what was entered before it.
    pub fn write(&self, place: Place) -> Result<(), Error> {
        self.journal.write_up_to(place.0)
    }

    /// When an app last read under this grant.
    #[must_use]
    pub fn last_read(&self, grant: &str) -> Option<LastRead> {
        self.lookup.read().last_read(grant)
    }

    /// Who read this patient's records, newest first, one row per reader, grant and day.
    #[must_use]
    pub fn activity(&self, patient: &str) -> Vec<Activity> {
        self.lookup.read().activity(patient)
    }

    /// Makes every later write fail, as on a disk that is gone; for tests of what must not leave then.
    #[doc(hidden)]
    pub fn lose_disk(&self) {
        self.journal.lose_disk();
    }

    /// Whether entries are still being taken.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.journal.is_well()
    }

    /// Names who keeps signed heads elsewhere too, such as in the store, from where they reach every other node and every
    /// backup. It is given the newest at once.
    pub fn keep_heads(&self, keeper: HeadKeeper) {
        self.journal.keep_heads(keeper);
    }

    /// Everything so far is on the disk, closed by a signed head. Called at a clean stop and before a backup.
    pub fn seal(&self) -> Result<(), Error> {
        self.journal.seal()
    }
}
