//! The search index: tantivy over what resources say, never what they are. Derived from the store's change feed, so it
//! can be thrown away and built again.
//!
//! Invariants: a commit carries the number of the last change it contains; changes since then are in the overlay,
//! where the exact filter finds them, so a search sees every write that was acknowledged before it began; every query
//! is limited by a [`crate::access::View`] before anything is counted.
//!
//! Deliberately absent: resource bodies, and the text of queries (`search` reads those).

mod collect;
mod columns;
mod feed;
mod overlay;
mod query;
mod schema;
mod terms;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tantivy::directory::{MmapDirectory, RamDirectory};
use tantivy::{IndexReader, ReloadPolicy};

use crate::access::{Exhausted, View};
use crate::fhir::definitions::{TABLES_HASH, custom};
use crate::fhir::filter::Clause;
use crate::fhir::{Extracted, Kind};
use crate::outbound::Clock;

use columns::Columns;
use feed::Feed;
use overlay::Overlay;
use schema::Fields;

/// What an index was made with; one made otherwise is emptied and rebuilt.
fn made_with() -> u64 {
    TABLES_HASH ^ terms::LAYOUT ^ custom::hash()
}

/// Why the index could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the index.
    #[error("the search index is in use by another process; stop it first")]
    Busy,
    /// The files cannot be read or written.
    #[error("the search index failed ({0}); run `ingle reindex` once the disk is sound")]
    Failed(String),
    /// The effort of the View is used up, or nobody waits for the answer any more.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The writing half stopped after an error; what it knows is out of date.
    #[error("the search index has stopped; see the log, then restart the server")]
    Stopped,
}

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Self {
        match error {
            tantivy::TantivyError::LockFailure(..) => Self::Busy,
            other => Self::Failed(other.to_string()),
        }
    }
}

/// One change of the store's feed, as the index needs it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Position in the feed.
    pub seq: u64,
    /// The resource's number.
    pub rid: u64,
    /// Its type.
    pub kind: Kind,
    /// True if no earlier version can be in the index.
    pub fresh: bool,
    /// What the new version says; absent for a deletion.
    pub extracted: Option<Arc<Extracted>>,
}

/// What to find.
#[derive(Clone, Debug)]
pub struct Query<'q> {
    /// The type.
    pub kind: Kind,
    /// All must hold.
    pub clauses: &'q [Clause],
    /// Order; by number where nothing else decides.
    pub sort: &'q [Sort],
    /// Only what comes after this in the order.
    pub after: Option<&'q Place>,
    /// How many at most.
    pub limit: usize,
}

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub by: SortBy,
    /// Largest first.
    pub descending: bool,
}

/// What an order compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// `_lastUpdated`.
    Updated,
    /// The logical id.
    Id,
    /// A parameter.
    Parameter(u16),
}

/// A place in an order: the keys of a resource, then its number. Resources without a value come last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// One per key of the order.
    pub keys: Vec<Key>,
    /// The resource's number.
    pub rid: u64,
}

impl Place {
    /// The place of a resource in an order.
    #[must_use]
    pub fn of(resource: &Extracted, rid: u64, sort: &[Sort]) -> Self {
        Self { keys: sort.iter().map(|sort| overlay::key(resource, *sort)).collect(), rid }
    }

    /// How two places stand to each other in an order.
    #[must_use]
    pub fn compare(&self, other: &Self, sort: &[Sort]) -> std::cmp::Ordering {
        overlay::compare(sort, self, other)
    }
}

/// A value that orders are made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A time in microseconds.
    Time(i64),
    /// A number or a quantity, as [`Key::of_number`] orders them.
    Number(i64),
    /// A folded string.
    Text(String),
    /// No value.
    Missing,
}

impl Key {
    /// A number as a key: the order of the keys is the order of the numbers, the infinite ones included.
    #[must_use]
    pub const fn of_number(number: f64) -> Self {
        let bits = number.to_bits().cast_signed();
        // Of negative floats the larger have the smaller bits.
        Self::Number(bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed())
    }
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// In order, at most as many as asked for.
    pub places: Vec<Place>,
    /// How many there are in all, before `after` and `limit`.
    pub total: u64,
    /// True if some may not satisfy the clauses: whoever reads them must ask the filter.
    pub inexact: bool,
}

/// True if the index can order by these itself.
#[must_use]
pub fn has_columns(kind: Kind, sort: &[Sort]) -> bool {
    sort.iter().all(|sort| match sort.by {
        SortBy::Updated => true,
        SortBy::Id => false,
        SortBy::Parameter(number) => {
            schema::date_slot(kind, number).is_some() || schema::text_slot(kind, number).is_some()
        }
    })
}

/// A handle to one realm's index; clones share it.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    reader: IndexReader,
    fields: Fields,
    overlay: Arc<RwLock<Overlay>>,
    columns: Arc<Columns>,
    feed: Feed,
    /// The last change that is not in the overlay though it may not be in the index itself either: it came in bulk.
    unlisted: AtomicU64,
}

impl Index {
    /// Opens the index in a folder, creating it if it is not there. One that was made with other definition tables is
    /// emptied. The second part is the last change it contains: the caller hands it everything after that.
    pub fn open(folder: &Path, clock: &Clock) -> Result<(Self, u64), Error> {
        std::fs::create_dir_all(folder).map_err(|error| Error::Failed(error.to_string()))?;
        let directory = || MmapDirectory::open(folder).map_err(|error| Error::Failed(error.to_string()));
        let (schema, fields) = schema::build();
        let index = match tantivy::Index::open_or_create(directory()?, schema.clone()) {
            Ok(index) => index,
            Err(tantivy::TantivyError::SchemaError(_)) => {
                std::fs::remove_dir_all(folder).map_err(|error| Error::Failed(error.to_string()))?;
                std::fs::create_dir_all(folder).map_err(|error| Error::Failed(error.to_string()))?;
                tantivy::Index::open_or_create(directory()?, schema)?
            }
            Err(error) => return Err(error.into()),
        };
        Self::start(&index, fields, clock)
    }

    /// An index in memory, for tests and dry runs.
    pub fn in_memory(clock: &Clock) -> Result<(Self, u64), Error> {
        let (schema, fields) = schema::build();
        Self::start(&tantivy::Index::open_or_create(RamDirectory::create(), schema)?, fields, clock)
    }

    fn start(index: &tantivy::Index, fields: Fields, clock: &Clock) -> Result<(Self, u64), Error> {
        let known = index.load_metas()?.payload.as_deref().and_then(parse_payload);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let overlay = Arc::new(RwLock::new(Overlay::default()));
        let feed = Feed::start(index, reader.clone(), fields, Arc::clone(&overlay), clock.clone(), known)?;
        Ok((
            Self {
                inner: Arc::new(Inner {
                    reader,
                    fields,
                    overlay,
                    columns: Arc::default(),
                    feed,
                    unlisted: AtomicU64::new(0),
                }),
            },
            known.unwrap_or(0),
        ))
    }

    /// Takes in changes, in the order of the feed. They are found by the next search; the call waits only if the
    /// index has fallen far behind.
    pub fn apply(&self, changes: Vec<Change>) {
        if !self.inner.feed.is_in_bulk() {
            self.inner.overlay.write().add(&changes);
        } else if let Some(last) = changes.last() {
            self.inner.unlisted.fetch_max(last.seq, Ordering::AcqRel);
        }
        self.inner.feed.send(changes);
    }

    /// From now on very much comes and next to nothing is searched. Commits are few, and what was not committed is not kept
    /// in memory for searches: a search waits for a commit instead.
    pub fn in_bulk(&self) {
        self.inner.feed.in_bulk();
    }

    /// Waits until all that came in bulk is in the index itself.
    fn list(&self) -> Result<(), Error> {
        let Inner { feed, unlisted, .. } = &*self.inner;
        if feed.committed() < unlisted.load(Ordering::Acquire) { feed.settle() } else { Ok(()) }
    }

    /// Finds resources that the View shows and the clauses select.
    pub fn find(&self, view: &View, query: &Query<'_>) -> Result<Matches, Error> {
        if self.inner.feed.has_stopped() {
            return Err(Error::Stopped);
        }
        view.spend(1)?;
        self.list()?;
        // The overlay first: what leaves it is in the searcher taken after.
        let overlay = self.inner.overlay.read();
        let mine = overlay.of(query.kind);
        let searcher = self.inner.reader.searcher();
        let Some(plan) = query::plan(&searcher, self.inner.fields, view, query)? else { return Ok(Matches::default()) };
        let collector = collect::Collector::new(query, view, plan.spans, &mine, &self.inner.columns);
        let mut matches = searcher.search(&plan.query, &collector)?;
        // What was counted until the effort was used up is no answer.
        view.spend(0)?;
        matches.inexact |= plan.inexact;
        overlay::merge(view, query, &mine, &mut matches);
        Ok(matches)
    }

    /// True if some resource of a type may have one of another type inside it. Costs a look at each segment's dictionary, so
    /// that whoever asks about what nobody has does no search for it.
    pub fn may_contain(&self, kind: Kind, inside: Kind) -> Result<bool, Error> {
        self.list()?;
        if self.inner.overlay.read().of(kind).contain(inside) {
            return Ok(true);
        }
        let term = terms::of_contained(kind, inside);
        for segment in self.inner.reader.searcher().segment_readers() {
            let index = segment.inverted_index(self.inner.fields.term)?;
            if index.terms().get(&term).map_err(|error| Error::Failed(error.to_string()))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits until everything applied so far is in the index itself; for commands that end with it.
    pub fn settle(&self) -> Result<(), Error> {
        self.inner.feed.settle()
    }

    /// Like [`Index::settle`], and lets merges of segments that are under way come to their end: left alone they are given
    /// up when the process ends, and the index stays larger than it need be. Takes no changes after that.
    pub fn finish(&self) -> Result<(), Error> {
        self.inner.feed.finish()
    }

    /// How many changes are applied and not yet in the index itself.
    #[must_use]
    pub fn lag(&self) -> usize {
        self.inner.overlay.read().len()
    }
}

/// The payload of a commit: the last change it contains, and the tables it was made with.
fn payload(seq: u64) -> String {
    format!("{seq} {}", made_with())
}

fn parse_payload(text: &str) -> Option<u64> {
    let (seq, hash) = text.split_once(' ')?;
    (hash.parse() == Ok(made_with())).then(|| seq.parse().ok())?
}

#[cfg(test)]
mod tests;
