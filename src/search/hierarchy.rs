//! `:below` and `:above` of references to hierarchies: organizations, locations, encounters (FHIR R4, search,
//! 3.1.1.4.12). `location:below=hospital` finds resources that refer to the hospital or to any part of it, at any
//! depth.
//!
//! The hierarchy is read within the View, level by level, so a hidden part makes no difference; the result is a plain
//! condition. A cycle ends where it began.

use std::collections::HashSet;

use super::follow::references;
use super::links::{Link, Reading};
use super::page::Searched;
use super::query::Query;
use super::{Error, MAX_LINKED};
use crate::access::View;
use crate::fhir::definitions::{SearchParameters, Targets};
use crate::fhir::filter::{Clause, Field, Test, Wanted};
use crate::fhir::reference::{self, Reference, is_id};
use crate::fhir::terminology::Way;
use crate::fhir::{Form, Kind};
use crate::store::Found;

/// Levels of the hierarchy.
const MAX_LEVELS: usize = 16;
/// References in one parameter.
const MAX_NAMED: usize = 20;

/// The parameter for the parent of a resource, if its type forms a hierarchy.
fn part_of(kind: Kind) -> Option<u16> {
    let is_part = |targets: &Targets| matches!(targets, Targets::These(kinds) if kinds.contains(&kind));
    let found = kind.standard().find(|(_, parameter)| matches!(&*parameter.code, "partof" | "part-of"));
    found.filter(|(_, parameter)| is_part(&parameter.targets)).map(|(number, _)| number)
}

impl Reading<'_> {
    /// Reads `reference:below` or `reference:above` with references to resources; nothing for other parameters with
    /// these modifiers, such as a canonical reference or a code.
    pub(super) fn parts(&self, of: &Query, key: &str, value: &str) -> Result<Option<Link>, Error> {
        let Some((name, modifier)) = key.split_once(':') else { return Ok(None) };
        let way = match modifier {
            "below" => Way::Below,
            "above" => Way::Above,
            _ => return Ok(None),
        };
        let found = of.defined.named(of.kind, name).filter(|(_, parameter)| parameter.form == Form::Reference);
        let Some((number, parameter)) = found else { return Ok(None) };
        let kinds: Vec<Kind> = match &parameter.targets {
            Targets::These(kinds) => kinds.iter().copied().filter(|kind| part_of(*kind).is_some()).collect(),
            Targets::Any => Vec::new(),
        };
        let mut roots = Vec::new();
        for text in value.split(',') {
            match reference::parse(text) {
                Reference::Resource { base, kind, id, .. }
                    if (base.is_empty() || base == self.base) && kinds.contains(&kind) =>
                {
                    roots.push((kind, id.into()));
                }
                Reference::Other(id) if is_id(id) && !kinds.is_empty() => {
                    roots.extend(kinds.iter().map(|kind| (*kind, id.into())));
                }
                _ => return Ok(None),
            }
        }
        if roots.len() > MAX_NAMED {
            return Err(Error::Limit { name: "':above' and ':below'", limit: "at most 20 references" });
        }
        Ok(Some(Link::Parts { number, roots, way }))
    }
}

impl Searched<'_> {
    /// The named resources with everything below or above them.
    pub(super) fn with_parts(&self, view: &View, roots: &[(Kind, Box<str>)], way: Way) -> Result<Vec<Wanted>, Error> {
        let mut seen: HashSet<(Kind, Box<str>)> = HashSet::new();
        let mut last: Vec<(Kind, Box<str>)> =
            roots.iter().filter(|root| seen.insert((*root).clone())).cloned().collect();
        for _ in 0..MAX_LEVELS {
            let mut next = Vec::new();
            for kind in Kind::all().filter(|kind| last.iter().any(|(of, _)| of == kind)) {
                let Some(number) = part_of(kind) else { continue };
                let ids: Vec<&str> = last.iter().filter(|(of, _)| *of == kind).map(|(_, id)| &**id).collect();
                next.extend(match way {
                    Way::Below => self.right_below(view, kind, number, &ids)?,
                    Way::Above => self.right_above(view, kind, number, &ids)?,
                });
            }
            next.retain(|found| seen.insert(found.clone()));
            if seen.len() > MAX_LINKED {
                return Err(Error::TooCostly(next.first().map_or(Kind::PATIENT, |(kind, _)| *kind)));
            }
            if next.is_empty() {
                break;
            }
            last = next;
        }
        Ok(seen.into_iter().map(|(kind, id)| Wanted::Reference { kind: Some(kind), id }).collect())
    }

    fn right_below(&self, view: &View, kind: Kind, number: u16, ids: &[&str]) -> Result<Vec<(Kind, Box<str>)>, Error> {
        let wanted = ids.iter().map(|id| Wanted::Reference { kind: Some(kind), id: (*id).into() }).collect();
        let mut query = Query::of(kind, Clause { field: Field::Parameter(number), test: Test::Any(wanted) });
        query.count = MAX_LINKED;
        Ok(self.identities(view, &query)?.into_iter().map(|id| (kind, id)).collect())
    }

    fn right_above(&self, view: &View, kind: Kind, number: u16, ids: &[&str]) -> Result<Vec<(Kind, Box<str>)>, Error> {
        let snapshot = self.store.snapshot()?;
        let mut out = Vec::new();
        for id in ids {
            if let Found::Here(stored) = snapshot.read(view, kind, id)? {
                out.extend(
                    references(&snapshot, &SearchParameters::TABLES, &stored, number)?
                        .iter()
                        .filter(|(to, _)| *to == kind)
                        .cloned(),
                );
            }
        }
        Ok(out)
    }
}
