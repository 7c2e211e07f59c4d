//! Resources into the store, a few thousand in one transaction.
//!
//! Where the files hold several versions of a resource, the last one wins. So that running the same files again changes
//! nothing, a record that says what an earlier version said is held back: if a later record of the run is about the
//! same resource, that one decides; if none is, the source has gone back to the earlier content, and so does the store.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::fhir::{Kind, Prepared};
use crate::load::report::Ledger;
use crate::load::{Error, Format, Target};
use crate::store::{self, Outcome, Store, Txn};

/// Resources in one transaction.
const GROUP: usize = 2_000;
/// Records held back at most; more are written as they come.
const HELD: usize = 5_000;

/// Collects resources and commits them in groups.
pub(super) struct Keeper<'a> {
    target: &'a Target<'a>,
    dry_run: bool,
    group: Vec<Prepared>,
    held: HashMap<(Kind, String), Prepared>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(target: &'a Target<'a>, dry_run: bool) -> Self {
        Self { target, dry_run, group: Vec::with_capacity(GROUP), held: HashMap::new() }
    }

    pub(super) fn add(&mut self, prepared: Prepared, ledger: &mut Ledger) -> Result<(), Error> {
        self.group.push(prepared);
        if self.group.len() >= GROUP { self.flush(ledger) } else { Ok(()) }
    }

    pub(super) fn flush(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(GROUP));
        let (now, may_hold) = (self.target.now, self.held.len() < HELD);
        let (group, outcomes) = write(self.target.store, self.dry_run, move |txn| {
            let mut outcomes = Vec::with_capacity(group.len());
            for prepared in &group {
                outcomes.push(if may_hold && txn.was_replaced(prepared)? {
                    None
                } else {
                    Some(txn.put_resource(prepared, now, None)?.outcome)
                });
            }
            Ok((group, outcomes))
        })?;
        for (prepared, outcome) in group.into_iter().zip(outcomes) {
            let key = (prepared.kind, prepared.id.clone());
            let earlier = if outcome.is_some() { self.held.remove(&key) } else { self.held.insert(key, prepared) };
            if earlier.is_some() {
                ledger.kept(Format::Fhir, false);
            }
            if let Some(outcome) = outcome {
                ledger.kept(Format::Fhir, outcome != Outcome::Unchanged);
            }
        }
        Ok(())
    }

    /// Writes the rest, and what was held back to the end.
    pub(super) fn finish(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        self.flush(ledger)?;
        let mut held: Vec<Prepared> = std::mem::take(&mut self.held).into_values().collect();
        held.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        let now = self.target.now;
        while !held.is_empty() {
            let group = held.split_off(held.len().saturating_sub(GROUP));
            for outcome in write(self.target.store, self.dry_run, move |txn| put_all(txn, &group, now))? {
                ledger.kept(Format::Fhir, outcome != Outcome::Unchanged);
            }
        }
        Ok(())
    }
}

pub(super) fn put_all(txn: &mut Txn<'_>, group: &[Prepared], now: Timestamp) -> Result<Vec<Outcome>, store::Error> {
    group.iter().map(|prepared| Ok(txn.put_resource(prepared, now, None)?.outcome)).collect()
}

/// Ends a transaction without keeping it.
enum End<T> {
    Failed(store::Error),
    /// A dry run: everything was done, and is dropped.
    Dry(T),
}

impl<T> From<store::Error> for End<T> {
    fn from(error: store::Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs `work` as one transaction; in a dry run its result is the same and its writes are dropped.
pub(super) fn write<T, F>(store: &Store, dry_run: bool, work: F) -> Result<T, Error>
where
    F: FnOnce(&mut Txn<'_>) -> Result<T, store::Error> + Send + 'static,
    T: Send + 'static,
{
    let outcome = store.transact_blocking(move |txn| {
        let result = work(txn)?;
        if dry_run { Err(End::Dry(result)) } else { Ok(result) }
    });
    match outcome {
        Ok(result) | Err(End::Dry(result)) => Ok(result),
        Err(End::Failed(error)) => Err(error.into()),
    }
}
