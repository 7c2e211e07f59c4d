//! Tables of members and of representatives (CSV), under the column names that the plan's systems use. Pure.

mod header;
mod people;
mod table;

pub(crate) use header::{MemberField, MemberHeader, NAMES, field_names, is_number};
pub(crate) use people::people;
pub(crate) use table::{Proxy, proxies};

/// The largest table. A roster row takes about 300 bytes, so this is a million members.
pub(crate) const TABLE_MAX: usize = 300 << 20;
