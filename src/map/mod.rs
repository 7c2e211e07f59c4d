//! Records to FHIR: what a plan's files say, as the profiles want it. Pure.
//!
//! ```text
//! record + whose it is + the plan -> resources with ids that are the same in every run
//! ```
//! What a profile demands and the record does not say is given the profile's own word for "not known", or the resource does
//! not claim the profile; nothing is made up. Codes carry no names: their texts belong to those who license them.
//!
//! Absent: looking anything up. Whose a record is comes in with it (`identity`), and what becomes of the resources is `load`'s.

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
