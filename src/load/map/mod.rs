//! Records to FHIR: what a plan's files say, as the profiles want it. Pure.
//!
//! Each mapper takes records and the ids of what they are about, and gives resources with ids that are the same in every run.
//! What a profile demands and the record does not say is given the profile's own word for "not known", or the resource does
//! not claim the profile; nothing is made up. Codes carry no names: their texts belong to those who license them.

mod adjudication;
mod cases;
mod claim;
mod code;
mod eob;
mod family;
mod lines;
mod made;
mod money;
mod party;
mod person;
mod plan;
mod review;
mod review_rows;
mod row_amounts;
mod row_bill;
mod row_codes;
mod row_lines;
mod rows;
#[cfg(test)]
mod tests;
mod visit;

pub(super) use super::compact_day::day;
pub(super) use cases::{Said, fold};
pub(super) use family::people;
pub(super) use made::Made;
use money::quantity;
pub(super) use plan::{PLAN_ID, plan};
pub(super) use review::{Reviewed, reviewed};
pub(super) use review_rows::review_rows;
pub(super) use rows::RowCase;
