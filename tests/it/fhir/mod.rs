//! The FHIR bases.

mod capability;
mod everything;
mod history;
mod matrix;
mod read;
mod search;
