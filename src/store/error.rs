//! What can go wrong with the disk and with the shared log, kept apart by what the operator has to do about it.

use crate::access::Exhausted;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the file.
    #[error("the data file is in use by another process; stop it first")]
    Busy,
    /// A later version wrote the file.
    #[error("the data file has format {found}, this program reads up to {known}; install the newer version")]
    Newer {
        /// Format number in the file.
        found: u32,
        /// Highest format this program knows.
        known: u32,
    },
    /// What the disk returned is not what was written.
    #[error("the data file is damaged ({0}); stop the server and restore the last backup")]
    Corrupted(String),
    /// The disk is full.
    #[error("the disk is full; free some space, nothing was lost")]
    Full,
    /// The disk refused to read or write.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The store is closed or being reopened after a disk failure.
    #[error("the store is not available; see the log for the disk failure before this")]
    Unavailable,
    /// The writer thread has stopped.
    #[error("the store is shutting down")]
    Stopped,
    /// A closure panicked; its writes were dropped.
    #[error("a write was given up because of a defect in the program")]
    Panicked,
    /// A value in the ledger is not what its room wrote.
    #[error("a stored value in {table} cannot be read: {reason}")]
    Value {
        /// The ledger table.
        table: &'static str,
        /// What the decoder said; never the value.
        reason: String,
    },
    /// Another node leads.
    #[error("this node does not lead the service now, so it takes no changes; send the change to the node that leads")]
    NotLeading,
    /// The shared log could not be read or written, or does not fit this node's data.
    #[error("the shared log failed ({0}); look whether the change was kept before you repeat it")]
    Log(String),
    /// A version was asked for that does not match the current one.
    #[error("the resource has changed meanwhile")]
    VersionConflict,
    /// The effort of the View is used up, or nobody waits for the answer any more.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

impl Error {
    /// True where the file handle must not be used again before it is reopened.
    pub(super) fn needs_reopen(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Full | Self::Corrupted(_) | Self::Unavailable)
    }
}

impl Error {
    /// The same failure for the next caller of a group: causes are text, so they can be said again.
    pub(super) fn repeat(&self) -> Self {
        match self {
            Self::Busy => Self::Busy,
            Self::Newer { found, known } => Self::Newer { found: *found, known: *known },
            Self::Corrupted(what) => Self::Corrupted(what.clone()),
            Self::Full => Self::Full,
            Self::Io(what) => Self::Io(what.clone()),
            Self::Unavailable => Self::Unavailable,
            Self::Stopped => Self::Stopped,
            Self::Panicked => Self::Panicked,
            Self::Value { table, reason } => Self::Value { table, reason: reason.clone() },
            Self::NotLeading => Self::NotLeading,
            Self::Log(what) => Self::Log(what.clone()),
            Self::VersionConflict => Self::VersionConflict,
            Self::Exhausted(exhausted) => Self::Exhausted(*exhausted),
        }
    }
}
