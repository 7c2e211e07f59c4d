//! The one writer. It takes whatever is waiting, runs it in one transaction, commits with an fsync, tells the followers,
//! and only then answers. So a hundred clients share one fsync, and none is answered before it.
//!
//! Where several nodes share a log, the same thread follows the log while it does not lead, and appends each group before
//! the commit while it leads (`node.rs`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use super::error::Error;
use super::followers::Followers;
use super::ledger::Ledger;
use super::node::{LOOK_EVERY, Membership, Node, Position, Status};
use super::tables::{self, Table};
use super::txn::{Group, Ran, Txn};

/// Closures that may wait for the writer; one more is refused as unavailable rather than piling up.
const MAX_WAITING: usize = 8_192;
/// Closures that share one commit.
const MAX_GROUP: usize = 1_024;
/// Bytes of buffered writes after which a group is committed even if more is waiting.
const MAX_GROUP_BYTES: usize = 16 << 20;
/// How often a failed file is opened again before the writer gives up on the current group.
const REOPEN_TRIES: u32 = 3;
/// Looks at a shared log that are left out after one failed: half a second.
const REST: u32 = 10;

pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Message>>>,
    followers: Arc<RwLock<Followers>>,
    status: Arc<Status>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is asked for.
enum Message {
    /// To write.
    Write(Box<dyn Job>),
    /// To run something between two commits, when everybody has been told of the first.
    Between(Box<dyn FnOnce() + Send>),
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
    pub(super) fn start(ledger: Arc<Ledger>, membership: Option<Membership>) -> Result<Self, Error> {
        let (queue, messages) = sync_channel(MAX_WAITING);
        let followers = Arc::<RwLock<Followers>>::default();
        let status = Arc::new(Status::new(membership.is_some()));
        let join = |membership| Node::join(membership, &ledger, &followers, Arc::clone(&status));
        let node = membership.map(join).transpose()?;
        let has_left = node.is_none() && ledger.snapshot()?.get(tables::META, tables::META_LOG)?.is_some();
        let messages = Messages { queue: messages, held: None };
        let thread = Thread { ledger, messages, followers: Arc::clone(&followers), node, has_left };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run())
            .map_err(|error| Error::Io(error.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), followers, status, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a closure; the answer goes to `reply`.
    pub(super) fn submit<T, E, F>(&self, work: F, reply: Reply<Result<T, E>>) -> Result<(), Error>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.send(Message::Write(Box::new(Work { closure: Some(work), result: None, reply })))
    }

    /// Runs something between two commits.
    pub(super) fn between(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), Error> {
        self.send(Message::Between(work))
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        let queue = self.queue.lock().clone().ok_or(Error::Stopped)?;
        queue.try_send(message).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Unavailable,
            TrySendError::Disconnected(_) => Error::Stopped,
        })
    }

    /// Whoever holds the lock is told of every commit after it, and can read every one before it.
    pub(super) fn followers(&self) -> &RwLock<Followers> {
        &self.followers
    }

    pub(super) fn status(&self) -> &Status {
        &self.status
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

/// The queue, with what was taken from it too early.
struct Messages {
    queue: Receiver<Message>,
    held: Option<Message>,
}

impl Messages {
    /// Another closure that waits to write.
    fn next_job(&mut self) -> Option<Box<dyn Job>> {
        if self.held.is_some() {
            return None;
        }
        match self.queue.try_recv().ok()? {
            Message::Write(job) => Some(job),
            between @ Message::Between(_) => {
                self.held = Some(between);
                None
            }
        }
    }
}

/// What the writer's thread works with.
struct Thread {
    ledger: Arc<Ledger>,
    messages: Messages,
    followers: Arc<RwLock<Followers>>,
    /// Where several nodes share a log.
    node: Option<Node>,
    /// The file once took part in a shared log and does no more: with the next commit it cannot go back to it.
    has_left: bool,
}

impl Thread {
    fn run(mut self) {
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        // Looks at the log to leave out, after one that failed.
        let mut rest = 0;
        loop {
            match self.next() {
                Ok(Message::Write(first)) => {
                    done.clear();
                    done.push(first);
                    let outcome = self.write(&mut done);
                    for job in done.drain(..) {
                        job.answer(outcome.as_ref().copied().map_err(Error::repeat));
                    }
                }
                // A panic ends this and nothing else.
                Ok(Message::Between(work)) => drop(catch_unwind(AssertUnwindSafe(work))),
                Err(RecvTimeoutError::Timeout) if rest > 0 => rest -= 1,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(node) = &mut self.node
                        && let Err(error) = node.look_around(&self.ledger, &self.followers)
                    {
                        self.recover(&error);
                        rest = REST;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn next(&mut self) -> Result<Message, RecvTimeoutError> {
        match self.messages.held.take() {
            Some(message) => Ok(message),
            None if self.node.is_some() => self.messages.queue.recv_timeout(LOOK_EVERY),
            None => self.messages.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Runs one group and tells the followers; `done` holds every job that was taken from the queue, whatever happens.
    fn write(&mut self, done: &mut Vec<Box<dyn Job>>) -> Result<(), Error> {
        if let Some(node) = &mut self.node
            && let Err(error) = node.check_lead(&self.ledger, &self.followers)
        {
            self.recover(&error);
            return Err(error);
        }
        let mut appended = None;
        let Err(error) = self.write_group(done, &mut appended) else { return Ok(()) };
        tracing::error!(%error, "a group of writes was not committed");
        self.recover(&error);
        // What is in the log is kept: this node now applies it like every other.
        match (&mut self.node, appended) {
            (Some(node), Some(position)) => {
                node.catch_up(&self.ledger, &self.followers)?;
                if node.has_applied(position) { Ok(()) } else { Err(error) }
            }
            _ => Err(error),
        }
    }

    /// After a failure of the disk the file is opened again. What a node had applied without knowing that it was kept it applies
    /// once more, which changes nothing.
    fn recover(&self, error: &Error) {
        if error.needs_reopen() {
            reopen(&self.ledger);
        }
    }

    fn write_group(&mut self, done: &mut Vec<Box<dyn Job>>, appended: &mut Option<Position>) -> Result<(), Error> {
        // From here until everybody is told, nobody begins to watch.
        let followers = self.followers.read();
        let is_shared = self.node.is_some();
        let wanted = |table: Table| is_shared || followers.watches(table);
        let write = self.ledger.engine()?.begin_write()?;
        let group = Group::new(write.tables(), &self.ledger, &wanted)?;
        let Ran { mut tables, changes, dictionaries, mut rows, has_written } =
            run_group(group, done, &mut self.messages)?;
        if !has_written {
            return Ok(());
        }
        if let Some(node) = &mut self.node {
            let (position, written) = node.append(rows)?;
            rows = written;
            *appended = Some(position);
            tables.table(tables::META.name())?.insert(tables::META_LOG, &position.bytes())?;
        } else if self.has_left {
            tables.table(tables::META.name())?.remove(tables::META_LOG)?;
        }
        drop(tables);
        write.commit()?;
        self.has_left = false;
        if let (Some(node), Some(position)) = (&mut self.node, *appended) {
            node.committed(position);
        }
        self.ledger.dictionaries.adopt(dictionaries);
        self.ledger.renew();
        followers.tell(&rows, &changes);
        if let Some(node) = &self.node {
            node.announce();
        }
        Ok(())
    }
}

/// Runs the first closure, and whatever waits behind it.
fn run_group<'t>(
    mut group: Group<'t>,
    done: &mut Vec<Box<dyn Job>>,
    messages: &mut Messages,
) -> Result<Ran<'t>, Error> {
    let mut at = 0;
    while let Some(job) = done.get_mut(at) {
        group.run(|txn| job.run(txn))?;
        at += 1;
        if at < MAX_GROUP
            && group.bytes() < MAX_GROUP_BYTES
            && let Some(next) = messages.next_job()
        {
            done.push(next);
        }
    }
    group.finish()
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
