//! The one writer. It takes whatever is waiting, runs it in one redb transaction, commits with an fsync, tells the
//! followers, and only then answers. So a hundred clients share one fsync, and none is answered before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use redb::Durability;
use tokio::sync::oneshot;

use super::Follower;
use super::error::Error;
use super::ledger::Ledger;
use super::txn::{Change, Group, Txn};

/// Closures that may wait for the writer; one more is refused as unavailable rather than piling up.
const MAX_WAITING: usize = 8_192;
/// Closures that share one commit.
const MAX_GROUP: usize = 1_024;
/// Bytes of buffered writes after which a group is committed even if more is waiting.
const MAX_GROUP_BYTES: usize = 16 << 20;
/// How often a failed file is opened again before the writer gives up on the current group.
const REOPEN_TRIES: u32 = 3;

pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Box<dyn Job>>>>,
    followers: Arc<RwLock<Vec<Follower>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A closure on its way through the writer.
trait Job: Send {
    /// Runs it; true if its writes are to be kept.
    fn run(&mut self, txn: &mut Txn<'_>) -> bool;
    /// Sends the answer, or the reason why the group could not be committed.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

struct Work<T, E, F> {
    closure: Option<F>,
    result: Option<Result<T, E>>,
    reply: Reply<Result<T, E>>,
}

/// How the caller waits: as a task, or as a thread of its own (which may belong to a runtime, so it must not be made to
/// wait with the runtime's means).
pub(super) enum Reply<T> {
    Task(oneshot::Sender<T>),
    Thread(SyncSender<T>),
}

impl<T> Reply<T> {
    /// The caller may have gone away; its work is done all the same.
    fn send(self, answer: T) {
        match self {
            Self::Task(reply) => drop(reply.send(answer)),
            Self::Thread(reply) => drop(reply.send(answer)),
        }
    }
}

impl<T, E, F> Job for Work<T, E, F>
where
    F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, txn: &mut Txn<'_>) -> bool {
        let Some(work) = self.closure.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| work(txn))).unwrap_or_else(|_| Err(Error::Panicked.into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let result = match (committed, self.result) {
            // A refusal decided on what was committed before stands, whatever became of the group.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(result)) => result,
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(Error::Stopped.into()),
        };
        self.reply.send(result);
    }
}

impl Writer {
    pub(super) fn start(ledger: Arc<Ledger>) -> Result<Self, Error> {
        let (queue, jobs) = sync_channel(MAX_WAITING);
        let followers = Arc::new(RwLock::new(Vec::new()));
        let told = Arc::clone(&followers);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&ledger, &jobs, &told))
            .map_err(|error| Error::Io(error.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), followers, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a closure; the answer goes to `reply`.
    pub(super) fn submit<T, E, F>(&self, work: F, reply: Reply<Result<T, E>>) -> Result<(), Error>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job: Box<dyn Job> = Box::new(Work { closure: Some(work), result: None, reply });
        let queue = self.queue.lock().clone().ok_or(Error::Stopped)?;
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Unavailable,
            TrySendError::Disconnected(_) => Error::Stopped,
        })
    }

    pub(super) fn follow(&self, follower: Follower) {
        self.followers.write().push(follower);
    }

    pub(super) fn stop(&self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the writer has already failed every waiting caller.
            drop(thread.join());
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(ledger: &Ledger, jobs: &Receiver<Box<dyn Job>>, followers: &RwLock<Vec<Follower>>) {
    let mut done: Vec<Box<dyn Job>> = Vec::new();
    while let Ok(first) = jobs.recv() {
        done.clear();
        let committed = write_group(ledger, first, jobs, &mut done);
        let outcome = match committed {
            Ok(changes) => {
                if !changes.is_empty() {
                    for follower in followers.read().iter() {
                        follower(&changes);
                    }
                }
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "a group of writes was not kept");
                if error.needs_reopen() {
                    reopen(ledger);
                }
                Err(error)
            }
        };
        for job in done.drain(..) {
            job.answer(outcome.as_ref().copied().map_err(Error::repeat));
        }
    }
}

/// Runs one group; `done` holds every job that was taken from the queue, whatever happens.
fn write_group(
    ledger: &Ledger,
    first: Box<dyn Job>,
    jobs: &Receiver<Box<dyn Job>>,
    done: &mut Vec<Box<dyn Job>>,
) -> Result<Vec<Change>, Error> {
    done.push(first);
    let database = ledger.database()?;
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate).map_err(|error| Error::Io(error.to_string()))?;
    // Implies two-phase commit: after a crash the file opens without being walked.
    transaction.set_quick_repair(true);
    let mut group = Group::new(&transaction, &ledger.dictionaries)?;
    let mut at = 0;
    while let Some(job) = done.get_mut(at) {
        group.run(|txn| job.run(txn))?;
        at += 1;
        if at < MAX_GROUP
            && group.bytes() < MAX_GROUP_BYTES
            && let Ok(next) = jobs.try_recv()
        {
            done.push(next);
        }
    }
    let (changes, dictionaries) = group.finish()?;
    transaction.commit()?;
    ledger.dictionaries.adopt(dictionaries);
    ledger.renew();
    Ok(changes)
}

fn reopen(ledger: &Ledger) {
    for attempt in 1..=REOPEN_TRIES {
        match ledger.reopen() {
            Ok(()) => {
                tracing::warn!(attempt, "the store was opened again");
                return;
            }
            Err(error) => tracing::error!(attempt, %error, "the store could not be opened again"),
        }
    }
}
