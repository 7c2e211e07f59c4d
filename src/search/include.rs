//! `_include` and `_revinclude`: resources that accompany the matches. Each candidate passes the View like a match
//! does, so a reference to another member's resource brings nothing.

use std::collections::HashSet;

use super::follow::references;
use super::query::{Include, Query};
use super::{Error, MAX_INCLUDED, MAX_ITERATE, MAX_PAGE_BYTES};
use crate::access::{Operation, View};
use crate::fhir::definitions::{SearchParameters, Targets};
use crate::fhir::filter::{Clause, Field, Test, Wanted};
use crate::fhir::{Form, Kind};
use crate::index::{self, Index};
use crate::store::{Reader, Snapshot, Stored};

/// Follows the query's includes from its matches. The second part is true if there was more than a page may hold.
/// `seen` holds the numbers of the matches and then of everything included.
pub(super) fn gather(
    snapshot: &Snapshot,
    index: &Index,
    view: &View,
    query: &Query,
    matches: &[Stored],
    seen: &mut HashSet<u64>,
) -> Result<(Vec<Stored>, bool), Error> {
    let reader = snapshot.reader(view, Operation::Read)?;
    let defined = &query.defined;
    let mut gathering =
        Gathering { snapshot, index, view, defined, reader, seen, found: Vec::new(), left: MAX_PAGE_BYTES };
    gathering.round(&query.includes, matches)?;
    let again: Vec<Include> = query.includes.iter().filter(|include| include.iterate).cloned().collect();
    let mut from = 0;
    for _ in 0..MAX_ITERATE {
        let fresh: Vec<Stored> = gathering.found.get(from..).unwrap_or_default().to_vec();
        if again.is_empty() || fresh.is_empty() {
            break;
        }
        from = gathering.found.len();
        gathering.round(&again, &fresh)?;
    }
    let cut = gathering.is_full();
    Ok((gathering.found, cut))
}

struct Gathering<'g> {
    snapshot: &'g Snapshot,
    index: &'g Index,
    view: &'g View,
    defined: &'g SearchParameters,
    reader: Reader<'g>,
    seen: &'g mut HashSet<u64>,
    found: Vec<Stored>,
    /// Bytes of the page that are left.
    left: usize,
}

impl Gathering<'_> {
    fn round(&mut self, includes: &[Include], from: &[Stored]) -> Result<(), Error> {
        for stored in from {
            for include in includes.iter().filter(|include| !include.reverse && include.source == stored.kind) {
                self.forward(include, stored)?;
            }
        }
        for include in includes.iter().filter(|include| include.reverse) {
            self.backward(include, from)?;
        }
        Ok(())
    }

    fn forward(&mut self, include: &Include, from: &Stored) -> Result<(), Error> {
        let refers = self.defined.of(from.kind).filter(|(_, parameter)| parameter.form == Form::Reference);
        let refers = refers.map(|(number, _)| number);
        let numbers = refers.filter(|number| include.parameter.is_none_or(|parameter| parameter == *number));
        for number in numbers {
            for (kind, id) in references(self.snapshot, self.defined, from, number)?.iter() {
                if include.target.is_none_or(|target| target == *kind) {
                    self.take(*kind, id)?;
                }
            }
        }
        Ok(())
    }

    fn backward(&mut self, include: &Include, from: &[Stored]) -> Result<(), Error> {
        let wanted: Vec<Wanted> = from
            .iter()
            .filter(|stored| include.target.is_none_or(|target| target == stored.kind))
            .map(|stored| Wanted::Reference { kind: Some(stored.kind), id: stored.id.as_str().into() })
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let may_point = |targets: &Targets| match targets {
            Targets::Any => true,
            Targets::These(kinds) => from.iter().any(|stored| kinds.contains(&stored.kind)),
        };
        let refers = self.defined.of(include.source).filter(|(number, parameter)| match include.parameter {
            Some(only) => only == *number,
            None => parameter.form == Form::Reference && may_point(&parameter.targets),
        });
        for (number, _) in refers {
            let clauses = [Clause { field: Field::Parameter(number), test: Test::Any(wanted.clone()) }];
            let query =
                index::Query { kind: include.source, clauses: &clauses, sort: &[], after: None, limit: MAX_INCLUDED };
            for place in self.index.find(self.view, &query)?.places {
                self.keep(place.rid)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: Kind, id: &str) -> Result<(), Error> {
        match self.snapshot.rid(kind, id)? {
            Some(rid) => self.keep(rid),
            None => Ok(()),
        }
    }

    fn keep(&mut self, rid: u64) -> Result<(), Error> {
        if self.is_full() || !self.seen.insert(rid) {
            return Ok(());
        }
        if let Some(stored) = self.reader.get(rid)?.filter(|stored| !stored.deleted) {
            self.left = self.left.saturating_sub(stored.body.len());
            self.found.push(stored);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.found.len() >= MAX_INCLUDED || self.left == 0
    }
}
