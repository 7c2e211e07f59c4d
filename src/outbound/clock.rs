//! The one source of time. Everything below `cli` is handed a [`Clock`], so a test can move time by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;

/// A handle to the time of day. Cloning is cheap; all clones tell the same time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System { started: Instant },
    Manual { start: Timestamp, now: Arc<Mutex<Timestamp>> },
}

/// Moves a manual [`Clock`]; only tests hold one.
#[derive(Clone)]
pub struct ClockHand(Arc<Mutex<Timestamp>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn system() -> Self {
        Self(Source::System { started: Instant::now() })
    }

    /// A clock that stands still until its hand moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, ClockHand) {
        let now = Arc::new(Mutex::new(start));
        (Self(Source::Manual { start, now: Arc::clone(&now) }), ClockHand(now))
    }

    /// The time of day.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => Timestamp::now(),
            Source::Manual { now, .. } => *now.lock(),
        }
    }

    /// Time since the clock was made, which never runs backwards on a real machine. Use it for durations.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { started } => started.elapsed(),
            Source::Manual { start, now } => now.lock().duration_since(*start).try_into().unwrap_or_default(),
        }
    }
}

impl ClockHand {
    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock();
        *now = now.checked_add(by).unwrap_or(*now);
    }

    /// Sets the time of day, backwards too.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock() = to;
    }
}
