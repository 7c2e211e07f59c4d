//! The roster and who acts for whom, from tables (CSV) with whatever column names the plan's systems give. Pure.

pub(super) mod date;
mod header;
mod person;
mod resources;
mod table;

pub(super) use header::{Field, Header, NAMES, field_names};
pub(super) use person::{Address, Cover, KnownAs, Person, Relative, people};
pub(super) use resources::{patient_id, resources};
pub(super) use table::proxies;

/// The largest table. A roster row takes about 300 bytes, so this is a million members.
pub(super) const TABLE_MAX: usize = 300 << 20;
