//! This process as one of several nodes that share a log: whether it leads, how far it has applied the log, and how it
//! catches up. Lives on the writer's thread, so nothing is applied while something is written.
//!
//! The order that keeps all nodes equal: the leader runs a group, appends its batch, and only then commits. A batch that is in
//! the log is true, whatever becomes of the process: who appended and could not commit applies it from the log like everybody
//! else. A batch that was refused never happened: its group is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use xxhash_rust::xxh3::Xxh3;

use super::batch::{Batch, BatchRow, digest};
use super::error::Error;
use super::followers::{Followers, changes_of, dictionaries_of};
use super::ledger::Ledger;
use super::log::{Lease, Log, LogEntry, LogError};
use super::snapshot::Snapshot;
use super::tables;
use crate::outbound::Clock;

/// How often a node looks for new batches, and whether the lead is free.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the lead lasts unless it is renewed: so long nobody can write after a leader died.
const LEASE: Duration = Duration::from_secs(5);
/// The lead is renewed once less than this is left of it.
const RENEW_BEFORE: Duration = Duration::from_secs(3);
/// Batches applied in one transaction.
const AT_ONCE: usize = 32;

/// How a store takes part in a log that several nodes share.
#[derive(Clone)]
pub struct Membership {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Name of this node; no other node of the log may have the same.
    pub node: String,
    /// Time, for the lead.
    pub clock: Clock,
}

/// How far the log has been applied: number and digest of the last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    number: u64,
    digest: u64,
}

impl Position {
    /// As it stands in `meta`.
    pub(super) fn bytes(self) -> Vec<u8> {
        [self.number.to_be_bytes(), self.digest.to_be_bytes()].concat()
    }

    /// Of a file. One that has applied nothing yet stands at what it holds, so that it cannot be taken for another.
    fn of(snapshot: &Snapshot) -> Result<Self, Error> {
        let Some(row) = snapshot.get(tables::META, tables::META_LOG)? else {
            return Ok(Self { number: 0, digest: origin(snapshot)? });
        };
        let (number, rest) = row.split_first_chunk().ok_or_else(damaged)?;
        let digest = rest.try_into().map_err(|_| damaged())?;
        Ok(Self { number: u64::from_be_bytes(*number), digest: u64::from_be_bytes(digest) })
    }
}

fn damaged() -> Error {
    Error::Corrupted("the position in the shared log".into())
}

/// A digest of which tables have how many rows; 0 for an empty file.
fn origin(snapshot: &Snapshot) -> Result<u64, Error> {
    let mut digest = Xxh3::new();
    let mut is_empty = true;
    for (name, rows) in snapshot.sizes()? {
        if name != tables::META.name() && rows > 0 {
            is_empty = false;
            digest.update(name.as_bytes());
            digest.update(&[0]);
            digest.update(&rows.to_be_bytes());
        }
    }
    Ok(if is_empty { 0 } else { digest.digest() })
}

/// What others may know of the node.
pub(super) struct Status {
    leads: AtomicBool,
    applied: AtomicU64,
}

impl Status {
    /// A store without a log leads itself; a node does not until it has the lease.
    pub(super) const fn new(has_log: bool) -> Self {
        Self { leads: AtomicBool::new(!has_log), applied: AtomicU64::new(0) }
    }

    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }
}

pub(super) struct Node {
    membership: Membership,
    lead: Option<Lease>,
    position: Position,
    /// The log may hold more than was applied, although this node leads: an append or a commit failed.
    is_behind: bool,
    status: Arc<Status>,
    /// The trouble that the operator was told of last.
    told: Option<String>,
}

impl Node {
    /// Joins the log: catches up, and takes the lead if it is free.
    pub(super) fn join(
        membership: Membership,
        ledger: &Ledger,
        followers: &RwLock<Followers>,
        status: Arc<Status>,
    ) -> Result<Self, Error> {
        let position = Position::of(&ledger.snapshot()?)?;
        let mut node = Self { membership, lead: None, position, is_behind: true, status, told: None };
        node.announce();
        node.look(ledger, followers)?;
        Ok(node)
    }

    /// What is done every now and then, and before each group: a follower catches up and takes the lead if it is free, a
    /// leader renews its lead in time.
    fn look(&mut self, ledger: &Ledger, followers: &RwLock<Followers>) -> Result<(), Error> {
        let now = self.membership.clock.now();
        let is_safe = |lease: Lease| now.checked_add(RENEW_BEFORE).is_ok_and(|then| then < lease.until);
        if !self.is_behind && self.lead.is_some_and(is_safe) {
            return Ok(());
        }
        if self.is_behind || self.lead.is_none() {
            self.catch_up(ledger, followers)?;
        }
        let lease = self.membership.log.lease(&self.membership.node, now, LEASE).map_err(failed)?;
        if let Some(lease) = lease
            && self.lead.is_none_or(|known| known.epoch != lease.epoch)
        {
            // Nobody appends under an older epoch from here on: this is the end of the log.
            self.catch_up(ledger, followers)?;
            tracing::info!(node = self.membership.node, epoch = lease.epoch, "this node leads");
        }
        self.set_lead(lease);
        Ok(())
    }

    /// [`Node::look`], with its trouble logged once and not at each look.
    pub(super) fn look_around(&mut self, ledger: &Ledger, followers: &RwLock<Followers>) -> Result<(), Error> {
        let looked = self.look(ledger, followers);
        let trouble = looked.as_ref().err().map(ToString::to_string);
        if let Some(trouble) = &trouble
            && self.told.as_ref() != Some(trouble)
        {
            tracing::error!(error = trouble, "this node cannot follow the shared log; it tries again");
        }
        self.told = trouble;
        looked
    }

    /// Whether a group may be written now.
    pub(super) fn check_lead(&mut self, ledger: &Ledger, followers: &RwLock<Followers>) -> Result<(), Error> {
        self.look_around(ledger, followers)?;
        if self.lead.is_some() { Ok(()) } else { Err(Error::NotLeading) }
    }

    fn set_lead(&mut self, lease: Option<Lease>) {
        if self.lead.is_some() && lease.is_none() {
            tracing::warn!(node = self.membership.node, "another node leads now");
        }
        self.lead = lease;
        self.status.leads.store(lease.is_some(), Ordering::Release);
    }

    /// Appends what a group wrote. The rows come back, with the position that the group's transaction must note.
    pub(super) fn append(&mut self, rows: Vec<BatchRow>) -> Result<(Position, Vec<BatchRow>), Error> {
        let Some(lease) = self.lead else { return Err(Error::NotLeading) };
        let number = self.position.number + 1;
        let batch = Batch { number, epoch: lease.epoch, after: self.position.digest, rows };
        let body = batch.encode();
        let position = Position { number, digest: digest(&body) };
        // Until the commit the log holds more than this node.
        self.is_behind = true;
        match self.membership.log.append(lease.epoch, LogEntry { number, body }) {
            Ok(()) => Ok((position, batch.rows)),
            Err(LogError::Deposed) => {
                self.set_lead(None);
                Err(Error::NotLeading)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// What was appended is committed.
    pub(super) const fn committed(&mut self, position: Position) {
        self.is_behind = false;
        self.position = position;
    }

    /// Everybody here has been told of what is applied: only now may others count on it.
    pub(super) fn announce(&self) {
        self.status.applied.store(self.position.number, Ordering::Release);
    }

    /// True if a position has been reached, by whichever way.
    pub(super) const fn has_applied(&self, position: Position) -> bool {
        self.position.number >= position.number
    }

    /// Applies what the log holds beyond this node's position.
    pub(super) fn catch_up(&mut self, ledger: &Ledger, followers: &RwLock<Followers>) -> Result<(), Error> {
        loop {
            let entries = self.membership.log.read_after(self.position.number, AT_ONCE).map_err(failed)?;
            if entries.is_empty() {
                self.is_behind = false;
                return Ok(());
            }
            self.apply(&entries, ledger, followers)?;
        }
    }

    fn apply(&mut self, entries: &[LogEntry], ledger: &Ledger, followers: &RwLock<Followers>) -> Result<(), Error> {
        let mut position = self.position;
        let mut rows = Vec::new();
        for entry in entries {
            let batch = Batch::decode(&entry.body)?;
            if batch.number != position.number + 1 || batch.after != position.digest {
                let what = "it does not go on from this node's data; restore a backup of the leader on this node";
                return Err(Error::Log(what.into()));
            }
            position = Position { number: batch.number, digest: digest(&entry.body) };
            rows.extend(batch.rows);
        }
        // What is in the log is true; these are needed to read what comes with them.
        let read = ledger.dictionaries.add(dictionaries_of(&rows));
        let read = read.and_then(|()| changes_of(&rows, &ledger.dictionaries, &ledger.definitions.now()));
        let changes = read.map_err(|error| Error::Log(format!("a batch in it cannot be read: {error}")))?;
        // Until everybody is told, nobody begins to watch.
        let followers = followers.read();
        let write = ledger.engine()?.begin_write()?;
        let mut tables = write.tables();
        for row in &rows {
            let table = tables.table(&row.table)?;
            match &row.value {
                Some(value) => table.insert(&row.key, value)?,
                None => table.remove(&row.key)?,
            }
        }
        tables.table(tables::META.name())?.insert(tables::META_LOG, &position.bytes())?;
        drop(tables);
        write.commit()?;
        self.position = position;
        ledger.renew();
        followers.tell(&rows, &changes);
        self.announce();
        Ok(())
    }
}

fn failed(error: LogError) -> Error {
    match error {
        LogError::Deposed => Error::NotLeading,
        other => Error::Log(other.to_string()),
    }
}
