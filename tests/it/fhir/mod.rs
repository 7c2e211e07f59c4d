//! The FHIR bases.

mod capability;
mod docref;
mod everything;
mod history;
mod matrix;
mod read;
mod search;
