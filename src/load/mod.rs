//! Plan data in: files are opened, read by `formats` and mapped by `map`; a run stores the resources, writes a report,
//! and can be taken back.
//!
//! Invariants: a bad record never stops a good one; every refused record is named by file and line, with a reason that
//! quotes nothing from it; running the same files again changes nothing; memory does not grow with the size of the
//! files (two numbers are kept per record).
//!
//! Absent: deletions (a load adds and updates; a resource that has ended stays, as ended), and files meant for other
//! systems, which are recognized and named.

mod archive;
mod claim_rows;
mod doctor;
mod inbox;
pub mod parse;
pub mod probe;
mod report;
mod resources;
mod run;
mod signs;
mod source;
mod suggest;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use crate::config::{ClaimsAsClinical, Complete, Policy, Registry};
use crate::identity::ContactKey;
use crate::store::{self, Store};

pub use self::inbox::{FileState, Inbox, InboxError, take};
pub use self::report::{Example, Finding, Summary, TakenAs};
pub use self::run::{Progress, Undone, run, undo};
pub use self::source::files_in;
pub use self::suggest::suggest;
pub use crate::formats::Format;
pub use crate::formats::fhir::Find;
pub use crate::formats::issue::{Reject, Rule};
pub use crate::formats::tables::mapping::{Mapping, map_names};

/// Where a load goes.
pub struct Target<'a> {
    /// The realm's store.
    pub store: &'a Store,
    /// The key under which addresses of members are digested.
    pub contacts: &'a ContactKey,
    /// The time of the new versions.
    pub now: Timestamp,
    /// The look-up of earlier resources.
    pub find: Find<'a>,
    /// The address under which the plan's own identifiers are named, such as `https://plan.example/ids`.
    pub ids: &'a str,
    /// The plan's name, as the payor of coverage that only a table mentions.
    pub plan: &'a str,
}

/// What to load, and how.
pub struct Request {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Takes every file as this format instead of looking.
    pub format: Option<Format>,
    /// Names of columns that the plan uses.
    pub mapping: Mapping,
    /// Reads, checks and counts everything, and keeps nothing.
    pub dry_run: bool,
    /// Where refused records are written; the file is created only if there is one.
    pub report: PathBuf,
    /// How resources are treated that break FHIR or their profiles.
    pub validation: Policy,
    /// Which claims also become encounters, conditions and procedures.
    pub claims_as_clinical: ClaimsAsClinical,
    /// Which providers are taken from files of the national registry (NPPES).
    pub registry: Registry,
    /// Kinds of files that hold complete lists.
    pub complete: Vec<Complete>,
    /// Ends the load before the files do.
    pub stop: Stop,
}

/// A request to end the load early. The load ends at the next block of a file or group of records, between two
/// transactions: everything kept is whole, and the next load of the same files goes on from there. Clones share one
/// request.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Requests the end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end was requested.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// # Errors
    /// [`Error::Stopped`] if the end was requested.
    fn check(&self) -> Result<(), Error> {
        if self.is_asked() { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Why a load stopped. Refused records do not stop it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path cannot be read at all.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        cause: std::io::Error,
    },
    /// The report cannot be written.
    #[error("the report {} cannot be written: {cause}; name another with --report", path.display())]
    Report {
        /// The path of the report.
        path: PathBuf,
        /// The cause.
        cause: std::io::Error,
    },
    /// There is nothing to load.
    #[error("no file was found under the given paths")]
    Nothing,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The end was requested; see [`Stop`].
    #[error("the load was stopped before its end; what was kept so far is whole, load the same files again to go on")]
    Stopped,
    /// A worker ended without a result; this is a defect.
    #[error("a reading thread ended early; what was kept so far is whole, run the load again")]
    Worker,
}
