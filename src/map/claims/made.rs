//! The resources of a claim: its own, and those of parties that it only mentions.

use crate::fhir::json::Node;

/// The resources of a case.
#[derive(Debug, Default)]
pub(crate) struct ClaimResources {
    /// Resources that only this record describes. One that a later version of the record no longer produces is deleted.
    pub(crate) own: Vec<Node<'static>>,
    /// Providers that are named. Their own sources know them better.
    pub(crate) mentions: Vec<Node<'static>>,
}
