//! The truth: one redb file per realm, written by one thread, durable before anyone is answered.
//!
//! Two kinds of content share the file. The *ledger* is ordered key-value tables that the rooms above name for
//! themselves (sessions, grants, codes, …). The *record* is FHIR: every version of every resource as the exact bytes
//! that are served, with the change feed that everything derived follows (see `tables.rs` for each key).
//!
//! Invariants: a closure handed to [`Store::transact`] is kept whole or not at all; its answer comes after the commit
//! is on disk; resources are read through a [`crate::access::View`] and in no other way.
//!
//! Deliberately absent: search (that is `index` and `search`), any knowledge of members or apps, and any second writer.

mod codec;
mod error;
#[cfg(test)]
mod faults;
mod ledger;
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

pub use error::Error;
pub use read::{Feed, Found, Reader, Times};
pub use recent::References;
pub use rederive::Rederived;
pub use resources::{Outcome, Written};
pub use snapshot::Snapshot;
pub use stored::{Stored, Target};
pub use tables::{FORMAT, Row, Table};
pub use txn::{Change, ChangeKind, Txn};

use jiff::Timestamp;
use ledger::Ledger;
use writer::{Reply, Writer};

use crate::access::Admitted;
use crate::fhir::Packed;

/// Bytes of redb page cache. The operating system caches the file as well, so this stays small.
const CACHE_BYTES: usize = 48 << 20;

/// The version that a resource is packed as before it is known which it will be: most that a load brings are new.
const FIRST: u32 = 1;

/// A handle to one realm's durable state; clones share it.
#[derive(Clone)]
pub struct Store {
    ledger: Arc<Ledger>,
    writer: Arc<Writer>,
}

/// Called by the writer thread after each commit and before its answers go out, with the changes of that commit in
/// order. It may block to slow writers down, never fail.
pub type Follower = Box<dyn Fn(&[Change]) + Send + Sync>;

impl Store {
    /// Opens the file, creating it if it is not there.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process has it, [`Error::Newer`] if a later Ingle wrote it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path: PathBuf = path.to_path_buf();
        Self::open_with(Box::new(move || {
            let mut builder = redb::Builder::new();
            builder.set_cache_size(CACHE_BYTES);
            builder.create(&path)
        }))
    }

    fn open_with(opener: ledger::Opener) -> Result<Self, Error> {
        let ledger = Arc::new(Ledger::open(opener)?);
        let writer = Arc::new(Writer::start(Arc::clone(&ledger))?);
        Ok(Self { ledger, writer })
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

    /// [`Store::transact_blocking`] for who has something else to do meanwhile. Works run in the order of the calls; if nothing
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

    /// Does for a resource, on any thread, what the writer then need not do if it is new: stamps and packs its first version.
    pub fn pack(&self, prepared: &mut Admitted, now: Timestamp) {
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

    /// Registers who is told of each commit. Meant to be called once, before the first write.
    pub fn follow(&self, follower: Follower) {
        self.writer.follow(follower);
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

#[cfg(test)]
mod tests;
