//! What can go wrong with the disk, kept apart by what the operator has to do about it.

use std::io::ErrorKind;

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
            Self::VersionConflict => Self::VersionConflict,
            Self::Exhausted(exhausted) => Self::Exhausted(*exhausted),
        }
    }
}
