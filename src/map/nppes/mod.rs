//! The national registry of providers (NPPES), as the public CSV file: millions of rows, each of which is one provider.
//! Pure.
//!
//! ```text
//! header row -> Header (columns by name)        rows -> Entry (a person or an organization) -> Plan-Net resources
//! ```
//! Invariants: nothing is held beyond one block of rows; an address shared by several providers is written once per
//! block.
//!
//! Absent: mailing addresses of persons, which are often their homes; other identifiers, which belong to other payers.

mod entry;
mod row;
#[cfg(test)]
mod tests;

pub(crate) use row::read;
