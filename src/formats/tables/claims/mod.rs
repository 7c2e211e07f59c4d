//! Claims and prior authorizations from tables: the plan's, its pharmacy benefit manager's, and CMS's (RIF, public use
//! files, CCLF). Pure.
//!
//! ```text
//! bytes -> rows of cells -> ClaimRow (facts by field, in one form each) -> Part (on the shelf) … -> map::RowCase -> bill
//! ```
//! Every source is read by the names of its columns, CMS's included; fixed-width columns get the names of their layout.
//! So there is one table of names (`records/claim_field.rs`), and one path from a row to a bill.
//!
//! Invariants: a refused row is never quoted; days, amounts and counts have one form each once they are read; the
//! effect of a row on earlier rows follows from the row and its dates alone.
//!
//! Absent: CMS's normalized tables (IDR claims), CCLFA and CCLFB, which are recognized.

mod header;
mod read;
mod reviews;

pub(crate) use header::{ClaimHeader, ClaimTableLook, find, looks_like};
pub(crate) use read::{ClaimRowReader, RowParts, revision};
pub(crate) use reviews::{REVIEW_NAMES, looks_like as looks_like_reviews};
