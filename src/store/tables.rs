//! Every table of the record, key parts -> value. All keys and values are bytes. A *number* is a count of bytes and then
//! that many, big-endian ([`number`]): short, and the order of the bytes is the order of the numbers. A table holds
//! millions of entries of a few bytes, so each byte here is megabytes on disk.
//!
//! | table | key | value |
//! |---|---|---|
//! | `ids` | type number (u16), logical id ([`id_key`]) | rid (number) |
//! | `current` | rid (number) | record of the newest version (`record.rs`), tombstones included |
//! | `history` | rid (number), version (u32) | record of an older version |
//! | `compartment` | patient's rid (number), type number (u16), rid (number) | sensitive categories (u16); nothing for none |
//! | `changes` | seq (number) | kind (u8), rid (number), version (number) |
//! | `dictionaries` | dictionary id (u16) | type number (u16), zstd dictionary |
//! | `meta` | name | `format` (u32), `seq` (u64), `rid` (u64), `log` (number and digest of the last batch applied, u64 each), `rules` and `rules_at` (`rederive.rs`) |
//! | `store.ends` | end in Unix seconds (i64), table, 0, key | nothing (`ends.rs`) |
//!
//! A `rid` numbers a logical resource on first sight, also when it is first seen as somebody's patient before its own
//! Patient resource arrives. Rooms above add ledger tables of their own, named `room.thing`.

use crate::fhir::Kind;
use crate::fhir::reference::uuid;

/// The format of the file. A file with a higher number is refused. Format 1 had no rules in its headers; it is read as it is,
/// and each record takes on the present layout when it is written again.
pub const FORMAT: u32 = 2;

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

    /// Whether a room above named it, and it is not part of the record.
    pub(super) fn is_of_a_room(self) -> bool {
        self.0.contains('.')
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
pub(super) const META_LOG: &[u8] = b"log";

/// Reads a big-endian u64 from the front of `bytes`; absent if it is too short.
pub(super) fn read_u64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_be_bytes(*chunk))
}

/// Reads a big-endian u32 from the front of `bytes`; absent if it is too short.
pub(super) fn read_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

/// A u64 in as few bytes as it needs: their count, then the bytes, big-endian. The order of the encodings is the order of
/// the numbers, and no encoding is the beginning of another.
#[derive(Clone, Copy)]
pub(super) struct Number {
    bytes: [u8; 9],
    length: usize,
}

impl std::ops::Deref for Number {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Encodes a number.
pub(super) fn number(value: u64) -> Number {
    let significant = 8 - value.leading_zeros() as usize / 8;
    let mut bytes = [0; 9];
    let tail = value.to_be_bytes();
    for (place, byte) in
        bytes.iter_mut().zip([significant as u8].into_iter().chain(tail.into_iter().skip(8 - significant)))
    {
        *place = byte;
    }
    Number { bytes, length: significant + 1 }
}

/// Splits a number off the front of `bytes`; absent if there is none.
pub(super) fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (count, rest) = bytes.split_first()?;
    let (significant, rest) = rest.split_at_checked(usize::from(*count))?;
    if significant.len() > 8 {
        return None;
    }
    Some((significant.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)), rest))
}

/// The number at the front of `bytes`.
pub(super) fn read_number(bytes: &[u8]) -> Option<u64> {
    split_number(bytes).map(|(value, _)| value)
}

/// Stands before the sixteen bytes of a UUID in a key of `ids`; no logical id begins with it.
const UUID: u8 = 1;

/// The key of a resource in `ids`. An id that is a UUID in its usual form is kept as the 16 bytes that it stands for.
pub(super) fn id_key(kind: Kind, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.len() + 2);
    key.extend_from_slice(&kind.number().to_be_bytes());
    match uuid(id) {
        Some(bytes) => {
            key.push(UUID);
            key.extend_from_slice(&bytes.to_be_bytes());
        }
        None => key.extend_from_slice(id.as_bytes()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order_and_come_back() {
        let numbers = [0, 1, 127, 255, 256, 65_535, 65_536, 1 << 40, u64::MAX - 1, u64::MAX];
        for pair in numbers.windows(2) {
            assert!(*number(pair[0]) < *number(pair[1]), "{pair:?}");
        }
        for value in numbers {
            let bytes = [&*number(value), b"rest"].concat();
            assert_eq!(split_number(&bytes), Some((value, b"rest".as_slice())));
            assert_eq!(split_number(&bytes[..number(value).len() - 1]), None);
        }
        assert_eq!(split_number(&[9, 1, 2, 3, 4, 5, 6, 7, 8, 9]), None);
    }

    #[test]
    fn only_the_usual_form_of_a_uuid_is_packed_and_no_two_ids_share_a_key() {
        let key = |id: &str| id_key(Kind::PATIENT, id);
        assert_eq!(key("0f8fad5b-d9cb-469f-a165-70867728950e").len(), 2 + 1 + 16);
        for other in [
            "0F8FAD5B-d9cb-469f-a165-70867728950e",
            "0f8fad5bd9cb-469f-a165-70867728950e-",
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5b-d9cb-469f-a165-70867728950e0",
            "p1",
        ] {
            assert_eq!(key(other).len(), 2 + other.len(), "{other}");
        }
    }
}
