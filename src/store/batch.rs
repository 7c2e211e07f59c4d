//! A group commit as a value: the rows that it sets and removes, table by table, in the order in which they were written.
//! Everything of the group is in it, the change feed, counters and dictionaries included, so a node that applies it to the
//! same data holds the same data.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout, now 1 |
//! | number | number of the batch; each has the next, the first has 1 |
//! | number | epoch of the leader that made it |
//! | 8 | digest of the batch before it ([`digest`]); of the first, of the data that it was made on |
//! | number, then for each | how many tables; length of the name (number), name |
//! | number, then for each | how many rows; table (number, its place above), length of the key (number), key, and either 0 for a row that is removed or 1, length of the value (number), value |
//! | 8 | XXH3 of all before it |
//!
//! A *number* is as in `tables.rs`.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use super::error::Error;
use super::tables::{number, split_number};

const LAYOUT: u8 = 1;

/// What one group commit wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) epoch: u64,
    /// Digest of the one before it.
    pub(super) after: u64,
    pub(super) rows: Vec<BatchRow>,
}

/// A row that is set, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BatchRow {
    pub(super) table: Cow<'static, str>,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// Digest of a batch as it was encoded.
pub(super) fn digest(encoded: &[u8]) -> u64 {
    xxh3_64(encoded)
}

impl Batch {
    pub(super) fn encode(&self) -> Vec<u8> {
        let size =
            self.rows.iter().map(|row| row.key.len() + row.value.as_ref().map_or(0, Vec::len) + 12).sum::<usize>();
        let mut out = Vec::with_capacity(size + 256);
        out.push(LAYOUT);
        out.extend_from_slice(&number(self.number));
        out.extend_from_slice(&number(self.epoch));
        out.extend_from_slice(&self.after.to_be_bytes());
        let mut names: Vec<&str> = Vec::new();
        let mut places = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            // A group writes to a handful of tables, and mostly to the one it wrote to before.
            let place = names.iter().rposition(|name| *name == row.table).unwrap_or_else(|| {
                names.push(&row.table);
                names.len() - 1
            });
            places.push(place);
        }
        out.extend_from_slice(&number(names.len() as u64));
        for name in names {
            push(&mut out, name.as_bytes());
        }
        out.extend_from_slice(&number(self.rows.len() as u64));
        for (row, place) in self.rows.iter().zip(places) {
            out.extend_from_slice(&number(place as u64));
            push(&mut out, &row.key);
            match &row.value {
                Some(value) => {
                    out.push(1);
                    push(&mut out, value);
                }
                None => out.push(0),
            }
        }
        let check = xxh3_64(&out);
        out.extend_from_slice(&check.to_be_bytes());
        out
    }

    /// # Errors
    /// [`Error::Log`] for bytes that are damaged, or that a later version wrote.
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::Log("a batch in it is damaged".into());
        let (body, check) = encoded.split_last_chunk::<8>().ok_or_else(damaged)?;
        if xxh3_64(body).to_be_bytes() != *check {
            return Err(damaged());
        }
        match body.first() {
            Some(&LAYOUT) => parse(body).ok_or_else(damaged),
            Some(layout) => {
                let what = format!("a batch in it has layout {layout}, this program reads {LAYOUT}; update this node");
                Err(Error::Log(what))
            }
            None => Err(damaged()),
        }
    }
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&number(bytes.len() as u64));
    out.extend_from_slice(bytes);
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = split_number(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn parse(body: &[u8]) -> Option<Batch> {
    let (_, rest) = body.split_first()?;
    let (number, rest) = split_number(rest)?;
    let (epoch, rest) = split_number(rest)?;
    let (after, rest) = rest.split_first_chunk()?;
    let (count, mut rest) = split_number(rest)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let (name, more) = split(rest)?;
        // redb refuses a table without a name.
        names.push(std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?.to_owned());
        rest = more;
    }
    let (count, mut rest) = split_number(rest)?;
    let mut rows = Vec::new();
    for _ in 0..count {
        let (place, more) = split_number(rest)?;
        let table = Cow::Owned(names.get(usize::try_from(place).ok()?)?.clone());
        let (key, more) = split(more)?;
        let (is_set, more) = more.split_first()?;
        let (value, more) = match is_set {
            0 => (None, more),
            1 => split(more).map(|(value, more)| (Some(value.to_vec()), more))?,
            _ => return None,
        };
        rows.push(BatchRow { table, key: key.to_vec(), value });
        rest = more;
    }
    rest.is_empty().then_some(Batch { number, epoch, after: u64::from_be_bytes(*after), rows })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batches() -> impl Strategy<Value = Batch> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40);
        let row = ("[a-z]{1,6}(\\.[a-z]{1,6})?", bytes(), prop::option::of(bytes()))
            .prop_map(|(table, key, value)| BatchRow { table: table.into(), key, value });
        (any::<u64>(), any::<u64>(), any::<u64>(), prop::collection::vec(row, 0..20))
            .prop_map(|(number, epoch, after, rows)| Batch { number, epoch, after, rows })
    }

    /// The encoding with a checksum that fits, so that the parser behind it sees the damage.
    fn sealed(mut body: Vec<u8>) -> Vec<u8> {
        let check = xxh3_64(&body);
        body.extend_from_slice(&check.to_be_bytes());
        body
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_as_it_was(batch in batches()) {
            prop_assert_eq!(Batch::decode(&batch.encode()).unwrap(), batch);
        }

        #[test]
        fn damage_is_refused(batch in batches(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let mut bytes = batch.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(Batch::decode(&bytes).is_err());
            prop_assert!(Batch::decode(&bytes[..at]).is_err());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(
            batch in batches(),
            at in any::<prop::sample::Index>(),
            put in prop::collection::vec(any::<u8>(), 0..12),
            noise in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut body = batch.encode();
            body.truncate(body.len() - 8);
            let at = at.index(body.len());
            body.splice(at..(at + put.len()).min(body.len()), put);
            drop(Batch::decode(&sealed(body)));
            drop(Batch::decode(&noise));
            drop(Batch::decode(&sealed([&[LAYOUT], noise.as_slice()].concat())));
        }
    }

    #[test]
    fn a_later_layout_is_named() {
        let error = Batch::decode(&sealed(vec![LAYOUT + 1, 0, 0])).unwrap_err();
        assert!(error.to_string().contains("update this node"), "{error}");
    }
}
