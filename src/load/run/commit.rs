//! Writes resources to the store, a few thousand in one transaction.
//!
//! Where the files hold several versions of a resource, the last one wins. Running the same files again must change
//! nothing, so a record whose content equals an earlier version is held back: if a later record of the run is about the
//! same resource, that one decides; if none is, the source has gone back to the earlier content, and so does the store.
//! Messages and documents carry the time when they were written: of those, the one written last wins ([`latest`]).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::departed::Departed;
use super::ended::Ended;
use super::latest::{self, Dated};
use super::shelf::Shelf;
use super::undo;
use crate::access::{Admitted, admit_checked};
use crate::fhir::Kind;
use crate::fhir::json;
use crate::formats::Format;
use crate::load::report::Ledger;
use crate::load::{Error, Target};
use crate::map::plan_net::{merge, retired};
use crate::store::{self, Outcome, Store, Txn};

/// Resources in one transaction, and their bytes. Each transaction waits for the disk, so fewer cost less; pending ones
/// stay in memory.
const GROUP: usize = 10_000;
const GROUP_BYTES: usize = 16 << 20;
/// Records held back at most; beyond that they are written as they come.
const HELD: usize = 5_000;
/// Mentions that are remembered, so that the same one is not looked up again.
const MENTIONS: usize = 200_000;

/// The resources of a record, kept together or not at all.
#[derive(Default)]
pub(super) struct CommitEntry {
    pub(super) resources: Vec<Admitted>,
    /// Resources that the record only mentions, such as a provider named by a claim.
    pub(super) mentions: Vec<Admitted>,
    /// The Provenance of the resources; kept only if one of them is new or different.
    pub(super) provenance: Option<Admitted>,
    /// Whether several sources describe the same resources, so that their contents are merged.
    pub(super) merge: bool,
    /// When the resources were written, where their source says so.
    pub(super) dated: Dated,
    /// How many records of each format the entry accounts for.
    pub(super) counts: Vec<(Format, u64)>,
    /// The shelf's row that is settled with this entry.
    pub(super) done: Option<Vec<u8>>,
}

impl CommitEntry {
    /// One resource that is a record by itself.
    pub(super) fn of(prepared: Admitted, format: Format) -> Self {
        Self { resources: vec![prepared], counts: vec![(format, 1)], ..Self::default() }
    }

    /// Compresses on a worker, so that the store's single writer need not.
    pub(super) fn pack(&mut self, target: &Target<'_>) {
        self.resources.iter_mut().chain(&mut self.provenance).for_each(|one| target.store.pack(one, target.now));
    }

    fn len(&self) -> usize {
        self.resources.len() + self.mentions.len() + 1
    }
}

/// The result of writing an entry.
enum WriteOutcome {
    KeptPart {
        changed: bool,
    },
    /// Its one resource is held back.
    Held,
}

/// Collects entries and commits them in groups. While one group is on its way to disk the next is collected; results
/// are counted in order.
pub(super) struct Committer<'a> {
    target: &'a Target<'a>,
    dry_run: bool,
    group: Vec<CommitEntry>,
    resources: usize,
    bytes: usize,
    /// The group that is on its way to disk.
    writing: Option<Writing<(Vec<CommitEntry>, Vec<WriteOutcome>)>>,
    held: HashMap<(Kind, String), (Admitted, Format)>,
    mentioned: HashSet<u64>,
    ended: Ended,
    /// Providers of this run that the registry deactivated.
    pub(super) departed: Arc<Mutex<Departed>>,
}

impl<'a> Committer<'a> {
    pub(super) fn new(target: &'a Target<'a>, dry_run: bool) -> Self {
        Self {
            target,
            dry_run,
            group: Vec::with_capacity(GROUP),
            resources: 0,
            bytes: 0,
            writing: None,
            held: HashMap::new(),
            mentioned: HashSet::new(),
            ended: Ended::default(),
            departed: Arc::default(),
        }
    }

    pub(super) fn add(&mut self, mut entry: CommitEntry, ledger: &mut Ledger) -> Result<(), Error> {
        self.ended.set_aside(&mut entry);
        if entry.merge && entry.resources.is_empty() {
            // Nothing is left to keep; an ending that waits is counted when it is written.
            tell(&entry.counts, false, ledger);
            return Ok(());
        }
        if self.mentioned.len() > MENTIONS {
            self.mentioned.clear();
        }
        // The hash is over the text, which has the id.
        entry.mentions.retain(|prepared| self.mentioned.insert(prepared.hash as u64));
        let all = entry.resources.iter_mut().chain(&mut entry.mentions).chain(&mut entry.provenance);
        for prepared in all {
            prepared.stamp(self.target.now);
            self.bytes += prepared.size();
        }
        self.resources += entry.len();
        self.group.push(entry);
        if self.resources >= GROUP || self.bytes >= GROUP_BYTES { self.send(ledger) } else { Ok(()) }
    }

    /// Puts everything on disk.
    pub(super) fn flush(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        self.send(ledger)?;
        self.settled(ledger)
    }

    /// Hands a group to the store while the next is collected. The store need not wait for the bookkeeping: the
    /// previous group is counted after the hand-over.
    fn send(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        if self.group.is_empty() {
            return Ok(());
        }
        let before = self.writing.take().map(Writing::wait).transpose()?;
        (self.resources, self.bytes) = (0, 0);
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(GROUP));
        let (now, may_hold) = (self.target.now, self.held.len() < HELD);
        let departed = Arc::clone(&self.departed);
        self.writing = Some(Writing::start(self.target.store, self.dry_run, move |txn| {
            let mut outcomes = Vec::with_capacity(group.len());
            for entry in &group {
                outcomes.push(keep(txn, entry, now, may_hold, &mut departed.lock())?);
            }
            Ok((group, outcomes))
        })?);
        if let Some((group, outcomes)) = before {
            self.count(group, outcomes, ledger);
        }
        Ok(())
    }

    /// Waits for the group that is being written.
    fn settled(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        if let Some(writing) = self.writing.take() {
            let (group, outcomes) = writing.wait()?;
            self.count(group, outcomes, ledger);
        }
        Ok(())
    }

    /// Counts the results of a group.
    fn count(&mut self, group: Vec<CommitEntry>, outcomes: Vec<WriteOutcome>, ledger: &mut Ledger) {
        for (mut entry, became) in group.into_iter().zip(outcomes) {
            let Some(format) = entry.counts.first().map(|(format, _)| *format) else { continue };
            let key = entry.resources.first().map(|prepared| (prepared.kind, prepared.id.clone()));
            let earlier = match (&became, key) {
                (WriteOutcome::Held, Some(key)) => {
                    entry.resources.pop().and_then(|prepared| self.held.insert(key, (prepared, format)))
                }
                (WriteOutcome::KeptPart { .. }, Some(key)) => self.held.remove(&key),
                (_, None) => None,
            };
            if let Some((_, format)) = earlier {
                ledger.kept(format, false);
            }
            if let WriteOutcome::KeptPart { changed } = became {
                tell(&entry.counts, changed, ledger);
            }
        }
    }

    /// Writes the endings that rows of this run ask for and no row contradicts.
    pub(super) fn end(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        self.flush(ledger)?;
        let (waiting, now) = (self.ended.take(), self.target.now);
        if waiting.is_empty() {
            return Ok(());
        }
        let counted = write(self.target.store, self.dry_run, move |txn| {
            let mut counted = Vec::with_capacity(waiting.len());
            for (resources, counts) in waiting {
                let mut changed = false;
                for prepared in &resources {
                    let written = txn.put_merged(prepared, now, |known| merged(known, prepared, now))?;
                    changed |= written.outcome != Outcome::Unchanged;
                }
                counted.push((counts, changed));
            }
            Ok(counted)
        })?;
        for (counts, changed) in counted {
            tell(&counts, changed, ledger);
        }
        Ok(())
    }

    /// Writes the rest, including the records that were held back until now.
    pub(super) fn finish(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        self.flush(ledger)?;
        let mut held: Vec<(Admitted, Format)> = std::mem::take(&mut self.held).into_values().collect();
        held.sort_by(|(a, _), (b, _)| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        let now = self.target.now;
        while !held.is_empty() {
            let group = held.split_off(held.len().saturating_sub(GROUP));
            let (resources, formats): (Vec<Admitted>, Vec<Format>) = group.into_iter().unzip();
            let outcomes = write(self.target.store, self.dry_run, move |txn| put_all(txn, &resources, now))?;
            for (outcome, format) in outcomes.into_iter().zip(formats) {
                ledger.kept(format, outcome != Outcome::Unchanged);
            }
        }
        Ok(())
    }
}

fn tell(counts: &[(Format, u64)], changed: bool, ledger: &mut Ledger) {
    for (format, count) in counts {
        (0..*count).for_each(|_| ledger.kept(*format, changed));
    }
}

fn keep(
    txn: &mut Txn<'_>,
    entry: &CommitEntry,
    now: Timestamp,
    may_hold: bool,
    departed: &mut Departed,
) -> Result<WriteOutcome, store::Error> {
    if let [only] = entry.resources.as_slice()
        && entry.done.is_none()
        && !entry.merge
        && entry.dated.written.is_empty()
        && may_hold
        && txn.was_replaced(only)?
    {
        return Ok(WriteOutcome::Held);
    }
    // New parts that produce nothing yet, such as a payment whose claim is missing, are kept all the same.
    let mut changed = entry.resources.is_empty();
    if entry.merge {
        for prepared in &entry.resources {
            changed |= keep_merged(txn, prepared, now, departed)? != Outcome::Unchanged;
        }
        return Ok(WriteOutcome::KeptPart { changed });
    }
    let dates = entry.dated.written.iter().copied().chain(std::iter::repeat(None));
    for (prepared, written) in entry.resources.iter().zip(dates) {
        if let Some(written) = written {
            changed |= latest::put(txn, prepared, written, &entry.dated, now)?;
            continue;
        }
        // With several resources nothing is held back: a record of an earlier state is then part of a history that is
        // sent again.
        let is_old = entry.done.is_none() && entry.resources.len() > 1 && txn.was_replaced(prepared)?;
        changed |= !is_old && txn.put_resource(prepared, now, None)?.outcome != Outcome::Unchanged;
    }
    for prepared in &entry.mentions {
        txn.put_mention(prepared, now)?;
    }
    if let Some(provenance) = entry.provenance.as_ref().filter(|_| changed) {
        txn.put_resource(provenance, now, None)?;
    }
    if let Some(done) = &entry.done {
        let made: Vec<&Admitted> = entry.resources.iter().collect();
        Shelf::settle(txn, done, &made, now)?;
    }
    Ok(WriteOutcome::KeptPart { changed })
}

/// Keeps resources that several sources describe. A resource that belongs to a deactivated provider is kept as ended,
/// whichever source lists it.
fn keep_merged(
    txn: &mut Txn<'_>,
    prepared: &Admitted,
    now: Timestamp,
    departed: &mut Departed,
) -> Result<Outcome, store::Error> {
    let ended = if departed.concerns(prepared) { as_ended(&prepared.render(1, now))? } else { None };
    let prepared = ended.as_ref().unwrap_or(prepared);
    let mut kept = None;
    let written = txn.put_merged(prepared, now, |known| {
        let merged = merged(known, prepared, now)?;
        kept.clone_from(&merged);
        Ok(merged)
    })?;
    departed.see(kept.as_ref().unwrap_or(prepared), written.outcome);
    Ok(written.outcome)
}

/// A stored resource, marked as ended; absent if it already is.
pub(super) fn as_ended(known: &[u8]) -> Result<Option<Admitted>, store::Error> {
    let damaged = || store::Error::Corrupted("a stored resource".into());
    let known = json::parse(known).map_err(|_| damaged())?;
    Ok(retired(&known).and_then(|mut ended| admit_checked(&mut ended).ok()))
}

/// A resource merged with the version that another source stored.
fn merged(known: &[u8], prepared: &Admitted, now: Timestamp) -> Result<Option<Admitted>, store::Error> {
    let damaged = || store::Error::Corrupted("a stored resource".into());
    let new = prepared.render(1, now);
    let (known, new) = (json::parse(known).map_err(|_| damaged())?, json::parse(&new).map_err(|_| damaged())?);
    Ok(admit_checked(&mut merge(&known, new)).ok())
}

pub(super) fn put_all(txn: &mut Txn<'_>, group: &[Admitted], now: Timestamp) -> Result<Vec<Outcome>, store::Error> {
    group.iter().map(|prepared| Ok(txn.put_resource(prepared, now, None)?.outcome)).collect()
}

/// Why a transaction is rolled back.
enum End<T> {
    Failed(store::Error),
    /// A dry run: all the work was done, and is dropped.
    Dry(T),
}

impl<T> From<store::Error> for End<T> {
    fn from(error: store::Error) -> Self {
        Self::Failed(error)
    }
}

/// A transaction that runs while its sender goes on; dropping this waits for it.
pub(super) struct Writing<T>(Receiver<Result<T, End<T>>>);

impl<T: Send + 'static> Writing<T> {
    /// Hands `work` to the store as one transaction that can be undone; in a dry run the result is the same and the
    /// writes are dropped. Transactions run in the order in which they were started.
    pub(super) fn start<F>(store: &Store, dry_run: bool, work: F) -> Result<Self, Error>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, store::Error> + Send + 'static,
    {
        let answer = store.transact_later(move |txn| {
            let before = undo::begin(txn);
            let result = work(txn)?;
            undo::end(txn, before)?;
            if dry_run { Err(End::Dry(result)) } else { Ok(result) }
        })?;
        Ok(Self(answer))
    }

    /// Waits for the result.
    pub(super) fn wait(self) -> Result<T, Error> {
        match self.0.recv().unwrap_or(Err(End::Failed(store::Error::Stopped))) {
            Ok(result) | Err(End::Dry(result)) => Ok(result),
            Err(End::Failed(error)) => Err(error.into()),
        }
    }
}

impl<T> Drop for Writing<T> {
    fn drop(&mut self) {
        // A caller that drops this is already reporting an error of its own.
        let _ = self.0.recv();
    }
}

/// Runs `work` as [`Writing`] does, and waits for it.
pub(super) fn write<T, F>(store: &Store, dry_run: bool, work: F) -> Result<T, Error>
where
    F: FnOnce(&mut Txn<'_>) -> Result<T, store::Error> + Send + 'static,
    T: Send + 'static,
{
    Writing::start(store, dry_run, work)?.wait()
}
