//! What was read lately and can never be out of date: current versions with the snapshot that found them current, numbers
//! of logical ids, and what versions refer to. Who may see a resource is asked of its header at each read.

use std::sync::Arc;

use super::error::Error;
use super::stored::Stored;
use crate::fhir::Kind;

/// Bytes of unpacked resources kept for the next reader.
const RECORD_BYTES: u64 = 36 << 20;
/// Bytes of references kept.
const REFERENCE_BYTES: u64 = 8 << 20;
/// A guess at how many resources that is.
const RECORDS: usize = 16_384;
/// Numbers of logical ids kept: a few megabytes. Every request of a member's app asks for her own.
const NUMBERS: usize = 32_768;

/// Types and logical ids of this server that a resource refers to.
pub type References = Arc<[(Kind, Box<str>)]>;

/// Belongs to one opening of the file: after the next, a number may stand for something else.
pub(super) struct Recent {
    /// By resource number.
    records: quick_cache::sync::Cache<u64, Stored, Weight>,
    /// What a version refers to, by resource number, version and parameter.
    references: quick_cache::sync::Cache<(u64, u32, u16), References, Weight>,
    /// By key in `ids`. A number is given once and for ever.
    numbers: quick_cache::sync::Cache<Box<[u8]>, u64>,
}

#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<u64, Stored> for Weight {
    fn weight(&self, _: &u64, stored: &Stored) -> u64 {
        // What it refers to is found later, and is a small part of its text.
        (stored.body.len() + stored.body.len() / 16 + stored.id.len() + 256) as u64
    }
}

impl quick_cache::Weighter<(u64, u32, u16), References> for Weight {
    fn weight(&self, _: &(u64, u32, u16), references: &References) -> u64 {
        references.iter().map(|(_, id)| id.len() as u64 + 24).sum::<u64>() + 64
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            records: quick_cache::sync::Cache::with_weighter(RECORDS, RECORD_BYTES, Weight),
            references: quick_cache::sync::Cache::with_weighter(RECORDS, REFERENCE_BYTES, Weight),
            numbers: quick_cache::sync::Cache::new(NUMBERS),
        }
    }
}

impl Recent {
    /// The version of a resource that was read last; it may not be current any more.
    pub(super) fn record(&self, rid: u64) -> Option<Stored> {
        self.records.get(&rid)
    }

    /// The current version of a resource, if the snapshot has found it so before.
    pub(super) fn current(&self, snapshot: u64, rid: u64) -> Option<Stored> {
        self.records.get(&rid).filter(|known| known.is_current_in(snapshot))
    }

    /// Remembers a current version. Tombstones are small and seldom asked for.
    pub(super) fn keep(&self, stored: &Stored) {
        if !stored.deleted {
            self.records.insert(stored.rid, stored.clone());
        }
    }

    /// What a version refers to by a parameter; found with `find` unless it is known.
    pub(super) fn references<E>(
        &self,
        key: (u64, u32, u16),
        find: impl FnOnce() -> Result<Vec<(Kind, Box<str>)>, E>,
    ) -> Result<References, E> {
        if let Some(known) = self.references.get(&key) {
            return Ok(known);
        }
        let found: References = find()?.into();
        self.references.insert(key, Arc::clone(&found));
        Ok(found)
    }

    /// The number under a key of `ids`, found with `find` unless it is known. That there is none is not remembered.
    pub(super) fn number(
        &self,
        key: &[u8],
        find: impl FnOnce() -> Result<Option<u64>, Error>,
    ) -> Result<Option<u64>, Error> {
        if let Some(known) = self.numbers.get(key) {
            return Ok(Some(known));
        }
        let found = find()?;
        if let Some(number) = found {
            self.numbers.insert(key.into(), number);
        }
        Ok(found)
    }
}
