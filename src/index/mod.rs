//! The search index: tantivy over the search values of resources, never their bodies. Derived from the store's change
//! feed, so it can be thrown away and built again.
//!
//! Invariants: a commit carries the number of the last change it contains; changes since then are in the overlay, where
//! the exact filter finds them, so a search sees every write that was acknowledged before it began; every query is
//! limited by a [`crate::access::View`] before anything is counted.
//!
//! Deliberately absent: resource bodies, and the text of queries, which `search` reads.

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
use crate::fhir::definitions::{Definitions, TABLES_HASH};
use crate::fhir::filter::Clause;
use crate::fhir::{Extracted, Kind};
use crate::outbound::Clock;

use columns::Columns;
use feed::Feed;
use overlay::Overlay;
use schema::Fields;

/// The stamp of the definitions and the layout; an index with another stamp is emptied and rebuilt.
fn made_with(definitions: &Definitions) -> u64 {
    TABLES_HASH ^ terms::LAYOUT ^ definitions.now().hash()
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
    /// The effort of the View is used up, or the caller no longer waits for the answer.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The writing half stopped after an error; the index is out of date.
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
    /// The search values of the new version; absent for a deletion.
    pub extracted: Option<Arc<Extracted>>,
}

/// A query of the index.
#[derive(Clone, Debug)]
pub struct Query<'q> {
    /// The type.
    pub kind: Kind,
    /// All must hold.
    pub clauses: &'q [Clause],
    /// The order; ties are ordered by number.
    pub sort: &'q [Sort],
    /// Only resources after this place in the order.
    pub after: Option<&'q Place>,
    /// The largest number of results.
    pub limit: usize,
}

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The value that is compared.
    pub by: SortBy,
    /// Largest first.
    pub descending: bool,
}

/// The values by which an order compares.
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

    /// Compares two places in an order.
    #[must_use]
    pub fn compare(&self, other: &Self, sort: &[Sort]) -> std::cmp::Ordering {
        overlay::compare(sort, self, other)
    }
}

/// A value that an order compares.
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
    /// A number as a key: the keys sort as the numbers do, infinities included.
    #[must_use]
    pub const fn of_number(number: f64) -> Self {
        let bits = number.to_bits().cast_signed();
        // Larger negative floats have smaller bits.
        Self::Number(bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed())
    }
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// In order, at most the requested number.
    pub places: Vec<Place>,
    /// The total, before `after` and `limit`.
    pub total: u64,
    /// True if some may not satisfy the clauses: the reader must ask the filter.
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
    definitions: Definitions,
    overlay: Arc<RwLock<Overlay>>,
    columns: Arc<Columns>,
    feed: Feed,
    /// The last change that is not in the overlay and may not be in the index itself either, since it came in bulk
    /// mode.
    unlisted: AtomicU64,
}

impl Index {
    /// Opens the index in a folder, creating it if it is not there. An index that was made with other definitions
    /// is emptied. The second part is the last change in the index: the caller hands it every later one.
    pub fn open(folder: &Path, clock: &Clock, definitions: &Definitions) -> Result<(Self, u64), Error> {
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
        Self::start(&index, fields, clock, definitions)
    }

    /// An index in memory by the tables alone, for tests and dry runs.
    pub fn in_memory(clock: &Clock) -> Result<(Self, u64), Error> {
        let (schema, fields) = schema::build();
        Self::start(
            &tantivy::Index::open_or_create(RamDirectory::create(), schema)?,
            fields,
            clock,
            &Definitions::default(),
        )
    }

    fn start(
        index: &tantivy::Index,
        fields: Fields,
        clock: &Clock,
        definitions: &Definitions,
    ) -> Result<(Self, u64), Error> {
        let stamp = made_with(definitions);
        let payload = index.load_metas()?.payload;
        let known = payload.as_deref().and_then(|text| parse_payload(text, stamp));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let overlay = Arc::new(RwLock::new(Overlay::default()));
        let feed = Feed::start(index, reader.clone(), fields, Arc::clone(&overlay), (clock, definitions), known)?;
        Ok((
            Self {
                inner: Arc::new(Inner {
                    reader,
                    fields,
                    definitions: definitions.clone(),
                    overlay,
                    columns: Arc::default(),
                    feed,
                    unlisted: AtomicU64::new(0),
                }),
            },
            known.unwrap_or(0),
        ))
    }

    /// Takes changes, in the order of the feed. The next search finds them; the call waits only if the index has fallen
    /// far behind.
    pub fn apply(&self, changes: Vec<Change>) {
        if !self.inner.feed.is_in_bulk() {
            self.inner.overlay.write().add(&changes);
        } else if let Some(last) = changes.last() {
            self.inner.unlisted.fetch_max(last.seq, Ordering::AcqRel);
        }
        self.inner.feed.send(changes);
    }

    /// Enters bulk mode, for a time of many writes and hardly any searches. Commits are few, and uncommitted changes
    /// are not kept in memory for searches: a search waits for a commit instead.
    pub fn in_bulk(&self) {
        self.inner.feed.in_bulk();
    }

    /// Waits until all changes of bulk mode are in the index itself.
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
        // The overlay first: changes that leave it are in the searcher, which is taken after it.
        let overlay = self.inner.overlay.read();
        let mine = overlay.of(query.kind);
        let searcher = self.inner.reader.searcher();
        let Some(plan) = query::plan(&searcher, self.inner.fields, &self.inner.definitions.now(), view, query)? else {
            return Ok(Matches::default());
        };
        let collector = collect::Collector::new(query, view, plan.spans, &mine, &self.inner.columns);
        let mut matches = searcher.search(&plan.query, &collector)?;
        // A count that was cut short by the effort limit is not an answer.
        view.spend(0)?;
        matches.inexact |= plan.inexact;
        overlay::merge(view, query, &mine, &mut matches);
        Ok(matches)
    }

    /// True if some resource of a type may contain one of another type. Costs a look at each segment's dictionary, so
    /// that asking for a combination that does not occur costs no search.
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

    /// Waits until every change applied so far is in the index itself; for commands that end with it.
    pub fn settle(&self) -> Result<(), Error> {
        self.inner.feed.settle()
    }

    /// Like [`Index::settle`], and also lets running merges finish: otherwise they are abandoned when the process ends,
    /// and the index stays larger than it need be. The index takes no changes after that.
    pub fn finish(&self) -> Result<(), Error> {
        self.inner.feed.finish()
    }

    /// How many applied changes are not yet in the index itself.
    #[must_use]
    pub fn lag(&self) -> usize {
        self.inner.overlay.read().len()
    }
}

/// The payload of a commit: the last change it contains, and the stamp of the tables it was made with.
fn payload(seq: u64, stamp: u64) -> String {
    format!("{seq} {stamp}")
}

fn parse_payload(text: &str, stamp: u64) -> Option<u64> {
    let (seq, hash) = text.split_once(' ')?;
    (hash.parse() == Ok(stamp)).then(|| seq.parse().ok())?
}

#[cfg(test)]
mod tests;
