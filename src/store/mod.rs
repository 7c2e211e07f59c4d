//! The truth: one redb file per realm, written by one thread, durable before anyone is answered.
//!
//! Two kinds of content share the file. The *ledger* is ordered key-value tables that the rooms above name for
//! themselves (sessions, grants, codes, …). The *record* is FHIR: every version of every resource as the exact bytes
//! that are served, with the change feed that everything derived follows (see `tables.rs` for each key).
//!
//! Invariants: a closure handed to [`Store::transact`] is kept whole or not at all; its answer comes after the commit
//! is on disk; resources are read through a [`crate::access::View`] and in no other way; who keeps something of the store in
//! memory is told of every commit before its caller is answered, whichever node made it ([`Store::follow`], [`Store::watch`]).
//!
//! A group commit is a value (`batch.rs`). Where several nodes share a log ([`Log`]) the leader appends it before it commits, and
//! the others apply it; on one machine the file is the log, and no batch is made.
//!
//! Deliberately absent: search (that is `index` and `search`), any knowledge of members or apps, and any second writer.

mod batch;
mod codec;
mod ends;
mod engine;
mod error;
#[cfg(test)]
mod faults;
mod followers;
mod ledger;
mod log;
mod node;
mod read;
mod recent;
mod record;
mod rederive;
mod resources;
mod snapshot;
mod stored;
mod tables;
mod txn;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

pub use ends::Ending;
pub use error::Error;
pub use followers::{Follower, WatchedRow, Watcher};
pub use log::{Lease, Log, LogEntry, LogError, MemoryLog};
pub use node::Membership;
pub use read::{Feed, Found, Reader, Times};
pub use recent::References;
pub use rederive::Rederived;
pub use resources::{Outcome, Written};
pub use snapshot::Snapshot;
pub use stored::{Stored, Target};
pub use tables::{FORMAT, Row, Table};
pub use txn::{Change, ChangeKind, Txn};

use jiff::Timestamp;

use ends::Endings;
use engine::Engine;
use ledger::Ledger;
use writer::{Reply, Writer};

use crate::access::Admitted;
use crate::fhir::Packed;
use crate::fhir::definitions::Definitions;

/// The version that a resource is packed as before it is known which it will be: most that a load brings are new.
const FIRST: u32 = 1;

/// A handle to one realm's durable state; clones share it.
#[derive(Clone)]
pub struct Store {
    ledger: Arc<Ledger>,
    writer: Arc<Writer>,
    endings: Arc<Endings>,
}

impl Store {
    /// Opens the file, creating it if it is not there.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process has it, [`Error::Newer`] if a later Ingle wrote it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(at(path), Definitions::default(), None)
    }

    /// As [`Store::open`], for a store whose changes are told with the values of the search parameters that others define
    /// too.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_defined(path: &Path, definitions: &Definitions) -> Result<Self, Error> {
        Self::open_with(at(path), definitions.clone(), None)
    }

    /// Opens the file as one of several nodes that share a log: applies what the log holds beyond it, and takes the lead if it
    /// is free. A node that does not lead refuses writes with [`Error::NotLeading`], and applies what the leader writes within
    /// a fraction of a second.
    ///
    /// # Errors
    /// As [`Store::open`]; [`Error::Log`] if the log cannot be read or does not go on from this file.
    pub fn open_as_node(path: &Path, definitions: &Definitions, membership: Membership) -> Result<Self, Error> {
        Self::open_with(at(path), definitions.clone(), Some(membership))
    }

    fn open_with(
        opener: ledger::Opener,
        definitions: Definitions,
        membership: Option<Membership>,
    ) -> Result<Self, Error> {
        let ledger = Arc::new(Ledger::open(opener, definitions)?);
        let writer = Arc::new(Writer::start(Arc::clone(&ledger), membership)?);
        Ok(Self { ledger, writer, endings: Arc::default() })
    }

    /// Runs `work` on the writer thread and answers once its writes are on disk.
    ///
    /// `work` sees its own writes. If it returns an error or panics, nothing of it is kept. It must be quick and must
    /// not wait for anything: every other writer waits for it.
    pub async fn transact<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.writer.submit(work, Reply::Task(reply))?;
        answer.await.unwrap_or_else(|_| Err(Error::Stopped.into()))
    }

    /// [`Store::transact`] for threads that are not async: loads, commands, tests.
    pub fn transact_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.transact_later(work)?.recv().unwrap_or_else(|_| Err(Error::Stopped.into()))
    }

    /// [`Store::transact_blocking`] for callers that have other work to do while waiting. Works run in the order of the calls; if nothing
    /// is received, the writer has stopped.
    pub fn transact_later<T, E, F>(&self, work: F) -> Result<Receiver<Result<T, E>>, Error>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = sync_channel(1);
        self.writer.submit(work, Reply::Thread(reply))?;
        Ok(answer)
    }

    /// The search parameters that the plan defines itself. They belong to the install, whose realms share one handle.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.ledger.definitions
    }

    /// Does for a resource, on any thread, what the writer then need not do if it is new: stamps and packs its first version,
    /// and reads it for the plan's own search parameters.
    pub fn pack(&self, prepared: &mut Admitted, now: Timestamp) {
        prepared.define(&self.ledger.definitions.now());
        prepared.stamp(now);
        let body = prepared.render(FIRST, now);
        let packed = self.ledger.dictionaries.compress(prepared.kind, &body);
        prepared.keep_packed(packed.map(|body| Packed { version: FIRST, updated: now, body: body.into() }));
    }

    /// A consistent view of everything committed so far, shared by all who ask between two commits. Keep it short: pages
    /// it sees cannot be reused meanwhile.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.ledger.snapshot()
    }

    /// Registers who is told of the changes of each commit. Meant to be called once, before the first write.
    pub fn follow(&self, follower: Follower) {
        self.writer.followers().write().follow(follower);
    }

    /// Keeps something of ledger tables in memory: `read` takes in what is committed, and the watcher is told of every row
    /// that a later commit sets or removes, whichever node made it. Nothing comes between the two.
    pub fn watch<T, E: From<Error>>(
        &self,
        tables: &[Table],
        watcher: Watcher,
        read: impl FnOnce(&Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut followers = self.writer.followers().write();
        let taken = read(&self.snapshot()?)?;
        followers.watch(tables, watcher);
        Ok(taken)
    }

    /// Runs something on the writer's thread between two commits, when all followers have been told of the first, and waits
    /// for it. Nothing is written by it, so a node that does not lead can do it too.
    pub fn between_commits<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let (done, answer) = sync_channel(1);
        self.writer.between(Box::new(move || drop(done.send(work()))))?;
        answer.recv().map_err(|_| Error::Stopped)
    }

    /// Names tables whose rows end; their ends are noted with [`Txn::note_end`].
    pub fn forget_from(&self, endings: &[Ending]) {
        self.endings.add(endings);
    }

    /// Forgets what has ended by now, so many rows at most; call it every few minutes. Gives how many ends were dealt with.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, Error> {
        let endings = Arc::clone(&self.endings);
        self.transact(move |txn: &mut Txn<'_>| endings.sweep(txn, now.as_second())).await
    }

    /// True if writes are taken here: always without a shared log, and on the node that leads it.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.writer.status().leads()
    }

    /// Number of the last batch of the shared log that this node has applied and told its followers of.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.writer.status().applied()
    }

    /// Bytes of the file that hold data.
    pub fn used_bytes(&self) -> Result<u64, Error> {
        self.ledger.used_bytes()
    }

    /// Gives back pages that no version uses any more; for the end of a load, while nothing else uses the store. True
    /// if nothing did, and the file is as small as it gets.
    pub fn compact(&self) -> Result<bool, Error> {
        self.ledger.compact()
    }

    /// Stops the writer after what is queued, and closes the file once the last snapshot is gone.
    pub fn close(&self) {
        self.writer.stop();
        self.ledger.close();
    }
}

/// Opens the file at a path.
fn at(path: &Path) -> ledger::Opener {
    let path: PathBuf = path.to_path_buf();
    Box::new(move || Engine::open(&path))
}

#[cfg(test)]
mod tests;
