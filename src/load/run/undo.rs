//! Taking back the last load: resources that its transactions changed return to their earlier state, as new versions.
//! Possible until the next load begins.
//!
//! | table | key | value |
//! |---|---|---|
//! | `load.before` | table, 0, key | 1 and the value that the key had, or nothing if it had none |
//! | `load.spans` | position in the change feed where a transaction ended (u64) | where it began (u64) |
//! | `load.run` | `last` | [`LastLoad`] as JSON |
//!
//! A load that was killed and started again counts as two loads; only the second can be taken back.

use serde::{Deserialize, Serialize};

use super::{latest, shelf};
use crate::load::{Error, Target};
use crate::store::{self, Store, Table, Txn};

const BEFORE: Table = Table::new("load.before");
const SPANS: Table = Table::new("load.spans");
const RUN: Table = Table::new("load.run");
const LAST: &[u8] = b"last";
/// Rows in one transaction.
const STEP: usize = 5_000;

/// The last load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastLoad {
    /// When it began.
    started: String,
    /// How many files it read.
    files: u64,
    /// Whether it was taken back.
    undone: bool,
}

/// The result of taking a load back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// When the load began.
    pub started: String,
    /// Resources that are back in their earlier state.
    pub resources: u64,
    /// Resources that somebody changed after the load; they stayed as they are.
    pub stayed: u64,
    /// Entries of the roster and other tables that are back in their earlier state.
    pub entries: u64,
}

/// Starts recording: from here on the transaction's changes can be taken back.
pub(super) fn begin(txn: &mut Txn<'_>) -> u64 {
    txn.journal(Some(BEFORE), Some(shelf::DIRTY));
    txn.position()
}

/// Records the changes of the transaction.
pub(super) fn end(txn: &mut Txn<'_>, began: u64) -> Result<(), store::Error> {
    txn.journal(None, None);
    let ended = txn.position();
    if ended == began {
        return Ok(());
    }
    txn.put(SPANS, &ended.to_be_bytes(), began.to_be_bytes().to_vec())
}

/// Drops the journal of the previous load; a new one begins.
pub(super) fn start(target: &Target<'_>, files: u64) -> Result<(), Error> {
    for table in [BEFORE, SPANS] {
        while clear(target.store, table)? {}
    }
    let run = LastLoad { started: target.now.to_string(), files, undone: false };
    target.store.transact_blocking(move |txn| txn.put_json(RUN, LAST, &run)).map_err(Error::Store)
}

/// Removes some rows; false when there were none.
fn clear(store: &Store, table: Table) -> Result<bool, Error> {
    let cleared: Result<bool, store::Error> = store.transact_blocking(move |txn| {
        let rows = txn.scan(table, b"", STEP)?;
        for (key, _) in &rows {
            txn.delete(table, key)?;
        }
        Ok(!rows.is_empty())
    });
    Ok(cleared?)
}

/// Takes the last load back. Returns nothing if there is none or it was taken back already.
///
/// # Errors
/// The store's error; resources taken back by then stay so, and calling again goes on.
pub fn undo(target: &Target<'_>) -> Result<Option<Undone>, Error> {
    let Some(mut run) = target.store.snapshot()?.get_json::<LastLoad>(RUN, LAST)?.filter(|run| !run.undone) else {
        return Ok(None);
    };
    let mut done = Undone { started: run.started.clone(), resources: 0, stayed: 0, entries: 0 };
    let mut spans = target.store.snapshot()?.scan(SPANS, b"", usize::MAX)?;
    spans.reverse();
    for (ended, began) in spans {
        let now = target.now;
        let at = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let (from, to) = (at(&began), at(&ended));
        let (back, stayed): (u64, u64) = target.store.transact_blocking(move |txn| {
            let went = txn.go_back(from, to, now)?;
            txn.delete(SPANS, &ended)?;
            Ok::<_, store::Error>(went)
        })?;
        done.resources += back;
        done.stayed += stayed;
    }
    loop {
        let count: u64 = target.store.transact_blocking(|txn| {
            let rows = txn.scan(BEFORE, b"", STEP)?;
            for (place, before) in &rows {
                restore(txn, place, before)?;
                txn.delete(BEFORE, place)?;
            }
            Ok::<_, store::Error>(rows.len() as u64)
        })?;
        if count == 0 {
            break;
        }
        done.entries += count;
    }
    run.undone = true;
    target.store.transact_blocking(move |txn| txn.put_json(RUN, LAST, &run)).map_err(Error::Store)?;
    Ok(Some(done))
}

/// Gives a key of a table its earlier value.
fn restore(txn: &mut Txn<'_>, place: &[u8], before: &[u8]) -> Result<(), store::Error> {
    let Some(end) = place.iter().position(|byte| *byte == 0) else { return Ok(()) };
    let (name, key) = (place.get(..end).unwrap_or_default(), place.get(end + 1..).unwrap_or_default());
    // The tables that a load writes; any other name was written by a later version of Ingle.
    let tables = shelf::TABLES.into_iter().chain(latest::TABLES).chain([crate::identity::matching::NUMBERS]);
    let known = tables.chain(crate::identity::roster::TABLES).find(|table| table.name().as_bytes() == name);
    let Some(table) = known else { return Err(store::Error::Corrupted("the journal of the last load".into())) };
    // A group whose parts are gone, or which waits again, is assembled again by the next load.
    shelf::mark_group(txn, table, key)?;
    match before.split_first() {
        None => txn.delete(table, key),
        Some((_, value)) => txn.put(table, key, value),
    }
}
