//! Changes asked for over REST: one interaction or a whole transaction is planned against what is there, checked
//! against the caller's View, and committed at once (FHIR R4, http, 3.1.0.4 to 3.1.0.11).
//!
//! Invariants: what is committed was decided on the state it is committed to. A change without a condition holds the
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

/// Who may write: many changes without conditions together, or one with a condition alone. One per realm.
#[derive(Default)]
pub struct Turn(RwLock<()>);

/// Where and as of when to write.
pub struct Writing<'w> {
    /// The store.
    pub store: &'w Store,
    /// Where conditions are searched.
    pub searched: Searched<'w>,
    /// Whose turn it is.
    pub turn: &'w Turn,
    /// New ids.
    pub chance: &'w Chance,
    /// Now.
    pub now: Timestamp,
    /// Address of the FHIR base, without a slash at its end.
    pub base: &'w str,
    /// What becomes of resources that are not valid.
    pub validation: Policy,
}

/// Decoded search parameters that name a resource.
pub type Condition = Vec<(String, String)>;

/// Which resource is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// That one.
    Id(String),
    /// The one that matches.
    Matching(Condition),
}

/// How a patch is written.
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
    /// A new resource under an id of ours, unless one matches already (`If-None-Exist`).
    Create {
        /// The resource.
        body: Vec<u8>,
        /// If something matches, nothing is done.
        unless: Option<Condition>,
    },
    /// The resource as it shall be; it is created if it is not there.
    Update {
        /// Which one.
        target: Target,
        /// The resource.
        body: Vec<u8>,
        /// Only if this is the current version (`If-Match`).
        expected: Option<u32>,
        /// Only if it is not there (`If-None-Match: *`).
        absent: bool,
    },
    /// A part of a resource.
    Patch {
        /// Which one.
        target: Target,
        /// The patch.
        body: Vec<u8>,
        /// How it is written.
        form: Form,
        /// Only if this is the current version.
        expected: Option<u32>,
    },
    /// No resource any more.
    Delete {
        /// Which one.
        target: Target,
        /// Only if this is the current version.
        expected: Option<u32>,
    },
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is no resource.
    #[error(transparent)]
    Body(#[from] fhir::Issue),
    /// The resource is not as FHIR R4 or a profile that it claims says.
    #[error("the resource is not valid: {}", .0.first().map(|issue| issue.text.as_str()).unwrap_or_default())]
    Invalid(Vec<Issue>),
    /// The body is of another type.
    #[error("the resource in the body is of another type than the address")]
    WrongType,
    /// The body's id is missing or another one.
    #[error("the id in the body must be the id in the address")]
    WrongId,
    /// The patch.
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
    /// It is there, and should not be.
    #[error("the resource exists already, and 'If-None-Match: *' asked that it does not")]
    Exists,
    /// Not there, or not the caller's.
    #[error("there is no such resource, or it is not yours to see")]
    NotFound,
    /// It was there.
    #[error("this resource has been deleted")]
    Gone,
    /// The View does not reach so far.
    #[error("the access token's scopes do not allow this on {kind}")]
    Scope {
        /// The type.
        kind: Kind,
        /// What was wanted.
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
    /// Something in an entry.
    #[error("entry {at}: {error}")]
    Entry {
        /// Which one, from 0.
        at: usize,
        /// What.
        error: Box<Error>,
    },
    /// The store.
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
    /// What the caller must be allowed to do.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::Create,
            Self::Update { .. } | Self::Patch { .. } => Operation::Update,
            Self::Delete { .. } => Operation::Delete,
        }
    }

    /// True if what will be done depends on what is there.
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
