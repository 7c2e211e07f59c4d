//! Claims, payments and prior authorizations as `ExplanationOfBenefit`, from X12 and from rows of tables; and the
//! encounters, conditions and procedures that a claim implies. Pure.
//!
//! The parts of one claim are folded first (`cases`, `rows`): replacements, voids, payments and reversals become one
//! decision.

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

pub(crate) use cases::{ClaimStatement, fold};
pub(crate) use made::ClaimResources;
pub(crate) use review::{Reviewed, reviewed};
pub(crate) use review_rows::review_rows;
pub(crate) use rows::RowCase;
