//! `Patient/[id]/$everything` (FHIR R4, Patient-operations): the patient, everything in her compartment, and the shared
//! resources that these refer to: practitioners, places, plans.
//!
//! It walks the store's compartment in the order of type and number and parses nothing: references are found in the
//! stored text, and the View decides about each of them as about any other.

use memchr::memmem;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::cursor::Binding;
use super::follow::examine;
use super::page::{Page, Searched};
use super::{Error, MAX_CHECKED, MAX_INCLUDED, MAX_ITERATE, MAX_PAGE_BYTES, MAX_PARAMETERS};
use crate::access::{Operation, View};
use crate::fhir::dates::Span;
use crate::fhir::definitions::SearchParameters;
use crate::fhir::reference::is_id;
use crate::fhir::{Kind, Value, dates};
use crate::index::{Key, Place};
use crate::store::{Reader, Snapshot, Stored};

/// Resources of the compartment on one page, both the default and the maximum.
const MAX_EVERYTHING: usize = 1_000;
/// Entries of the compartment read at a time.
const STEP: usize = 1_024;
/// Names of the search parameter for the date of care, the most specific first.
const CARE: [&str; 9] = [
    "service-date",
    "onset-date",
    "effective",
    "authoredon",
    "date",
    "period",
    "whenhandedover",
    "created",
    "authored",
];
/// The bytes before every reference in a stored resource.
const REFERENCE: &[u8] = b"\"reference\":\"";

/// An entry of the compartment: type and number.
type Entry = (Kind, u64);

/// The parameters of `$everything`.
#[derive(Debug, Default)]
pub struct Everything {
    kinds: Vec<Kind>,
    /// Microseconds since 1970.
    since: Option<i64>,
    count: Option<usize>,
    /// The first and the last day of care, as spans.
    start: Option<Span>,
    end: Option<Span>,
    cursor: Option<String>,
    /// The parameters, for links, without the cursor.
    pub used: Vec<(String, String)>,
}

impl Everything {
    /// Reads the parameters `start`, `end`, `_since`, `_type` and `_count`.
    ///
    /// # Errors
    /// [`Error::Result`] for a value that is not understood, [`Error::Unsupported`] for any other parameter.
    pub fn read(parameters: &[(String, String)]) -> Result<Self, Error> {
        if parameters.len() > MAX_PARAMETERS {
            return Err(Error::TooMany);
        }
        let mut own = Self::default();
        let wrong = |name, expected: &str| Error::Result { name, expected: expected.to_owned() };
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "_type" => {
                    for kind in value.split(',') {
                        let known = Kind::parse(kind.trim());
                        own.kinds.push(known.ok_or_else(|| wrong("_type", "a list of resource types"))?);
                    }
                }
                "_since" => {
                    let span = dates::parse(value);
                    own.since =
                        Some(span.ok_or_else(|| wrong("_since", "an instant such as 2026-01-31T00:00:00Z"))?.lo);
                }
                "start" | "end" => {
                    let (place, name) = if name == "start" { (&mut own.start, "start") } else { (&mut own.end, "end") };
                    *place = Some(dates::parse(value).ok_or_else(|| wrong(name, "a date such as 2026-01-31"))?);
                }
                "_count" => {
                    let count = value.parse().ok().filter(|count| *count > 0);
                    own.count = Some(count.ok_or_else(|| wrong("_count", "a whole number such as 50"))?);
                }
                "_cursor" => {
                    own.cursor = Some(value.clone());
                    continue;
                }
                "_format" | "_pretty" => {}
                _ => return Err(Error::Unsupported { name: name.chars().take(64).collect() }),
            }
            own.used.push((name.clone(), value.clone()));
        }
        Ok(own)
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn is_new(&self, stored: &Stored) -> bool {
        !stored.deleted && self.since.is_none_or(|since| stored.updated >= since)
    }

    /// True unless every date of care of the resource lies outside the requested days. A resource without such a date
    /// is always included.
    fn is_of_time(&self, view: &View, stored: &Stored) -> Result<bool, Error> {
        if self.start.is_none() && self.end.is_none() {
            return Ok(true);
        }
        let number = CARE.iter().find_map(|name| stored.kind.standard_parameter(name)).map(|(number, _)| number);
        let Some(number) = number else { return Ok(true) };
        let extracted = examine(view, &SearchParameters::TABLES, stored)?;
        let mut dates = extracted.values_of(number).peekable();
        if dates.peek().is_none() {
            return Ok(true);
        }
        Ok(dates.any(|value| match value {
            Value::Date(span) => {
                self.start.is_none_or(|start| span.hi > start.lo) && self.end.is_none_or(|end| span.lo < end.hi)
            }
            _ => false,
        }))
    }
}

impl Searched<'_> {
    /// One page of everything about a patient that the View has already shown.
    pub fn everything(&self, view: &View, patient: &Stored, asked: &Everything) -> Result<Page, Error> {
        let normal = form_urlencoded::Serializer::new(String::new()).extend_pairs(&asked.used).finish();
        let binding: Binding<'_> = &[self.caller.as_bytes(), b"$everything", patient.id.as_bytes(), normal.as_bytes()];
        let after = match &asked.cursor {
            Some(text) => Some(
                self.cursors.open(text, binding, self.now).and_then(|(place, _)| entry(&place)).ok_or(Error::Cursor)?,
            ),
            None => None,
        };
        let snapshot = self.store.snapshot()?;
        let mut matches = Vec::new();
        let owner = patient.rid;
        if after.is_none() && asked.wants(Kind::PATIENT) && asked.is_new(patient) {
            matches.push(patient.clone());
        }
        let count = asked.count.unwrap_or(MAX_EVERYTHING).min(MAX_EVERYTHING);
        let (rest, last) = walk(&snapshot, view, owner, asked, after, count - matches.len().min(count))?;
        matches.extend(rest);
        let next = last.map(|(kind, rid)| {
            let place = Place { keys: vec![Key::Time(kind.number().into())], rid };
            self.cursors.seal(&place, None, binding, self.now)
        });
        let (included, cut) = related(&snapshot, view, asked, &matches)?;
        let total = (after.is_none() && next.is_none()).then_some(matches.len() as u64);
        Ok(Page { matches, included, total, next, cut })
    }
}

fn entry(place: &Place) -> Option<Entry> {
    let [Key::Time(kind)] = *place.keys.as_slice() else { return None };
    Some((Kind::from_number(u16::try_from(kind).ok()?)?, place.rid))
}

/// Up to `count` visible resources after a place, and the place to go on from if there are more. Hidden resources
/// neither fill a page nor cause a next one; only after [`MAX_CHECKED`] entries does a page end early.
fn walk(
    snapshot: &Snapshot,
    view: &View,
    owner: u64,
    asked: &Everything,
    mut after: Option<Entry>,
    count: usize,
) -> Result<(Vec<Stored>, Option<Entry>), Error> {
    let reader = snapshot.reader(view, Operation::Search)?;
    let mut open: Option<(Kind, bool)> = None;
    let mut wanted = |kind: Kind| match open {
        Some((known, is_open)) if known == kind => is_open,
        _ => {
            let is_open = kind != Kind::PATIENT && asked.wants(kind) && view.permit(kind, Operation::Search).is_some();
            open = Some((kind, is_open));
            is_open
        }
    };
    let mut found: Vec<Stored> = Vec::new();
    let mut left = MAX_PAGE_BYTES;
    let mut checked = 0;
    loop {
        let entries = snapshot.whole_compartment(owner, view.withheld(), after, &mut wanted, STEP)?;
        // Entries of one type are in the order of their numbers, so one walk over the tree reads them.
        for of_type in entries.chunk_by(|(one, _), (other, _)| one == other) {
            let rids: Vec<u64> = of_type.iter().map(|(_, rid)| *rid).collect();
            let (fresh, looked) = reader.get_up_to(&rids, left)?;
            for stored in fresh {
                if asked.is_new(&stored) && asked.is_of_time(view, &stored)? {
                    left = left.saturating_sub(stored.body.len());
                    found.push(stored);
                }
            }
            if found.len() > count {
                found.truncate(count);
                let last = found.last().map(|stored| (stored.kind, stored.rid)).or(after);
                // If the page has room for the patient only, the next page begins before every entry: numbers count
                // from one.
                return Ok((found, last.or_else(|| Some((Kind::from_number(0)?, 0)))));
            }
            if left == 0 || looked < of_type.len() {
                return Ok((found, of_type.get(looked.saturating_sub(1)).copied()));
            }
        }
        checked += entries.len();
        let Some(last) = entries.last().filter(|_| entries.len() == STEP) else { return Ok((found, None)) };
        after = Some(*last);
        if checked >= MAX_CHECKED {
            return Ok((found, after));
        }
    }
}

/// The shared resources that the matches refer to, and those that these refer to in turn.
fn related(
    snapshot: &Snapshot,
    view: &View,
    asked: &Everything,
    matches: &[Stored],
) -> Result<(Vec<Stored>, bool), Error> {
    let mut trail = Trail {
        reader: snapshot.reader(view, Operation::Read)?,
        snapshot,
        asked,
        needle: memmem::Finder::new(REFERENCE),
        seen: FxHashSet::with_capacity_and_hasher(matches.len(), FxBuildHasher),
        found: Vec::new(),
        left: MAX_PAGE_BYTES,
    };
    for stored in matches {
        trail.follow(stored)?;
    }
    let mut from = 0;
    for _ in 0..MAX_ITERATE {
        let fresh: Vec<Stored> = trail.found.get(from..).unwrap_or_default().to_vec();
        from = trail.found.len();
        for stored in &fresh {
            trail.follow(stored)?;
        }
    }
    let mut found = trail.found;
    let cut = found.len() > MAX_INCLUDED || trail.left == 0;
    found.truncate(MAX_INCLUDED);
    Ok((found, cut))
}

/// Follows references to shared resources, which belong to no patient.
struct Trail<'t> {
    reader: Reader<'t>,
    snapshot: &'t Snapshot,
    asked: &'t Everything,
    needle: memmem::Finder<'static>,
    /// Numbers of resources that were already followed: one claim names the same ones as the next.
    seen: FxHashSet<u64>,
    found: Vec<Stored>,
    /// Bytes of the page that are left.
    left: usize,
}

impl Trail<'_> {
    fn follow(&mut self, from: &Stored) -> Result<(), Error> {
        for target in from.targets(|text| shared(&self.needle, text)) {
            if self.seen.len() > MAX_INCLUDED || self.left == 0 || !self.asked.wants(target.kind) {
                continue;
            }
            if let Some(rid) = target.rid(self.snapshot)?
                && self.seen.insert(rid)
                && let Some(stored) = self.reader.get(rid)?.filter(|stored| !stored.deleted)
            {
                self.left = self.left.saturating_sub(stored.body.len());
                self.found.push(stored);
            }
        }
        Ok(())
    }
}

/// The shared resources that a stored resource refers to, each once.
fn shared(needle: &memmem::Finder<'_>, text: &[u8]) -> Vec<(Kind, Box<str>)> {
    let mut found: Vec<(Kind, Box<str>)> = Vec::new();
    for (kind, id) in references(needle, text).filter_map(local).filter(|(kind, _)| !kind.is_personal()) {
        if found.len() < MAX_INCLUDED && !found.iter().any(|(known, its)| *known == kind && **its == *id) {
            found.push((kind, id.into()));
        }
    }
    found
}

/// The texts of the references in a stored resource; stored text has no white space around colons.
fn references<'t>(needle: &memmem::Finder<'_>, text: &'t [u8]) -> impl Iterator<Item = &'t str> {
    needle.find_iter(text).filter_map(|at| {
        let rest = text.get(at + REFERENCE.len()..)?;
        std::str::from_utf8(rest.get(..memchr::memchr(b'"', rest)?)?).ok()
    })
}

/// Type and id of a reference to a resource of this server, `Type/id`.
fn local(target: &str) -> Option<(Kind, &str)> {
    let (kind, id) = target.split_once('/')?;
    let id = id.split_once("/_history/").map_or(id, |(id, _)| id);
    Some((Kind::parse(kind)?, id)).filter(|(_, id)| is_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_local_references_and_nothing_else() {
        let text = br##"{"a":{"reference":"Organization/o-1"},"b":[{"reference":"https://x/fhir/Patient/p"},
            {"reference":"#c"},{"reference":"Practitioner/p1/_history/2"},{"reference":"Cat/1"},{"reference":"Patient/a b"}],
            "t":"\"reference\":\"Location/l\"","cut":{"reference":"Locat"##;
        let found: Vec<_> = references(&memmem::Finder::new(REFERENCE), text)
            .filter_map(local)
            .map(|(kind, id)| format!("{kind}/{id}"))
            .collect();
        assert_eq!(found, ["Organization/o-1", "Practitioner/p1"]);
    }

    #[test]
    fn says_what_it_does_not_understand() {
        let read = |name: &str, value: &str| Everything::read(&[(name.to_owned(), value.to_owned())]);
        assert!(read("_type", "Observation,Condition").unwrap().wants(Kind::named("Condition")));
        assert_eq!(
            read("_type", "Cat").unwrap_err().to_string(),
            "the value of '_type' is not a list of resource types"
        );
        assert!(read("_since", "2026-01-31T00:00:00Z").unwrap().since.is_some());
        for (name, value) in [("_since", "yesterday"), ("_count", "0"), ("start", "spring"), ("_sort", "date")] {
            assert!(read(name, value).is_err(), "{name}");
        }
    }
}
