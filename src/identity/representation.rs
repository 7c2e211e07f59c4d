//! Who acts for whom: a parent for a child, a guardian, somebody with a power of attorney. A representation is a thing of its
//! own, with a kind, a basis, a beginning, an end and a status, and it is asked at each use: at sign-in, at consent, at every
//! code, refresh and access token for the records of somebody else. So what has ended opens nothing from that second on.
//!
//! One that comes back after its end is a new one (`since`): what was shared under the old one stays ended.
//!
//! Deliberately absent: proofs and their checking (staff do that, in a later issue), and what a representative may see of
//! what is sensitive (`access`).

use serde::{Deserialize, Serialize};

use super::roster::{self, Enrolled};
use crate::access::MemberId;
use crate::store::{self, Snapshot, Store, Table, Txn};

/// Representative's member id + 0 + represented member id -> [`Representation`] as JSON.
const REPRESENTATIONS: Table = Table::new("identity.representations");
/// Represented member id + 0 + representative's member id -> nothing.
const BY_REPRESENTED: Table = Table::new("identity.represented_by");

/// The tables that establishing writes.
pub const TABLES: [Table; 2] = [REPRESENTATIONS, BY_REPRESENTED];

/// People that one member represents, and that represent one member, at most.
const MAX_EACH: usize = 200;
/// Members looked at in one step of the migration.
const STEP: usize = 1_000;

/// In what role somebody acts (45 CFR 164.502(g)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A parent of a minor.
    Parent,
    /// A guardian that a court appointed.
    Guardian,
    /// Somebody with a power of attorney for health care.
    PowerOfAttorney,
    /// The executor of an estate.
    Executor,
    /// Somebody whom the member authorized.
    #[default]
    Authorized,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Parent, Self::Guardian, Self::PowerOfAttorney, Self::Executor, Self::Authorized];

    /// The word in files and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Guardian => "guardian",
            Self::PowerOfAttorney => "power-of-attorney",
            Self::Executor => "executor",
            Self::Authorized => "authorized",
        }
    }

    /// The kind of that name, however it is spaced.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        let text = plain(text);
        if matches!(text.as_str(), "mother" | "father") {
            return Some(Self::Parent);
        }
        Self::ALL.into_iter().find(|kind| plain(kind.name()) == text)
    }
}

/// What says that somebody may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The row of the representative in the plan's roster.
    Roster,
    /// The plan's table of representatives.
    RepresentativesFile,
}

/// Whether a representation was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was not.
    Active,
    /// It was, at this Unix second.
    Ended(i64),
}

/// That one member may act for another. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// Who acts, by member id.
    pub representative: MemberId,
    /// For whom, by member id.
    pub represented: MemberId,
    /// In what role.
    pub kind: Kind,
    /// What says so.
    pub basis: Basis,
    /// From when on; absent for since ever.
    pub from: Option<i64>,
    /// Until before when; absent for until it is ended.
    pub until: Option<i64>,
    /// Whether it was ended.
    pub status: Status,
    /// When it was established; what was shared before that was shared under another one.
    pub since: i64,
}

impl Representation {
    /// One without a beginning or an end.
    #[must_use]
    pub fn new(representative: &str, represented: &str, basis: Basis) -> Self {
        Self {
            representative: representative.into(),
            represented: represented.into(),
            kind: Kind::default(),
            basis,
            from: None,
            until: None,
            status: Status::Active,
            since: 0,
        }
    }

    /// True while the representative may act.
    #[must_use]
    pub fn stands(&self, now: i64) -> bool {
        self.status == Status::Active
            && self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
    }
}

/// A handle to what the plan knows of representatives; clones share it.
#[derive(Clone)]
pub struct Representations(Store);

impl Representations {
    /// Opens it. Representations that an older version kept in the roster become things of their own.
    pub fn open(store: Store) -> Result<Self, store::Error> {
        let mut from = Vec::new();
        if !store.leads() {
            return Ok(Self(store));
        }
        while let Some(next) = store.transact_blocking(move |txn| migrate(txn, &from))? {
            from = next;
        }
        Ok(Self(store))
    }

    /// What a member may do for others, ended ones included.
    pub fn of_representative(&self, member: &str) -> Result<Vec<Representation>, store::Error> {
        let rows = self.0.snapshot()?.scan_json(REPRESENTATIONS, &key(member, ""), MAX_EACH)?;
        Ok(rows.into_iter().map(|(_, representation)| representation).collect())
    }

    /// Who may or might act for a member, ended ones included.
    pub fn of_represented(&self, member: &str) -> Result<Vec<Representation>, store::Error> {
        let snapshot = self.0.snapshot()?;
        let prefix = key(member, "");
        let mut found = Vec::new();
        for (row, _) in snapshot.scan(BY_REPRESENTED, &prefix, MAX_EACH)? {
            let representative = row.get(prefix.len()..).unwrap_or_default();
            let row = [representative, &[0], member.as_bytes()].concat();
            found.extend(snapshot.get_json::<Representation>(REPRESENTATIONS, &row)?);
        }
        Ok(found)
    }

    /// Since when a member may act for the person whose records a Patient carries, if she may now: since ever for her own.
    pub fn may_act(&self, member: &str, patient: &str, now: i64) -> Result<Option<i64>, store::Error> {
        let snapshot = self.0.snapshot()?;
        let Some(whose) = roster::find_by_patient(&snapshot, patient)? else { return Ok(None) };
        if whose.member_id == member {
            return Ok(Some(i64::MIN));
        }
        Ok(standing(&snapshot, member, &whose.member_id, now)?.map(|standing| standing.since))
    }

    /// The representation of one member by another, if it stands.
    pub fn standing(&self, member: &str, other: &str, now: i64) -> Result<Option<Representation>, store::Error> {
        standing(&self.0.snapshot()?, member, other, now)
    }

    /// Ends a representation now, whatever its file says; false if there is none that stands.
    pub async fn end(&self, representative: &str, represented: &str, now: i64) -> Result<bool, store::Error> {
        let (representative, represented) = (representative.to_owned(), represented.to_owned());
        self.0.transact(move |txn| end(txn, &representative, &represented, now)).await
    }
}

fn standing(snapshot: &Snapshot, member: &str, other: &str, now: i64) -> Result<Option<Representation>, store::Error> {
    let found: Option<Representation> = snapshot.get_json(REPRESENTATIONS, &key(member, other))?;
    Ok(found.filter(|representation| representation.stands(now)))
}

/// Establishes a representation, or changes the one that there is. What is over begins anew.
pub fn establish(txn: &mut Txn<'_>, mut new: Representation, now: i64) -> Result<Enrolled, store::Error> {
    let place = key(&new.representative, &new.represented);
    let old: Option<Representation> = txn.get_json(REPRESENTATIONS, &place)?;
    let goes_on = old.as_ref().filter(|old| old.stands(now) || old.from.is_some_and(|from| now < from));
    new.since = goes_on.map_or(now, |old| old.since);
    if old.as_ref() == Some(&new) {
        return Ok(Enrolled::Unchanged);
    }
    txn.put(BY_REPRESENTED, &key(&new.represented, &new.representative), Vec::new())?;
    txn.put_json(REPRESENTATIONS, &place, &new)?;
    Ok(if old.is_some() { Enrolled::Updated } else { Enrolled::Created })
}

/// Ends a representation; false if there is none, or it has ended.
pub fn end(txn: &mut Txn<'_>, representative: &str, represented: &str, now: i64) -> Result<bool, store::Error> {
    let place = key(representative, represented);
    let Some(mut known) = txn.get_json::<Representation>(REPRESENTATIONS, &place)? else { return Ok(false) };
    if known.status != Status::Active {
        return Ok(false);
    }
    known.status = Status::Ended(now);
    txn.put_json(REPRESENTATIONS, &place, &known)?;
    Ok(true)
}

/// Makes a representative's row of the roster true: those it names are established, those it named before are ended. A row
/// that names nobody says nothing about it, and what another file began it does not touch.
pub(super) fn follow_roster(
    txn: &mut Txn<'_>,
    representative: &str,
    represents: &[String],
    now: i64,
) -> Result<bool, store::Error> {
    if represents.is_empty() {
        return Ok(false);
    }
    let mut changed = false;
    let known: Vec<(Vec<u8>, Representation)> = txn.scan_json(REPRESENTATIONS, &key(representative, ""), MAX_EACH)?;
    for (_, known) in &known {
        if known.basis == Basis::Roster && !represents.iter().any(|named| known.represented == *named) {
            changed |= end(txn, representative, &known.represented, now)?;
        }
    }
    for represented in represents {
        let known = known.iter().map(|(_, known)| known).find(|known| known.represented == *represented);
        // What another file says of it, with its dates, is said better there.
        if known.is_some_and(|known| known.basis != Basis::Roster && known.status == Status::Active) {
            continue;
        }
        let new = Representation::new(representative, represented, Basis::Roster);
        changed |= establish(txn, new, now)? != Enrolled::Unchanged;
    }
    Ok(changed)
}

/// One step of the migration from lists in the roster; where the next begins, if there is one.
fn migrate(txn: &mut Txn<'_>, from: &[u8]) -> Result<Option<Vec<u8>>, store::Error> {
    /// All representations were made; put beside them under a key that no member id is.
    const DONE: &[u8] = &[0];
    if txn.get(REPRESENTATIONS, DONE)?.is_some() {
        return Ok(None);
    }
    let (lists, next) = roster::old_representatives(txn, from, STEP)?;
    for (representative, represents) in lists {
        for represented in &represents {
            establish(txn, Representation::new(&representative, represented, Basis::Roster), 0)?;
        }
    }
    if next.is_none() {
        txn.put(REPRESENTATIONS, DONE, b"{}".to_vec())?;
    }
    Ok(next)
}

fn key(first: &str, second: &str) -> Vec<u8> {
    [first.as_bytes(), &[0], second.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
