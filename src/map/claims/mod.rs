//! Records to FHIR: what a plan's files say, as the profiles want it. Pure.
//!
//! Each mapper takes records and the ids of what they are about, and gives resources with ids that are the same in every run.
//! What a profile demands and the record does not say is given the profile's own word for "not known", or the resource does
//! not claim the profile; nothing is made up. Codes carry no names: their texts belong to those who license them.

mod adjudication;
mod cases;
mod claim;
mod eob;
mod lines;
mod made;
mod money;
mod party;
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

pub(crate) use cases::{Said, fold};
pub(crate) use made::Made;
pub(crate) use review::{Reviewed, reviewed};
pub(crate) use review_rows::review_rows;
pub(crate) use rows::RowCase;
