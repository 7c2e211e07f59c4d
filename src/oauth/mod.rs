//! SMART App Launch, OAuth 2.0 and `OpenID` Connect of one realm: a request is asked (`authorize`), decided by the
//! member, answered with a code, redeemed for tokens (`code`), renewed (`refresh`), looked at (`introspect`) and ended
//! (`revoke`).
//!
//! Invariants: PKCE S256 always; a code and a refresh token work once, and a second use ends the whole *family* of
//! tokens that came from the same code; secrets are stored as digests; a token is good only while its grant, its family
//! and its app stand, which is asked at every use and answered from memory.
//!
//! Back-end clients sign an assertion with their own key (`assertion`) and get short tokens without a member (`backend`).
//!
//! Deliberately absent: HTTP (`web/oauth`), pages (`web/pages`), key sets behind an address and dynamic registration
//! (later issues).

mod appended;
mod assertion;
mod authorize;
mod backend;
mod client;
mod code;
mod discovery;
mod error;
mod form;
mod id_token;
mod introspect;
pub mod keys;
pub mod limits;
mod narrowing;
mod pkce;
mod refresh;
mod revoke;
pub mod scopes;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub use authorize::{Asking, Begun, Decision, Unfit};
pub use code::TokenAnswer;
pub use error::{Code, Error, Refusal};
pub use form::Form;
pub use keys::Keys;
pub use pkce::challenge as pkce_challenge;

use crate::access::{AppAccess, Category, ClientId, GrantId, MemberId, PatientId};
use crate::apps::Apps;
use crate::consent::Consent;
use crate::identity::Representations;
use crate::outbound::{Chance, Clock};
use crate::store::{Ending, Store, Table};
use revoke::Revoked;
use token::Verified;

/// Where ends were noted before the store did it for all rooms.
const NOTED_BEFORE: Table = Table::new("oauth.expiry");

/// Tables whose rows end for good at the time that is noted, and the letters that they had in [`NOTED_BEFORE`].
const ENDING: [(Table, u8); 5] = [
    (authorize::PENDING, b'p'),
    (code::CODES, b'c'),
    (refresh::REFRESH, b'r'),
    (assertion::USED, b'a'),
    (revoke::REVOKED, b'x'),
];

/// What the realm decides about authorization.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the realm inside tokens: `plan` or `sandbox`.
    pub realm: &'static str,
    /// Issuer: the realm's public base URL without a slash at its end.
    pub issuer: String,
    /// First letters of access tokens: `ing_` or `ings_`.
    pub prefix: &'static str,
    /// Life of an access token in seconds.
    pub access_life: i64,
    /// Life of a grant with `offline_access` in seconds.
    pub grant_life: i64,
}

impl Settings {
    /// The realm's FHIR base for members' data, which is the audience of its tokens.
    #[must_use]
    pub fn fhir_base(&self) -> String {
        format!("{}/fhir", self.issuer)
    }
}

/// The rooms this one works with.
pub struct Rooms {
    /// Durable state.
    pub store: Store,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// Who may ask.
    pub apps: Apps,
    /// What members agreed to.
    pub consent: Consent,
    /// Who acts for whom.
    pub representations: Representations,
}

/// A handle to the room; clones share it.
#[derive(Clone)]
pub struct OAuth(Arc<Inner>);

struct Inner {
    rooms: Rooms,
    settings: Settings,
    keys: RwLock<Arc<Keys>>,
    revoked: Arc<Revoked>,
    /// Tokens as they were handed out.
    verified: Checked,
    /// Copies that apps narrowed. They are large, and one token has any number of them: so they have few places, and none of
    /// those above.
    narrowed: Checked,
}

/// By digest of the token; with the second in which its signature was checked.
type Checked = quick_cache::sync::Cache<[u8; 32], (i64, Arc<Verified>)>;

/// What a code or a refresh token stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Basis {
    client_id: ClientId,
    member: MemberId,
    /// The member's own Patient, for `fhirUser`.
    fhir_user: PatientId,
    /// Whose records: the launch context.
    patient: PatientId,
    scopes: String,
    shared: Vec<Category>,
    grant: GrantId,
    family: String,
    nonce: Option<String>,
    /// When the member signed in.
    signed_in: i64,
    /// When the grant ends.
    until: i64,
}

impl OAuth {
    /// Opens the room.
    pub fn open(rooms: Rooms, keys: Keys, settings: Settings) -> Result<Self, Error> {
        rooms.store.forget_from(&ENDING.map(|(table, letter)| Ending {
            table,
            is_over: |_, _| true,
            noted_before: Some((NOTED_BEFORE, letter)),
        }));
        let revoked = Revoked::follow(&rooms.store)?;
        let verified = Checked::new(limits::CACHED_TOKENS);
        let narrowed = Checked::new(limits::CACHED_NARROWED);
        let keys = RwLock::new(Arc::new(keys));
        Ok(Self(Arc::new(Inner { rooms, settings, keys, revoked, verified, narrowed })))
    }

    /// What the realm decided.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Takes other keys into use, after a rotation.
    pub fn use_keys(&self, keys: Keys) {
        *self.0.keys.write() = Arc::new(keys);
        self.0.verified.clear();
        self.0.narrowed.clear();
    }

    /// What an access token allows, if it is good now.
    pub fn verify(&self, token: &str) -> Result<Arc<AppAccess>, Error> {
        Ok(Arc::clone(&self.verify_fully(token)?.access))
    }

    fn verify_fully(&self, token: &str) -> Result<Arc<Verified>, Error> {
        let inner = &self.0;
        let key = token::cache_key(token);
        let now = inner.rooms.clock.now();
        let second = now.as_second();
        let known = inner.verified.get(&key).or_else(|| inner.narrowed.get(&key));
        let known = known.filter(|(at, _)| second - at < limits::CACHE_LIFE);
        let verified = if let Some((_, known)) = known {
            known
        } else {
            let keys = Arc::clone(&inner.keys.read());
            let live = |grant: &str| inner.rooms.consent.live(grant, second);
            let read = token::read(&keys, inner.settings.realm, inner.settings.prefix, token, live);
            let fresh = Arc::new(read.ok_or(Error::InvalidToken)?);
            let places = if fresh.access.narrowing.is_some() { &inner.narrowed } else { &inner.verified };
            places.insert(key, (second, Arc::clone(&fresh)));
            fresh
        };
        let access = &verified.access;
        let stands = now < access.expires
            && match &access.grant {
                Some(grant) => inner.rooms.consent.is_live(grant, second),
                // Nobody granted a back-end client its token but the operator, who can suspend the app.
                None => access.member.is_none(),
            }
            && self.may_still_act(&verified, second)?
            && !inner.revoked.contains(&verified.family)
            && !inner.revoked.contains(&verified.token)
            && inner.rooms.apps.is_active(&access.client_id);
        if stands { Ok(verified) } else { Err(Error::InvalidToken) }
    }

    /// Whether the member of a token may act for everybody whose records it covers, under what she had when it was made. Of
    /// her own nobody is asked.
    fn may_still_act(&self, verified: &Verified, now: i64) -> Result<bool, Error> {
        let access = &verified.access;
        let Some(member) = &access.member else { return Ok(true) };
        for patient in access.patients.iter().filter(|patient| **patient != verified.fhir_user) {
            let since = self.0.rooms.representations.may_act(member, patient, now)?;
            if since.is_none_or(|since| access.issued.as_second() < since) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn now(&self) -> i64 {
        self.0.rooms.clock.now().as_second()
    }
}
