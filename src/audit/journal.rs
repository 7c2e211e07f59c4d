//! The writing side: many callers, one chain, one write for all who wait.
//!
//! A caller first takes its place in the chain (short lock, hashing only), then wants the file. Whoever gets the file
//! writes everything that is waiting, so those behind it find their entry already written and leave. There is no
//! thread in between: on a quiet server the caller writes its own entry at once. A caller that lets other requests run
//! between the two steps shares its write with them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};

use super::Error;
use super::entry::Recorded;
use super::frame::{self, ENTRY_MAX, HEADER_LEN, Header, Link};
use super::head::{Head, Signer};
use super::segment::{self, Disk, End, Sink};
use crate::outbound::Clock;

/// A segment is closed once it is this long.
const SEGMENT_BYTES: u64 = 16 << 20;

/// How long an entry may be only in the operating system's memory.
const SYNC_WITHIN: Duration = Duration::from_millis(150);

/// What waits for the file is written at once when it is this much, whoever is to do it.
const MAX_WAITING: usize = 1 << 20;

/// How often a head is signed.
const HEAD_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// How often the keeper looks at the clock when nothing is written.
const KEEPER_LOOKS: Duration = Duration::from_secs(30);

pub(super) struct Journal {
    /// Lock order: `file` before `queue`.
    queue: Mutex<Queue>,
    file: Mutex<Output>,
    /// Frames below this number are in the file.
    written: AtomicU64,
    failed: AtomicBool,
    unsynced: AtomicBool,
    wake: (Mutex<bool>, Condvar),
    disk: Arc<dyn Disk>,
    signer: Signer,
    clock: Clock,
    heads: OnceLock<HeadKeeper>,
}

/// Keeps signed heads elsewhere too: given the time in microseconds, how many entries stand before it, and the head as JSON.
pub type HeadKeeper = Box<dyn Fn(i64, u64, &[u8]) + Send + Sync>;

/// What has its place in the chain and is not written yet.
struct Queue {
    bytes: Vec<u8>,
    link: Link,
    next: u64,
}

struct Output {
    sink: Arc<dyn Sink>,
    segment: u32,
    len: u64,
    /// Swapped with the queue's buffer, so that neither is allocated anew.
    spare: Vec<u8>,
    signed: Timestamp,
    /// Whether the last frame is a signed head: a second one would say nothing new.
    sealed: bool,
}

impl Journal {
    pub(super) fn open(disk: Arc<dyn Disk>, end: End, signer: Signer, clock: Clock) -> Result<Self, Error> {
        let number = end.segment.max(1);
        let failed = |cause| Error::Disk { path: segment::path(disk.folder(), number), cause };
        let sink = disk.open(number).map_err(failed)?;
        let mut len = end.len;
        if end.segment == 0 {
            sink.append(&Header { first: 0, before: end.link }.bytes()).map_err(failed)?;
            len = HEADER_LEN;
        }
        let now = clock.now();
        let output = Output { sink, segment: number, len, spare: Vec::new(), signed: now, sealed: end.sealed };
        let journal = Self {
            queue: Mutex::new(Queue { bytes: Vec::new(), link: end.link, next: end.next }),
            file: Mutex::new(output),
            written: AtomicU64::new(end.next),
            failed: AtomicBool::new(false),
            unsynced: AtomicBool::new(false),
            wake: (Mutex::new(false), Condvar::new()),
            disk,
            signer,
            clock,
            heads: OnceLock::new(),
        };
        if end.cut > 0 {
            let note = Recorded { cut: Some(end.cut), ..Recorded::bare(now) };
            journal.append(&serde_json::to_vec(&note).unwrap_or_default())?;
        }
        journal.seal()?;
        Ok(journal)
    }

    pub(super) fn lose_disk(&self) {
        self.file.lock().sink = Arc::new(segment::Gone);
    }

    pub(super) fn is_well(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }

    /// Returns once the payload is in the file.
    pub(super) fn append(&self, payload: &[u8]) -> Result<(), Error> {
        let mine = self.enter(payload)?;
        self.write_up_to(mine)
    }

    /// Gives the payload its place in the chain, and says which.
    pub(super) fn enter(&self, payload: &[u8]) -> Result<u64, Error> {
        if payload.is_empty() || payload.len() > ENTRY_MAX {
            return Err(Error::TooLarge);
        }
        let (mine, waiting) = {
            let mut queue = self.queue.lock();
            if !self.is_well() {
                return Err(Error::Stopped);
            }
            let before = queue.link;
            queue.link = frame::push(&mut queue.bytes, &before, payload);
            queue.next += 1;
            (queue.next - 1, queue.bytes.len())
        };
        if waiting > MAX_WAITING {
            self.write_up_to(mine)?;
        }
        Ok(mine)
    }

    /// Whether a frame is in the file.
    pub(super) fn has(&self, number: u64) -> bool {
        self.written.load(Ordering::Acquire) > number
    }

    /// Returns once a frame is in the file.
    pub(super) fn write_up_to(&self, number: u64) -> Result<(), Error> {
        if self.has(number) {
            return Ok(());
        }
        let mut file = self.file.lock();
        if self.has(number) {
            return Ok(());
        }
        if !self.is_well() {
            return Err(Error::Stopped);
        }
        self.write_queue(&mut file)
    }

    /// Whether something waits that nobody may be about to write, since its caller went away.
    fn is_waiting(&self) -> bool {
        let next = self.queue.lock().next;
        next > self.written.load(Ordering::Acquire)
    }

    /// Writes everything that waits. Called with the file in hand.
    fn write_queue(&self, file: &mut Output) -> Result<(), Error> {
        let mut batch = std::mem::take(&mut file.spare);
        let (next, link) = {
            let mut queue = self.queue.lock();
            std::mem::swap(&mut queue.bytes, &mut batch);
            (queue.next, queue.link)
        };
        let outcome = file.sink.append(&batch);
        file.sealed = false;
        let len = batch.len() as u64;
        batch.clear();
        file.spare = batch;
        outcome.map_err(|cause| self.fail(segment::path(self.disk.folder(), file.segment), cause))?;
        self.written.store(next, Ordering::Release);
        file.len += len;
        if file.len >= SEGMENT_BYTES {
            self.turn_over(file, Header { first: next, before: link })?;
        }
        if !self.unsynced.swap(true, Ordering::AcqRel) {
            // Once through the keeper's lock: between its look at the flag and its sleep it would not be woken.
            drop(self.wake.0.lock());
            self.wake.1.notify_one();
        }
        Ok(())
    }

    /// Closes the segment and begins the next one.
    fn turn_over(&self, file: &mut Output, header: Header) -> Result<(), Error> {
        let number = file.segment + 1;
        let path = segment::path(self.disk.folder(), number);
        let begin = || {
            file.sink.sync()?;
            let sink = self.disk.open(number)?;
            sink.append(&header.bytes())?;
            Ok(sink)
        };
        file.sink = begin().map_err(|cause| self.fail(path, cause))?;
        file.segment = number;
        file.len = HEADER_LEN;
        Ok(())
    }

    /// After a failure the file's state is unknown, so nothing more is written to it by this process.
    fn fail(&self, path: PathBuf, cause: std::io::Error) -> Error {
        self.failed.store(true, Ordering::Release);
        Error::Disk { path, cause }
    }

    /// Puts what is written on the disk.
    fn sync(&self) -> Result<(), Error> {
        if self.is_waiting() {
            self.write_queue(&mut self.file.lock())?;
        }
        self.unsynced.store(false, Ordering::Release);
        let (sink, number) = {
            let file = self.file.lock();
            (Arc::clone(&file.sink), file.segment)
        };
        // A failed sync may have dropped pages that later syncs call clean, so it stops the audit too.
        sink.sync().map_err(|cause| self.fail(segment::path(self.disk.folder(), number), cause))
    }

    /// Signs the chain as it stands and puts all of it on the disk. The newest head is kept beside the segments too,
    /// from where a backup takes it.
    pub(super) fn seal(&self) -> Result<(), Error> {
        let mut file = self.file.lock();
        if !self.is_well() {
            return Err(Error::Stopped);
        }
        let time = self.clock.now();
        if file.sealed && !self.is_waiting() {
            file.signed = time;
            return Ok(());
        }
        let (entries, payload) = {
            let mut queue = self.queue.lock();
            let entries = queue.next;
            let head = self.signer.sign(time, entries, &queue.link);
            let payload =
                serde_json::to_vec(&Recorded { head: Some(head), ..Recorded::bare(time) }).unwrap_or_default();
            let before = queue.link;
            queue.link = frame::push(&mut queue.bytes, &before, &payload);
            queue.next += 1;
            (entries, payload)
        };
        self.write_queue(&mut file)?;
        file.signed = time;
        file.sealed = true;
        drop(file);
        self.sync()?;
        let path = self.disk.folder().join(HEAD_FILE);
        keep_head(&path, &payload).map_err(|cause| Error::Disk { path, cause })?;
        if let Some(keeper) = self.heads.get() {
            keeper(time.as_microsecond(), entries, &payload);
        }
        Ok(())
    }

    /// Who keeps heads elsewhere too, beginning with the newest: it may have been signed when nobody could be told.
    pub(super) fn keep_heads(&self, keeper: HeadKeeper) {
        let newest = std::fs::read(self.disk.folder().join(HEAD_FILE)).ok();
        if let Some(head) = newest
            && let Ok(Recorded { time, head: Some(Head { entries, .. }), .. }) = serde_json::from_slice(&head)
        {
            keeper(time.as_microsecond(), entries, &head);
        }
        // A second keeper is no keeper: a realm has one.
        drop(self.heads.set(keeper));
    }

    fn head_is_due(&self) -> bool {
        let file = self.file.lock();
        !file.sealed && self.clock.now().duration_since(file.signed) >= HEAD_EVERY
    }
}

/// Whole or not at all, even when the power goes.
fn keep_head(path: &Path, head: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(head)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

/// The newest signed head.
pub(super) const HEAD_FILE: &str = "head.json";

/// The thread that syncs and signs; it ends with the last handle.
pub(super) struct Keeper {
    journal: Arc<Journal>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(journal: &Arc<Journal>) -> Self {
        let own = Arc::clone(journal);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || keep(&own)).ok();
        if thread.is_none() {
            // Without the keeper nothing would reach the disk in time.
            journal.failed.store(true, Ordering::Release);
        }
        Self { journal: Arc::clone(journal), thread }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.journal.wake.0.lock() = true;
        self.journal.wake.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(journal: &Journal) {
    let (stop, wake) = &journal.wake;
    loop {
        let mut stopped = stop.lock();
        if !*stopped && !journal.unsynced.load(Ordering::Acquire) {
            wake.wait_for(&mut stopped, KEEPER_LOOKS);
        }
        if !*stopped {
            // Entries that arrive meanwhile share the sync.
            wake.wait_for(&mut stopped, SYNC_WITHIN);
        }
        let last = *stopped;
        drop(stopped);
        let outcome = if !journal.is_well() {
            Ok(())
        } else if last || journal.head_is_due() {
            journal.seal()
        } else if journal.unsynced.load(Ordering::Acquire) {
            journal.sync()
        } else {
            Ok(())
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "the audit failed");
        }
        if last {
            return;
        }
    }
}
