//! Keeps the index in step with the store: every commit is handed over before it is answered, and at start the index
//! catches up with the store from its own checkpoint.

use std::sync::Arc;

use jiff::Timestamp;

use super::Error;
use crate::access::{CHECK, Operation, View};
use crate::fhir::definitions::SearchParameters;
use crate::index::{self, Index};
use crate::store::{ChangeKind, Snapshot, Store};
use crate::{fhir, store};

/// Changes read at a time while catching up.
const STEP: usize = 1_000;

/// Brings the index up to date with the store from `checkpoint`, and returns how many changes that took.
pub fn catch_up(store: &Store, index: &Index, checkpoint: u64, now: Timestamp) -> Result<usize, Error> {
    let mut seq = checkpoint;
    let mut taken = 0;
    loop {
        let snapshot = store.snapshot()?;
        let (last, rids) = snapshot.changed_since(seq, STEP)?;
        if rids.is_empty() {
            return Ok(taken);
        }
        let view = View::operator(now);
        let defined = store.definitions().now();
        let reader = snapshot.reader(&view, Operation::Read)?;
        let mut changes = Vec::with_capacity(rids.len());
        for rid in &rids {
            // The current version covers every change up to it: reading it early makes no difference in the end.
            let Some(stored) = reader.get(*rid)? else { continue };
            let extracted = if stored.deleted { None } else { Some(Arc::new(extract(&defined, &stored)?)) };
            changes.push(index::Change { seq: last, rid: *rid, kind: stored.kind, fresh: false, extracted });
        }
        taken += rids.len();
        index.apply(changes);
        seq = last;
    }
}

/// Hands every later commit of the store to the index.
pub fn follow(store: &Store, index: &Index) {
    let index = index.clone();
    store.follow(Box::new(move |changes| {
        index.apply(
            changes
                .iter()
                .map(|change| index::Change {
                    seq: change.seq,
                    rid: change.rid,
                    kind: change.resource,
                    fresh: change.kind == ChangeKind::Created,
                    extracted: change.extracted.clone(),
                })
                .collect(),
        );
    }));
}

/// A stored version as a tree. It was validated when it was written.
pub(super) fn parse(stored: &store::Stored) -> Result<fhir::json::Node<'_>, Error> {
    let damaged = |_| store::Error::Corrupted(format!("{}/{}", stored.kind, stored.rid));
    Ok(fhir::json::parse(&stored.body).map_err(damaged)?)
}

/// The search values of a stored version, for the filter; this uses effort of the View.
pub(super) fn examine(
    view: &View,
    defined: &SearchParameters,
    stored: &store::Stored,
) -> Result<fhir::Extracted, Error> {
    view.spend(CHECK).map_err(store::Error::from)?;
    extract(defined, stored)
}

/// The search values of a stored version, with its time.
pub(super) fn extract(defined: &SearchParameters, stored: &store::Stored) -> Result<fhir::Extracted, Error> {
    let tree = parse(stored)?;
    let mut extracted = fhir::extract(stored.kind, &stored.id, &tree);
    fhir::extract_own(defined, &tree, &mut extracted);
    extracted.updated = stored.updated;
    // What the record says counts, until changed rules have derived it again.
    extracted.categories = stored.categories();
    Ok(extracted)
}

/// The resources of this server that a stored version refers to by one parameter.
pub(super) fn references(
    snapshot: &Snapshot,
    defined: &SearchParameters,
    stored: &store::Stored,
    number: u16,
) -> Result<store::References, Error> {
    let parameter = defined.numbered(stored.kind, number);
    let find = || {
        let tree = parse(stored)?;
        let local = |value| match value {
            fhir::Value::Reference { base, kind, id } if base.is_empty() => Some((kind, id)),
            _ => None,
        };
        let values = parameter.map(|parameter| fhir::extract_one(number, parameter, &tree));
        Ok(values.into_iter().flatten().filter_map(local).collect())
    };
    // The plan's own parameters can be redefined; the values of standard parameters in a version never change.
    if stored.kind.standard().any(|(standard, _)| standard == number) {
        snapshot.references(stored, number, find)
    } else {
        find().map(Into::into)
    }
}
