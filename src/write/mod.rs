//! Changes over REST: one interaction or a whole transaction is planned against the current state, checked against the
//! caller's View, and committed at once (FHIR R4, http, 3.1.0.4 to 3.1.0.11).
//!
//! Invariants: every commit applies to the state that it was planned on. A change without a condition holds the
//! [`Turn`] together with others, so many share one commit; a change whose plan depends on a search or on the current
//! content holds it alone, from its first look to its commit. A transaction is kept whole or not at all.
//!
//! Deliberately absent: HTTP (`web/fhir`), the meaning of conditions (`search`), and loads, which write by the thousand
//! while no server runs.

mod bundle;
mod plan;

use jiff::Timestamp;
use tokio::sync::RwLock;

pub use bundle::{Entry, MAX_ENTRIES, Transaction};
pub use plan::Done;
use plan::{Aim, is_restricted};

use crate::access::{Operation, View};
use crate::config::Policy;
use crate::fhir::validate::Issue;
use crate::fhir::{self, Kind, patch};
use crate::outbound::Chance;
use crate::search::{self, Searched};
use crate::store::{self, Store};

/// Permission to write: many changes without conditions together, or one with a condition alone. One per realm.
#[derive(Default)]
pub struct Turn(RwLock<()>);

/// Where to write, and as of which time.
pub struct Writing<'w> {
    /// The store.
    pub store: &'w Store,
    /// Where conditions are searched.
    pub searched: Searched<'w>,
    /// The realm's turn.
    pub turn: &'w Turn,
    /// The source of new ids.
    pub chance: &'w Chance,
    /// Now.
    pub now: Timestamp,
    /// Address of the FHIR base, without a slash at its end.
    pub base: &'w str,
    /// How invalid resources are treated.
    pub validation: Policy,
}

/// Decoded search parameters that name a resource.
pub type Condition = Vec<(String, String)>;

/// The resource that a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The resource with this id.
    Id(String),
    /// The one that matches.
    Matching(Condition),
}

/// The format of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 6902.
    Json,
    /// `FHIRPath` Patch.
    FhirPath,
    /// The `Parameters` of `$meta-add`.
    MetaAdd,
    /// The `Parameters` of `$meta-delete`.
    MetaDelete,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Creates a resource under a new id, unless one matches already (`If-None-Exist`).
    Create {
        /// The resource.
        body: Vec<u8>,
        /// If a resource matches, nothing is done.
        unless: Option<Condition>,
    },
    /// Replaces a resource, or creates it if it does not exist.
    Update {
        /// The resource to replace.
        target: Target,
        /// The new content.
        body: Vec<u8>,
        /// Only if this is the current version (`If-Match`).
        expected: Option<u32>,
        /// Only if it does not exist (`If-None-Match: *`).
        absent: bool,
    },
    /// Changes part of a resource.
    Patch {
        /// The resource to change.
        target: Target,
        /// The patch.
        body: Vec<u8>,
        /// The format of the patch.
        form: Form,
        /// Only if this is the current version.
        expected: Option<u32>,
    },
    /// Deletes a resource.
    Delete {
        /// The resource to delete.
        target: Target,
        /// Only if this is the current version.
        expected: Option<u32>,
    },
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not a resource.
    #[error(transparent)]
    Body(#[from] fhir::Issue),
    /// The resource breaks FHIR R4 or a profile that it claims.
    #[error("the resource is not valid: {}", .0.first().map(|issue| issue.text.as_str()).unwrap_or_default())]
    Invalid(Vec<Issue>),
    /// The body is of another type.
    #[error("the resource in the body is of another type than the address")]
    WrongType,
    /// The body's id is missing or differs from the address.
    #[error("the id in the body must be the id in the address")]
    WrongId,
    /// The patch failed.
    #[error(transparent)]
    Patch(#[from] patch::Error),
    /// More than one resource matches the condition.
    #[error("more than one resource matches the condition, so nothing was done; make it more specific")]
    Several,
    /// The condition selects nothing by content.
    #[error("the condition has no search parameter, so it would match everything")]
    NoCondition,
    /// The condition was not understood.
    #[error(transparent)]
    Condition(#[from] search::Error),
    /// Another version is current.
    #[error("another version is current; read the resource again and repeat the change on it")]
    Version,
    /// The resource exists, and should not.
    #[error("the resource exists already, and 'If-None-Match: *' asked that it does not")]
    Exists,
    /// The resource does not exist, or is not the caller's.
    #[error("there is no such resource, or it is not yours to see")]
    NotFound,
    /// The resource was deleted.
    #[error("this resource has been deleted")]
    Gone,
    /// The View does not allow the operation.
    #[error("the access token's scopes do not allow this on {kind}")]
    Scope {
        /// The type.
        kind: Kind,
        /// The wanted operation.
        operation: Operation,
    },
    /// Two entries of a transaction are about one resource.
    #[error("another entry of the transaction is about the same resource")]
    Twice,
    /// A conditional reference matches nothing.
    #[error(
        "a conditional reference such as 'Patient?identifier=…' matches nothing; it must match exactly one resource"
    )]
    Reference,
    /// A part of a Bundle is missing or malformed.
    #[error("{0}")]
    Bundle(&'static str),
    /// Over the limit.
    #[error("the Bundle has more than {MAX_ENTRIES} entries")]
    TooMany,
    /// An entry of a transaction failed.
    #[error("entry {at}: {error}")]
    Entry {
        /// Its position, from 0.
        at: usize,
        /// The error.
        error: Box<Error>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::VersionConflict => Self::Version,
            other => Self::Store(other),
        }
    }
}

impl Change {
    /// The operation that the caller must be allowed to do.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::Create,
            Self::Update { .. } | Self::Patch { .. } => Operation::Update,
            Self::Delete { .. } => Operation::Delete,
        }
    }

    /// True if the effect depends on the current state.
    fn is_conditional(&self) -> bool {
        match self {
            Self::Create { unless, .. } => unless.is_some(),
            Self::Update { target, absent, .. } => *absent || matches!(target, Target::Matching(_)),
            Self::Patch { .. } => true,
            Self::Delete { target, .. } => matches!(target, Target::Matching(_)),
        }
    }
}

impl Writing<'_> {
    /// Makes one change to a resource of a type, within the View.
    ///
    /// # Errors
    /// [`Error`]; then nothing was done.
    pub async fn change(&self, view: &View, kind: Kind, change: Change) -> Result<Done, Error> {
        let aim = Aim { view, kind };
        let alone = change.is_conditional() || is_restricted(aim, change.operation())?;
        // Held until the commit has been answered.
        let (_together, _alone) =
            if alone { (None, Some(self.turn.0.write().await)) } else { (Some(self.turn.0.read().await), None) };
        let step = self.plan(aim, change)?;
        let mut done = self.commit(vec![step]).await.map_err(|(_, error)| error)?;
        done.pop().ok_or(Error::NotFound)
    }
}
