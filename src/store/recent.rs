//! What was read lately and can never be out of date: bodies of versions, numbers of logical ids, and headers for the
//! snapshot that read them. Who may see a resource is asked of its header at each read.

use std::sync::Arc;

use bytes::Bytes;

use super::error::Error;
use super::record::Header;
use crate::fhir::Kind;

/// Bytes of unpacked resources kept for the next reader.
const BODY_BYTES: u64 = 32 << 20;
/// Bytes of references kept.
const REFERENCE_BYTES: u64 = 8 << 20;
/// A guess at how many resources that is.
const BODIES: usize = 16_384;
/// Headers of records kept: a few megabytes.
const HEADERS: usize = 16_384;
/// Numbers of logical ids kept: a few megabytes. Every request of a member's app asks for her own.
const NUMBERS: usize = 32_768;

/// Stands for every parameter; no parameter has it.
const ANY: u16 = u16::MAX;

/// Types and logical ids of this server that a resource refers to.
pub type References = Arc<[(Kind, Box<str>)]>;

/// Belongs to one opening of the file: after the next, a number may stand for something else.
pub(super) struct Recent {
    /// By resource number and version.
    bodies: quick_cache::sync::Cache<(u64, u32), Bytes, Weight>,
    /// Headers of current records by resource number, each with the snapshot that read it and for nobody else.
    headers: quick_cache::sync::Cache<u64, (u64, Arc<Header>)>,
    /// What a version refers to, by resource number, version and parameter ([`ANY`] for all).
    references: quick_cache::sync::Cache<(u64, u32, u16), References, Weight>,
    /// By key in `ids`. A number is given once and for ever.
    numbers: quick_cache::sync::Cache<Box<[u8]>, u64>,
}

#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<(u64, u32), Bytes> for Weight {
    fn weight(&self, _: &(u64, u32), body: &Bytes) -> u64 {
        // An entry costs about as much again as a pointer or six.
        body.len() as u64 + 64
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
            bodies: quick_cache::sync::Cache::with_weighter(BODIES, BODY_BYTES, Weight),
            references: quick_cache::sync::Cache::with_weighter(BODIES, REFERENCE_BYTES, Weight),
            headers: quick_cache::sync::Cache::new(HEADERS),
            numbers: quick_cache::sync::Cache::new(NUMBERS),
        }
    }
}

impl Recent {
    /// The body of a version, unpacked with `unpack` unless it is known.
    pub(super) fn body(
        &self,
        rid: u64,
        version: u32,
        unpack: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Result<Bytes, Error> {
        if let Some(known) = self.bodies.get(&(rid, version)) {
            return Ok(known);
        }
        let body = Bytes::from(unpack()?);
        self.bodies.insert((rid, version), body.clone());
        Ok(body)
    }

    /// A resource as a snapshot has read it already, if both its header and its body are known.
    pub(super) fn resource(&self, snapshot: u64, rid: u64) -> Option<(Arc<Header>, Bytes)> {
        let (by, header) = self.headers.get(&rid)?;
        let body = self.bodies.get(&(rid, header.version)).filter(|_| by == snapshot)?;
        Some((header, body))
    }

    /// Remembers the header that a snapshot has read.
    pub(super) fn note(&self, snapshot: u64, rid: u64, header: Header) {
        self.headers.insert(rid, (snapshot, Arc::new(header)));
    }

    /// What a version refers to by a parameter, or by any; found with `find` unless it is known.
    pub(super) fn references<E>(
        &self,
        (rid, version, by): (u64, u32, Option<u16>),
        find: impl FnOnce() -> Result<Vec<(Kind, Box<str>)>, E>,
    ) -> Result<References, E> {
        let key = (rid, version, by.unwrap_or(ANY));
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
