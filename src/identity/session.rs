//! Signed-in browsers. The cookie holds a secret of 256 bits; the store holds its digest and what it stands for, so a
//! session can be ended here and a stolen data file signs nobody in. Every rise in what a browser may do makes a new
//! secret and ends the old one.

use serde::{Deserialize, Serialize};

use super::contact::ContactDigest;
use super::limits;
use crate::access::Person;
use crate::store::{self, Ending, Table, Txn};

/// Keyed digest of the cookie's secret -> [`Session`] as JSON.
const SESSIONS: Table = Table::new("identity.sessions");
/// How sessions end.
pub(super) const ENDING: Ending = Ending {
    table: SESSIONS,
    is_over: |value, now| serde_json::from_slice::<Session>(value).is_ok_and(|session| session.ends <= now),
    noted_before: Some((super::NOTED_BEFORE, b's')),
};

/// How far the person got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The emailed code was right and an authenticator code is still owed: only the page that asks for it is open.
    Partial,
    /// Signed in.
    Full,
}

/// One signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub who: Person,
    /// How far she got.
    pub level: Level,
    /// When she signed in, for acts that want a fresh sign-in.
    pub since: i64,
    seen: i64,
    ends: i64,
}

/// A session that was just made, with the secret for its cookie. The secret exists nowhere else.
pub struct NewSession {
    /// For the cookie.
    pub secret: String,
    /// What it stands for.
    pub session: Session,
}

impl Session {
    pub(super) fn new(who: Person, level: Level, now: i64) -> Self {
        let absolute = match who {
            Person::Member { .. } => limits::MEMBER_ABSOLUTE,
            Person::Developer { .. } | Person::Staff { .. } => limits::ACCOUNT_ABSOLUTE,
        };
        Self { who, level, since: now, seen: now, ends: now + absolute }
    }

    const fn idle(&self) -> i64 {
        match self.who {
            Person::Member { .. } => limits::MEMBER_IDLE,
            Person::Developer { .. } | Person::Staff { .. } => limits::ACCOUNT_IDLE,
        }
    }

    pub(super) const fn is_over(&self, now: i64) -> bool {
        now >= self.ends || now >= self.seen + self.idle()
    }

    /// True if enough time went by that this use must be written down.
    pub(super) const fn wants_touch(&self, now: i64) -> bool {
        now >= self.seen + limits::TOUCH_EVERY
    }
}

pub(super) fn put(txn: &mut Txn<'_>, key: &ContactDigest, session: &Session) -> Result<(), store::Error> {
    txn.put_json(SESSIONS, key, session)?;
    txn.note_end(session.ends, SESSIONS, key)
}

pub(super) fn end(txn: &mut Txn<'_>, key: &ContactDigest) -> Result<(), store::Error> {
    txn.delete(SESSIONS, key)
}

/// Writes down that the session is in use, unless it ended meanwhile.
pub(super) fn touch(txn: &mut Txn<'_>, key: &ContactDigest, now: i64) -> Result<(), store::Error> {
    let Some(mut session) = txn.get_json::<Session>(SESSIONS, key)? else { return Ok(()) };
    if !session.is_over(now) {
        session.seen = now;
        txn.put_json(SESSIONS, key, &session)?;
    }
    Ok(())
}

pub(super) fn find(snapshot: &store::Snapshot, key: &ContactDigest) -> Result<Option<Session>, store::Error> {
    snapshot.get_json(SESSIONS, key)
}
