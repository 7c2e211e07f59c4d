//! The log that several nodes share: the leader appends each group commit to it before it commits, every other node reads
//! it and applies what it finds. One machine needs none: there the file is the log.
//!
//! What an implementation must keep: numbers have no gaps; a number is taken once, so of two who believe they lead one is
//! refused; nobody appends under an epoch older than the newest lease; what was appended is there for whoever reads after.
//! It need not keep time well: a lease that ends too early or too late costs waiting, never data.

use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

/// Why the log did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LogError {
    /// Another node has the lead, or has taken the number.
    #[error("another node leads")]
    Deposed,
    /// What was to be read is not kept any more.
    #[error("it was trimmed beyond this node's position; restore a newer backup on this node")]
    Trimmed,
    /// It cannot be reached, or failed. Whether an append was kept is not known.
    #[error("{0}")]
    Failed(String),
}

/// A batch as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number.
    pub number: u64,
    /// The batch (`batch.rs`).
    pub body: Vec<u8>,
}

/// The lead, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Number of the reign: each new leader's is higher.
    pub epoch: u64,
    /// When another node may take the lead.
    pub until: Timestamp,
}

/// Where batches are shared. Four calls, each of which is one statement on a database.
pub trait Log: Send + Sync {
    /// Keeps a batch under the number after the last, durably, if this epoch is the newest.
    fn append(&self, epoch: u64, entry: LogEntry) -> Result<(), LogError>;

    /// The batches after a number, in order, at most `limit`.
    fn read_after(&self, number: u64, limit: usize) -> Result<Vec<LogEntry>, LogError>;

    /// Takes or renews the lead, unless another node has it: nothing then.
    fn lease(&self, node: &str, now: Timestamp, lasts: Duration) -> Result<Option<Lease>, LogError>;

    /// Forgets the batches before a number, which every node has applied or can have from a backup.
    fn trim(&self, before: u64) -> Result<(), LogError>;
}

/// A log in memory, for tests and for two nodes in one process.
#[derive(Debug, Default)]
pub struct MemoryLog(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Number of the last batch that was forgotten.
    trimmed: u64,
    entries: Vec<LogEntry>,
    leader: Option<(String, Lease)>,
}

impl Kept {
    fn last(&self) -> u64 {
        self.trimmed + self.entries.len() as u64
    }
}

impl MemoryLog {
    /// Number of the last batch.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.0.lock().last()
    }
}

impl Log for MemoryLog {
    fn append(&self, epoch: u64, entry: LogEntry) -> Result<(), LogError> {
        let mut kept = self.0.lock();
        let leads = kept.leader.as_ref().is_some_and(|(_, lease)| lease.epoch == epoch);
        if !leads || entry.number != kept.last() + 1 {
            return Err(LogError::Deposed);
        }
        kept.entries.push(entry);
        Ok(())
    }

    fn read_after(&self, number: u64, limit: usize) -> Result<Vec<LogEntry>, LogError> {
        let kept = self.0.lock();
        let skipped = number.checked_sub(kept.trimmed).ok_or(LogError::Trimmed)?;
        Ok(kept.entries.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)).take(limit).cloned().collect())
    }

    fn lease(&self, node: &str, now: Timestamp, lasts: Duration) -> Result<Option<Lease>, LogError> {
        let mut kept = self.0.lock();
        let until = now.checked_add(lasts).unwrap_or(now);
        let epoch = match &kept.leader {
            Some((leader, lease)) if leader == node => lease.epoch,
            Some((_, lease)) if now < lease.until => return Ok(None),
            Some((_, lease)) => lease.epoch + 1,
            None => 1,
        };
        let lease = Lease { epoch, until };
        kept.leader = Some((node.to_owned(), lease));
        Ok(Some(lease))
    }

    fn trim(&self, before: u64) -> Result<(), LogError> {
        let mut kept = self.0.lock();
        let through = before.saturating_sub(1).min(kept.last());
        let count = through.saturating_sub(kept.trimmed);
        kept.entries.drain(..usize::try_from(count).unwrap_or(0));
        kept.trimmed += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(5);

    fn entry(number: u64) -> LogEntry {
        LogEntry { number, body: vec![number as u8] }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn one_leads_and_who_is_deposed_appends_nothing() {
        let log = MemoryLog::default();
        assert_eq!(log.append(1, entry(1)), Err(LogError::Deposed), "nobody leads");
        let first = log.lease("a", at(0), LIFE).unwrap().unwrap();
        log.append(first.epoch, entry(1)).unwrap();
        assert_eq!(log.append(first.epoch, entry(1)), Err(LogError::Deposed), "a number is taken once");
        assert_eq!(log.append(first.epoch, entry(3)), Err(LogError::Deposed), "no gaps");
        assert_eq!(log.lease("b", at(4), LIFE).unwrap(), None);
        let renewed = log.lease("a", at(4), LIFE).unwrap().unwrap();
        assert_eq!((renewed.epoch, renewed.until), (first.epoch, at(9)));
        let second = log.lease("b", at(9), LIFE).unwrap().unwrap();
        assert!(second.epoch > first.epoch);
        assert_eq!(log.append(first.epoch, entry(2)), Err(LogError::Deposed));
        log.append(second.epoch, entry(2)).unwrap();
    }

    #[test]
    fn batches_are_read_in_order_until_they_are_trimmed() {
        let log = MemoryLog::default();
        let epoch = log.lease("a", at(0), LIFE).unwrap().unwrap().epoch;
        (1..=5).for_each(|number| log.append(epoch, entry(number)).unwrap());
        assert_eq!(log.read_after(1, 2).unwrap(), [entry(2), entry(3)]);
        assert!(log.read_after(5, 2).unwrap().is_empty() && log.read_after(9, 2).unwrap().is_empty());
        log.trim(4).unwrap();
        assert_eq!(log.read_after(3, 9).unwrap(), [entry(4), entry(5)]);
        assert_eq!(log.read_after(2, 9), Err(LogError::Trimmed));
        log.append(epoch, entry(6)).unwrap();
        log.trim(100).unwrap();
        assert!(log.read_after(6, 9).unwrap().is_empty());
        log.append(epoch, entry(7)).unwrap();
        assert_eq!(log.last(), 7);
    }
}
