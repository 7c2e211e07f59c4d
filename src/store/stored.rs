//! A version of a resource as it is handed about: read once, shared by everyone who holds it.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::error::Error;
use super::record::Header;
use super::snapshot::Snapshot;
use crate::access::Categories;
use crate::fhir::{self, Kind};

/// A version of a resource, ready to be sent. Clones share it.
#[derive(Clone, Debug)]
pub struct Stored(Arc<Held>);

/// What a [`Stored`] holds.
#[derive(Debug)]
pub struct Held {
    /// The resource's number.
    pub rid: u64,
    /// Type.
    pub kind: Kind,
    /// Logical id.
    pub id: String,
    /// Version.
    pub version: u32,
    /// When it became current, in microseconds since 1970.
    pub updated: i64,
    /// True for a tombstone; its body is empty.
    pub deleted: bool,
    /// The JSON text.
    pub body: Bytes,
    /// What access asks of it.
    pub(super) header: Header,
    /// The latest snapshot that found it current, or zero.
    current_in: AtomicU64,
    /// All that it refers to on this server, once somebody asked.
    targets: OnceLock<Box<[Target]>>,
}

/// A resource of this server that another one refers to.
#[derive(Debug)]
pub struct Target {
    /// Type.
    pub kind: Kind,
    /// Logical id.
    pub id: Box<str>,
    /// Its number once it is known, or zero. A number is given once and for ever.
    rid: AtomicU64,
    /// The latest snapshot that found no number, or zero.
    missing_in: AtomicU64,
}

impl Deref for Stored {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl Stored {
    /// The topics that its record says it is about.
    #[must_use]
    pub fn categories(&self) -> Categories {
        self.header.categories
    }

    /// What a record says, with its body unpacked.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the body does not begin as bodies do.
    pub(super) fn new(rid: u64, header: Header, body: Bytes) -> Result<Self, Error> {
        let damaged = || Error::Corrupted("a record's body".into());
        let id = if header.deleted {
            header.id.clone()
        } else {
            fhir::stored_id(header.kind, &body).ok_or_else(damaged)?.to_owned()
        };
        Ok(Self(Arc::new(Held::new(rid, id, header, body))))
    }

    /// The same version with a part of its text.
    #[must_use]
    pub fn with_body(&self, body: Bytes) -> Self {
        self.with(self.id.clone(), body)
    }

    /// A part of this version under an id of its own, such as a resource inside it.
    #[must_use]
    pub fn with(&self, id: String, body: Bytes) -> Self {
        Self(Arc::new(Held::new(self.rid, id, self.header.clone(), body)))
    }

    /// True if a snapshot has found it current.
    pub(super) fn is_current_in(&self, snapshot: u64) -> bool {
        self.current_in.load(Ordering::Relaxed) == snapshot
    }

    /// Notes that a snapshot has found it current.
    pub(super) fn set_current_in(&self, snapshot: u64) {
        self.current_in.store(snapshot, Ordering::Relaxed);
    }

    /// What it refers to on this server, found with `find` by the first who asks. Whether a caller may see any of it is
    /// asked when it is read.
    pub fn targets(&self, find: impl FnOnce(&[u8]) -> Vec<(Kind, Box<str>)>) -> &[Target] {
        self.targets.get_or_init(|| {
            let found = find(&self.body).into_iter();
            found.map(|(kind, id)| Target { kind, id, rid: AtomicU64::new(0), missing_in: AtomicU64::new(0) }).collect()
        })
    }
}

impl Held {
    fn new(rid: u64, id: String, header: Header, body: Bytes) -> Self {
        let Header { kind, version, updated, deleted, .. } = header;
        let (current_in, targets) = (AtomicU64::new(0), OnceLock::new());
        Self { rid, kind, id, version, updated, deleted, body, header, current_in, targets }
    }
}

impl Target {
    /// Its number, if it was ever seen.
    ///
    /// # Errors
    /// As for any look-up.
    pub fn rid(&self, snapshot: &Snapshot) -> Result<Option<u64>, Error> {
        let known = self.rid.load(Ordering::Relaxed);
        if known != 0 {
            return Ok(Some(known));
        }
        if self.missing_in.load(Ordering::Relaxed) == snapshot.id() {
            return Ok(None);
        }
        let found = snapshot.rid(self.kind, &self.id)?;
        match found {
            Some(rid) => self.rid.store(rid, Ordering::Relaxed),
            None => self.missing_in.store(snapshot.id(), Ordering::Relaxed),
        }
        Ok(found)
    }
}
