//! FHIR's XML (FHIR R4, xml): from our tree to XML, and from XML to JSON text, which is then handled as usual.
//!
//! Invariants: the written XML is well-formed, whatever the resource holds; the reader refuses document types and so
//! all entities, and is bounded in size and depth; a round trip gives the same resource, with numbers unchanged.
//!
//! Deliberately absent: comments and processing instructions, which carry no meaning in FHIR and are dropped.

mod read;
mod write;

pub use read::{XmlError, read};
pub use write::write;

/// The namespace of FHIR.
const FHIR: &str = "http://hl7.org/fhir";
/// The namespace of narratives.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

#[cfg(test)]
mod tests;
