//! FHIR R4 as a language: JSON, dates, references, definitions, search-parameter extraction, filters, outcomes and
//! bundles. Pure: bytes and values in, bytes and values out; no file, no clock, no network.

pub mod bundle;
pub mod dates;
pub mod decimal;
pub mod definitions;
mod extract;
pub mod fhirpath;
pub mod filter;
pub mod json;
pub mod labels;
pub mod links;
pub mod outcome;
pub mod packages;
pub mod patch;
mod prepare;
pub mod reference;
pub mod search_parameter;
pub mod shape;
pub mod structures;
mod subset;
pub mod terminology;
pub mod ucum;
pub mod validate;
pub mod xml;

pub use definitions::{Form, Kind};
pub use extract::{
    Amount, Audience, Extracted, Value, contained, elements, extract, extract_one, extract_own, fold, refers_inside,
};
pub use prepare::{Issue, Packed, Prepared, kind_of, prepare, prepare_about, prepare_node, stored_id};
pub use subset::Subset;
