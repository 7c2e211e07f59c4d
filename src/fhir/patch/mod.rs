//! Changing a part of a resource: JSON Patch (RFC 6902), `FHIRPath` Patch (FHIR R4, fhirpatch), and adding to or taking from `meta` (FHIR R4, resource-operations:
//! meta-add, meta-delete). Our own, on our own tree, because numbers keep their text through a patch.
//!
//! Invariant: a patch is applied whole or not at all; the caller drops the tree on an error.

mod empty;
mod fhirpath_patch;
mod json_patch;
mod meta;

pub use fhirpath_patch::apply as fhirpath_patch;
pub use json_patch::apply as json_patch;
pub use meta::{add as add_meta, delete as delete_meta};

/// Operations in one patch.
pub const MAX_OPERATIONS: usize = 1_000;

/// Why a patch was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not a patch.
    #[error("the patch cannot be read: {0}")]
    Malformed(String),
    /// It does not fit this resource, or one of its tests failed.
    #[error("operation {at} of the patch does not fit the resource: {reason}")]
    Unfit {
        /// The operation, from 0.
        at: usize,
        /// The reason.
        reason: &'static str,
    },
}
