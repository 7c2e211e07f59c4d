//! The FHIR bases.

mod capability;
mod history;
mod matrix;
mod read;
mod search;
