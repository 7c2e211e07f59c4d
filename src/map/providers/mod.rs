//! The plan's own table of providers: a row is a person or a facility at a place, often in a network. Pure.
//!
//! ```text
//! header row -> Header (columns by name)        rows -> parts (person, group, place, role, network) -> Plan-Net resources
//! ```
//! Invariants: what several rows say of the same provider is put together; what a row says of others than itself never
//! overrules what they say.
//!
//! Absent: who is no longer in the table; what a complete list leaves out is seen by the run (`load/run/retire.rs`).

mod facility;
mod person;
mod row;
#[cfg(test)]
mod tests;

pub(crate) use row::read;
