//! Who is asking.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{ClientId, GrantId, MemberId, PatientId};
use super::scope::ScopeSet;
use super::view::Operation;
use crate::fhir::labels::Categories;

/// Who is asking, as the guard proved it: on a page, on a FHIR base, and in the audit.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody in particular.
    Anyone,
    /// A person with a session.
    Person(Person),
    /// An app with an access token.
    App(Arc<AppAccess>),
}

/// A person who signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Person {
    /// A member, by member id.
    Member {
        /// The number on the card.
        member: MemberId,
    },
    /// A maker of apps, by account.
    Developer {
        /// Account id.
        account: String,
    },
    /// Someone who works for the plan.
    Staff {
        /// Account id.
        account: String,
        /// What they may do in the console.
        role: Role,
    },
}

/// What staff may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Vets apps.
    Reviewer,
    /// Helps members.
    Support,
    /// Reads reports.
    Analyst,
}

/// What a verified access token allows.
#[derive(Clone)]
pub struct AppAccess {
    /// The app.
    pub client_id: ClientId,
    /// The member who agreed; absent for back-end services.
    pub member: Option<MemberId>,
    /// FHIR ids of the patients whose data it covers.
    pub patients: Vec<PatientId>,
    /// Scopes granted.
    pub scopes: ScopeSet,
    /// The grant behind it.
    pub grant: Option<GrantId>,
    /// Categories the member did not choose to share.
    pub withheld: Categories,
    /// When the token was made.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Limits that the app itself put on its token.
    pub narrowing: Option<Arc<dyn Narrowing>>,
}

/// Limits added to a token after it was issued. They can only take away.
pub trait Narrowing: Send + Sync {
    /// True if the limits allow the operation at this time.
    fn allows(&self, now: Timestamp, kind: &str, operation: Operation, patient: Option<&str>) -> bool;
}

impl fmt::Debug for AppAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppAccess")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .field("narrowed", &self.narrowing.is_some())
            .finish_non_exhaustive()
    }
}
