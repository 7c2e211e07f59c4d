//! Who may see what. A request's [`Principal`] and what it wants to do become a [`View`], and the store and the index
//! answer nothing without one.
//!
//! Invariants: pure (no file, no clock: the time comes in); a View without patients shows no patient's data; a View
//! decides by type before anything is looked up, so that a refusal tells nothing about what exists.
//!
//! Deliberately absent: where principals come from (`web/guard`, `oauth`, `identity`).

mod admit;
mod effort;
mod id;
mod principal;
mod scope;
mod view;

pub use crate::fhir::labels::{Categories, Category};
pub use admit::{Admission, Admitted, NotAdmitted, admit, admit_checked, admit_text, rules};
pub use effort::{CHECK, Effort, Exhausted};
pub use id::{ClientId, GrantId, MemberId, PatientId};
pub use principal::{AppAccess, Narrowing, Person, Principal, Role};
pub use scope::{Level, Scope, ScopeError, ScopeSet};
pub use view::{Base, Denied, Facts, Operation, Permit, Reach, View, decide};
