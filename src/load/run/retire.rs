//! Retires resources of the directory and the drug list that have lost their basis, as new versions that can be taken
//! back.
//!
//! The store has no index of references that a load could ask, so the types in question are read once, a few thousand
//! at a time, and only in a run that has a reason to. Only numbers of eight bytes are remembered.
//!
//! | table | key | value |
//! |---|---|---|
//! | `load.retire` | `begun` | nothing; present from the start of a run that may deactivate providers until it has retired their resources |

use std::ops::ControlFlow;

use super::commit::{as_ended, write};
use super::departed::{Providers, TIED};
use crate::access::{Operation, View};
use crate::fhir::Kind;
use crate::load::{Error, Stop, Target};
use crate::store::{self, Snapshot, Stored, Table};

const RETIRE: Table = Table::new("load.retire");
const BEGUN: &[u8] = b"begun";
/// Resources read at a time.
const STEP: usize = 2_000;
/// Resources in one transaction.
const GROUP: usize = 1_000;

/// Records that resources of deactivated providers are not settled from here on. Returns true if an earlier run left
/// this mark: it was killed, and the providers it deactivated look unchanged to this run.
pub(super) fn begin(target: &Target<'_>) -> Result<bool, Error> {
    let was_begun = target.store.snapshot()?.get(RETIRE, BEGUN)?.is_some();
    if !was_begun {
        target.store.transact_blocking(|txn| txn.put(RETIRE, BEGUN, Vec::new())).map_err(Error::Store)?;
    }
    Ok(was_begun)
}

/// Removes the mark of [`begin`].
pub(super) fn settled(target: &Target<'_>) -> Result<(), Error> {
    let forgotten: Result<(), store::Error> = target.store.transact_blocking(|txn| txn.delete(RETIRE, BEGUN));
    Ok(forgotten?)
}

/// Retires the resources of deactivated providers: roles and video services of a person; roles, affiliations, services
/// and locations of an organization.
pub(super) fn with_departed(target: &Target<'_>, gone: &Providers, stop: &Stop) -> Result<(), Error> {
    if gone.is_empty() {
        return Ok(());
    }
    let kinds = if gone.has_organizations() { &TIED[..] } else { &TIED[..2] };
    let mut found = Vec::new();
    for kind in kinds {
        each(target, Kind::named(kind), stop, &mut |stored| {
            if gone.have(&stored.id, &stored.body) {
                found.push(stored.rid);
            }
        })?;
    }
    end(target, &found)?;
    Ok(())
}

/// Passes every current resource of a type to `look`.
pub(super) fn each(target: &Target<'_>, kind: Kind, stop: &Stop, look: &mut dyn FnMut(&Stored)) -> Result<(), Error> {
    each_while(target, kind, stop, &mut |stored| {
        look(stored);
        ControlFlow::Continue(())
    })
}

/// Passes resources of a type to `look` until it has seen enough.
pub(super) fn each_while(
    target: &Target<'_>,
    kind: Kind,
    stop: &Stop,
    look: &mut dyn FnMut(&Stored) -> ControlFlow<()>,
) -> Result<(), Error> {
    let snapshot = target.store.snapshot()?;
    let view = View::operator(target.now);
    let mut from = Vec::new();
    loop {
        stop.check()?;
        let (mut rids, next) = snapshot.step_of(kind, &from, STEP)?;
        // In the order in which they lie on disk.
        rids.sort_unstable();
        if read(&snapshot, &view, &rids)?.iter().try_for_each(&mut *look).is_break() {
            return Ok(());
        }
        match next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

fn read(snapshot: &Snapshot, view: &View, rids: &[u64]) -> Result<Vec<Stored>, Error> {
    let reader = snapshot.reader(view, Operation::Read)?;
    Ok(reader.get_all(rids)?.into_iter().filter(|stored| !stored.deleted).collect())
}

/// Retires resources; returns how many were not retired yet.
pub(super) fn end(target: &Target<'_>, rids: &[u64]) -> Result<u64, Error> {
    let snapshot = target.store.snapshot()?;
    let (view, now) = (View::operator(target.now), target.now);
    let mut count = 0;
    for rids in rids.chunks(GROUP) {
        let mut ended = Vec::with_capacity(rids.len());
        for stored in read(&snapshot, &view, rids)? {
            ended.extend(as_ended(&stored.body)?);
        }
        count += ended.len() as u64;
        write(target.store, false, move |txn| {
            for prepared in &ended {
                // The resource may have changed since it was read; the current version is the one to retire.
                txn.put_merged(prepared, now, as_ended)?;
            }
            Ok(())
        })?;
    }
    Ok(count)
}
