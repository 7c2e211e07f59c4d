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

use crate::access::{Categories, Category};
use crate::outbound::{Chance, Clock};
use crate::store::{self, Store, Table, Txn};
use live::Live;

/// Grant id -> [`Grant`] as JSON.
const GRANTS: Table = Table::new("consent.grants");
/// Member id + 0 + grant id -> nothing.
const BY_MEMBER: Table = Table::new("consent.by_member");
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
    pub id: String,
    /// The app.
    pub client_id: String,
    /// Who decided, by member id: the member herself or her representative.
    pub member: String,
    /// Whose records, by FHIR Patient id.
    pub patients: Vec<String>,
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
    pub client_id: String,
    /// Who decides.
    pub member: String,
    /// Whose records.
    pub patients: Vec<String>,
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
        let live = Live::follow(&store, clock.now().as_second())?;
        Ok(Self(Arc::new(Inner { store, clock, chance, live })))
    }

    /// Writes a grant inside a transaction of the caller (the authorization code is written in the same one). It is live once
    /// that is committed, before the caller is answered: whoever is given the code can use it. Stopping it is a later
    /// commit, so it can never come first and be undone.
    pub fn put_new(&self, txn: &mut Txn<'_>, new: NewGrant) -> Result<Grant, store::Error> {
        let grant = Grant {
            id: self.0.chance.id(),
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

    /// Everything a member ever shared, newest first.
    pub fn of_member(&self, member: &str) -> Result<Vec<Grant>, Error> {
        let snapshot = self.0.store.snapshot()?;
        let prefix = member_key(member, "");
        let mut grants = Vec::new();
        for (key, _) in snapshot.scan(BY_MEMBER, &prefix, MAX_LISTED)? {
            let id = key.get(prefix.len()..).unwrap_or_default();
            grants.extend(snapshot.get_json::<Grant>(GRANTS, id)?);
        }
        grants.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        Ok(grants)
    }

    /// Stops every live grant of a member to an app; gives how many there were.
    pub async fn stop(&self, member: &str, client_id: &str) -> Result<usize, Error> {
        let now = self.0.clock.now().as_second();
        let grants = self.of_member(member)?;
        let ids: Vec<String> =
            grants.into_iter().filter(|g| g.client_id == client_id && g.is_live(now)).map(|g| g.id).collect();
        if ids.is_empty() {
            return Err(Error::Unknown);
        }
        self.revoke(&ids).await?;
        Ok(ids.len())
    }

    /// Ends grants, whoever asked. The apps are out from here on, before the disk has it: if it fails they are out all the same
    /// until the next start, and the caller is told to try again.
    pub async fn revoke(&self, ids: &[String]) -> Result<(), Error> {
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

fn member_key(member: &str, grant: &str) -> Vec<u8> {
    [member.as_bytes(), &[0], grant.as_bytes()].concat()
}
