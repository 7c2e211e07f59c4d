//! Work on several threads, with the results taken in the order of the jobs: the results of a file or a group are the
//! same in every run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::Scope;

use parking_lot::Mutex;

/// A job or a result with its number.
pub(super) type Numbered<T> = (u64, T);

/// How many threads work: one for each core, but no more than `most`.
pub(super) fn workers(most: usize) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).clamp(1, most)
}

/// Starts threads that work on jobs until the sender or the receiver is gone.
pub(super) fn start<'scope, J: Send + 'scope, O: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    workers: usize,
    jobs: Receiver<Numbered<J>>,
    done: &SyncSender<Numbered<O>>,
    work: impl Fn(J) -> O + Clone + Send + 'scope,
) {
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..workers {
        let (jobs, done, work) = (Arc::clone(&jobs), done.clone(), work.clone());
        scope.spawn(move || {
            loop {
                // The lock is held while waiting, and not while working.
                let Ok((number, job)) = ({ jobs.lock().recv() }) else { return };
                if done.send((number, work(job))).is_err() {
                    return;
                }
            }
        });
    }
}

/// Holds results that arrive before those of earlier jobs.
#[derive(Debug)]
pub(super) struct InOrder<O> {
    early: BTreeMap<u64, O>,
    taken: u64,
}

impl<O> InOrder<O> {
    pub(super) const fn new() -> Self {
        Self { early: BTreeMap::new(), taken: 0 }
    }

    /// Adds a result.
    pub(super) fn put(&mut self, (number, result): Numbered<O>) {
        self.early.insert(number, result);
    }

    /// The result of the next job, if it is there.
    pub(super) fn next(&mut self) -> Option<O> {
        let result = self.early.remove(&self.taken)?;
        self.taken += 1;
        Some(result)
    }

    /// How many results were handed out.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether no result waits for an earlier one.
    pub(super) fn is_empty(&self) -> bool {
        self.early.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_jobs() {
        let (to_workers, jobs) = sync_channel::<Numbered<u64>>(4);
        let (done, results) = sync_channel::<Numbered<u64>>(64);
        let out = std::thread::scope(|scope| {
            start(scope, 4, jobs, &done, |job| {
                std::thread::sleep(std::time::Duration::from_micros((job * 7919) % 500));
                job * 2
            });
            drop(done);
            for number in 0..50 {
                to_workers.send((number, number)).unwrap();
            }
            drop(to_workers);
            let (mut in_order, mut out) = (InOrder::new(), Vec::new());
            while let Ok(result) = results.recv() {
                in_order.put(result);
                out.extend(std::iter::from_fn(|| in_order.next()));
            }
            assert!(in_order.is_empty() && in_order.taken() == 50);
            out
        });
        assert_eq!(out, (0..50).map(|number| number * 2).collect::<Vec<_>>());
    }
}
