//! Contained resources (FHIR R4, search, 3.1.1.5.6): `_contained`, `_containedType`, and chains that lead into them.
//!
//! The index knows only which types a resource contains, so every resource with that type is read and the filter checks
//! its contained resources, up to the limit that every such search has. A View shows a contained resource together with
//! its container, and only to callers who may search both types.

use std::collections::HashSet;

use super::cursor::Binding;
use super::follow::parse;
use super::page::{Page, Searched, cut_down};
use super::query::{Inside, Query, Total};
use super::{Error, MAX_CHECKED};
use crate::access::{CHECK, Operation, Permit, View};
use crate::fhir::definitions::SearchParameters;
use crate::fhir::filter::{Clause, Field, Test, Wanted};
use crate::fhir::json::Node;
use crate::fhir::{self, Extracted, Kind};
use crate::index::{self, Key, Place};
use crate::store::{self, Stored};

/// A match: a resource, or the n-th of its contained resources.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    place: Place,
    inner: Option<usize>,
}

impl Spot {
    fn compare(&self, other: &Self, query: &Query) -> std::cmp::Ordering {
        self.place.compare(&other.place, &query.sort).then(self.inner.cmp(&other.inner))
    }

    /// The form that a cursor holds: the contained resource's position is one more key.
    fn sealed(&self) -> Place {
        let mut place = self.place.clone();
        place.keys.push(self.inner.map_or(Key::Missing, |at| Key::Time(at as i64)));
        place
    }

    fn opened(mut place: Place) -> Option<Self> {
        let inner = match place.keys.pop()? {
            Key::Missing => None,
            Key::Time(at) => Some(usize::try_from(at).ok()?),
            Key::Number(_) | Key::Text(_) => return None,
        };
        Some(Self { place, inner })
    }
}

impl Searched<'_> {
    /// A page of a search for contained resources. The query's links are resolved; `opened` is the content of its
    /// cursor: a place, and the total that the first page counted.
    pub(super) fn page_inside(
        &self,
        view: &View,
        query: &Query,
        inside: Inside,
        opened: Option<(Place, Option<u64>)>,
        binding: Binding<'_>,
    ) -> Result<Page, Error> {
        let (after, counted) = match opened {
            Some((place, total)) => (Some(Spot::opened(place).ok_or(Error::Cursor)?), Some(total.unwrap_or(0))),
            None => (None, None),
        };
        let mut spots = self.found_inside(view, query, inside.inner)?;
        if inside.both {
            let mut own = query.clone();
            own.count = MAX_CHECKED;
            let chosen = self.choose(view, &own, None)?;
            if chosen.more {
                return Err(Error::TooCostly(query.kind));
            }
            spots.extend(chosen.places.into_iter().map(|place| Spot { place, inner: None }));
        }
        spots.sort_by(|left, right| left.compare(right, query));
        // A container with several matches takes its first place in the order.
        let mut seen = HashSet::new();
        spots.retain(|spot| seen.insert((spot.place.rid, spot.inner)));
        let total = Some(counted.unwrap_or(spots.len() as u64)).filter(|_| query.total != Total::None);
        spots.retain(|spot| after.as_ref().is_none_or(|after| after.compare(spot, query).is_lt()));
        let more = spots.len() > query.count && query.count > 0;
        spots.truncate(query.count);
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let mut matches = Vec::with_capacity(spots.len());
        for spot in &spots {
            let Some(stored) = reader.get(spot.place.rid)?.filter(|stored| !stored.deleted) else { continue };
            matches.extend(match spot.inner {
                Some(at) => fhir::contained(&parse(&stored)?).nth(at).map(|(_, inner)| taken_out(&stored, inner)),
                None => Some(stored),
            });
        }
        let next =
            spots.last().filter(|_| more).map(|last| self.cursors.seal(&last.sealed(), total, binding, self.now));
        let (mut included, cut) = self.included(&snapshot, view, query, &matches)?;
        if let Some(subset) = &query.subset {
            cut_down(subset, matches.iter_mut().chain(&mut included))?;
        }
        Ok(Page { matches, included, total, next, cut })
    }

    /// The places of matches among the contained resources of any type: their own (`inner`), or the places of their
    /// containers.
    fn found_inside(&self, view: &View, query: &Query, inner: bool) -> Result<Vec<Spot>, Error> {
        let Some(permit) = view.permit(query.kind, Operation::Search) else { return Ok(Vec::new()) };
        let mut spots = Vec::new();
        let mut left = MAX_CHECKED;
        for holder in Kind::all() {
            let mut take = |stored: &Stored, node: &Node<'_>| {
                for (at, (kind, part)) in fhir::contained(node).enumerate() {
                    let extracted = of_part(&query.defined, kind, part, stored);
                    let fits = kind == query.kind && permits(&permit, &extracted);
                    if fits && query.admits(&taken_out(stored, part), &extracted)? {
                        let place = Place::of(&extracted, stored.rid, &query.sort);
                        spots.push(Spot { place, inner: inner.then_some(at) });
                    }
                }
                Ok(())
            };
            left = self.each_holder(view, (holder, &[]), query.kind, left, &mut take)?;
        }
        Ok(spots)
    }

    /// The resources of a query whose reference leads to a contained resource of theirs that one of `targets` finds.
    pub(super) fn holders(
        &self,
        view: &View,
        query: &Query,
        number: u16,
        targets: &[Query],
    ) -> Result<Vec<Wanted>, Error> {
        let Some(parameter) = query.defined.numbered(query.kind, number) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut left = MAX_CHECKED;
        for target in targets {
            let Some(permit) = view.permit(target.kind, Operation::Search) else { continue };
            let target = self.resolved(view, target)?;
            let mut take = |stored: &Stored, node: &Node<'_>| {
                let named = fhir::refers_inside(parameter, node);
                for (kind, part) in fhir::contained(node) {
                    let is_named = part.text_of("id").is_some_and(|id| named.contains(&id));
                    if kind != target.kind || !is_named {
                        continue;
                    }
                    let extracted = of_part(&query.defined, kind, part, stored);
                    if permits(&permit, &extracted) && target.admits(&taken_out(stored, part), &extracted)? {
                        found.push(Wanted::Itself { rid: stored.rid, id: stored.id.as_str().into() });
                        break;
                    }
                }
                Ok(())
            };
            left = self.each_holder(view, (query.kind, &query.clauses), target.kind, left, &mut take)?;
        }
        Ok(found)
    }

    /// Reads every resource of a type, within the View and some conditions, that contains one of type `inside`. Returns
    /// how many more may be read.
    fn each_holder(
        &self,
        view: &View,
        (kind, clauses): (Kind, &[Clause]),
        inside: Kind,
        left: usize,
        take: &mut dyn FnMut(&Stored, &Node<'_>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        if view.permit(kind, Operation::Search).is_none() || !self.index.may_contain(kind, inside)? {
            return Ok(left);
        }
        let mut all = clauses.to_vec();
        all.push(Clause { field: Field::Contained, test: Test::Any(vec![Wanted::Kind(inside)]) });
        let wanted = index::Query { kind, clauses: &all, sort: &[], after: None, limit: left };
        let found = self.index.find(view, &wanted)?;
        let left = usize::try_from(found.total).ok().and_then(|total| left.checked_sub(total));
        let left = left.ok_or(Error::TooCostly(kind))?;
        if found.places.is_empty() {
            return Ok(left);
        }
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        for place in &found.places {
            if let Some(stored) = reader.get(place.rid)?.filter(|stored| !stored.deleted) {
                view.spend(CHECK).map_err(store::Error::from)?;
                take(&stored, &parse(&stored)?)?;
            }
        }
        Ok(left)
    }
}

fn permits(permit: &Permit, extracted: &Extracted) -> bool {
    match permit {
        Permit::All => true,
        Permit::Only(sets) => sets.iter().any(|clauses| clauses.iter().all(|clause| clause.matches(extracted))),
    }
}

/// The search values of a contained resource; it is as old as its container.
fn of_part(defined: &SearchParameters, kind: Kind, part: &Node<'_>, stored: &Stored) -> Extracted {
    let mut extracted = fhir::extract(kind, part.text_of("id").unwrap_or_default(), part);
    fhir::extract_own(defined, part, &mut extracted);
    extracted.updated = stored.updated;
    extracted
}

/// A contained resource as an answer names it: by the container's address, `#` and its own id.
fn taken_out(stored: &Stored, part: &Node<'_>) -> Stored {
    let id = format!("{}#{}", stored.id, part.text_of("id").unwrap_or_default());
    stored.with(id, part.to_string().into())
}
