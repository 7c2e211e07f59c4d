//! Every table of the record, key parts -> value. All keys and values are bytes; integers are big-endian so that the
//! order of the bytes is the order of the numbers.
//!
//! | table | key | value |
//! |---|---|---|
//! | `ids` | type number (u16), logical id | rid (u64) |
//! | `current` | rid | record of the newest version (`record.rs`), tombstones included |
//! | `history` | rid, version (u32) | record of an older version |
//! | `compartment` | patient's rid, type number (u16), rid | sensitive categories (u16) |
//! | `changes` | seq (u64) | rid (u64), version (u32), kind (u8) |
//! | `dictionaries` | dictionary id (u16) | type number (u16), zstd dictionary |
//! | `meta` | name | `format` (u32), `seq` (u64), `rid` (u64) |
//!
//! A `rid` numbers a logical resource on first sight, also when it is first seen as somebody's patient before its own
//! Patient resource arrives. Rooms above add ledger tables of their own, named `room.thing`.

use crate::fhir::Kind;

/// The format of the file. A file with a higher number is refused.
pub const FORMAT: u32 = 1;

/// The name of an ordered table of bytes. Rooms above name theirs `room.thing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub(super) &'static str);

impl Table {
    /// Names a table; it comes into being with its first value.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    pub(super) const fn definition(self) -> redb::TableDefinition<'static, &'static [u8], &'static [u8]> {
        redb::TableDefinition::new(self.0)
    }
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

pub(super) const IDS: Table = Table::new("ids");
pub(super) const CURRENT: Table = Table::new("current");
pub(super) const HISTORY: Table = Table::new("history");
pub(super) const COMPARTMENT: Table = Table::new("compartment");
pub(super) const CHANGES: Table = Table::new("changes");
pub(super) const DICTIONARIES: Table = Table::new("dictionaries");
pub(super) const META: Table = Table::new("meta");

pub(super) const META_FORMAT: &[u8] = b"format";
pub(super) const META_SEQ: &[u8] = b"seq";
pub(super) const META_RID: &[u8] = b"rid";

/// Reads a big-endian u64 from the front of `bytes`; absent if it is too short.
pub(super) fn read_u64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_be_bytes(*chunk))
}

/// Reads a big-endian u32 from the front of `bytes`; absent if it is too short.
pub(super) fn read_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

/// The key of a resource in `ids`.
pub(super) fn id_key(kind: Kind, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.len() + 2);
    key.extend_from_slice(&kind.number().to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}

/// The smallest key after all keys that begin with `prefix`; absent if there is none.
pub(super) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}
