//! Grants: what a member lets an app read, of whose records, until when, and when she stopped it.
//!
//! Every live grant is also held in memory (`live.rs`). A token is good only while its grant is in that map, so stopping
//! takes effect with the next request and nothing has to be looked up on the disk. The map follows what the store commits,
//! on whichever node; a grant that the store does not know is not live.
//!
//! Deliberately absent: tokens (`oauth`), what a scope means (`access`), and who read when (`audit`).

mod live;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::{Categories, Category, ClientId, GrantId, MemberId, PatientId};
use crate::outbound::{Chance, Clock};
use crate::store::{self, Store, Table, Txn};
use live::Live;

/// Grant id -> [`Grant`] as JSON.
const GRANTS: Table = Table::new("consent.grants");
/// Member id + 0 + grant id -> nothing.
const BY_MEMBER: Table = Table::new("consent.by_member");
/// Patient id + 0 + grant id -> nothing. The patient sees and stops these grants, also those that a representative gave.
const BY_PATIENT: Table = Table::new("consent.by_patient");
/// In [`BY_PATIENT`] once grants of older versions are in it; no patient's id is empty.
const BY_PATIENT_DONE: &[u8] = &[0];
/// Grants shown to one member at most; far above what anyone connects.
const MAX_LISTED: usize = 1_000;

/// What went wrong with a grant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such grant, or it is another member's.
    #[error("there is no such sharing")]
    Unknown,
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A member's decision to share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Fresh id.
    pub id: GrantId,
    /// The app.
    pub client_id: ClientId,
    /// Who decided, by member id: the member herself or her representative.
    pub member: MemberId,
    /// Whose records, by FHIR Patient id.
    pub patients: Vec<PatientId>,
    /// Scopes she agreed to, space-separated.
    pub scopes: String,
    /// Sensitive categories she chose to share. Everything else is withheld, what a later version labels too.
    pub shared: Vec<Category>,
    /// When she decided, in Unix seconds.
    pub created: i64,
    /// When it ends by itself.
    pub until: i64,
    /// When she or the plan stopped it.
    pub revoked: Option<i64>,
}

impl Grant {
    /// True while apps may use it.
    #[must_use]
    pub const fn is_live(&self, now: i64) -> bool {
        self.revoked.is_none() && now < self.until
    }

    /// True if a member sees the two as one: the same app, the same records, the same decider.
    #[must_use]
    pub fn is_on_card_of(&self, other: &Self) -> bool {
        (&self.client_id, &self.patients, &self.member) == (&other.client_id, &other.patients, &other.member)
    }
}

/// A member who wants something stopped.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Her member id.
    pub member: &'a MemberId,
    /// Her own Patient.
    pub patient: &'a PatientId,
}

impl Asker<'_> {
    /// True if she decided, or the records are hers.
    #[must_use]
    pub fn may_stop(&self, grant: &Grant) -> bool {
        grant.member == *self.member || grant.patients.contains(self.patient)
    }
}

/// What is kept back when only these categories were chosen.
#[must_use]
pub fn withheld(shared: &[Category]) -> Categories {
    Categories::from_bits(!shared.iter().copied().collect::<Categories>().bits())
}

/// What a new grant says.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The app.
    pub client_id: ClientId,
    /// Who decides.
    pub member: MemberId,
    /// Whose records.
    pub patients: Vec<PatientId>,
    /// Scopes agreed to.
    pub scopes: String,
    /// Sensitive categories she chose to share.
    pub shared: Vec<Category>,
    /// When it ends.
    pub until: i64,
}

/// A handle to the room; clones share it.
#[derive(Clone)]
pub struct Consent(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    chance: Chance,
    live: Arc<Live>,
}

impl Consent {
    /// Opens the room and rebuilds the view of what is live.
    pub fn open(store: Store, clock: Clock, chance: Chance) -> Result<Self, Error> {
        if store.leads() {
            note_patients(&store)?;
        }
        let live = Live::follow(&store, clock.now().as_second())?;
        Ok(Self(Arc::new(Inner { store, clock, chance, live })))
    }

    /// Writes a grant inside a transaction of the caller (the authorization code is written in the same one). It is live once
    /// that is committed and before the caller is answered, so the app can use the code at once. Stopping it is a later
    /// commit, so it can never come first and be undone.
    pub fn put_new(&self, txn: &mut Txn<'_>, new: NewGrant) -> Result<Grant, store::Error> {
        let grant = Grant {
            id: self.0.chance.id().into(),
            client_id: new.client_id,
            member: new.member,
            patients: new.patients,
            scopes: new.scopes,
            shared: new.shared,
            created: self.0.clock.now().as_second(),
            until: new.until,
            revoked: None,
        };
        txn.put_json(GRANTS, grant.id.as_bytes(), &grant)?;
        txn.put(BY_MEMBER, &member_key(&grant.member, &grant.id), Vec::new())?;
        put_by_patient(txn, &grant)?;
        Ok(grant)
    }

    /// True while apps may read under this grant. Answered from memory.
    #[must_use]
    pub fn is_live(&self, grant: &str, now: i64) -> bool {
        self.0.live.contains(grant, now)
    }

    /// One grant.
    pub fn find(&self, id: &str) -> Result<Option<Grant>, Error> {
        Ok(self.0.store.snapshot()?.get_json(GRANTS, id.as_bytes())?)
    }

    /// Everything a member ever shared, her own records and those of people she acts for, newest first.
    pub fn of_member(&self, member: &str) -> Result<Vec<Grant>, Error> {
        self.listed(BY_MEMBER, member)
    }

    /// All grants of a patient's records, also those that a representative gave and ended ones, newest first.
    pub fn of_patient(&self, patient: &str) -> Result<Vec<Grant>, Error> {
        self.listed(BY_PATIENT, patient)
    }

    fn listed(&self, table: Table, whose: &str) -> Result<Vec<Grant>, Error> {
        let snapshot = self.0.store.snapshot()?;
        let prefix = member_key(whose, "");
        let mut grants = Vec::new();
        for (key, _) in snapshot.scan(table, &prefix, MAX_LISTED)? {
            let id = key.get(prefix.len()..).unwrap_or_default();
            grants.extend(snapshot.get_json::<Grant>(GRANTS, id)?);
        }
        grants.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        Ok(grants)
    }

    /// Stops what one card shows: every live grant with the same app, the same records and the same decider as this one.
    /// Who decided may stop it, and whose records they are. Gives the app.
    pub async fn stop(&self, grant: &str, asked_by: Asker<'_>) -> Result<ClientId, Error> {
        let shown = self.find(grant)?.filter(|grant| asked_by.may_stop(grant)).ok_or(Error::Unknown)?;
        let now = self.0.clock.now().as_second();
        let same = self.of_member(&shown.member)?.into_iter().filter(|other| other.is_on_card_of(&shown));
        let ids: Vec<GrantId> = same.filter(|other| other.is_live(now)).map(|other| other.id).collect();
        if ids.is_empty() {
            return Err(Error::Unknown);
        }
        self.revoke(&ids).await?;
        Ok(shown.client_id)
    }

    /// Ends grants. Their apps are refused from here on, before the disk has it. If the disk fails they stay refused until the
    /// next start, and the caller is told to try again.
    pub async fn revoke(&self, ids: &[GrantId]) -> Result<(), Error> {
        self.0.live.shut_out(ids);
        let (ids, now) = (ids.to_vec(), self.0.clock.now().as_second());
        let end = move |txn: &mut Txn<'_>| {
            for id in &ids {
                if let Some(mut grant) = txn.get_json::<Grant>(GRANTS, id.as_bytes())? {
                    grant.revoked.get_or_insert(now);
                    txn.put_json(GRANTS, id.as_bytes(), &grant)?;
                }
            }
            Ok::<_, store::Error>(())
        };
        Ok(self.0.store.transact(end).await?)
    }
}

/// Grants read per step.
const STEP: usize = 10_000;

/// Notes whose records the grants of older versions are about, once.
fn note_patients(store: &Store) -> Result<(), Error> {
    let snapshot = store.snapshot()?;
    if snapshot.get(BY_PATIENT, BY_PATIENT_DONE)?.is_some() {
        return Ok(());
    }
    let mut from: Vec<u8> = Vec::new();
    loop {
        let rows = snapshot.scan_from(GRANTS, b"", &from, STEP)?;
        let Some((last, _)) = rows.last() else { break };
        from = [last.as_slice(), &[0]].concat();
        let grants: Vec<Grant> = rows.iter().filter_map(|(_, row)| serde_json::from_slice(row).ok()).collect();
        store.transact_blocking(move |txn| grants.iter().try_for_each(|grant| put_by_patient(txn, grant)))?;
    }
    Ok(store.transact_blocking(|txn| txn.put(BY_PATIENT, BY_PATIENT_DONE, Vec::new()))?)
}

fn put_by_patient(txn: &mut Txn<'_>, grant: &Grant) -> Result<(), store::Error> {
    grant.patients.iter().try_for_each(|patient| txn.put(BY_PATIENT, &member_key(patient, &grant.id), Vec::new()))
}

fn member_key(member: &str, grant: &str) -> Vec<u8> {
    [member.as_bytes(), &[0], grant.as_bytes()].concat()
}
