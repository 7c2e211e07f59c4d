//! Resources into the store, a few thousand in one transaction.

use std::collections::HashMap;

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::fhir::Prepared;
use crate::load::fhir::Place;
use crate::load::report::{Ledger, Rule};
use crate::load::{Error, Format, Target};
use crate::store::{self, Outcome, Store, Txn};

/// Resources in one transaction.
const GROUP: usize = 2_000;

/// Collects resources and commits them in groups.
pub(super) struct Keeper<'a> {
    target: &'a Target<'a>,
    dry_run: bool,
    group: Vec<Prepared>,
    /// Type and id of everything seen in this run, and its content.
    seen: HashMap<u64, u64>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(target: &'a Target<'a>, dry_run: bool) -> Self {
        Self { target, dry_run, group: Vec::with_capacity(GROUP), seen: HashMap::new() }
    }

    pub(super) fn add(&mut self, place: Place, prepared: Prepared, ledger: &mut Ledger) -> Result<(), Error> {
        let content = prepared.hash as u64;
        match self.seen.insert(key(&prepared), content) {
            // The same text again: nothing to do, and nothing wrong.
            Some(before) if before == content => {
                ledger.kept(Format::Fhir, false);
                return Ok(());
            }
            Some(before) => {
                self.seen.insert(key(&prepared), before);
                let kind = prepared.kind.name();
                let reason = format!("the run already had a {kind} with this id and other content; the first was kept");
                let (rule, reject) = place.reject(Rule::Duplicate, reason);
                return ledger.reject(rule, &reject);
            }
            None => {}
        }
        self.group.push(prepared);
        if self.group.len() >= GROUP { self.flush(ledger) } else { Ok(()) }
    }

    pub(super) fn flush(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(GROUP));
        let now = self.target.now;
        let outcomes = write(self.target.store, self.dry_run, move |txn| put_all(txn, &group, now))?;
        for outcome in outcomes {
            ledger.kept(Format::Fhir, outcome != Outcome::Unchanged);
        }
        Ok(())
    }
}

pub(super) fn put_all(txn: &mut Txn<'_>, group: &[Prepared], now: Timestamp) -> Result<Vec<Outcome>, store::Error> {
    group.iter().map(|prepared| Ok(txn.put_resource(prepared, now, None)?.outcome)).collect()
}

fn key(prepared: &Prepared) -> u64 {
    let mut text = prepared.kind.number().to_be_bytes().to_vec();
    text.extend_from_slice(prepared.id.as_bytes());
    xxh3_64(&text)
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
