//! The plan's own search parameters: from the `SearchParameter` resources of the store to parameters that every index
//! has.
//!
//! A new or changed definition takes part in extraction at once and is added to the indexes in the background; searches
//! can use it as soon as all indexes have it. At start the indexes are compared with the definitions and rebuilt if
//! they differ, so a crash halfway costs only time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::Error;
use super::follow::extract;
use crate::access::{Operation, View};
use crate::fhir::definitions::{self, Own};
use crate::fhir::{Kind, json, search_parameter};
use crate::index::{self, Index};
use crate::store::{self, Store};

/// The type of the definitions.
const DEFINITION: Kind = Kind::named("SearchParameter");
/// Resources that are re-indexed between two commits of others.
const STEP: usize = 500;
/// Resources of one type.
const ALL: usize = usize::MAX;

/// Keeps the definitions in step with the stores.
#[derive(Clone)]
pub struct Definer(Arc<Inner>);

struct Inner {
    targets: Mutex<Vec<(Store, Index)>>,
}

/// Reads what a store defines, before an index is opened that must have it.
pub fn read_definitions(store: &Store, now: Timestamp) -> Result<(), Error> {
    let own = definitions(store, now)?;
    store.definitions().replace(own.into_iter().map(|own| Own { is_ready: true, ..own }).collect());
    Ok(())
}

impl Definer {
    /// Follows the definitions of a store, and keeps the store's [`definitions::Definitions`] in step.
    pub fn start(store: &Store, index: &Index) -> Result<Self, Error> {
        let (wake, woken) = sync_channel(1);
        let inner = Arc::new(Inner { targets: Mutex::new(vec![(store.clone(), index.clone())]) });
        store.follow(Box::new(move |changes| {
            if changes.iter().any(|change| change.resource == DEFINITION) {
                // A wake-up that is already waiting covers this change too.
                match wake.try_send(()) {
                    Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
                }
            }
        }));
        let weak = Arc::downgrade(&inner);
        std::thread::Builder::new()
            .name("definer".into())
            .spawn(move || run(&woken, &weak))
            .map_err(|error| store::Error::Io(error.to_string()))?;
        Ok(Self(inner))
    }

    /// Adds another store and index that were opened with the same definitions: the sandbox follows the plan's.
    pub fn also(&self, store: &Store, index: &Index) {
        self.0.targets.lock().push((store.clone(), index.clone()));
    }
}

fn run(woken: &Receiver<()>, inner: &std::sync::Weak<Inner>) {
    while woken.recv().is_ok() {
        let Some(inner) = inner.upgrade() else { return };
        let targets = inner.targets.lock().clone();
        drop(inner);
        if let Err(error) = refresh(&targets) {
            tracing::error!(%error, "search parameters could not be taken into the index; a restart tries again");
        }
    }
}

fn refresh(targets: &[(Store, Index)]) -> Result<(), Error> {
    let Some((own, _)) = targets.first() else { return Ok(()) };
    let before = own.definitions().now();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut fresh = definitions(own, Timestamp::UNIX_EPOCH)?;
    for own in &mut fresh {
        let mut known = before.own().iter();
        own.is_ready =
            known.any(|known| known.is_ready && known.number == own.number && known.parameter == own.parameter);
        kinds.extend(own.parameter.kind.filter(|_| !own.is_ready));
    }
    kinds.sort_unstable();
    kinds.dedup();
    own.definitions().replace(fresh.clone());
    for (store, index) in targets {
        for kind in &kinds {
            again(store, index, *kind)?;
        }
        index.settle()?;
    }
    own.definitions().replace(fresh.into_iter().map(|own| Own { is_ready: true, ..own }).collect());
    for (_, index) in targets {
        // The stamp of the index reaches the disk with its next commit: now.
        index.settle()?;
    }
    tracing::info!(types = kinds.len(), "search parameters were taken into the index");
    Ok(())
}

/// Re-indexes every resource of a type, a few between the commits of others: a resource that is read there is the
/// newest version that any index was given.
fn again(store: &Store, index: &Index, kind: Kind) -> Result<(), Error> {
    // Whoever reads a resource from here on reads it for the new definitions too; the group that is being written may have
    // been read before.
    let within = store.clone();
    let rids = store.between_commits(move || within.snapshot()?.all_of(kind, ALL))??;
    for some in rids.chunks(STEP) {
        let (within, index, some) = (store.clone(), index.clone(), some.to_vec());
        store.between_commits(move || -> Result<(), Error> {
            let snapshot = within.snapshot()?;
            let view = View::operator(Timestamp::UNIX_EPOCH);
            let reader = snapshot.reader(&view, Operation::Read)?;
            let seq = snapshot.last_seq()?;
            let defined = within.definitions().now();
            let mut changes = Vec::with_capacity(some.len());
            for stored in reader.get_all(&some)?.into_iter().filter(|stored| !stored.deleted) {
                let extracted = Some(Arc::new(extract(&defined, &stored)?));
                changes.push(index::Change { seq, rid: stored.rid, kind, fresh: false, extracted });
            }
            index.apply(changes);
            Ok(())
        })??;
    }
    Ok(())
}

/// The definitions of a store, each with its permanent number: its position among all definitions that ever existed.
fn definitions(store: &Store, now: Timestamp) -> Result<Vec<Own>, Error> {
    let snapshot = store.snapshot()?;
    let mut rids = snapshot.all_of(DEFINITION, definitions::MAX_DEFINED)?;
    rids.sort_unstable();
    let view = View::operator(now);
    let reader = snapshot.reader(&view, Operation::Read)?;
    let mut all: Vec<Own> = Vec::new();
    for (place, rid) in rids.iter().enumerate() {
        let Some(stored) = reader.get(*rid)?.filter(|stored| !stored.deleted) else { continue };
        let damaged = |_| store::Error::Corrupted(format!("{DEFINITION}/{rid}"));
        let node = json::parse(&stored.body).map_err(damaged)?;
        match search_parameter::read(&node) {
            Ok(parameters) => {
                let number = definitions::FIRST_OWN + place as u16;
                for parameter in parameters {
                    // Of two with one name, the older wins.
                    let is_taken =
                        |known: &Own| known.parameter.kind == parameter.kind && known.parameter.code == parameter.code;
                    if !all.iter().any(is_taken) {
                        all.push(Own { number, parameter, is_ready: false });
                    }
                }
            }
            Err(refused) => tracing::warn!(id = stored.id, %refused, "a SearchParameter cannot be served"),
        }
    }
    Ok(all)
}
