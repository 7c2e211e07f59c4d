//! The FHIR bases.

mod bundle;
mod capability;
mod docref;
mod everything;
mod everywhere;
mod examples;
mod extraction;
mod guides;
mod history;
mod lastn;
mod links;
mod matrix;
mod read;
mod search;
mod search_parameter;
mod terminology;
mod sort;
mod validate;
mod write;
mod xml;
