//! The changes since the last commit of the index, in memory: the exact filter looks through them, so that the next
//! search finds a write although tantivy commits only every half second.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Change, Key, Matches, Place, Query, Sort, SortBy};
use crate::access::{Facts, Operation, Permit, Reach, View};
use crate::fhir::decimal::{Scaled, to_float};
use crate::fhir::filter::amount::UCUM;
use crate::fhir::{Amount, Extracted, Kind, Value, ucum};

/// Characters of a text that count in an order.
const MAX_KEY: usize = 256;

pub(super) type Entries = HashMap<u64, Entry>;

pub(super) struct Entry {
    seq: u64,
    extracted: Option<Arc<Extracted>>,
}

#[derive(Default)]
pub(super) struct Overlay {
    by_kind: HashMap<Kind, Entries>,
    len: usize,
}

/// The overlay's resources of one type.
pub(super) struct Mine<'o>(Option<&'o Entries>);

impl Overlay {
    pub(super) fn add(&mut self, changes: &[Change]) {
        for change in changes {
            let entry = Entry { seq: change.seq, extracted: change.extracted.clone() };
            if self.by_kind.entry(change.kind).or_default().insert(change.rid, entry).is_none() {
                self.len += 1;
            }
        }
    }

    /// Drops the changes that are in the index, up to `seq`.
    pub(super) fn forget(&mut self, seq: u64) {
        for entries in self.by_kind.values_mut() {
            entries.retain(|_, entry| entry.seq > seq);
        }
        self.by_kind.retain(|_, entries| !entries.is_empty());
        self.len = self.by_kind.values().map(HashMap::len).sum();
    }

    pub(super) fn of(&self, kind: Kind) -> Mine<'_> {
        Mine(self.by_kind.get(&kind))
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

impl Mine<'_> {
    /// True if a resource of the overlay contains one of that type.
    pub(super) fn contain(&self, inside: Kind) -> bool {
        let has = |entry: &Entry| entry.extracted.as_ref().is_some_and(|has| has.contains.contains(&inside));
        self.0.is_some_and(|entries| entries.values().any(has))
    }

    /// Numbers of resources whose entry in the index is out of date.
    pub(super) fn rids(&self) -> std::collections::HashSet<u64> {
        self.0.map(|entries| entries.keys().copied().collect()).unwrap_or_default()
    }
}

/// Adds the overlay's own matches to the matches of the index.
pub(super) fn merge(view: &View, query: &Query<'_>, mine: &Mine<'_>, matches: &mut Matches) {
    let Some(entries) = mine.0 else { return };
    let Some(permit) = view.permit(query.kind, Operation::Search) else { return };
    let before = matches.places.len();
    for (rid, entry) in entries {
        let Some(resource) = &entry.extracted else { continue };
        if shows(view, &permit, resource) && query.clauses.iter().all(|clause| clause.matches(resource)) {
            matches.total += 1;
            let place = Place::of(resource, *rid, query.sort);
            if query.after.is_none_or(|after| compare(query.sort, after, &place).is_lt()) {
                matches.places.push(place);
            }
        }
    }
    if matches.places.len() > before {
        matches.places.sort_by(|left, right| compare(query.sort, left, right));
        matches.places.truncate(query.limit);
    }
}

/// Whether the View shows the resource to a search.
fn shows(view: &View, permit: &Permit, resource: &Extracted) -> bool {
    let (kind, audience, categories) = (resource.kind, resource.audience, resource.categories);
    let is_mine = || match view.reach() {
        Reach::Patients(ids) => resource.patients.iter().any(|id| ids.iter().any(|own| **own == **id)),
        Reach::Public(_) | Reach::Everything => false,
    };
    let allowed = || match permit {
        Permit::All => true,
        Permit::Only(sets) => sets.iter().any(|clauses| clauses.iter().all(|clause| clause.matches(resource))),
    };
    view.shows(&Facts { kind, audience, categories }, is_mine) && allowed()
}

/// The key of a resource in an order: the smallest value ascending, the largest descending (FHIR R4, search, 3.1.1.5.1).
pub(super) fn key(resource: &Extracted, sort: Sort) -> Key {
    match sort.by {
        SortBy::Updated => Key::Time(resource.updated - resource.updated.rem_euclid(1_000)),
        SortBy::Id => Key::Text(resource.id.to_string()),
        SortBy::Parameter(number) => {
            let keys = resource.values_of(number).filter_map(|value| match value {
                Value::Date(span) => Some(Key::Time(if sort.descending { span.hi } else { span.lo })),
                Value::String { folded, .. } => Some(Key::Text(folded.to_string())),
                Value::Token { code: Some(code), .. } => Some(text(code.to_lowercase())),
                Value::Uri(uri) => Some(text(uri.to_string())),
                Value::Reference { base, kind, id } => Some(text(format!("{base}/{kind}/{id}"))),
                Value::Number(amount) => Some(Key::of_number(end_of(amount, sort))),
                Value::Quantity(quantity) => {
                    let factor = factor(quantity.system.as_deref(), quantity.code.as_deref());
                    Some(Key::of_number(end_of(&quantity.amount, sort) * factor))
                }
                _ => None,
            });
            let best = if sort.descending { keys.max() } else { keys.min() };
            best.unwrap_or(Key::Missing)
        }
    }
}

/// A text as a key, cut where it would be longer than a cursor can hold. Texts that are equal up to there have no
/// order.
fn text(mut text: String) -> Key {
    if let Some((at, _)) = text.char_indices().nth(MAX_KEY) {
        text.truncate(at);
    }
    Key::Text(text)
}

fn end_of(amount: &Amount, sort: Sort) -> f64 {
    match if sort.descending { amount.hi } else { amount.lo } {
        Scaled::MIN => f64::NEG_INFINITY,
        Scaled::MAX => f64::INFINITY,
        end => to_float(end),
    }
}

/// How many base units a unit is, so that a gram comes after 999 milligrams; one where that is unknown.
fn factor(system: Option<&str>, code: Option<&str>) -> f64 {
    let known = code.filter(|_| system == Some(UCUM)).and_then(ucum::parse);
    known.map_or(1.0, |unit| unit.factor)
}

/// The order of two places; resources without a value come last either way.
pub(super) fn compare(sort: &[Sort], left: &Place, right: &Place) -> std::cmp::Ordering {
    for ((sort, left), right) in sort.iter().zip(&left.keys).zip(&right.keys) {
        let order = match (left, right) {
            (Key::Missing, Key::Missing) => std::cmp::Ordering::Equal,
            (Key::Missing, _) => std::cmp::Ordering::Greater,
            (_, Key::Missing) => std::cmp::Ordering::Less,
            _ if sort.descending => right.cmp(left),
            _ => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.rid.cmp(&right.rid)
}
