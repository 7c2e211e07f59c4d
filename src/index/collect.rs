//! Collects the first places of an order after a cursor, and counts. Every page costs the same: places before the
//! cursor are counted and dropped, never kept.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use tantivy::collector::{Collector as TantivyCollector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn, TermOrdHit};
use tantivy::query::Weight;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::columns::{Columns, End};
use super::overlay::{Mine, compare};
use super::schema::{date_slot, text_slot};
use super::{Key, Matches, Place, Query, Sort, SortBy};
use crate::access::{Effort, View};
use crate::fhir::Kind;
use crate::fhir::dates::Span;
use crate::fhir::filter::Prefix;

/// Documents that cost one unit of effort.
const DOCUMENTS: usize = 256;

pub(super) struct Collector {
    kind: Kind,
    sort: Vec<Sort>,
    after: Option<Place>,
    limit: usize,
    skip: HashSet<u64>,
    spans: Vec<Spans>,
    columns: Arc<Columns>,
    effort: Option<Effort>,
}

/// A condition on dates that is checked on each document: cheaper than a query of its own wherever other clauses are
/// selective, and exact where a document has one date.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// The column; `_lastUpdated` if absent.
    pub(super) slot: Option<usize>,
    /// One of these must hold.
    pub(super) wanted: Vec<(Prefix, Span)>,
}

impl Collector {
    pub(super) fn new(
        query: &Query<'_>,
        view: &View,
        spans: Vec<Spans>,
        mine: &Mine<'_>,
        columns: &Arc<Columns>,
    ) -> Self {
        Self {
            effort: view.effort().cloned(),
            spans,
            columns: Arc::clone(columns),
            kind: query.kind,
            sort: query.sort.to_vec(),
            after: query.after.cloned(),
            limit: query.limit,
            skip: mine.rids(),
        }
    }
}

/// A sort key's column in one segment.
enum Keys {
    Time(Column<i64>),
    Text(StrColumn),
    None,
}

/// A key inside one segment: strings are compared by their rank in the segment's dictionary.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Rank {
    /// Missing values last.
    missing: bool,
    value: i128,
}

#[derive(PartialEq, Eq)]
struct Row {
    ranks: Vec<Rank>,
    rid: u64,
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        for (left, right) in self.ranks.iter().zip(&other.ranks) {
            let order = left.missing.cmp(&right.missing).then(left.value.cmp(&right.value));
            if order.is_ne() {
                return order;
            }
        }
        self.rid.cmp(&other.rid)
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A condition with its columns in one segment.
enum Test {
    Updated(Column<i64>, Vec<(Prefix, Span)>),
    Date(Column<i64>, Column<i64>, Vec<(Prefix, Span)>),
    /// The segment has no such date.
    Never,
}

pub(super) struct Segment {
    tests: Vec<Test>,
    uncertain: bool,
    rid: Column<u64>,
    keys: Vec<(Keys, bool)>,
    after: Option<Row>,
    limit: usize,
    skip: HashSet<u64>,
    heap: BinaryHeap<Row>,
    total: u64,
}

impl TantivyCollector for Collector {
    type Fruit = Matches;
    type Child = Segment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<Segment> {
        let columns = self.columns.of(segment);
        let mut keys = Vec::with_capacity(self.sort.len());
        for sort in &self.sort {
            let column = match sort.by {
                SortBy::Updated => Keys::Time(columns.updated(segment)?),
                // The caller sorts.
                SortBy::Id => Keys::None,
                SortBy::Parameter(number) => match (date_slot(self.kind, number), text_slot(self.kind, number)) {
                    (Some(slot), _) => {
                        let end = if sort.descending { End::Hi } else { End::Lo };
                        columns.date(segment, slot, end)?.map_or(Keys::None, Keys::Time)
                    }
                    (None, Some(slot)) => columns.text(segment, slot)?.map_or(Keys::None, Keys::Text),
                    (None, None) => Keys::None,
                },
            };
            keys.push((column, sort.descending));
        }
        let after = match &self.after {
            Some(place) => Some(rank_of_place(place, &keys)?),
            None => None,
        };
        let rid = columns.rid(segment)?;
        let skip = self.skip.clone();
        let mut tests = Vec::with_capacity(self.spans.len());
        for Spans { slot, wanted } in &self.spans {
            tests.push(match slot {
                None => Test::Updated(columns.updated(segment)?, wanted.clone()),
                Some(slot) => {
                    let ends = (columns.date(segment, *slot, End::Lo)?, columns.date(segment, *slot, End::Hi)?);
                    match ends {
                        (Some(lo), Some(hi)) => Test::Date(lo, hi, wanted.clone()),
                        _ => Test::Never,
                    }
                }
            });
        }
        Ok(Segment {
            tests,
            uncertain: false,
            rid,
            keys,
            after,
            limit: self.limit,
            skip,
            heap: BinaryHeap::new(),
            total: 0,
        })
    }

    /// As the library does it, except that once the effort is used up the remaining documents are skipped.
    fn collect_segment(
        &self,
        weight: &dyn Weight,
        ordinal: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<Matches> {
        let spend = |units| self.effort.as_ref().is_none_or(|effort| effort.spend(units).is_ok());
        if !spend(1) {
            return Ok(Matches::default());
        }
        let mut segment = self.for_segment(ordinal, reader)?;
        let alive = reader.alive_bitset();
        let (mut owed, mut goes_on) = (0, true);
        weight.for_each_no_score(reader, &mut |docs| {
            if owed >= DOCUMENTS {
                owed = 0;
                goes_on &= spend(1);
            }
            owed += docs.len();
            if goes_on {
                let alive = docs.iter().filter(|doc| alive.is_none_or(|alive| alive.is_alive(**doc)));
                alive.for_each(|doc| segment.collect(*doc, 0.0));
            }
        })?;
        Ok(segment.harvest())
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<Matches>) -> tantivy::Result<Matches> {
        let mut all = Matches::default();
        for fruit in fruits {
            all.total += fruit.total;
            all.inexact |= fruit.inexact;
            all.places.extend(fruit.places);
        }
        all.places.sort_by(|left, right| compare(&self.sort, left, right));
        all.places.truncate(self.limit);
        Ok(all)
    }
}

impl SegmentCollector for Segment {
    type Fruit = Matches;

    fn collect(&mut self, doc: DocId, _: Score) {
        let rid = self.rid.first(doc).unwrap_or(0);
        if !self.skip.is_empty() && self.skip.contains(&rid) {
            return;
        }
        for test in &self.tests {
            match test.says(doc) {
                Some(true) => {}
                Some(false) => return,
                None => self.uncertain = true,
            }
        }
        self.total += 1;
        let row = Row { ranks: self.keys.iter().map(|(keys, down)| rank(keys, *down, doc)).collect(), rid };
        if self.after.as_ref().is_some_and(|after| row <= *after) {
            return;
        }
        if self.heap.len() < self.limit {
            self.heap.push(row);
        } else if self.heap.peek().is_some_and(|last| row < *last) {
            self.heap.pop();
            self.heap.push(row);
        }
    }

    fn harvest(self) -> Matches {
        let keys = self.keys;
        let places = self
            .heap
            .into_iter()
            .map(|row| Place {
                keys: row.ranks.iter().zip(&keys).map(|(rank, (keys, down))| key(*rank, keys, *down)).collect(),
                rid: row.rid,
            })
            .collect();
        Matches { places, total: self.total, inexact: self.uncertain }
    }
}

impl Test {
    /// Whether a document satisfies the condition; unknown where it has several dates, since the index does not pair
    /// their starts and ends.
    fn says(&self, doc: DocId) -> Option<bool> {
        let holds = |wanted: &[(Prefix, Span)], has| Some(wanted.iter().any(|(prefix, span)| prefix.holds(*span, has)));
        match self {
            Self::Never => Some(false),
            Self::Updated(column, wanted) => {
                // Served as milliseconds, and therefore compared as milliseconds.
                let lo = column.first(doc)?;
                holds(wanted, Span { lo, hi: lo + 1_000 })
            }
            Self::Date(los, his, wanted) => {
                let (mut lo, mut hi) = (los.values_for_doc(doc), his.values_for_doc(doc));
                match (lo.next(), hi.next(), lo.next()) {
                    (Some(lo), Some(hi), None) => holds(wanted, Span { lo, hi }),
                    (None, ..) => Some(false),
                    _ => None,
                }
            }
        }
    }
}

const MISSING: Rank = Rank { missing: true, value: 0 };

fn present(value: i128, descending: bool) -> Rank {
    Rank { missing: false, value: if descending { -value } else { value } }
}

fn rank(keys: &Keys, descending: bool, doc: DocId) -> Rank {
    let best = match keys {
        Keys::None => None,
        Keys::Time(column) => extreme(column.values_for_doc(doc).map(i128::from), descending),
        Keys::Text(column) => extreme(column.term_ords(doc).map(|ord| i128::from(ord) * 2), descending),
    };
    best.map_or(MISSING, |value| present(value, descending))
}

fn extreme(values: impl Iterator<Item = i128>, largest: bool) -> Option<i128> {
    if largest { values.max() } else { values.min() }
}

/// Ranks of strings are even; a cursor's string that the segment does not have lies between two of them, and gets an
/// odd rank.
fn rank_of_place(place: &Place, keys: &[(Keys, bool)]) -> tantivy::Result<Row> {
    let mut ranks = Vec::with_capacity(keys.len());
    for (key, (column, descending)) in place.keys.iter().zip(keys) {
        ranks.push(match (key, column) {
            (Key::Time(time), _) => present(i128::from(*time), *descending),
            (Key::Text(text), Keys::Text(column)) => {
                let dictionary = column.dictionary();
                let value = match dictionary.term_ord_or_next(text)? {
                    TermOrdHit::Exact(ord) => i128::from(ord) * 2,
                    TermOrdHit::Next(ord) => i128::from(ord) * 2 - 1,
                };
                present(value, *descending)
            }
            // The segment has no such value: all its documents lack one and come after.
            (Key::Text(_) | Key::Number(_), _) => present(0, *descending),
            (Key::Missing, _) => MISSING,
        });
    }
    Ok(Row { ranks, rid: place.rid })
}

fn key(rank: Rank, keys: &Keys, descending: bool) -> Key {
    if rank.missing {
        return Key::Missing;
    }
    let value = if descending { -rank.value } else { rank.value };
    match keys {
        Keys::None => Key::Missing,
        Keys::Time(_) => i64::try_from(value).map_or(Key::Missing, Key::Time),
        Keys::Text(column) => {
            let mut text = String::new();
            match u64::try_from(value / 2).map(|ord| column.ord_to_str(ord, &mut text)) {
                Ok(Ok(true)) => Key::Text(text),
                _ => Key::Missing,
            }
        }
    }
}
