//! The FHIR bases.

mod bundle;
mod capability;
mod docref;
mod everything;
mod history;
mod matrix;
mod read;
mod search;
mod write;
