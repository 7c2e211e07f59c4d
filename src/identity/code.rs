//! Six-digit codes: sent to an address, typed back within ten minutes, used once.
//!
//! A *challenge* belongs to one visitor (the secret in her cookie) and one audience. Each guess is counted and durable
//! before it is compared, so neither a crash nor two hundred parallel guesses buy a sixth. Only a keyed digest of the
//! code is kept. Nothing here depends on whether the address is on file: the same rows are written either way.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::budget::{self, Budget};
use super::contact::{ContactDigest, ContactKey};
use super::known::KnownBrowser;
use super::limits;
use crate::store::{self, Ending, Snapshot, Table, Txn};

/// Digest of visitor secret and audience -> [`Challenge`] as JSON.
const CHALLENGES: Table = Table::new("identity.challenges");

/// Who is signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// A member or her representative.
    Member,
    /// A maker of apps.
    Developer,
    /// Someone who works for the plan.
    Staff,
}

impl Audience {
    /// A short stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Developer => "developer",
            Self::Staff => "staff",
        }
    }
}

/// The key of a challenge: nobody who reads the data file can turn it into a cookie.
pub(super) type ChallengeKey = ContactDigest;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Challenge {
    /// Whom the code went to, if she is who she says.
    pub(super) contact: ContactDigest,
    code: ContactDigest,
    pub(super) issued: i64,
    expires: i64,
    tries: u32,
    used: bool,
    /// Set once the code was right: what may still be asked (birth date) is asked of a proven address.
    pub(super) proven: bool,
    /// The code in plain, kept only by the sandbox, which shows it on the page because it sends no mail.
    shown: Option<String>,
}

/// What the page may say about a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Guesses left.
    pub tries_left: u32,
    /// Seconds until the code expires.
    pub expires_in: i64,
    /// Seconds until another code may be asked for.
    pub resend_in: i64,
    /// The code itself, in the sandbox only.
    pub shown: Option<String>,
}

/// A new challenge to keep.
pub(super) struct NewChallenge<'a> {
    pub(super) key: ChallengeKey,
    pub(super) contact: ContactDigest,
    pub(super) code: &'a str,
    pub(super) show: bool,
    pub(super) network: Option<Vec<u8>>,
    pub(super) known: Option<KnownBrowser>,
    pub(super) text: Option<TextMessage>,
}

/// A code that goes to a telephone. One that goes to nobody is refused when others are, and costs nothing.
pub(super) struct TextMessage {
    pub(super) is_sent: bool,
}

/// How a guess went, before it is known whether it was right.
pub(super) enum Guess {
    /// Counted; compare with [`is_right`].
    Judge(Box<Challenge>),
    /// No code was asked for, or it was used.
    NoCode,
    Expired,
    /// All tries are used up.
    Spent,
}

pub(super) fn key_of(keys: &ContactKey, visitor: &str, audience: Audience) -> ChallengeKey {
    keys.keyed("challenge", &[audience.name().as_bytes(), &[0], visitor.as_bytes()].concat())
}

fn code_digest(keys: &ContactKey, key: &ChallengeKey, code: &str) -> ContactDigest {
    keys.keyed("code", &[key.as_slice(), code.as_bytes()].concat())
}

/// Pays from every budget and keeps the challenge. Gives the seconds to wait if one is used up.
pub(super) fn issue(
    txn: &mut Txn<'_>,
    now: i64,
    keys: &ContactKey,
    new: &NewChallenge<'_>,
) -> Result<Result<(), i64>, store::Error> {
    let old: Option<Challenge> = txn.get_json(CHALLENGES, &new.key)?;
    if let Some(wait) = old.map(|old| old.issued + limits::RESEND_AFTER - now).filter(|wait| *wait > 0) {
        return Ok(Err(wait));
    }
    let hour = 60 * 60;
    let texts = Budget { what: "texts", whose: b"", window: 24 * hour, limit: limits::TEXTS_PER_DAY };
    if let (Some(_), Err(wait)) = (&new.text, budget::look(txn, now, &texts)?) {
        return Ok(Err(wait));
    }
    let (by_hour, by_day, whose): (_, _, &[u8]) = match &new.known {
        Some(browser) => ("known-hour", "known-day", &browser.id),
        None => ("hour", "day", &new.contact),
    };
    let mut budgets = vec![
        Budget { what: by_hour, whose, window: hour, limit: limits::CODES_PER_ADDRESS_HOUR },
        Budget { what: by_day, whose, window: 24 * hour, limit: limits::CODES_PER_ADDRESS_DAY },
    ];
    if let Some(network) = &new.network {
        budgets.extend(budget::of_network(("network", "site"), network, limits::CODES_PER_NETWORK));
    }
    if new.text.as_ref().is_some_and(|text| text.is_sent) {
        budgets.push(texts);
    }
    for budget in &budgets {
        if let Err(wait) = budget::spend(txn, now, budget)? {
            return Ok(Err(wait));
        }
    }
    let challenge = Challenge {
        contact: new.contact,
        code: code_digest(keys, &new.key, new.code),
        issued: now,
        expires: now + limits::CODE_LIFE,
        tries: 0,
        used: false,
        proven: false,
        shown: new.show.then(|| new.code.to_owned()),
    };
    txn.put_json(CHALLENGES, &new.key, &challenge)?;
    txn.note_end(challenge.expires + hour, CHALLENGES, &new.key)?;
    Ok(Ok(()))
}

/// How challenges end: one that was renewed lives on.
pub(super) const ENDING: Ending = Ending {
    table: CHALLENGES,
    is_over: |value, now| serde_json::from_slice::<Challenge>(value).is_ok_and(|challenge| challenge.expires <= now),
    noted_before: Some((super::NOTED_BEFORE, b'c')),
};

/// Counts a guess. The caller compares only after this is committed.
pub(super) fn count_guess(txn: &mut Txn<'_>, now: i64, key: &ChallengeKey) -> Result<Guess, store::Error> {
    let Some(mut challenge) = txn.get_json::<Challenge>(CHALLENGES, key)? else { return Ok(Guess::NoCode) };
    if challenge.used {
        return Ok(Guess::NoCode);
    }
    if now >= challenge.expires {
        return Ok(Guess::Expired);
    }
    if challenge.tries >= limits::CODE_TRIES {
        return Ok(Guess::Spent);
    }
    challenge.tries += 1;
    txn.put_json(CHALLENGES, key, &challenge)?;
    Ok(Guess::Judge(Box::new(challenge)))
}

/// Compares in constant time. Spaces, dashes and the like that people and telephones put in are not part of a code, and
/// digits are digits in every script and width.
pub(super) fn is_right(keys: &ContactKey, key: &ChallengeKey, challenge: &Challenge, typed: &str) -> bool {
    let typed: String = typed.nfkc().filter(|c| c.is_alphanumeric()).map(western).collect();
    verify_slices_are_equal(&challenge.code, &code_digest(keys, key, &typed)).is_ok()
}

/// Arabic, Persian and Devanagari digits as 0 to 9.
fn western(digit: char) -> char {
    let zeros = ['\u{660}', '\u{6f0}', '\u{966}'];
    let value = zeros.into_iter().find_map(|zero| u32::from(digit).checked_sub(u32::from(zero)).filter(|at| *at < 10));
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(digit)
}

/// Takes the code out of use; false if another request was quicker.
pub(super) fn consume(txn: &mut Txn<'_>, key: &ChallengeKey) -> Result<bool, store::Error> {
    let Some(mut challenge) = txn.get_json::<Challenge>(CHALLENGES, key)? else { return Ok(false) };
    if challenge.used {
        return Ok(false);
    }
    challenge.used = true;
    challenge.proven = true;
    challenge.shown = None;
    txn.put_json(CHALLENGES, key, &challenge)?;
    Ok(true)
}

/// The contact that the visitor proved to hold, while the challenge lasts.
pub(super) fn proven(txn: &mut Txn<'_>, now: i64, key: &ChallengeKey) -> Result<Option<ContactDigest>, store::Error> {
    let challenge: Option<Challenge> = txn.get_json(CHALLENGES, key)?;
    Ok(challenge.filter(|c| c.proven && now < c.expires).map(|c| c.contact))
}

/// Ends a challenge for good: what it proved has been used.
pub(super) fn close(txn: &mut Txn<'_>, key: &ChallengeKey) -> Result<(), store::Error> {
    txn.delete(CHALLENGES, key)
}

/// What the page may say.
pub(super) fn waiting(snapshot: &Snapshot, now: i64, key: &ChallengeKey) -> Result<Option<Waiting>, store::Error> {
    let challenge: Option<Challenge> = snapshot.get_json(CHALLENGES, key)?;
    Ok(challenge.filter(|c| !c.used).map(|c| Waiting {
        tries_left: limits::CODE_TRIES.saturating_sub(c.tries),
        expires_in: (c.expires - now).max(0),
        resend_in: (c.issued + limits::RESEND_AFTER - now).max(0),
        shown: c.shown.filter(|_| now < c.expires),
    }))
}
