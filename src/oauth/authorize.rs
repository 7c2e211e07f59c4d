//! The authorization request: checked, kept on the server, decided once.
//!
//! The order of checks matters. Until the app and its redirect address are known to be right, a problem is shown on
//! our own page, for an answer sent to a wrong address is a gift to whoever put it there (RFC 9700 4.11.2). After
//! that, problems go back to the app. The form of the consent page carries the request's id and nothing of its
//! content, so it cannot be edited.

use serde::{Deserialize, Serialize};

use super::error::{Code, Error, Refusal};
use super::form::{Form, with_query};
use super::scopes::{self, Granted};
use super::{Basis, OAuth, code, limits, pkce, token};
use crate::access::{Category, ClientId, GrantId};
use crate::apps::{App, Status};
use crate::consent::NewGrant;
use crate::identity::Member;
use crate::store::{Table, Txn};

/// SHA-256 of the request's id -> [`Pending`] as JSON.
pub(super) const PENDING: Table = Table::new("oauth.pending");

#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    client_id: ClientId,
    redirect: String,
    /// What was granted of the asked scopes.
    scopes: String,
    state: String,
    nonce: Option<String>,
    challenge: String,
    expires: i64,
    /// A sign-in before this does not count: `prompt=login`, `max_age`.
    #[serde(default)]
    signed_in_from: i64,
}

/// What became of a request.
#[derive(Debug)]
pub enum Begun {
    /// It waits for the member under this id.
    Ask(String),
    /// The app gets an error at its own address. An app that nobody has looked at is answered by a page with a link,
    /// so that our address cannot be used to send people anywhere unasked.
    Answer {
        /// The app's address with the error in its query.
        address: String,
        /// The app's name.
        name: String,
        /// The error.
        refusal: Refusal,
        /// True if the browser may be sent there without a click.
        directly: bool,
    },
    /// Our own page says what is wrong; nothing is sent anywhere.
    Unfit(Unfit),
}

/// Why a request ends on our own page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// No app has this client id.
    UnknownApp,
    /// The plan stopped the app, or has not let it in yet.
    Stopped {
        /// Its name.
        name: String,
    },
    /// The redirect address is missing or is not registered.
    Redirect {
        /// The app's name.
        name: String,
        /// What came.
        sent: String,
    },
    /// `client_id` or `redirect_uri` was sent twice.
    Repeated,
}

/// A request that waits, as the consent page shows it.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Who asks.
    pub app: App,
    /// What for.
    pub granted: Granted,
    /// When sharing would end.
    pub until: i64,
    /// She must have signed in since then.
    pub signed_in_from: i64,
    /// Where the answer goes: the host, or of an app's own scheme the scheme.
    pub goes_to: String,
}

/// The member's decision to share.
pub struct Decision<'a> {
    /// Who decides.
    pub who: &'a Member,
    /// Whose records: her own, or someone's she represents.
    pub whose: &'a Member,
    /// Sensitive categories she ticked.
    pub shared: Vec<Category>,
    /// When she signed in.
    pub signed_in: i64,
}

impl OAuth {
    /// Checks a request and keeps it. `signed_in` says since when a member is signed in where it comes from.
    pub async fn begin(&self, form: &Form, signed_in: Option<i64>) -> Result<Begun, Error> {
        if matches!(form.repeated(), Some("client_id" | "redirect_uri")) {
            return Ok(Begun::Unfit(Unfit::Repeated));
        }
        let found = form.get("client_id").map(|id| self.0.rooms.apps.find(id)).transpose()?.flatten();
        let Some(app) = found else { return Ok(Begun::Unfit(Unfit::UnknownApp)) };
        let sent = form.get("redirect_uri").unwrap_or_default();
        if !app.allows_redirect(sent) {
            // Our own page shows it: an address it may be, but not a sentence.
            let sent =
                sent.split(|c: char| !c.is_ascii_graphic()).next().unwrap_or_default().chars().take(200).collect();
            return Ok(Begun::Unfit(Unfit::Redirect { name: app.name, sent }));
        }
        if app.status != Status::Active {
            return Ok(Begun::Unfit(Unfit::Stopped { name: app.name }));
        }
        match self.check(form, &app, sent, signed_in) {
            Ok(pending) => Ok(Begun::Ask(self.keep(pending).await?)),
            Err(refusal) => {
                let address = self.answer(sent, form.get("state"), &refusal);
                Ok(Begun::Answer { address, name: app.name, refusal, directly: app.vetted })
            }
        }
    }

    fn check(&self, form: &Form, app: &App, redirect: &str, signed_in: Option<i64>) -> Result<Pending, Refusal> {
        form.check()?;
        let invalid = |why: &str| Refusal::new(Code::InvalidRequest, why);
        if form.need("response_type")? != "code" {
            return Err(Refusal::new(Code::UnsupportedResponseType, "the only response_type is code"));
        }
        let state = form.need("state")?.to_owned();
        let nonce = form.get("nonce").map(str::to_owned);
        if state.len().max(nonce.as_ref().map_or(0, String::len)) > limits::MAX_KEPT {
            return Err(invalid(&format!("state and nonce may have {} characters each", limits::MAX_KEPT)));
        }
        let challenge = form.need("code_challenge")?.to_owned();
        if form.get("code_challenge_method") != Some("S256") || !pkce::is_challenge(&challenge) {
            return Err(invalid("PKCE is required: code_challenge_method=S256 and a code_challenge of 43 characters"));
        }
        if form.get("request").is_some() {
            return Err(Refusal::new(Code::RequestNotSupported, "send plain parameters in place of a request object"));
        }
        if form.get("request_uri").is_some() {
            return Err(Refusal::new(Code::RequestUriNotSupported, "send plain parameters in place of request_uri"));
        }
        if form.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("the only response_mode is query"));
        }
        let base = self.0.settings.fhir_base();
        let mut named = ["aud", "resource"].into_iter().filter_map(|name| form.get(name)).peekable();
        // A slash at the end does not name another server.
        if named.peek().is_none() || named.any(|named| named.trim_end_matches('/') != base) {
            return Err(invalid(&format!("aud must be the FHIR base {base}, and resource too if it is sent")));
        }
        let granted = scopes::narrow(form.need("scope")?, &app.scopes)
            .map_err(|refused| Refusal::new(Code::InvalidScope, refused.to_string()))?;
        let now = self.now();
        let signed_in_from = signed_in_from(form, now)?;
        if form.get("prompt").is_some_and(|prompt| prompt.split_ascii_whitespace().any(|word| word == "none")) {
            // What an app gets, the member decides each time: there is nothing that could be done without showing a page.
            return Err(match signed_in.filter(|since| *since >= signed_in_from) {
                None => Refusal::new(Code::LoginRequired, "nobody is signed in, and prompt=none forbids to ask"),
                Some(_) => Refusal::new(Code::ConsentRequired, "the member decides, and prompt=none forbids to ask"),
            });
        }
        Ok(Pending {
            client_id: app.client_id.clone(),
            redirect: redirect.to_owned(),
            scopes: granted.text,
            state,
            nonce,
            challenge,
            expires: now + limits::PENDING_LIFE,
            signed_in_from,
        })
    }

    async fn keep(&self, pending: Pending) -> Result<String, Error> {
        let id = self.0.rooms.chance.token();
        let key = token::cache_key(&id);
        let keep = move |txn: &mut Txn<'_>| {
            txn.put_json(PENDING, &key, &pending)?;
            txn.note_end(pending.expires, PENDING, &key)
        };
        self.0.rooms.store.transact(keep).await?;
        Ok(id)
    }

    /// A request that waits, for the consent page.
    pub fn asking(&self, id: &str) -> Result<Asking, Error> {
        let pending = self.find_pending(id)?;
        let app = self.0.rooms.apps.find(&pending.client_id)?.ok_or(Error::NoRequest)?;
        // Narrowing what was narrowed changes nothing; it is read again for the page.
        let granted = scopes::narrow(&pending.scopes, &app.scopes).map_err(|_| Error::NoRequest)?;
        let until = self.until(granted.offline);
        Ok(Asking { app, granted, until, signed_in_from: pending.signed_in_from, goes_to: goes_to(&pending.redirect) })
    }

    /// The member said no: the app's address with that answer.
    pub async fn decline(&self, id: &str) -> Result<String, Error> {
        let pending = self.find_pending(id)?;
        let key = token::cache_key(id);
        self.0.rooms.store.transact(move |txn| take(txn, &key)).await?;
        let refusal = Refusal::new(Code::AccessDenied, "the member chose not to share");
        Ok(self.answer(&pending.redirect, Some(&pending.state), &refusal))
    }

    /// The member agreed: the grant and the code are written together, and the app's address with the code comes back.
    pub async fn approve(&self, id: &str, decision: Decision<'_>) -> Result<String, Error> {
        let (who, whose) = (decision.who, decision.whose);
        let mut asking = self.asking(id)?;
        if decision.signed_in < asking.signed_in_from {
            return Err(Error::NoRequest);
        }
        let mut acts_since = None;
        if who.member_id != whose.member_id {
            let standing = self.0.rooms.representations.standing(&who.member_id, &whose.member_id, self.now())?;
            // What is shared for somebody ends with the right to do so at the latest.
            let standing = standing.ok_or(Error::NotHers)?;
            let ends = standing.until;
            acts_since = Some(standing.since);
            asking.until = ends.map_or(asking.until, |ends| ends.min(asking.until));
        }
        let pending = self.find_pending(id)?;
        let rooms = &self.0.rooms;
        let code = rooms.chance.token();
        let new = NewGrant {
            client_id: asking.app.client_id.clone(),
            member: who.member_id.clone(),
            fhir_user: who.patient.clone(),
            patients: vec![whose.patient.clone()],
            acts_since,
            scopes: asking.granted.text,
            shared: decision.shared,
            until: asking.until,
        };
        let mut basis = Basis {
            client_id: asking.app.client_id,
            member: who.member_id.clone(),
            fhir_user: who.patient.clone(),
            patient: whose.patient.clone(),
            scopes: new.scopes.clone(),
            shared: new.shared.clone(),
            grant: GrantId::default(),
            family: rooms.chance.id(),
            nonce: pending.nonce,
            signed_in: decision.signed_in,
            until: asking.until,
        };
        let (key, code_key, consent, now) =
            (token::cache_key(id), token::cache_key(&code), rooms.consent.clone(), self.now());
        let (redirect, challenge) = (pending.redirect.clone(), pending.challenge);
        let decide = move |txn: &mut Txn<'_>| {
            // Two clicks on Share: one finds the request, the other finds it gone.
            take(txn, &key)?;
            let grant = consent.put_new(txn, new)?;
            basis.grant.clone_from(&grant.id);
            code::put(txn, now, &code_key, &code::Issued::new(basis, redirect, challenge, now))?;
            Ok::<_, Error>(())
        };
        rooms.store.transact(decide).await?;
        let answer = [("code", code.as_str()), ("state", &pending.state), ("iss", &self.0.settings.issuer)];
        Ok(with_query(&pending.redirect, &answer))
    }

    fn until(&self, offline: bool) -> i64 {
        let settings = &self.0.settings;
        self.now() + if offline { settings.grant_life } else { settings.access_life }
    }

    fn find_pending(&self, id: &str) -> Result<Pending, Error> {
        let found: Option<Pending> = self.0.rooms.store.snapshot()?.get_json(PENDING, &token::cache_key(id))?;
        found.filter(|pending| self.now() < pending.expires).ok_or(Error::NoRequest)
    }

    fn answer(&self, redirect: &str, state: Option<&str>, refusal: &Refusal) -> String {
        let mut pairs = vec![("error", refusal.code.text()), ("error_description", refusal.why.as_str())];
        pairs.extend(state.map(|state| ("state", state)));
        pairs.push(("iss", &self.0.settings.issuer));
        with_query(redirect, &pairs)
    }
}

fn goes_to(redirect: &str) -> String {
    let url = url::Url::parse(redirect).ok();
    let host = url.as_ref().and_then(|url| url.host_str()).map(str::to_owned);
    host.or_else(|| url.map(|url| url.scheme().to_owned())).unwrap_or_default()
}

/// From when on a sign-in counts (`OpenID` Connect Core 3.1.2.1).
fn signed_in_from(form: &Form, now: i64) -> Result<i64, Refusal> {
    let words: Vec<&str> = form.get("prompt").unwrap_or_default().split_ascii_whitespace().collect();
    if words.contains(&"none") && words.len() > 1 {
        return Err(Refusal::new(Code::InvalidRequest, "prompt=none cannot be combined with another prompt"));
    }
    let again = words.iter().any(|word| matches!(*word, "login" | "select_account"));
    let by_age = match form.get("max_age").map(str::parse::<u32>) {
        None => 0,
        Some(Ok(age)) => now - i64::from(age),
        Some(Err(_)) => return Err(Refusal::new(Code::InvalidRequest, "max_age must be a number of seconds")),
    };
    Ok(if again { now } else { by_age })
}

fn take(txn: &mut Txn<'_>, key: &[u8]) -> Result<(), Error> {
    if txn.get(PENDING, key)?.is_none() {
        return Err(Error::NoRequest);
    }
    Ok(txn.delete(PENDING, key)?)
}
