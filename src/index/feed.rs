//! The writing half: one thread that turns changes into tantivy documents and commits from time to time. A tantivy
//! commit costs some thirty milliseconds whatever it contains, so it is never made per write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergeCandidate, MergePolicy, NoMergePolicy};
use tantivy::{IndexReader, IndexWriter, SegmentMeta, TantivyDocument, Term};

use super::overlay::Overlay;
use super::schema::{Fields, date_slot, text_slot};
use super::{Change, Error, made_with, payload, terms};
use crate::fhir::definitions::{Definitions, SearchParameters};
use crate::fhir::{Extracted, Value};
use crate::outbound::Clock;

/// Memory that tantivy may fill before it writes a segment; its threads share it.
const HEAP_BYTES: usize = 48 << 20;
/// Tantivy's indexing threads, each of which makes a segment of its own with every commit.
const THREADS: usize = 1;
/// In bulk mode commits are few, and all callers wait while one is written: two threads halve the wait.
const BULK_THREADS: usize = 2;
/// Segments with more resources are not merged further: a merge takes memory in proportion to their size.
const MERGED: usize = 500_000;
/// The limit during a flood, which takes memory too. The remaining segments are merged when the flood is over.
const MERGED_IN_FLOOD: usize = 200_000;
/// Segments merged at once, both small ones and large ones, whose pages are all in memory during the merge.
const MERGED_AT_ONCE: usize = 8;
const LARGE_MERGED_AT_ONCE: usize = 4;
/// The longest time that a change stays out of the index itself, except in a flood.
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// This many changes within that time are a flood, as a load makes it. A commit then waits for more of them, since each
/// commit makes a segment and segments have to be merged again.
const FLOOD: usize = 5_000;
/// The longest time in a flood.
const COMMIT_FLOOD_EVERY: Duration = Duration::from_secs(4);
/// Changes that trigger an earlier commit, which also bounds the overlay.
const COMMIT_AFTER: usize = 18_000;
/// The longest time in bulk mode, when nobody searches.
const COMMIT_BULK_EVERY: Duration = Duration::from_secs(30);
/// Changes that trigger a commit in bulk mode: as many as a start replays after a crash in a few seconds.
const COMMIT_BULK_AFTER: usize = 100_000;
/// The approximate size of the terms of one search value.
const TERM_BYTES: usize = 96;
/// Groups of changes in the queue; beyond that, the store's writer waits too.
const MAX_WAITING: usize = 64;
/// Search values in the queue: the groups of a load are large, and the queue is in memory. As many as arrive while
/// tantivy writes a segment, so that the store's writer need not wait for that.
const MAX_VALUES_WAITING: usize = 150_000;
/// How often a waiting thread checks whether the indexing thread is still alive.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) struct Feed {
    queue: Mutex<Option<SyncSender<Message>>>,
    stopped: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    queued: Arc<Queued>,
    progress: Arc<Progress>,
}

/// How far the thread is, and how it goes on.
#[derive(Default)]
struct Progress {
    /// The last change in the index itself.
    committed: AtomicU64,
    in_bulk: AtomicBool,
}

impl Progress {
    fn is_in_bulk(&self) -> bool {
        self.in_bulk.load(Ordering::Acquire)
    }
}

/// The number of search values in the queue.
#[derive(Default)]
struct Queued {
    values: Mutex<usize>,
    fewer: Condvar,
}

impl Queued {
    /// Waits until the queue has room for this many; a group that is larger than the whole queue gets it to itself.
    fn enter(&self, values: usize, stopped: &AtomicBool) {
        let mut waiting = self.values.lock();
        while *waiting > 0 && *waiting + values > MAX_VALUES_WAITING && !stopped.load(Ordering::Acquire) {
            self.fewer.wait_for(&mut waiting, LOOK_EVERY);
        }
        *waiting += values;
    }

    fn leave(&self, values: usize) {
        let mut waiting = self.values.lock();
        *waiting = waiting.saturating_sub(values);
        self.fewer.notify_all();
    }
}

/// The search values of changes; a change itself counts as a few.
fn weight(changes: &[Change]) -> usize {
    changes.iter().map(|change| 4 + change.extracted.as_ref().map_or(0, |resource| resource.values.len())).sum()
}

enum Message {
    Changes(Vec<Change>),
    Bulk,
    Settle(SyncSender<()>),
    Finish(SyncSender<()>),
}

/// Why the thread takes no more changes.
enum End {
    /// A pause: bulk mode is about to begin.
    Bulk,
    /// All senders are gone.
    Closed,
    /// The sender waits for the end.
    Finished(SyncSender<()>),
}

struct Writer {
    documents: IndexWriter,
    reader: IndexReader,
    fields: Fields,
    overlay: Arc<RwLock<Overlay>>,
    queued: Arc<Queued>,
    progress: Arc<Progress>,
    clock: Clock,
    definitions: Definitions,
    waiting: usize,
    seq: u64,
    /// The stamp of the last commit: the definitions and layout that the index was made with.
    stamp: u64,
    since: Duration,
}

impl Feed {
    pub(super) fn start(
        index: &tantivy::Index,
        reader: IndexReader,
        fields: Fields,
        overlay: Arc<RwLock<Overlay>>,
        (clock, definitions): (&Clock, &Definitions),
        known: Option<u64>,
    ) -> Result<Self, Error> {
        let mut writer = writer(index, THREADS)?;
        let stamp = made_with(definitions);
        if known.is_none() {
            writer.delete_all_documents()?;
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload(0, stamp));
            commit.commit()?;
            reader.reload()?;
        }
        let (queue, messages) = sync_channel(MAX_WAITING);
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let queued = Arc::new(Queued::default());
        let progress = Arc::new(Progress::default());
        progress.committed.store(known.unwrap_or(0), Ordering::Release);
        let own = Writer {
            documents: writer,
            reader,
            fields,
            overlay,
            queued: Arc::clone(&queued),
            progress: Arc::clone(&progress),
            clock: clock.clone(),
            definitions: definitions.clone(),
            waiting: 0,
            seq: known.unwrap_or(0),
            stamp,
            since: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name("index-writer".into())
            .spawn(move || {
                if let Err(error) = own.serve(&messages) {
                    tracing::error!(%error, "the search index stopped");
                    flag.store(true, Ordering::Release);
                }
            })
            .map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), stopped, thread: Mutex::new(Some(thread)), queued, progress })
    }

    pub(super) fn send(&self, changes: Vec<Change>) {
        let queue = self.queue.lock().clone();
        // If the thread has stopped, `find` reports it; the store goes on and the index replays at the next start.
        if let Some(queue) = queue {
            self.queued.enter(weight(&changes), &self.stopped);
            drop(queue.send(Message::Changes(changes)));
        }
    }

    pub(super) fn settle(&self) -> Result<(), Error> {
        self.ask(Message::Settle)
    }

    pub(super) fn finish(&self) -> Result<(), Error> {
        self.ask(Message::Finish)
    }

    fn ask(&self, what: impl FnOnce(SyncSender<()>) -> Message) -> Result<(), Error> {
        let (done, wait) = sync_channel(1);
        let queue = self.queue.lock().clone().ok_or(Error::Stopped)?;
        queue.send(what(done)).map_err(|_| Error::Stopped)?;
        wait.recv().map_err(|_| Error::Stopped)
    }

    /// Enters bulk mode: from now on commits are few.
    pub(super) fn in_bulk(&self) {
        let queue = self.queue.lock().clone();
        if !self.progress.in_bulk.swap(true, Ordering::AcqRel)
            && let Some(queue) = queue
        {
            drop(queue.send(Message::Bulk));
        }
    }

    pub(super) fn is_in_bulk(&self) -> bool {
        self.progress.is_in_bulk()
    }

    /// The last change in the index itself.
    pub(super) fn committed(&self) -> u64 {
        self.progress.committed.load(Ordering::Acquire)
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            drop(thread.join());
        }
    }
}

impl Writer {
    fn serve(mut self, messages: &Receiver<Message>) -> Result<(), Error> {
        loop {
            match self.run(messages)? {
                End::Bulk => {
                    let index = self.documents.index().clone();
                    // There can be one writer at a time.
                    self.documents.wait_merging_threads()?;
                    self = Self { documents: writer(&index, BULK_THREADS)?, ..self };
                }
                End::Closed => return Ok(()),
                End::Finished(done) => {
                    let index = self.documents.index().clone();
                    self.documents.wait_merging_threads()?;
                    merge_the_rest(&index, &self.reader)?;
                    let _ = done.send(());
                    return Ok(());
                }
            }
        }
    }

    /// Takes changes until there is something else to do.
    fn run(&mut self, messages: &Receiver<Message>) -> Result<End, Error> {
        loop {
            let message = if self.waiting == 0 {
                messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                let age = self.clock.monotonic().saturating_sub(self.since);
                let wait = match self.progress.is_in_bulk() {
                    true => COMMIT_BULK_EVERY.saturating_sub(age),
                    false if self.waiting < FLOOD => COMMIT_EVERY.saturating_sub(age),
                    // The flood is over when nothing arrives for this long.
                    false => COMMIT_FLOOD_EVERY.saturating_sub(age).min(COMMIT_EVERY),
                };
                messages.recv_timeout(wait)
            };
            match message {
                Ok(Message::Changes(changes)) => {
                    self.queued.leave(weight(&changes));
                    self.add(&changes)?;
                    let most = if self.progress.is_in_bulk() { COMMIT_BULK_AFTER } else { COMMIT_AFTER };
                    if self.waiting >= most {
                        self.commit()?;
                    }
                }
                Ok(Message::Bulk) => {
                    self.commit()?;
                    return Ok(End::Bulk);
                }
                Ok(Message::Settle(done)) => {
                    self.commit()?;
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.commit()?,
                Ok(Message::Finish(done)) => {
                    self.commit()?;
                    return Ok(End::Finished(done));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.commit()?;
                    return Ok(End::Closed);
                }
            }
        }
    }

    fn add(&mut self, changes: &[Change]) -> Result<(), Error> {
        if self.waiting == 0 {
            self.since = self.clock.monotonic();
        }
        let defined = self.definitions.now();
        for change in changes {
            if !change.fresh {
                self.documents.delete_term(Term::from_field_u64(self.fields.rid, change.rid));
            }
            if let Some(extracted) = &change.extracted {
                self.documents.add_document(document(self.fields, &defined, change.rid, extracted))?;
            }
            self.seq = change.seq;
            self.waiting += 1;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        let stamp = made_with(&self.definitions);
        if self.waiting == 0 && self.stamp == stamp {
            return Ok(());
        }
        let is_flood = self.progress.is_in_bulk() || self.waiting >= FLOOD;
        self.documents.set_merge_policy(if is_flood { Merging::in_flood() } else { Merging::at_rest() });
        let mut commit = self.documents.prepare_commit()?;
        commit.set_payload(&payload(self.seq, stamp));
        commit.commit()?;
        self.reader.reload()?;
        self.overlay.write().forget(self.seq);
        self.progress.committed.store(self.seq, Ordering::Release);
        self.waiting = 0;
        self.stamp = stamp;
        Ok(())
    }
}

/// After a flood: merges the remaining segments, one merge after the other, and lets the reader release the merged
/// segments before the next merge begins; otherwise the pages of both would be in memory.
fn merge_the_rest(index: &tantivy::Index, reader: &IndexReader) -> Result<(), Error> {
    let choice = Merging::at_rest();
    let mut documents = writer(index, THREADS)?;
    documents.set_merge_policy(Box::new(NoMergePolicy));
    loop {
        let candidates = choice.compute_merge_candidates(&index.searchable_segment_metas()?);
        let Some(MergeCandidate(some)) = candidates.into_iter().find(|all| all.0.len() > 1) else {
            return Ok(documents.wait_merging_threads()?);
        };
        documents.merge(&some).wait()?;
        reader.reload()?;
    }
}

fn writer(index: &tantivy::Index, threads: usize) -> Result<IndexWriter, Error> {
    let heap = HEAP_BYTES / threads;
    let options = IndexWriterOptions::builder()
        .num_worker_threads(threads)
        .memory_budget_per_thread(heap)
        .num_merge_threads(1)
        .build();
    let writer: IndexWriter = index.writer_with_options(options)?;
    writer.set_merge_policy(Merging::at_rest());
    Ok(writer)
}

/// Chooses the segments to merge: tantivy's choice, a few at once.
#[derive(Debug)]
struct Merging {
    choice: LogMergePolicy,
    at_once: usize,
}

impl Merging {
    fn in_flood() -> Box<dyn MergePolicy> {
        Self::up_to(MERGED_IN_FLOOD, MERGED_AT_ONCE)
    }

    fn at_rest() -> Box<dyn MergePolicy> {
        Self::up_to(MERGED, LARGE_MERGED_AT_ONCE)
    }

    fn up_to(documents: usize, at_once: usize) -> Box<dyn MergePolicy> {
        let mut choice = LogMergePolicy::default();
        choice.set_min_num_segments(at_once);
        choice.set_max_docs_before_merge(documents);
        Box::new(Self { choice, at_once })
    }
}

impl MergePolicy for Merging {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let levels = self.choice.compute_merge_candidates(segments).into_iter().map(|level| level.0);
        let pieces = levels.flat_map(|level| level.chunks(self.at_once).map(<[_]>::to_vec).collect::<Vec<_>>());
        pieces.map(MergeCandidate).collect()
    }
}

fn document(fields: Fields, defined: &SearchParameters, rid: u64, resource: &Extracted) -> TantivyDocument {
    let mut document = TantivyDocument::with_capacity(resource.values.len() * TERM_BYTES);
    document.add_u64(fields.rid, rid);
    document.add_i64(fields.updated, resource.updated - resource.updated.rem_euclid(1_000));
    terms::of_resource(defined, resource, |term| document.add_bytes(fields.term, term));
    let mut several = 0_u64;
    let mut last_date = None;
    let mut slots = (None, None);
    for (number, value) in &resource.values {
        match value {
            Value::Date(span) => {
                if last_date == Some(*number) {
                    several |= slots.0.map_or(0, |slot: usize| 1 << slot);
                } else {
                    slots.0 = date_slot(resource.kind, *number);
                    last_date = Some(*number);
                }
                if let Some(slot) = slots.0
                    && let (Some(lo), Some(hi)) = (fields.date_lo.get(slot), fields.date_hi.get(slot))
                {
                    document.add_i64(*lo, span.lo);
                    document.add_i64(*hi, span.hi);
                }
            }
            Value::String { folded, .. } => {
                slots.1 = text_slot(resource.kind, *number);
                if let Some(field) = slots.1.and_then(|slot| fields.text.get(slot)) {
                    document.add_text(*field, folded);
                }
            }
            _ => {}
        }
    }
    document.add_u64(fields.several, several);
    document
}
