//! The national registry of providers (NPPES), as the CSV file that everybody gets: millions of rows of which each is one
//! provider. Pure.
//!
//! ```text
//! header row -> Header (columns by name)        rows -> Entry (a person or an organization) -> Plan-Net resources
//! ```
//! Invariants: nothing is held beyond one block of rows; an address where several practise is said once per block.
//!
//! Absent: mailing addresses of persons, which are often their homes; other identifiers, which belong to other payers.

mod entry;
mod row;
#[cfg(test)]
mod tests;

pub(crate) use row::read;
