//! Providers as Plan-Net resources: practitioners and their roles, organizations, locations, services, networks and
//! plans. Pure: small typed parts in, JSON values out.
//!
//! Invariants: the same facts give the same ids in every run, whichever file they come from; a code outside a required
//! value set is never written into the element that requires it; a public resource has a Plan-Net profile in
//! `meta.profile`, and one that must not be public (a deactivated provider) has none.
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

pub(crate) use address::{Address, Phone, phone};
pub(crate) use build::{DirectorySource, Validity, adopted, coded, reference};
pub(crate) use endpoint::Endpoint;
pub(crate) use hours::{Hours, hours};
pub(crate) use listing::{ListingPart, Listings};
pub(crate) use location::{Location, accessibility};
pub(crate) use merge::merge;
pub(crate) use network::{Affiliation, Network, Plan, payer};
pub(crate) use organization::{Organization, organization_id};
pub(crate) use practitioner::{Licence, Practitioner, practitioner_id};
pub(crate) use retire::{is_current, retired};
pub(crate) use role::{Accepting, Role};
pub(crate) use service::{Service, VIRTUAL, category, virtual_id};
pub(crate) use specialty::{Specialty, is_any, is_code, is_personal, organization_type};
