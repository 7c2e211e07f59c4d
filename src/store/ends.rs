//! What may be forgotten, and when. Rooms name their tables whose rows end, and note the end of each row where they write
//! it; a sweep walks the front of one table, so cleaning up never reads what is still alive.

use std::collections::BTreeMap;

use parking_lot::RwLock;

use super::error::Error;
use super::tables::Table;
use super::txn::Txn;

/// End (8 bytes, big-endian seconds), table, 0, key in that table -> nothing.
const ENDS: Table = Table::new("store.ends");
/// Notes dealt with in one sweep, so that it never holds the writer for long.
const SWEPT_AT_ONCE: usize = 1_000;

/// A table whose rows end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The table.
    pub table: Table,
    /// Whether a row is over at a time: it may have been renewed since its end was noted.
    pub is_over: fn(&[u8], i64) -> bool,
    /// Where ends were noted by earlier versions, as end (8 bytes), letter of the table, key: that table and that letter.
    pub noted_before: Option<(Table, u8)>,
}

/// The tables that rooms have named.
#[derive(Default)]
pub(super) struct Endings(RwLock<BTreeMap<&'static str, Ending>>);

impl Endings {
    pub(super) fn add(&self, endings: &[Ending]) {
        self.0.write().extend(endings.iter().map(|ending| (ending.table.name(), *ending)));
    }

    /// Removes what ended; gives how many notes were dealt with.
    pub(super) fn sweep(&self, txn: &mut Txn<'_>, now: i64) -> Result<usize, Error> {
        let endings = self.0.read();
        let mut swept = 0;
        for note in due(txn, ENDS, now)? {
            if let Some((table, key)) = note.get(size_of::<i64>()..).and_then(split_at_zero) {
                if let Some(ending) = std::str::from_utf8(table).ok().and_then(|name| endings.get(name)) {
                    ending.forget(txn, key, now)?;
                } else {
                    tracing::warn!("an end was noted for a table that no room has named; its row stays");
                }
            }
            txn.delete(ENDS, &note)?;
            swept += 1;
        }
        let mut earlier: Vec<Table> = endings.values().filter_map(|ending| Some(ending.noted_before?.0)).collect();
        earlier.sort_unstable();
        earlier.dedup();
        for notes in earlier {
            for note in due(txn, notes, now)? {
                if let Some((letter, key)) = note.get(size_of::<i64>()..).and_then(<[u8]>::split_first) {
                    let of = endings.values().filter(|ending| ending.noted_before == Some((notes, *letter)));
                    of.copied().try_for_each(|ending| ending.forget(txn, key, now))?;
                }
                txn.delete(notes, &note)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

impl Ending {
    fn forget(self, txn: &mut Txn<'_>, key: &[u8], now: i64) -> Result<(), Error> {
        if txn.get(self.table, key)?.is_some_and(|value| (self.is_over)(&value, now)) {
            txn.delete(self.table, key)?;
        }
        Ok(())
    }
}

/// The notes whose time has come, oldest first.
fn due(txn: &mut Txn<'_>, notes: Table, now: i64) -> Result<Vec<Vec<u8>>, Error> {
    let front = txn.scan(notes, b"", SWEPT_AT_ONCE)?.into_iter().map(|(note, _)| note);
    let is_due = |note: &Vec<u8>| note.first_chunk().is_none_or(|end| i64::from_be_bytes(*end) <= now);
    Ok(front.take_while(is_due).collect())
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

impl Txn<'_> {
    /// Notes when a row may be forgotten; its table is one that the room named to [`super::Store::forget_from`].
    pub fn note_end(&mut self, ends: i64, table: Table, key: &[u8]) -> Result<(), Error> {
        self.put(ENDS, &[ends.to_be_bytes().as_slice(), table.name().as_bytes(), &[0], key].concat(), Vec::new())
    }
}
