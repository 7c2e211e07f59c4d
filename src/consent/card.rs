//! The ways to a grant: by who decided, by whose records, and by the *card* that a member sees, which is one app, one
//! decider, the same records. Each is written with the grant and goes when the grant is forgotten.

use super::{BY_MEMBER, BY_PATIENT, GRANTS, Grant, member_key};
use crate::access::{GrantId, PatientId};
use crate::store::{self, Snapshot, Store, Table, Txn};

/// Card, `r` for records or `s` for signing in, grant id -> when the row may go. Ended grants are not in it.
pub(super) const BY_CARD: Table = Table::new("consent.by_card");
/// In [`BY_CARD`] once grants of older versions are in it; no app's id is empty.
const DONE: &[u8] = &[0];
/// Rows read per step.
const STEP: usize = 1_000;

/// One card, as the first bytes of its rows.
pub(super) struct Card(Vec<u8>);

impl Card {
    pub(super) fn new(client_id: &str, member: &str, patients: &[PatientId]) -> Self {
        let mut key = Vec::new();
        for part in [client_id, member].into_iter().chain(patients.iter().map(PatientId::as_str)) {
            key.extend_from_slice(part.as_bytes());
            key.push(0);
        }
        // No part is empty, so a second zero ends the list of patients: one patient's card is not the beginning of two's.
        key.push(0);
        Self(key)
    }

    pub(super) fn of(grant: &Grant) -> Self {
        Self::new(&grant.client_id, &grant.member, &grant.patients)
    }

    fn row(&self, grant: &Grant) -> Vec<u8> {
        [self.0.as_slice(), &[kind(grant.only_signs_in())], grant.id.as_bytes()].concat()
    }

    /// Its grants of one kind that have not been stopped.
    pub(super) fn grants(&self, txn: &mut Txn<'_>, sign_in: bool) -> Result<Vec<Grant>, store::Error> {
        let prefix = [self.0.as_slice(), &[kind(sign_in)]].concat();
        let mut grants = Vec::new();
        for (key, _) in txn.scan(BY_CARD, &prefix, usize::MAX)? {
            let id = key.get(prefix.len()..).unwrap_or_default();
            grants.extend(txn.get_json::<Grant>(GRANTS, id)?);
        }
        Ok(grants)
    }

    /// All its live grants, of both kinds.
    pub(super) fn live(&self, snapshot: &Snapshot, now: i64) -> Result<Vec<GrantId>, store::Error> {
        let mut ids = Vec::new();
        let mut from: Vec<u8> = Vec::new();
        loop {
            let rows = snapshot.scan_from(BY_CARD, &self.0, &from, STEP)?;
            let Some((last, _)) = rows.last() else { break };
            from = [last.as_slice(), &[0]].concat();
            for (key, _) in &rows {
                let id = key.get(self.0.len() + 1..).unwrap_or_default();
                let grant: Option<Grant> = snapshot.get_json(GRANTS, id)?;
                ids.extend(grant.filter(|grant| grant.is_live(now)).map(|grant| grant.id));
            }
        }
        Ok(ids)
    }
}

const fn kind(sign_in: bool) -> u8 {
    if sign_in { b's' } else { b'r' }
}

/// Writes a grant and the ways to it.
pub(super) fn put(txn: &mut Txn<'_>, grant: &Grant) -> Result<(), store::Error> {
    txn.put_json(GRANTS, grant.id.as_bytes(), grant)?;
    txn.note_end(grant.gone_at(), GRANTS, grant.id.as_bytes())?;
    put_ways(txn, grant)
}

fn put_ways(txn: &mut Txn<'_>, grant: &Grant) -> Result<(), store::Error> {
    let gone_at = grant.gone_at();
    let mut ways = vec![(BY_MEMBER, member_key(&grant.member, &grant.id))];
    ways.extend(grant.patients.iter().map(|patient| (BY_PATIENT, member_key(patient, &grant.id))));
    let on_card = Card::of(grant).row(grant);
    if grant.revoked.is_none() {
        ways.push((BY_CARD, on_card));
    } else {
        txn.delete(BY_CARD, &on_card)?;
    }
    for (table, key) in ways {
        txn.put(table, &key, gone_at.to_be_bytes().to_vec())?;
        txn.note_end(gone_at, table, &key)?;
    }
    Ok(())
}

/// Writes the ways to the grants of older versions, once.
pub(super) fn note(store: &Store) -> Result<(), store::Error> {
    let snapshot = store.snapshot()?;
    if snapshot.get(BY_CARD, DONE)?.is_some() {
        return Ok(());
    }
    let mut from: Vec<u8> = Vec::new();
    loop {
        let rows = snapshot.scan_from(GRANTS, b"", &from, STEP)?;
        let Some((last, _)) = rows.last() else { break };
        from = [last.as_slice(), &[0]].concat();
        let grants: Vec<Grant> = rows.iter().filter_map(|(_, row)| serde_json::from_slice(row).ok()).collect();
        store.transact_blocking(move |txn| grants.iter().try_for_each(|grant| put_ways(txn, grant)))?;
    }
    store.transact_blocking(|txn| txn.put(BY_CARD, DONE, Vec::new()))
}
