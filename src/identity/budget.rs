//! Counters with a window: how often something may happen for an address, a network or the whole realm. They are rows
//! of the store, so a restart forgives nothing, and they are counted inside the transaction that they guard.

use crate::store::{self, Table, Txn};

use super::limits::SWEEP_BATCH;

/// End of the window (8 bytes, big-endian seconds) + what is counted -> count (4 bytes).
/// The window's end comes first so that a sweep finds what is over at the front of the table.
const BUDGETS: Table = Table::new("identity.budgets");

/// One counter: what is counted, for whom, in which window.
pub(super) struct Budget<'a> {
    pub(super) what: &'a str,
    pub(super) whose: &'a [u8],
    pub(super) window: i64,
    pub(super) limit: u32,
}

/// Counts one use. Gives the seconds to wait if the budget is used up; then nothing is counted.
pub(super) fn spend(txn: &mut Txn<'_>, now: i64, budget: &Budget<'_>) -> Result<Result<(), i64>, store::Error> {
    let end = (now.div_euclid(budget.window) + 1) * budget.window;
    let key = [end.to_be_bytes().as_slice(), budget.what.as_bytes(), &[0], budget.whose].concat();
    let used = txn.get(BUDGETS, &key)?.and_then(|v| v.try_into().ok()).map_or(0, u32::from_be_bytes);
    if used >= budget.limit {
        return Ok(Err(end - now));
    }
    txn.put(BUDGETS, &key, (used + 1).to_be_bytes().to_vec())?;
    Ok(Ok(()))
}

/// Forgets windows that are over.
pub(super) fn sweep(txn: &mut Txn<'_>, now: i64) -> Result<usize, store::Error> {
    let mut swept = 0;
    for (key, _) in txn.scan(BUDGETS, b"", SWEEP_BATCH)? {
        let end = key.get(..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes);
        if end > now {
            break;
        }
        txn.delete(BUDGETS, &key)?;
        swept += 1;
    }
    Ok(swept)
}
