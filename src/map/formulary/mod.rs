//! The plan's own drug list as a table: a row is a drug in a plan's formulary. Pure.
//!
//! Invariants: a drug without a code or without a tier is refused, since nobody could rely on it.
//!
//! Absent: costs. A table of drugs has no columns for them, so the plan's benefit comes from its QHP files.

mod row;
#[cfg(test)]
mod tests;

pub(crate) use row::read;
