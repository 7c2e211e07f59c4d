//! Counters with a window: how often something may happen for an address, a network or the whole realm. They are rows
//! of the store, so a restart forgives nothing, and they are counted inside the transaction that they guard.

use crate::store::{self, Table, Txn};

use super::limits;

/// Bytes of an IPv6 /48. An IPv4 address is shorter.
const SITE_BYTES: usize = 6;

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
    let counted = look(txn, now, budget)?;
    if let Ok((key, used)) = &counted {
        txn.put(BUDGETS, key, (used + 1).to_be_bytes().to_vec())?;
    }
    Ok(counted.map(drop))
}

/// The counter and what it says, or the seconds to wait if the budget is used up. Nothing is counted.
pub(super) fn look(
    txn: &mut Txn<'_>,
    now: i64,
    budget: &Budget<'_>,
) -> Result<Result<(Vec<u8>, u32), i64>, store::Error> {
    let end = (now.div_euclid(budget.window) + 1) * budget.window;
    let key = [end.to_be_bytes().as_slice(), budget.what.as_bytes(), &[0], budget.whose].concat();
    let used = txn.get(BUDGETS, &key)?.and_then(|v| v.try_into().ok()).map_or(0, u32::from_be_bytes);
    Ok(if used < budget.limit { Ok((key, used)) } else { Err(end - now) })
}

/// The budgets of the network that something comes from: a household's or office's own, and in IPv6, where one customer has
/// 65,536 of them, the share of all together.
pub(super) fn of_network<'a>((what, of_site): (&'a str, &'a str), network: &'a [u8], limit: u32) -> Vec<Budget<'a>> {
    let window = limits::NETWORK_WINDOW;
    let mut budgets = vec![Budget { what, whose: network, window, limit }];
    if let Some(site) = network.get(..SITE_BYTES) {
        budgets.push(Budget { what: of_site, whose: site, window, limit: limit * limits::NETWORKS_PER_SITE });
    }
    budgets
}

/// Forgets windows that are over.
pub(super) fn sweep(txn: &mut Txn<'_>, now: i64) -> Result<usize, store::Error> {
    let mut swept = 0;
    for (key, _) in txn.scan(BUDGETS, b"", limits::SWEEP_BATCH)? {
        let end = key.get(..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes);
        if end > now {
            break;
        }
        txn.delete(BUDGETS, &key)?;
        swept += 1;
    }
    Ok(swept)
}
