//! Shared mapping of HL7 version 2 messages and C-CDA documents to US Core 6.1: codes and the addresses of their
//! systems, times, quantities, people, observations, reports, and the original document. Pure.
//!
//! Invariants: a profile is claimed only by a resource that meets it; nothing is made up, so facts that a source does
//! not state are absent or marked as unknown; the same statement sent again has the same id; displays are those of the
//! source.
//!
//! Absent on purpose: the member herself. The roster decides who is a member, and a clinical feed changes nothing about
//! her.

mod code;
mod document;
mod id;
mod made;
mod observation;
mod party;
mod quantity;
mod report;
mod specimen;
mod system;
mod time;

pub(crate) use code::{Coding, Concept, hl7, known};
pub(crate) use document::{Attached, Original, labels, marked};
pub(crate) use id::Ids;
pub(crate) use made::ResourceBuilder;
pub(crate) use observation::{Category, ObservationDraft, about_life, pressures, vital_sign};
pub(crate) use party::{ClinicalParty, PartyReference, organization};
pub(crate) use quantity::{number, quantity};
pub(crate) use report::ReportDraft;
pub(crate) use specimen::Specimen;
pub(crate) use system::{by_name, by_oid, is_oid};
pub(crate) use time::{When, date_time, day, instant, moment, zone_of};

/// The address before the names of US Core's profiles.
const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";
