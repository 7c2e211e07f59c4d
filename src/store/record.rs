//! One version of one resource as it lies in `current` and `history`: a header that access and paging need, then the
//! packed body. A read decides on the header alone and only then unpacks.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout, now 1 |
//! | 1 | flags: deleted, directory, formulary |
//! | 2 | type number |
//! | 4 | version |
//! | 8 | last updated, microseconds since 1970 (i64) |
//! | 16 | hash of the content without version and time |
//! | 2 | sensitive categories, one bit each |
//! | 1 + n | length of the logical id, the id; empty but for a tombstone, since the body begins with it |
//! | 1 + 8n | number of patients whose compartment holds it, their rids |
//! | rest | body (`codec.rs`), absent for a tombstone |

use super::error::Error;
use crate::access::Categories;
use crate::fhir::{Audience, Kind};

const LAYOUT: u8 = 1;
const DELETED: u8 = 1;
const DIRECTORY: u8 = 2;
const FORMULARY: u8 = 4;
/// A resource that names more patients than this belongs to nobody's compartment (a roster, not a record).
pub(super) const MAX_PATIENTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) deleted: bool,
    pub(super) audience: Audience,
    pub(super) kind: Kind,
    pub(super) version: u32,
    pub(super) updated: i64,
    pub(super) hash: u128,
    pub(super) categories: Categories,
    pub(super) id: String,
    pub(super) patients: Vec<u64>,
}

impl Header {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        for (set, bit) in
            [(self.deleted, DELETED), (self.audience.directory, DIRECTORY), (self.audience.formulary, FORMULARY)]
        {
            flags |= if set { bit } else { 0 };
        }
        out.extend_from_slice(&[LAYOUT, flags]);
        out.extend_from_slice(&self.kind.number().to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.updated.to_be_bytes());
        out.extend_from_slice(&self.hash.to_be_bytes());
        out.extend_from_slice(&self.categories.bits().to_be_bytes());
        out.push(self.id.len() as u8);
        out.extend_from_slice(self.id.as_bytes());
        out.push(self.patients.len() as u8);
        for rid in &self.patients {
            out.extend_from_slice(&rid.to_be_bytes());
        }
    }

    /// Splits a record into its header and packed body.
    pub(super) fn read(record: &[u8]) -> Result<(Self, &[u8]), Error> {
        parse(record).ok_or_else(|| Error::Corrupted("a record's header".into()))
    }
}

fn parse(record: &[u8]) -> Option<(Header, &[u8])> {
    let ([layout, flags], rest) = record.split_first_chunk()?;
    if *layout != LAYOUT {
        return None;
    }
    let (kind, rest) = rest.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (updated, rest) = rest.split_first_chunk()?;
    let (hash, rest) = rest.split_first_chunk()?;
    let (categories, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    let (count, rest) = rest.split_first()?;
    let (patients, body) = rest.split_at_checked(usize::from(*count) * 8)?;
    let header = Header {
        deleted: flags & DELETED != 0,
        audience: Audience { directory: flags & DIRECTORY != 0, formulary: flags & FORMULARY != 0 },
        kind: Kind::from_number(u16::from_be_bytes(*kind))?,
        version: u32::from_be_bytes(*version),
        updated: i64::from_be_bytes(*updated),
        hash: u128::from_be_bytes(*hash),
        categories: Categories::from_bits(u16::from_be_bytes(*categories)),
        id: std::str::from_utf8(id).ok()?.to_owned(),
        patients: patients.as_chunks().0.iter().map(|chunk| u64::from_be_bytes(*chunk)).collect(),
    };
    Some((header, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_disk_and_damage_is_named() {
        let header = Header {
            deleted: true,
            audience: Audience { directory: true, formulary: false },
            kind: Kind::PATIENT,
            version: 7,
            updated: -5,
            hash: 1 << 100,
            categories: Categories::from_bits(5),
            id: "a-1".into(),
            patients: vec![1, u64::MAX],
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(b"body");
        assert_eq!(Header::read(&bytes).unwrap(), (header, b"body".as_slice()));
        for cut in 0..bytes.len() - 4 {
            assert!(matches!(Header::read(&bytes[..cut]), Err(Error::Corrupted(_))), "cut at {cut}");
        }
    }
}
