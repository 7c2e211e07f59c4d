//! The load run: files to blocks, blocks to prepared resources on every core, resources to the store in the order of
//! the files.
//!
//! ```text
//! reader thread -> blocks -> workers (parse, check, extract) -> this thread (order) -> store writer
//! ```
//! Order matters twice: the last of two versions wins in every run alike, and one member's records, which stand
//! together in the files, stay neighbours on disk. A fixed number of tickets bounds what is under way, so memory does
//! not grow with the files.

mod commit;
mod read;
mod roster;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use parking_lot::Mutex;

use super::fhir::{Batch, Deferred, Known, NameKey, settle};
use super::report::{Ledger, Rule, Summary};
use super::{Error, Request, Target, source};
use crate::outbound::Clock;
use commit::Keeper;
use read::{Job, Tables};

/// Blocks under way at the same time, per worker.
const BLOCKS_PER_WORKER: usize = 2;
/// Bytes of resources that wait for an identifier; when there are more, they are settled with what is known.
const DEFERRED_BYTES: usize = 64 << 20;
/// More workers than this wait for the store's one writer.
const WORKERS_MAX: usize = 8;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes to read.
    pub total: u64,
    /// Records accepted.
    pub kept: u64,
    /// Records refused.
    pub rejected: u64,
}

/// Loads files into the store.
///
/// # Errors
/// [`Error`] when nothing more can be loaded; refused records are in the summary instead.
pub fn run(
    request: &Request,
    target: &Target<'_>,
    clock: &Clock,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Summary, Error> {
    let started = clock.monotonic();
    let files = source::find(&request.paths)?;
    if files.is_empty() {
        return Err(Error::Nothing);
    }
    let total = files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|about| about.len()).sum();
    let bytes = Arc::new(AtomicU64::new(0));
    let mut run = Run {
        ledger: Ledger::new(&request.report),
        keeper: Keeper::new(target, request.dry_run),
        names: HashMap::new(),
        deferred: Vec::new(),
        deferred_bytes: 0,
        target,
    };
    run.ledger.summary.files = files.len() as u64;
    let mut tell = |ledger: &Ledger| {
        let (kept, rejected) = (ledger.summary.kept, ledger.summary.rejected);
        progress(&Progress { bytes: bytes.load(Ordering::Relaxed), total, kept, rejected });
    };
    let tables = run.resources(&files, request, &bytes, &mut tell)?;
    run.settle_deferred()?;
    run.keeper.finish(&mut run.ledger)?;
    tell(&run.ledger);
    let known = Known { names: &run.names, find: target.find };
    roster::load(&tables, request, target, &known, &mut run.ledger)?;
    tell(&run.ledger);
    run.ledger.finish(clock.monotonic().saturating_sub(started).as_secs_f64())
}

struct Run<'a> {
    ledger: Ledger,
    keeper: Keeper<'a>,
    names: HashMap<NameKey, String>,
    deferred: Vec<Deferred>,
    deferred_bytes: usize,
    target: &'a Target<'a>,
}

impl Run<'_> {
    /// Loads all FHIR files; returns the tables that were found among the files.
    fn resources(
        &mut self,
        files: &[std::path::PathBuf],
        request: &Request,
        bytes: &Arc<AtomicU64>,
        tell: &mut dyn FnMut(&Ledger),
    ) -> Result<Tables, Error> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, WORKERS_MAX);
        let under_way = workers * BLOCKS_PER_WORKER + 2;
        let validation = request.validation;
        std::thread::scope(|scope| {
            let (to_workers, jobs) = sync_channel::<(u64, Job)>(under_way);
            let (done, batches) = sync_channel::<(u64, Batch)>(under_way);
            let (tickets, take_ticket) = sync_channel::<()>(under_way);
            for _ in 0..under_way {
                // There is room for exactly these.
                let _ = tickets.try_send(());
            }
            let jobs = Arc::new(Mutex::new(jobs));
            for _ in 0..workers {
                let (jobs, done) = (Arc::clone(&jobs), done.clone());
                scope.spawn(move || {
                    while let Some((number, job)) = next_job(&jobs) {
                        if done.send((number, job.work(validation))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(jobs);
            let reader = scope.spawn(move || {
                let mut out = read::Out { to_workers, done, take_ticket, next: 0 };
                read::all(files, request, bytes, &mut out)
            });
            let outcome = self.take_in_order(&batches, &tickets, tell);
            // Threads that wait to send or for a ticket see the other end closed, and leave.
            drop((batches, tickets));
            let tables = reader.join().map_err(|_| Error::Worker)?;
            outcome.map(|()| tables)
        })
    }

    fn take_in_order(
        &mut self,
        batches: &Receiver<(u64, Batch)>,
        tickets: &std::sync::mpsc::SyncSender<()>,
        tell: &mut dyn FnMut(&Ledger),
    ) -> Result<(), Error> {
        let mut early: BTreeMap<u64, Batch> = BTreeMap::new();
        let mut expected = 0;
        while let Ok((number, batch)) = batches.recv() {
            early.insert(number, batch);
            while let Some(batch) = early.remove(&expected) {
                expected += 1;
                self.take(batch)?;
                let _ = tickets.try_send(());
                tell(&self.ledger);
            }
        }
        if early.is_empty() { Ok(()) } else { Err(Error::Worker) }
    }

    fn take(&mut self, batch: Batch) -> Result<(), Error> {
        for (rule, reject) in &batch.rejects {
            self.ledger.reject(*rule, reject)?;
        }
        self.ledger.notice(Rule::Doubtful, batch.doubtful);
        self.names.extend(batch.names);
        for prepared in batch.ready {
            self.keeper.add(prepared, &mut self.ledger)?;
        }
        self.deferred_bytes += batch.deferred.iter().map(|deferred| deferred.text.len()).sum::<usize>();
        self.deferred.extend(batch.deferred);
        if self.deferred_bytes > DEFERRED_BYTES { self.settle_deferred() } else { Ok(()) }
    }

    fn settle_deferred(&mut self) -> Result<(), Error> {
        // What the files of this run bring must be found before an older resource is.
        self.keeper.flush(&mut self.ledger)?;
        let known = Known { names: &self.names, find: self.target.find };
        for deferred in self.deferred.drain(..) {
            match settle(&deferred, &known) {
                Ok((prepared, unresolved)) => {
                    self.ledger.notice(Rule::Unresolved, unresolved);
                    self.keeper.add(prepared, &mut self.ledger)?;
                }
                Err(issue) => {
                    let (rule, reject) = deferred.place.reject(Rule::Resource, issue.to_string());
                    self.ledger.reject(rule, &reject)?;
                }
            }
        }
        self.deferred_bytes = 0;
        Ok(())
    }
}

fn next_job(jobs: &Mutex<Receiver<(u64, Job)>>) -> Option<(u64, Job)> {
    jobs.lock().recv().ok()
}
