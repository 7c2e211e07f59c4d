//! The FHIR bases.

mod admitted;
mod audited;
mod bundle;
mod capability;
mod client;
mod contained;
mod docref;
mod everything;
mod everywhere;
mod examples;
mod extraction;
mod guides;
mod hierarchy;
mod history;
mod lastn;
mod links;
mod long;
mod read;
mod search;
mod search_parameter;
mod sort;
mod terminology;
mod validate;
mod write;
mod xml;
