//! Grants: what a member lets an app read, of whose records, until when, and when she stopped it.
//!
//! Every live grant is also held in memory (`live.rs`). A token is good only while its grant is in that map, so stopping
//! takes effect with the next request and nothing has to be looked up on the disk. The map follows what the store commits,
//! on whichever node; a grant that the store does not know is not live.
//!
//! Of one app, one decider and one person's records there is one live grant. A new decision that takes nothing away extends
//! it; any other ends it, with every token that it ever gave, and begins a new one. Grants that only sign her in decide
//! nothing about records, so they stand beside it; stopping ends both.
//!
//! Deliberately absent: tokens (`oauth`), what a scope means (`access`), and who read when (`audit`).

mod card;
mod live;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::{Categories, Category, ClientId, GrantId, MemberId, PatientId};
use crate::outbound::{Chance, Clock};
use crate::store::{self, Ending, Store, Table, Txn};
use card::Card;
use live::Live;
pub use live::LiveGrant;

/// Grant id -> [`Grant`] as JSON.
const GRANTS: Table = Table::new("consent.grants");
/// Member id + 0 + grant id -> when the row may go.
const BY_MEMBER: Table = Table::new("consent.by_member");
/// Patient id + 0 + grant id -> when the row may go. The patient sees and stops these grants, also those that a
/// representative gave.
const BY_PATIENT: Table = Table::new("consent.by_patient");
/// Grants listed for one member at most. Ended ones that were replaced go after a month, so nobody comes near.
const MAX_LISTED: usize = 10_000;
/// How long an ended grant is listed: what a plan documents it keeps for six years (45 CFR 164.316(b)(2)(i)).
const KEPT_ENDED: i64 = 6 * 365 * 24 * 60 * 60;
/// How long one is kept that nobody lists: a later decision replaced it, or it only signed her in.
const KEPT_REPLACED: i64 = 30 * 24 * 60 * 60;

/// Whose rows end, and when: grants say so themselves, the ways to them in their value.
const ENDING: [Ending; 4] = [
    ending(GRANTS, |value, now| serde_json::from_slice::<Grant>(value).is_ok_and(|grant| grant.gone_at() <= now)),
    ending(BY_MEMBER, is_over),
    ending(BY_PATIENT, is_over),
    ending(card::BY_CARD, is_over),
];

const fn ending(table: Table, is_over: fn(&[u8], i64) -> bool) -> Ending {
    Ending { table, is_over, noted_before: None }
}

fn is_over(value: &[u8], now: i64) -> bool {
    value.first_chunk().is_some_and(|at| i64::from_be_bytes(*at) <= now)
}

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
    /// Patient of who decided.
    #[serde(default)]
    pub fhir_user: PatientId,
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
    /// True if a later decision took its place.
    #[serde(default)]
    pub replaced: bool,
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

    /// True if it lets an app know who she is and read nothing.
    #[must_use]
    pub fn only_signs_in(&self) -> bool {
        only_signs_in(&self.scopes)
    }

    /// True if a decision leaves it everything that it has.
    fn is_within(&self, new: &NewGrant) -> bool {
        let words: Vec<&str> = new.scopes.split_ascii_whitespace().collect();
        self.scopes.split_ascii_whitespace().all(|word| words.contains(&word))
            && self.shared.iter().all(|category| new.shared.contains(category))
    }

    /// When it is forgotten.
    fn gone_at(&self) -> i64 {
        let ended = self.revoked.map_or(self.until, |at| at.min(self.until));
        ended + if self.replaced || self.only_signs_in() { KEPT_REPLACED } else { KEPT_ENDED }
    }
}

/// Scopes about records have a slash: `patient/…`, `user/…`.
fn only_signs_in(scopes: &str) -> bool {
    !scopes.split_ascii_whitespace().any(|word| word.contains('/'))
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
    /// Her own Patient.
    pub fhir_user: PatientId,
    /// Whose records.
    pub patients: Vec<PatientId>,
    /// Since when she may decide for them; absent for her own.
    pub acts_since: Option<i64>,
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
        store.forget_from(&ENDING);
        if store.leads() {
            card::note(&store)?;
        }
        let live = Live::follow(&store, clock.now().as_second())?;
        Ok(Self(Arc::new(Inner { store, clock, chance, live })))
    }

    /// Writes a decision inside a transaction of the caller (the authorization code is written in the same one). Its grant is
    /// live once that is committed and before the caller is answered, so the app can use the code at once. Stopping it is a
    /// later commit, so it can never come first and be undone.
    ///
    /// A live grant of the same card keeps its id and its tokens if the decision leaves it everything; what the decision
    /// would take something from ends here, with all its tokens.
    pub fn put_new(&self, txn: &mut Txn<'_>, new: NewGrant) -> Result<Grant, store::Error> {
        let now = self.0.clock.now().as_second();
        let card = Card::new(&new.client_id, &new.member, &new.patients);
        let mut kept: Option<Grant> = None;
        for mut grant in card.grants(txn, only_signs_in(&new.scopes))?.into_iter().filter(|grant| grant.is_live(now)) {
            let stands = new.acts_since.is_none_or(|since| since <= grant.created);
            if kept.is_none() && stands && grant.is_within(&new) {
                kept = Some(grant);
                continue;
            }
            grant.revoked = Some(now);
            grant.replaced = true;
            card::put(txn, &grant)?;
        }
        let grant = match kept {
            Some(grant) => Grant { scopes: new.scopes, shared: new.shared, until: new.until, ..grant },
            None => Grant {
                id: self.0.chance.id().into(),
                client_id: new.client_id,
                member: new.member,
                fhir_user: new.fhir_user,
                patients: new.patients,
                scopes: new.scopes,
                shared: new.shared,
                created: now,
                until: new.until,
                revoked: None,
                replaced: false,
            },
        };
        card::put(txn, &grant)?;
        Ok(grant)
    }

    /// True while apps may read under this grant. Answered from memory.
    #[must_use]
    pub fn is_live(&self, grant: &str, now: i64) -> bool {
        self.0.live.contains(grant, now)
    }

    /// Whose a live grant is. Answered from memory.
    #[must_use]
    pub fn live(&self, grant: &str, now: i64) -> Option<Arc<LiveGrant>> {
        self.0.live.get(grant, now)
    }

    /// One grant.
    pub fn find(&self, id: &str) -> Result<Option<Grant>, Error> {
        Ok(self.0.store.snapshot()?.get_json(GRANTS, id.as_bytes())?)
    }

    /// What a member shared, her own records and those of people she acts for, newest first; without what a later decision
    /// replaced.
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
            grants.extend(snapshot.get_json::<Grant>(GRANTS, id)?.filter(|grant| !grant.replaced));
        }
        grants.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        Ok(grants)
    }

    /// Stops what one card shows: every live grant with the same app, the same records and the same decider as this one,
    /// also those that only sign her in. Who decided may stop it, and whose records they are. Gives the app.
    pub async fn stop(&self, grant: &str, asked_by: Asker<'_>) -> Result<ClientId, Error> {
        let shown = self.find(grant)?.filter(|grant| asked_by.may_stop(grant)).ok_or(Error::Unknown)?;
        let ids = Card::of(&shown).live(&self.0.store.snapshot()?, self.0.clock.now().as_second())?;
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
                    card::put(txn, &grant)?;
                }
            }
            Ok::<_, store::Error>(())
        };
        Ok(self.0.store.transact(end).await?)
    }
}

fn member_key(member: &str, grant: &str) -> Vec<u8> {
    [member.as_bytes(), &[0], grant.as_bytes()].concat()
}
