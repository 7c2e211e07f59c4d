//! Who is a member, by the plan's own file: found by member id, by a digest of an address on file, or by the Patient
//! that carries her records. Who acts for whom is in `representation`.
//!
//! The roster is filled by `load` inside its own transaction and read here. No raw address is kept (see `contact`).

use serde::{Deserialize, Serialize};

use super::contact::{Contact, ContactDigest, ContactKey};
use super::limits::MEMBERS_PER_ADDRESS;
use super::representation::{self, Representation};
use crate::access::{MemberId, PatientId};
use crate::store::{self, Snapshot, Table, Txn};

/// Member id -> [`Member`] as JSON.
const MEMBERS: Table = Table::new("identity.members");
/// Contact digest (32 bytes) + member id -> nothing.
const CONTACTS: Table = Table::new("identity.contacts");
/// Patient id -> member id.
const PATIENTS: Table = Table::new("identity.patients");

/// The tables that enrolling writes.
pub const TABLES: [Table; 3] = [MEMBERS, CONTACTS, PATIENTS];

/// One row of the plan's file, as `load` understood it.
#[derive(Debug, Clone, Default)]
pub struct Enrolment {
    /// The number on the card.
    pub member_id: String,
    /// Id of the FHIR Patient with her records.
    pub patient: String,
    /// Given name, for greeting her.
    pub given: String,
    /// Family name.
    pub family: String,
    /// `YYYY-MM-DD`, or empty if not on file.
    pub birth_date: String,
    /// E-mail addresses on file.
    pub emails: Vec<String>,
    /// Phone numbers on file.
    pub phones: Vec<String>,
    /// Member ids she may act for.
    pub represents: Vec<String>,
}

/// What enrolling a row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    /// She was not on the roster.
    Created,
    /// Something about her is different now.
    Updated,
    /// So is where her codes go: an address that was on file is gone, and another one is there.
    Redirected,
    /// The row said what was known.
    Unchanged,
}

/// A member as the store keeps her.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The number on the card.
    pub member_id: MemberId,
    /// Id of her FHIR Patient.
    pub patient: PatientId,
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// `YYYY-MM-DD` or empty.
    pub birth_date: String,
    /// Digests of the addresses on file, sorted.
    contacts: Vec<ContactDigest>,
}

/// What an older version kept of whom a member acts for.
#[derive(Deserialize)]
struct OldMember {
    member_id: String,
    #[serde(default)]
    represents: Vec<String>,
}

impl Member {
    /// The name she is greeted by.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family).trim().to_owned()
    }
}

/// Member ids with those whom they acted for, as an older version kept them, from a key on; and where to go on.
#[expect(clippy::type_complexity, reason = "a list, and where it goes on")]
pub(super) fn old_representatives(
    txn: &mut Txn<'_>,
    from: &[u8],
    limit: usize,
) -> Result<(Vec<(String, Vec<String>)>, Option<Vec<u8>>), store::Error> {
    let rows = txn.scan_from(MEMBERS, from, limit)?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|(key, _)| [key.as_slice(), &[0]].concat());
    let old = rows.iter().filter_map(|(_, value)| serde_json::from_slice::<OldMember>(value).ok());
    Ok((old.map(|old| (old.member_id, old.represents)).collect(), next))
}

/// Keeps one row of the plan's file. Addresses that cannot be read as such are left out; `load` reports them.
/// `now` is in Unix seconds.
pub fn enrol(txn: &mut Txn<'_>, key: &ContactKey, row: &Enrolment, now: i64) -> Result<Enrolled, store::Error> {
    let mut contacts: Vec<ContactDigest> =
        row.emails.iter().chain(&row.phones).filter_map(|text| Contact::parse(text)).map(|c| key.digest(&c)).collect();
    contacts.sort_unstable();
    contacts.dedup();
    let old: Option<Member> = txn.get_json(MEMBERS, row.member_id.as_bytes())?;
    let acts = representation::follow_roster(txn, &row.member_id, &row.represents, now)?;
    let new = Member {
        member_id: row.member_id.as_str().into(),
        patient: row.patient.as_str().into(),
        given: row.given.clone(),
        family: row.family.clone(),
        birth_date: row.birth_date.clone(),
        contacts,
    };
    if old.as_ref() == Some(&new) {
        return Ok(if acts { Enrolled::Updated } else { Enrolled::Unchanged });
    }
    if let Some(old) = &old {
        for digest in &old.contacts {
            txn.delete(CONTACTS, &contact_key(digest, &old.member_id))?;
        }
        txn.delete(PATIENTS, old.patient.as_bytes())?;
    }
    for digest in &new.contacts {
        txn.put(CONTACTS, &contact_key(digest, &new.member_id), Vec::new())?;
    }
    txn.put(PATIENTS, new.patient.as_bytes(), new.member_id.as_bytes())?;
    txn.put_json(MEMBERS, new.member_id.as_bytes(), &new)?;
    Ok(match old {
        None => Enrolled::Created,
        Some(old) if lacks(&new.contacts, &old.contacts) && lacks(&old.contacts, &new.contacts) => Enrolled::Redirected,
        Some(_) => Enrolled::Updated,
    })
}

/// Whether the first list lacks something of the second.
fn lacks(list: &[ContactDigest], other: &[ContactDigest]) -> bool {
    other.iter().any(|digest| !list.contains(digest))
}

/// Lets one member act for another. `None` if one of them is not on the roster.
pub fn represent(txn: &mut Txn<'_>, new: Representation, now: i64) -> Result<Option<Enrolled>, store::Error> {
    for member in [&new.representative, &new.represented] {
        if txn.get(MEMBERS, member.as_bytes())?.is_none() {
            return Ok(None);
        }
    }
    representation::establish(txn, new, now).map(Some)
}

/// The member with this id.
pub(super) fn find_member(snapshot: &Snapshot, member_id: &str) -> Result<Option<Member>, store::Error> {
    snapshot.get_json(MEMBERS, member_id.as_bytes())
}

/// The member whose records this Patient carries.
pub(super) fn find_by_patient(snapshot: &Snapshot, patient: &str) -> Result<Option<Member>, store::Error> {
    let Some(member_id) = snapshot.get(PATIENTS, patient.as_bytes())? else { return Ok(None) };
    snapshot.get_json(MEMBERS, &member_id)
}

/// Every member with this address on file.
pub(super) fn find_by_contact(snapshot: &Snapshot, digest: &ContactDigest) -> Result<Vec<Member>, store::Error> {
    let mut members = Vec::new();
    for (key, _) in snapshot.scan(CONTACTS, digest, MEMBERS_PER_ADDRESS)? {
        let member_id = key.get(digest.len()..).unwrap_or_default();
        members.extend(snapshot.get_json::<Member>(MEMBERS, member_id)?);
    }
    Ok(members)
}

/// The first members by id, for lists of people who can sign in (sandbox and demo only).
pub(super) fn first_members(snapshot: &Snapshot, limit: usize) -> Result<Vec<Member>, store::Error> {
    Ok(snapshot.scan_json(MEMBERS, b"", limit)?.into_iter().map(|(_, member)| member).collect())
}

fn contact_key(digest: &ContactDigest, member_id: &str) -> Vec<u8> {
    [digest.as_slice(), member_id.as_bytes()].concat()
}
