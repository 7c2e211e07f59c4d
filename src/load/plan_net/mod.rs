//! What is known of providers, as Plan-Net resources: practitioners and their roles, organizations, locations, services,
//! networks and plans. Pure: small typed parts in, JSON values out.
//!
//! Invariants: the same facts give the same ids in every run, whichever file they come from; a code outside a required value
//! set is never written into the element that requires it; what is public says so by a Plan-Net profile in `meta.profile`,
//! and what must not be (a deactivated provider) does not name one.
//!
//! Absent: displays of specialties (the code list has terms of its own), street-level geocoding, home addresses.

mod address;
mod build;
mod endpoint;
mod geo;
mod hours;
mod language;
mod listing;
mod location;
mod merge;
mod network;
mod organization;
mod practitioner;
mod retire;
mod role;
mod service;
mod specialty;
#[cfg(test)]
mod tests;

pub(super) use super::npi::{Npi, npi};
pub(super) use address::{Address, Phone, phone};
pub(super) use build::{Source, Span, adopted, coded, put, reference};
pub(super) use endpoint::Endpoint;
pub(super) use hours::{Hours, hours};
pub(super) use listing::{Listings, Part};
pub(super) use location::{Location, accessibility};
pub(super) use merge::merge;
pub(super) use network::{Affiliation, Network, Plan, network_id, payer};
pub(super) use organization::{Organization, organization_id};
pub(super) use practitioner::{Licence, Practitioner, practitioner_id};
pub(super) use retire::{is_current, retired};
pub(super) use role::{Accepting, Role};
pub(super) use service::{Service, VIRTUAL, category, virtual_id};
pub(super) use specialty::{Specialty, is_any, is_code, is_personal, organization_type};
