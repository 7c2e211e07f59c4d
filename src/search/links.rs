//! Chains (`patient.name=…`) and reverse chains (`_has:Observation:patient:code=…`): conditions on another resource
//! (FHIR R4, search, 3.1.1.5.4 and 3.1.1.5.5). Each is a search of its own inside the same View, and its result becomes
//! a plain condition of the outer search: so hidden resources make no difference, and the filter stays the judge.

use std::borrow::Cow;

use jiff::Timestamp;

use super::follow::references;
use super::page::Searched;
use super::query::Query;
use super::{Error, MAX_LINKED, MAX_LINKS_DEEP};
use crate::access::{Operation, View};
use crate::fhir::definitions::Targets;
use crate::fhir::filter::{Clause, Field, Test, Wanted};
use crate::fhir::json::{self, Node};
use crate::fhir::reference::{self, Reference, is_id};
use crate::fhir::terminology::Way;
use crate::fhir::{Form, Kind};
use crate::store::Found;

/// A condition on another resource.
#[derive(Clone, Debug)]
pub enum Link {
    /// The reference points to a resource that one of these finds: one search per type that it may point to.
    To {
        /// The reference parameter.
        number: u16,
        /// The searches for its targets.
        targets: Vec<Query>,
    },
    /// A resource that this search finds points here.
    From {
        /// The search for the resources that point here.
        source: Box<Query>,
        /// The reference parameter of their type.
        number: u16,
    },
    /// The reference points to one of these or to their parts (`:below`), or to their parents (`:above`).
    Parts {
        /// The reference parameter.
        number: u16,
        /// The named resources.
        roots: Vec<(Kind, Box<str>)>,
        /// Down or up.
        way: Way,
    },
    /// The resource is listed in this List (`_list`).
    Listed {
        /// The List.
        id: String,
    },
}

/// A chained name, before its inner search is read.
pub(super) struct Reading<'q> {
    pub(super) now: Timestamp,
    pub(super) base: &'q str,
    /// Links above this one.
    pub(super) depth: usize,
}

fn wrong(name: &'static str, expected: &str) -> Error {
    Error::Result { name, expected: expected.to_owned() }
}

impl Reading<'_> {
    /// Reads `reference[:Type].name` for a search.
    pub(super) fn chain(&self, of: &Query, key: &str, value: &str) -> Result<Link, Error> {
        let unknown = "a chain such as 'patient.name' or 'subject:Patient.name', each part a reference parameter";
        let (head, tail) = key.split_once('.').ok_or_else(|| wrong("chain", unknown))?;
        let (name, named) = head.split_once(':').map_or((head, None), |(name, named)| (name, Some(named)));
        let found = of.defined.named(of.kind, name).filter(|(_, parameter)| parameter.form == Form::Reference);
        let (number, parameter) = found.ok_or_else(|| wrong("chain", unknown))?;
        let kinds: Vec<Kind> = match (named, &parameter.targets) {
            (Some(named), targets) => {
                let kind = Kind::parse(named).ok_or_else(|| wrong("chain", unknown))?;
                let fits = matches!(targets, Targets::Any)
                    || matches!(targets, Targets::These(kinds) if kinds.contains(&kind));
                if !fits {
                    return Err(wrong("chain", "a type that this reference may point to"));
                }
                vec![kind]
            }
            (None, Targets::These(kinds)) => kinds.to_vec(),
            (None, Targets::Any) => {
                return Err(wrong(
                    "chain",
                    "one that names the type, for this reference may point to any, such as 'focus:Patient.name'",
                ));
            }
        };
        let mut targets = Vec::new();
        let mut refused = None;
        for kind in kinds {
            // A type without this parameter cannot match.
            match self.inner(of, kind, (tail, value)) {
                Ok(query) => targets.push(query),
                Err(error) => refused = Some(error),
            }
        }
        match (targets.is_empty(), refused) {
            (true, Some(error)) => Err(error),
            _ => Ok(Link::To { number, targets }),
        }
    }

    /// Reads `_has:Type:reference:name`, where `name` may be a chain or another `_has`.
    pub(super) fn has(&self, of: &Query, key: &str, value: &str) -> Result<Link, Error> {
        let expected =
            "such as '_has:Observation:patient:code', a type, its reference to what is searched, and a condition";
        let mut parts = key.splitn(4, ':').skip(1);
        let (Some(source), Some(reference), Some(tail)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("_has", expected));
        };
        let source = Kind::parse(source).ok_or_else(|| wrong("_has", expected))?;
        let found = of.defined.named(source, reference).filter(|(_, parameter)| parameter.form == Form::Reference);
        let (number, parameter) = found.ok_or_else(|| wrong("_has", expected))?;
        if let Targets::These(kinds) = &parameter.targets
            && !kinds.contains(&of.kind)
        {
            return Err(wrong("_has", "a reference that may point to what is searched"));
        }
        Ok(Link::From { source: Box::new(self.inner(of, source, (tail, value))?), number })
    }

    /// The List that `_list` names.
    pub(super) fn list(value: &str) -> Result<String, Error> {
        let id = value.strip_prefix("List/").unwrap_or(value);
        if is_id(id) { Ok(id.to_owned()) } else { Err(wrong("_list", "the id of a List such as '42'")) }
    }

    fn inner(&self, of: &Query, kind: Kind, (key, value): (&str, &str)) -> Result<Query, Error> {
        if self.depth >= MAX_LINKS_DEEP {
            return Err(Error::Limit { name: "a chain", limit: "at most four links, one behind the other" });
        }
        // A link is a condition on content; result parameters have no meaning there.
        let shapes = key.starts_with('_') && !CONTENT.contains(&key.split([':', '.']).next().unwrap_or(key));
        if shapes {
            return Err(Error::Unsupported { name: key.chars().take(64).collect() });
        }
        let below = Reading { depth: self.depth + 1, ..*self };
        let mut query = of.read_below(kind, (key, value), &below)?;
        query.count = MAX_LINKED;
        Ok(query)
    }
}

/// Parameters of every type that select by content.
const CONTENT: [&str; 7] = ["_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_has"];

impl Searched<'_> {
    /// The query with its links turned into plain conditions.
    pub(super) fn resolved<'q>(&self, view: &View, query: &'q Query) -> Result<Cow<'q, Query>, Error> {
        if query.links.is_empty() {
            return Ok(Cow::Borrowed(query));
        }
        let mut plain = query.clone();
        for link in std::mem::take(&mut plain.links) {
            plain.clauses.push(match &link {
                Link::To { number, targets } => {
                    let mut wanted = self.holders(view, &plain, *number, targets)?;
                    for target in targets {
                        let found = self.identities(view, target)?.into_iter();
                        wanted.extend(found.map(|id| Wanted::Reference { kind: Some(target.kind), id }));
                    }
                    Clause { field: Field::Parameter(*number), test: Test::Any(wanted) }
                }
                Link::Parts { number, roots, way } => {
                    let wanted = self.with_parts(view, roots, *way)?;
                    Clause { field: Field::Parameter(*number), test: Test::Any(wanted) }
                }
                Link::Listed { id } => Clause { field: Field::Id, test: Test::Any(self.listed(view, query.kind, id)?) },
                Link::From { source, number } => {
                    let wanted = self.pointed_to(view, source, *number, query.kind)?;
                    Clause { field: Field::Id, test: Test::Any(wanted) }
                }
            });
        }
        Ok(Cow::Owned(plain))
    }

    /// Ids of the resources that a query finds.
    pub(super) fn identities(&self, view: &View, query: &Query) -> Result<Vec<Box<str>>, Error> {
        let mut ids = Vec::new();
        self.each(view, query, &mut |stored| {
            ids.push(stored.id.as_str().into());
            Ok(())
        })?;
        Ok(ids)
    }

    /// Ids of the resources of `kind` that a List has, except entries marked as deleted.
    fn listed(&self, view: &View, kind: Kind, id: &str) -> Result<Vec<Wanted>, Error> {
        let list = Kind::named("List");
        let snapshot = self.store.snapshot()?;
        let Found::Here(stored) = snapshot.read(view, list, id)? else { return Ok(Vec::new()) };
        let damaged = || crate::store::Error::Corrupted(format!("{list}/{}", stored.rid));
        let node = json::parse(&stored.body).map_err(|_| damaged())?;
        let entries = node.get("entry").map(Node::items).unwrap_or_default();
        let kept = entries.iter().filter(|entry| entry.get("deleted") != Some(&Node::Bool(true)));
        let target = |entry: &Node<'_>| match reference::parse(entry.get("item")?.text_of("reference")?) {
            Reference::Resource { base: "", kind: to, id, .. } if to == kind => Some(Wanted::Id(id.into())),
            _ => None,
        };
        Ok(kept.filter_map(target).take(MAX_LINKED).collect())
    }

    /// Ids of the resources of `kind` that the results of a query point to.
    fn pointed_to(&self, view: &View, query: &Query, number: u16, kind: Kind) -> Result<Vec<Wanted>, Error> {
        let snapshot = self.store.snapshot()?;
        let mut wanted = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.each(view, query, &mut |stored| {
            for (_, id) in references(&snapshot, &query.defined, stored, number)?.iter().filter(|(to, _)| *to == kind) {
                if seen.insert(id.clone()) {
                    wanted.push(Wanted::Id(id.clone()));
                }
            }
            Ok(())
        })?;
        Ok(wanted)
    }

    pub(super) fn each(
        &self,
        view: &View,
        query: &Query,
        take: &mut dyn FnMut(&crate::store::Stored) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if view.permit(query.kind, Operation::Search).is_none() {
            return Ok(());
        }
        let query = self.resolved(view, query)?;
        let chosen = self.choose(view, &query, None)?;
        if chosen.more {
            return Err(Error::TooCostly(query.kind));
        }
        let snapshot = self.store.snapshot()?;
        let reader = snapshot.reader(view, Operation::Search)?;
        let rids: Vec<u64> = chosen.places.iter().map(|place| place.rid).collect();
        reader.get_all(&rids)?.iter().filter(|stored| !stored.deleted).try_for_each(take)
    }
}
