//! How much work a request may still do. Loops that count ask before each step, so that long work ends soon after nobody
//! waits for it any more, and short work that turns out to be long is noticed while it is still short.
//!
//! One unit is some four microseconds: reading a stored resource costs one, asking the filter about one costs
//! [`CHECK`]. Deliberately absent: clocks. The task that waits for the answer ends the effort at the deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Units that it costs to parse a resource and ask the filter about it.
pub const CHECK: u32 = 8;

/// Where a count stands that has been ended from outside: no spending brings it back above zero.
const ENDED: i64 = i64::MIN / 2;
const UNLIMITED: i64 = i64::MAX / 2;

/// The work that one request may do; clones share it.
#[derive(Clone, Debug)]
pub struct Effort(Arc<AtomicI64>);

/// The effort is used up, or nobody waits for its result any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was given up before its end")]
pub struct Exhausted;

impl Effort {
    /// So many units.
    #[must_use]
    pub fn of(units: u32) -> Self {
        Self(Arc::new(AtomicI64::new(units.into())))
    }

    /// As much as it takes, until somebody ends it.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(Arc::new(AtomicI64::new(UNLIMITED)))
    }

    /// Takes units off.
    ///
    /// # Errors
    /// [`Exhausted`] if there are none left.
    pub fn spend(&self, units: u32) -> Result<(), Exhausted> {
        let before = self.0.fetch_sub(units.into(), Ordering::Relaxed);
        if before > 0 { Ok(()) } else { Err(Exhausted) }
    }

    /// From here on nothing may be spent.
    pub fn end(&self) {
        self.0.store(ENDED, Ordering::Relaxed);
    }

    /// True if there is nothing left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_gone_and_an_end_is_for_good() {
        let effort = Effort::of(CHECK + 1);
        assert_eq!((effort.spend(CHECK), effort.spend(1)), (Ok(()), Ok(())));
        assert_eq!(effort.spend(1), Err(Exhausted));
        let long = Effort::unlimited();
        let same = long.clone();
        assert_eq!(same.spend(u32::MAX), Ok(()));
        long.end();
        assert!(same.is_over());
        assert_eq!(same.spend(0), Err(Exhausted));
    }
}
