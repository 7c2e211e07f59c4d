//! Records to FHIR: a plan's data in the form of the profiles. Pure.
//!
//! ```text
//! record + its member + the plan -> resources with ids that are the same in every run
//! ```
//! If a profile requires an element and the record has no data for it, the element gets the profile's code for
//! "unknown", or the resource does not claim the profile; nothing is made up. Codes carry no displays: their texts
//! belong to those who license them.
//!
//! Absent: look-ups. The member of a record comes in with it (`identity`), and `load` stores the resources.

pub(crate) mod ccda;
pub(crate) mod claims;
pub(crate) mod clinical;
pub(crate) mod code;
pub(crate) mod drug_list;
#[cfg(test)]
pub(crate) mod fixtures_tests;
pub(crate) mod formulary;
pub(crate) mod hl7v2;
pub(crate) mod members;
pub(crate) mod nppes;
pub(crate) mod plan;
pub(crate) mod plan_net;
pub(crate) mod providers;
pub(crate) mod qhp;
pub(crate) mod record;
pub(crate) mod tables;
