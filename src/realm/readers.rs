//! The pool of readers: threads of the realm for work that may take longer than some ten milliseconds, such as dear
//! searches, `$everything`, `$validate`, batches and large answers. The threads that serve sockets never run such work, so a
//! page or a sign-in does not wait for it.
//!
//! Invariants: callers take turns, whoever asks more; one caller never has all threads; who waits is bounded in number and
//! in time; work whose caller has gone or has waited long enough is ended through its [`Effort`]; long work beyond a
//! budget is refused until the budget has recovered, per caller and per network.
//!
//! Deliberately absent: what the work is, and HTTP.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::access::Effort;
use crate::outbound::Clock;

/// Pieces of work of one caller that may wait.
const MAX_WAITING_EACH: usize = 64;
/// Pieces of work that may wait in all.
const MAX_WAITING: usize = 512;
/// Longest time from asking to the end of the work, waiting included.
pub const LONGEST: Duration = Duration::from_secs(15);
/// Work that is shorter costs no budget.
const FREE: Duration = Duration::from_millis(10);
/// Time on the threads that a caller or a network may use at once beyond what is free.
const BUDGET: Duration = Duration::from_secs(30);
/// The budget recovers by one second in so many.
const RECOVERS_IN: u32 = 4;
/// Callers and networks whose budgets are remembered; those who owe least are forgotten first.
const MAX_BUDGETS: usize = 4_096;
/// When a caller who found no place may ask again, in seconds.
const AGAIN: u64 = 2;

/// Who asks for long work: an app with its member, or else a network. The plan's own back-end clients have no budget, but take
/// turns like everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The app and the member; absent for those who come without a token.
    pub app: Option<Box<str>>,
    /// The network that the request came from.
    pub network: Option<Network>,
    /// True for the plan's own systems.
    pub is_of_the_plan: bool,
}

/// A network: an IPv4 address, or the first 48 bits of an IPv6 address, which is what one customer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network([u8; 6], bool);

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much waits already.
    #[error("too many long requests are waiting; try again in {0} seconds")]
    Busy(u64),
    /// The caller has used up the budget.
    #[error("long requests have used up the budget of this caller; try again in {0} seconds")]
    Budget(u64),
    /// The time is over.
    #[error("the request took longer than {} seconds and was given up; ask for less, for example by patient or by date", LONGEST.as_secs())]
    Late,
}

/// The pool; it ends with the last handle.
pub struct Readers(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    clock: Clock,
    /// Threads that one caller may have.
    each: usize,
    longest: Duration,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Lane, Queue>,
    /// Lanes with waiting work, in the order of their turns.
    turns: VecDeque<Lane>,
    waiting: usize,
    budgets: HashMap<Lane, Budget>,
    closed: bool,
}

/// Whose turn it is: a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Lane {
    App(Box<str>),
    Network(Option<Network>),
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    running: usize,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    caller: Caller,
}

/// Time on the threads that somebody owes.
#[derive(Clone, Copy)]
struct Budget {
    owed: Duration,
    at: Duration,
}

impl Network {
    /// The network of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let short = |bytes: &[u8]| {
            let mut own = [0; 6];
            own.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            own
        };
        match address {
            IpAddr::V4(four) => Self(short(&four.octets()), false),
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => Self(short(&four.octets()), false),
                None => Self(short(&six.octets()), true),
            },
        }
    }
}

impl Caller {
    fn lane(&self) -> Lane {
        match &self.app {
            Some(app) => Lane::App(app.clone()),
            None => Lane::Network(self.network),
        }
    }

    /// Whose budgets its work is charged to.
    fn charged(&self) -> impl Iterator<Item = Lane> {
        let network = self.network.map(|network| Lane::Network(Some(network)));
        let app = self.app.clone().map(Lane::App);
        app.into_iter().chain(network).filter(|_| !self.is_of_the_plan)
    }
}

impl Budget {
    fn now(self, now: Duration) -> Duration {
        self.owed.saturating_sub(now.saturating_sub(self.at) / RECOVERS_IN)
    }
}

impl Readers {
    /// Starts the threads: two for each processor, so that two callers with long work leave room for others.
    ///
    /// # Errors
    /// What the operating system says if it has no thread to give.
    pub fn start(name: &'static str, clock: Clock) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::start_with(name, clock, processors * 2, LONGEST)
    }

    fn start_with(name: &'static str, clock: Clock, threads: usize, longest: Duration) -> std::io::Result<Self> {
        let each = threads.div_ceil(2);
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), clock, each, longest });
        for _ in 0..threads {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("{name}-reader")).spawn(move || shared.serve())?;
        }
        Ok(Self(shared))
    }

    /// Does some work on a thread of the pool, when it is the caller's turn. Whoever drops the future ends the effort.
    ///
    /// # Errors
    /// [`Refused`], with the time after which to ask again.
    pub async fn run<T, F>(&self, caller: &Caller, effort: &Effort, work: F) -> Result<T, Refused>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let waited_for = effort.clone();
        let job = Job {
            work: Box::new(move || {
                if !waited_for.is_over() {
                    drop(reply.send(catch_unwind(AssertUnwindSafe(work))));
                }
            }),
            caller: caller.clone(),
        };
        let end = EndOnDrop(effort);
        self.0.admit(job)?;
        let done = tokio::time::timeout(self.0.longest, answer).await;
        match done {
            Ok(Ok(Ok(done))) => {
                std::mem::forget(end);
                Ok(done)
            }
            Ok(Ok(Err(panic))) => resume_unwind(panic),
            Ok(Err(_)) | Err(_) => Err(Refused::Late),
        }
    }

    /// Pieces of work that wait or run, for tests and metrics.
    #[must_use]
    pub fn load(&self) -> usize {
        let state = self.0.state.lock();
        state.waiting + state.lanes.values().map(|queue| queue.running).sum::<usize>()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.wake.notify_all();
    }
}

/// Ends the effort of work for which nobody waits any more.
struct EndOnDrop<'e>(&'e Effort);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Shared {
    fn admit(&self, job: Job) -> Result<(), Refused> {
        let now = self.clock.monotonic();
        let lane = job.caller.lane();
        let mut state = self.state.lock();
        for charged in job.caller.charged() {
            let owed = state.budgets.get(&charged).map_or(Duration::ZERO, |budget| budget.now(now));
            if let Some(beyond) = owed.checked_sub(BUDGET) {
                return Err(Refused::Budget(beyond.as_secs() * u64::from(RECOVERS_IN) + AGAIN));
            }
        }
        if state.waiting >= MAX_WAITING || state.closed {
            return Err(Refused::Busy(AGAIN));
        }
        let queue = state.lanes.entry(lane.clone()).or_default();
        if queue.waiting.len() >= MAX_WAITING_EACH {
            return Err(Refused::Budget(AGAIN));
        }
        queue.waiting.push_back(job);
        if queue.waiting.len() == 1 {
            state.turns.push_back(lane);
        }
        state.waiting += 1;
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// What one thread does until the pool ends.
    fn serve(&self) {
        let mut state = self.state.lock();
        while !state.closed {
            let Some((lane, job)) = state.next(self.each) else {
                self.wake.wait(&mut state);
                continue;
            };
            drop(state);
            let started = self.clock.monotonic();
            // It answers to its caller itself, panics included.
            (job.work)();
            let now = self.clock.monotonic();
            state = self.state.lock();
            state.charge(&job.caller, now.saturating_sub(started), now);
            state.leave(&lane);
            // A caller who had as many threads as one may have can now have this one.
            self.wake.notify_one();
        }
    }
}

impl State {
    /// The work of the caller whose turn it is and who has not as many threads as one may have.
    fn next(&mut self, each: usize) -> Option<(Lane, Job)> {
        for _ in 0..self.turns.len() {
            let lane = self.turns.pop_front()?;
            let Some(queue) = self.lanes.get_mut(&lane) else { continue };
            if queue.running >= each {
                self.turns.push_back(lane);
                continue;
            }
            let Some(job) = queue.waiting.pop_front() else { continue };
            queue.running += 1;
            if !queue.waiting.is_empty() {
                self.turns.push_back(lane.clone());
            }
            self.waiting -= 1;
            return Some((lane, job));
        }
        None
    }

    fn leave(&mut self, lane: &Lane) {
        if let Some(queue) = self.lanes.get_mut(lane) {
            queue.running = queue.running.saturating_sub(1);
            if queue.running == 0 && queue.waiting.is_empty() {
                self.lanes.remove(lane);
            }
        }
    }

    fn charge(&mut self, caller: &Caller, took: Duration, now: Duration) {
        let Some(dear) = took.checked_sub(FREE) else { return };
        for charged in caller.charged() {
            if self.budgets.len() >= MAX_BUDGETS && !self.budgets.contains_key(&charged) {
                self.forget_budgets(now);
            }
            let owed = self.budgets.get(&charged).map_or(Duration::ZERO, |budget| budget.now(now));
            self.budgets.insert(charged, Budget { owed: owed + dear, at: now });
        }
    }

    /// Makes room: those who owe nothing any more, or else the half that owes least.
    fn forget_budgets(&mut self, now: Duration) {
        self.budgets.retain(|_, budget| budget.now(now) > Duration::ZERO);
        if self.budgets.len() >= MAX_BUDGETS {
            let mut owed: Vec<Duration> = self.budgets.values().map(|budget| budget.now(now)).collect();
            owed.sort_unstable();
            let middle = owed.get(owed.len() / 2).copied().unwrap_or_default();
            self.budgets.retain(|_, budget| budget.now(now) > middle);
        }
    }
}

#[cfg(test)]
mod tests;
