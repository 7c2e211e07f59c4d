//! One version of one resource as it lies in `current` and `history`: a header that access and paging need, then the
//! packed body. A read decides on the header alone and only then unpacks.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout, now 3, in the upper half; flags in the lower: deleted, directory, formulary, labelled |
//! | 2 | the rules that made its access facts ([`crate::access::rules`], the lower half of the low word); not in layout 2 |
//! | number | type number |
//! | number | version |
//! | 8 | last updated, microseconds since 1970 (i64) |
//! | 8 | hash of the content without version and time |
//! | 2 | sensitive categories, one bit each; only if labelled |
//! | 1 + n | length of the logical id, the id; only of a tombstone, since a body begins with it |
//! | number, numbers | how many patients' compartments hold it, their rids |
//! | rest | body (`codec.rs`), absent for a tombstone |

use super::error::Error;
use super::tables::{number, split_number};
use crate::access::Categories;
use crate::fhir::{Audience, Kind};

/// In the upper half of the first byte.
const LAYOUT: u8 = 3 << 4;
/// The layout before headers named the rules that made them.
const BEFORE_RULES: u8 = 2 << 4;
const DELETED: u8 = 1;
const DIRECTORY: u8 = 2;
const FORMULARY: u8 = 4;
const LABELLED: u8 = 8;
/// A resource that names more patients than this belongs to nobody's compartment (a roster, not a record).
pub(super) const MAX_PATIENTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) deleted: bool,
    /// The rules that made audience, categories and patients; zero if it does not say.
    pub(super) rules: u16,
    pub(super) audience: Audience,
    pub(super) kind: Kind,
    pub(super) version: u32,
    pub(super) updated: i64,
    pub(super) hash: u64,
    pub(super) categories: Categories,
    pub(super) id: String,
    pub(super) patients: Vec<u64>,
}

impl Header {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let labelled = self.categories.bits() != 0;
        let flags = [
            (self.deleted, DELETED),
            (self.audience.directory, DIRECTORY),
            (self.audience.formulary, FORMULARY),
            (labelled, LABELLED),
        ];
        out.push(flags.into_iter().filter(|(set, _)| *set).fold(LAYOUT, |byte, (_, bit)| byte | bit));
        out.extend_from_slice(&self.rules.to_be_bytes());
        out.extend_from_slice(&number(self.kind.number().into()));
        out.extend_from_slice(&number(self.version.into()));
        out.extend_from_slice(&self.updated.to_be_bytes());
        out.extend_from_slice(&self.hash.to_be_bytes());
        if labelled {
            out.extend_from_slice(&self.categories.bits().to_be_bytes());
        }
        if self.deleted {
            out.push(self.id.len() as u8);
            out.extend_from_slice(self.id.as_bytes());
        }
        out.extend_from_slice(&number(self.patients.len() as u64));
        for rid in &self.patients {
            out.extend_from_slice(&number(*rid));
        }
    }

    /// Splits a record into its header and packed body.
    pub(super) fn read(record: &[u8]) -> Result<(Self, &[u8]), Error> {
        parse(record).ok_or_else(|| Error::Corrupted("a record's header".into()))
    }
}

fn parse(record: &[u8]) -> Option<(Header, &[u8])> {
    let (first, rest) = record.split_first()?;
    let (rules, rest) = match first & 0xF0 {
        LAYOUT => rest.split_first_chunk()?,
        BEFORE_RULES => (&[0; 2], rest),
        _ => return None,
    };
    let is = |bit: u8| first & bit != 0;
    let (kind, rest) = split_number(rest)?;
    let (version, rest) = split_number(rest)?;
    let (updated, rest) = rest.split_first_chunk()?;
    let (hash, rest) = rest.split_first_chunk()?;
    let (categories, rest) = if is(LABELLED) { rest.split_first_chunk()? } else { (&[0; 2], rest) };
    let (id, rest) = if is(DELETED) {
        let (length, rest) = rest.split_first()?;
        rest.split_at_checked(usize::from(*length))?
    } else {
        (<&[u8]>::default(), rest)
    };
    let (count, mut rest) = split_number(rest)?;
    let mut patients = Vec::with_capacity(usize::try_from(count).ok()?.min(MAX_PATIENTS));
    for _ in 0..count {
        let (rid, after) = split_number(rest)?;
        patients.push(rid);
        rest = after;
    }
    let header = Header {
        deleted: is(DELETED),
        rules: u16::from_be_bytes(*rules),
        audience: Audience { directory: is(DIRECTORY), formulary: is(FORMULARY) },
        kind: Kind::from_number(u16::try_from(kind).ok()?)?,
        version: u32::try_from(version).ok()?,
        updated: i64::from_be_bytes(*updated),
        hash: u64::from_be_bytes(*hash),
        categories: Categories::from_bits(u16::from_be_bytes(*categories)),
        id: std::str::from_utf8(id).ok()?.to_owned(),
        patients,
    };
    Some((header, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_disk_and_damage_is_named() {
        let header = Header {
            deleted: true,
            rules: 0x1234,
            audience: Audience { directory: true, formulary: false },
            kind: Kind::PATIENT,
            version: 7,
            updated: -5,
            hash: 1 << 60,
            categories: Categories::from_bits(5),
            id: "a-1".into(),
            patients: vec![1, u64::MAX],
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(b"body");
        assert_eq!(Header::read(&bytes).unwrap(), (header.clone(), b"body".as_slice()));
        let old = [&[bytes[0] & 0x0F | BEFORE_RULES], &bytes[3..]].concat();
        assert_eq!(Header::read(&old).unwrap().0, Header { rules: 0, ..header });
        for cut in 0..bytes.len() - 4 {
            assert!(matches!(Header::read(&bytes[..cut]), Err(Error::Corrupted(_))), "cut at {cut}");
        }
    }
}
