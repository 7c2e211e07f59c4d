//! One page of a search: the index names candidates, the filter decides where the index cannot, the store gives the
//! bytes.

use std::collections::HashSet;

use jiff::Timestamp;

use super::cursor::{Binding, Cursors};
use super::follow::examine;
use super::query::{Query, Total};
use super::{Error, MAX_CHECKED, MAX_PAGE_BYTES, include};
use crate::access::{Operation, Permit, Reach, View};
use crate::fhir::Subset;
use crate::fhir::definitions::standard_parameter;
use crate::fhir::filter::{Field, Test, Wanted};
use crate::index::{self, Index, Matches, Place};
use crate::store::{self, Snapshot, Store, Stored};

/// Up to this many resources are read and checked one by one rather than looked up in the index.
const FEW: usize = 4;

/// The answer to a search.
#[derive(Debug)]
pub struct Page {
    /// Matches in order.
    pub matches: Vec<Stored>,
    /// Included resources.
    pub included: Vec<Stored>,
    /// How many matches there are, if that is known.
    pub total: Option<u64>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// True if a page could not hold all included resources.
    pub cut: bool,
}

/// Where to search.
pub struct Searched<'s> {
    /// The store.
    pub store: &'s Store,
    /// Its index.
    pub index: &'s Index,
    /// The realm's cursors.
    pub cursors: &'s Cursors,
    /// The caller; page links are bound to it.
    pub caller: &'s str,
    /// Now.
    pub now: Timestamp,
}

/// Reduces each resource to the requested part.
pub(super) fn cut_down<'s>(subset: &Subset, resources: impl Iterator<Item = &'s mut Stored>) -> Result<(), Error> {
    for stored in resources {
        let damaged = || store::Error::Corrupted(format!("{}/{}", stored.kind, stored.rid));
        *stored = stored.with_body(subset.of(&stored.body).ok_or_else(damaged)?.into());
    }
    Ok(())
}

/// Places of one page, and the known facts about the whole result.
pub(super) struct Chosen {
    pub(super) places: Vec<Place>,
    pub(super) more: bool,
    total: Option<u64>,
}

impl Searched<'_> {
    /// Answers a query within a View.
    pub fn page(&self, view: &View, query: &Query) -> Result<Page, Error> {
        let normal = normal(query);
        let binding: Binding<'_> = &[self.caller.as_bytes(), query.kind.name().as_bytes(), normal.as_bytes()];
        let opened = match &query.cursor {
            Some(text) => Some(self.cursors.open(text, binding, self.now).ok_or(Error::Cursor)?),
            None => None,
        };
        let plain = self.resolved(view, query)?;
        if let Some(inside) = query.contained {
            return self.page_inside(view, &plain, inside, opened, binding);
        }
        let (after, known_total) = opened.unzip();
        let mut chosen = self.choose(view, &plain, after.as_ref())?;
        // A total that was counted for the first page stays the total of the following ones.
        let total = known_total.unwrap_or(chosen.total).filter(|_| query.total != Total::None);
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let rids: Vec<u64> = chosen.places.iter().map(|place| place.rid).collect();
        let (mut matches, looked) = reader.get_up_to(&rids, MAX_PAGE_BYTES)?;
        matches.retain(|stored| !stored.deleted);
        chosen.more |= looked < rids.len();
        chosen.places.truncate(looked);
        let next = chosen
            .places
            .last()
            .filter(|_| chosen.more)
            .map(|place| self.cursors.seal(place, total, binding, self.now));
        let (mut included, cut) = self.included(&snapshot, view, query, &matches)?;
        if let Some(subset) = &query.subset {
            cut_down(subset, matches.iter_mut().chain(&mut included))?;
        }
        Ok(Page { matches, included, total, next, cut })
    }

    pub(super) fn included(
        &self,
        snapshot: &Snapshot,
        view: &View,
        query: &Query,
        matches: &[Stored],
    ) -> Result<(Vec<Stored>, bool), Error> {
        if query.includes.is_empty() || matches.is_empty() {
            return Ok((Vec::new(), false));
        }
        let mut seen: HashSet<u64> = matches.iter().map(|stored| stored.rid).collect();
        include::gather(snapshot, self.index, view, query, matches, &mut seen)
    }

    /// The places of a page. The query's links are resolved.
    pub(super) fn choose(&self, view: &View, query: &Query, after: Option<&Place>) -> Result<Chosen, Error> {
        if let Some(chosen) = self.in_compartment(view, query, after)? {
            return Ok(chosen);
        }
        if let Some(chosen) = self.by_id(view, query, after)? {
            return Ok(chosen);
        }
        if let Some(chosen) = self.among_few(view, query, after)? {
            return Ok(chosen);
        }
        if !index::has_columns(query.kind, &query.sort) {
            return Ok(page_of(query, self.sorted(view, query)?, after));
        }
        let limit = query.count + 1;
        let find = |after, limit| {
            let wanted = index::Query { kind: query.kind, clauses: &query.clauses, sort: &query.sort, after, limit };
            self.index.find(view, &wanted)
        };
        let found = find(after, limit)?;
        if !found.inexact && query.words.is_empty() {
            let Matches { mut places, total, .. } = found;
            let more = places.len() > query.count && query.count > 0;
            places.truncate(query.count);
            return Ok(Chosen { places, more, total: Some(total) });
        }
        if found.total > MAX_CHECKED as u64 {
            return Err(Error::TooCostly(query.kind));
        }
        // Candidates are few: every one is checked, so that the total is exact too.
        let all = find(None, MAX_CHECKED)?;
        self.check(view, query, all.places, after)
    }

    /// Asks the filter about every candidate.
    fn check(&self, view: &View, query: &Query, all: Vec<Place>, after: Option<&Place>) -> Result<Chosen, Error> {
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let mut total = 0;
        let mut places = Vec::new();
        // Candidates come in order: those up to the cursor were on earlier pages.
        let mut passed = after.is_none();
        for place in all {
            let here = passed;
            if after.is_some_and(|after| *after == place) {
                passed = true;
            }
            let Some(stored) = reader.get(place.rid)?.filter(|stored| !stored.deleted) else { continue };
            let extracted = examine(view, &query.defined, &stored)?;
            if !query.admits(&stored, &extracted)? {
                continue;
            }
            total += 1;
            if here && places.len() <= query.count {
                places.push(place);
            }
        }
        let more = places.len() > query.count && query.count > 0;
        places.truncate(query.count);
        Ok(Chosen { places, more, total: Some(total) })
    }

    /// Where the View's patients have only a few resources of the type, those are checked one by one, whatever the size
    /// of the plan.
    fn among_few(&self, view: &View, query: &Query, after: Option<&Place>) -> Result<Option<Chosen>, Error> {
        if !matches!(view.reach(), Reach::Patients(_)) || !query.kind.is_personal() {
            return Ok(None);
        }
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let mut rids = Vec::new();
        for patient in reader.patients() {
            rids.extend(snapshot.compartment(*patient, query.kind, view.withheld(), 0, FEW + 1)?);
            if rids.len() > FEW {
                return Ok(None);
            }
        }
        rids.sort_unstable();
        rids.dedup();
        let mut places = Vec::with_capacity(rids.len());
        for stored in reader.get_all(&rids)?.iter().filter(|stored| !stored.deleted) {
            let extracted = examine(view, &query.defined, stored)?;
            if query.admits(stored, &extracted)? {
                places.push(Place::of(&extracted, stored.rid, &query.sort));
            }
        }
        Ok(Some(page_of(query, places, after)))
    }

    /// A search by `_id` asks the store for those ids and the filter for everything else.
    fn by_id(&self, view: &View, query: &Query, after: Option<&Place>) -> Result<Option<Chosen>, Error> {
        let named = query.clauses.iter().find_map(|clause| match (clause.field, &clause.test) {
            (Field::Id, Test::Any(wanted)) => Some(wanted),
            _ => None,
        });
        let Some(named) = named else { return Ok(None) };
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let mut places: Vec<Place> = Vec::new();
        for wanted in named {
            let Wanted::Id(id) = wanted else { continue };
            let Some(rid) = snapshot.rid(query.kind, id)? else { continue };
            let Some(stored) = reader.get(rid)?.filter(|stored| !stored.deleted) else { continue };
            let extracted = examine(view, &query.defined, &stored)?;
            if query.admits(&stored, &extracted)? {
                places.push(Place::of(&extracted, rid, &query.sort));
            }
        }
        Ok(Some(page_of(query, places, after)))
    }

    /// Candidates for an order that the index has no column for: they are few, or the search is refused.
    fn sorted(&self, view: &View, query: &Query) -> Result<Vec<Place>, Error> {
        let wanted =
            index::Query { kind: query.kind, clauses: &query.clauses, sort: &[], after: None, limit: MAX_CHECKED };
        let found = self.index.find(view, &wanted)?;
        if found.total > MAX_CHECKED as u64 {
            return Err(Error::TooCostly(query.kind));
        }
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let mut places = Vec::with_capacity(found.places.len());
        for place in found.places {
            let Some(stored) = reader.get(place.rid)?.filter(|stored| !stored.deleted) else { continue };
            let extracted = examine(view, &query.defined, &stored)?;
            if query.admits(&stored, &extracted)? {
                places.push(Place::of(&extracted, place.rid, &query.sort));
            }
        }
        Ok(places)
    }

    /// The most common search, everything of one type that one patient has, is an ordered range of the store.
    fn in_compartment(&self, view: &View, query: &Query, after: Option<&Place>) -> Result<Option<Chosen>, Error> {
        let Reach::Patients([patient]) = view.reach() else { return Ok(None) };
        let plain = query.kind.is_personal() && query.sort.is_empty() && query.words.is_empty();
        if !plain || view.permit(query.kind, Operation::Search) != Some(Permit::All) {
            return Ok(None);
        }
        if !query.clauses.iter().all(|clause| names_patient(query, clause, patient)) {
            return Ok(None);
        }
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let [patient] = reader.patients() else { return Ok(None) };
        let list = |from, limit| snapshot.compartment(*patient, query.kind, view.withheld(), from, limit);
        // The first page counts: it walks a range of keys and reads no record. Later pages know the total.
        let (from, limit) = after.map_or((0, MAX_CHECKED), |place| (place.rid, query.count + 1));
        let rids = list(from, limit)?;
        let total = (after.is_none() && rids.len() < MAX_CHECKED).then_some(rids.len() as u64);
        let more = rids.len() > query.count && query.count > 0;
        let places = rids.into_iter().take(query.count).map(|rid| Place { keys: Vec::new(), rid }).collect();
        Ok(Some(Chosen { places, more, total }))
    }
}

/// The page of an order that begins after a place.
fn page_of(query: &Query, mut places: Vec<Place>, after: Option<&Place>) -> Chosen {
    places.sort_by(|left, right| left.compare(right, &query.sort));
    places.dedup();
    let total = Some(places.len() as u64);
    places.retain(|place| after.is_none_or(|after| after.compare(place, &query.sort).is_lt()));
    let more = places.len() > query.count && query.count > 0;
    places.truncate(query.count);
    Chosen { places, more, total }
}

/// True for `patient=…` (or `_id` on Patient) that names exactly the one patient of the View.
fn names_patient(query: &Query, clause: &crate::fhir::filter::Clause, patient: &str) -> bool {
    let Test::Any(wanted) = &clause.test else { return false };
    match clause.field {
        Field::Id => {
            query.kind == crate::fhir::Kind::PATIENT
                && matches!(wanted.as_slice(), [Wanted::Id(id)] if **id == *patient)
        }
        Field::Updated | Field::Contained => false,
        Field::Parameter(number) => {
            let decides = match query.kind.compartment() {
                [only] => *only == usize::from(number),
                _ => false,
            };
            let is_patient =
                standard_parameter(number).is_some_and(|p| matches!(&*p.code, "patient" | "subject" | "beneficiary"));
            (decides || is_patient && query.kind.compartment().len() == 1)
                && matches!(wanted.as_slice(), [Wanted::Reference { kind, id }]
                    if **id == *patient && kind.is_none_or(|kind| kind == crate::fhir::Kind::PATIENT))
        }
    }
}

/// The query without paging and in one order, so that a cursor fits any spelling of it.
fn normal(query: &Query) -> String {
    let mut parts: Vec<String> =
        query.used.iter().filter(|(key, _)| key != "_count").map(|(key, value)| format!("{key}={value}")).collect();
    parts.sort_unstable();
    parts.join("&")
}
