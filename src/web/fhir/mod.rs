//! The FHIR REST interactions, one file each, named as the standard names them. Handlers decide, call, map.
//!
//! Deliberately absent: create, update, patch, delete, batch and transaction. Data comes in by `ingle load`.

pub(super) mod capability;
pub(super) mod docref;
pub(super) mod everything;
pub(super) mod history;
pub(super) mod read;
mod respond;
pub(super) mod search;
