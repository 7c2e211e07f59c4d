//! The resources of a claim: its own, and those of parties that it only mentions.

use serde_json::Value;

/// The resources of a case.
#[derive(Debug, Default)]
pub(crate) struct ClaimResources {
    /// What is the record's own to say. What a later version of it no longer says is deleted.
    pub(crate) own: Vec<Value>,
    /// Providers who are named. Their own sources know them better.
    pub(crate) mentions: Vec<Value>,
}
