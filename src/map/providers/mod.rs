//! The plan's own table of providers: a row is a person or a facility at a location, often in a network. Pure.
//!
//! ```text
//! header row -> Header (columns by name)        rows -> parts (person, group, place, role, network) -> Plan-Net resources
//! ```
//! Invariants: several rows about the same provider are merged; a row that only mentions another provider never
//! overrules that provider's own row.
//!
//! Absent: providers who are no longer in the table; the run compares complete lists (`load/run/retire.rs`).

mod facility;
mod person;
mod row;
#[cfg(test)]
mod tests;

pub(crate) use row::read;
