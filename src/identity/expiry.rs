//! What may be forgotten and when. Challenges and sessions note their end here; a sweep walks the front of the table,
//! so cleaning up never reads what is still alive.

use super::limits::SWEEP_BATCH;
use super::{code, session};
use crate::store::{self, Table, Txn};

/// End (8 bytes, big-endian seconds) + kind (1 byte) + key in the table of that kind -> nothing.
const EXPIRY: Table = Table::new("identity.expiry");

pub(super) fn note(txn: &mut Txn<'_>, ends: i64, kind: u8, key: &[u8]) -> Result<(), store::Error> {
    txn.put(EXPIRY, &[ends.to_be_bytes().as_slice(), &[kind], key].concat(), Vec::new())
}

/// Removes what ended; gives how many notes were dealt with.
pub(super) fn sweep(txn: &mut Txn<'_>, now: i64) -> Result<usize, store::Error> {
    let mut swept = 0;
    for (note, _) in txn.scan(EXPIRY, b"", SWEEP_BATCH)? {
        let Some((ends, rest)) = note.split_first_chunk::<8>() else { continue };
        if i64::from_be_bytes(*ends) > now {
            break;
        }
        match rest.split_first() {
            Some((&code::CHALLENGES_KIND, key)) => code::forget(txn, now, key)?,
            Some((&session::SESSIONS_KIND, key)) => session::forget(txn, now, key)?,
            _ => {}
        }
        txn.delete(EXPIRY, &note)?;
        swept += 1;
    }
    Ok(swept)
}
