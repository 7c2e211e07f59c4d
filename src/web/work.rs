//! Where a request is worked on. Every handler begins on the thread of its socket, within an allowance of a few
//! milliseconds; what turns out to be longer, or is known to be, goes on in the realm's pool of readers.
//!
//! Invariant: no socket thread is held for longer than the allowance by what a caller asks for.

use super::ask::{Ask, caller};
use super::problem::Problem;
use crate::access::Effort;

/// Units of effort on a thread of a socket: two to four milliseconds.
pub(super) const ALLOWANCE: u32 = 1_024;
/// Bytes above which a body is parsed, rewritten or packed in the pool.
pub(super) const LARGE: usize = 64 << 10;

impl Ask {
    /// Does some work here if that is short, else in the pool, from its beginning.
    pub(super) async fn work<T, F>(self, work: F) -> Result<T, Problem>
    where
        F: Fn(&Self) -> Result<T, Problem> + Send + 'static,
        T: Send + 'static,
    {
        match work(&self) {
            Err(Problem::Exhausted) if !self.in_pool => self.long(move |ask| work(&ask)).await,
            done => done,
        }
    }

    /// Does some work in the pool.
    pub(super) async fn long<T, F>(mut self, work: F) -> Result<T, Problem>
    where
        F: FnOnce(Self) -> Result<T, Problem> + Send + 'static,
        T: Send + 'static,
    {
        if self.in_pool {
            return work(self);
        }
        let effort = Effort::unlimited();
        self.effort = effort.clone();
        self.in_pool = true;
        let (realm, caller) = (std::sync::Arc::clone(&self.realm), caller(&self.principal, self.network()));
        realm.readers.run(&caller, &effort, move || work(self)).await?
    }

    /// Does some work in the pool if it `is_long`. Work that waits for a commit holds its thread meanwhile.
    pub(super) async fn perhaps_long<T, F, R>(self, is_long: bool, work: F) -> Result<T, Problem>
    where
        F: FnOnce(Self) -> R + Send + 'static,
        R: Future<Output = Result<T, Problem>>,
        T: Send + 'static,
    {
        if !is_long || self.in_pool {
            return work(self).await;
        }
        let runtime = tokio::runtime::Handle::current();
        self.long(move |ask| runtime.block_on(work(ask))).await
    }

    /// Works on `size` bytes: here if they are few, else in the pool.
    pub(super) async fn apart<T, F>(&self, size: usize, work: F) -> Result<T, Problem>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if size <= LARGE || self.in_pool {
            return Ok(work());
        }
        let caller = caller(&self.principal, self.network());
        Ok(self.realm.readers.run(&caller, &Effort::unlimited(), work).await?)
    }
}
