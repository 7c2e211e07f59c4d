//! The FHIR REST interactions, one file each, named as the standard names them. Handlers decide, call, map.
//!
//! Deliberately absent: what the interactions mean. That is `search`, `store` and `write`.

pub(super) mod bundle;
pub(super) mod capability;
pub(super) mod docref;
pub(super) mod everything;
pub(super) mod everywhere;
pub(super) mod feed;
pub(super) mod history;
pub(super) mod lastn;
pub(super) mod meta;
pub(super) mod read;
mod respond;

pub(super) mod search;
pub(super) mod terminology;
pub(super) mod validate;
pub(super) mod write;

pub(super) use respond::{is_resource, rewritten, wants_xml};
