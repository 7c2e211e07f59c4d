//! Authorization codes: one use within a minute. A second use means that the code was seen by somebody else, so it ends
//! every token that came from the first.

use serde::{Deserialize, Serialize};

use super::error::{Code, Error, Refusal};
use super::form::Form;
use super::refresh::{self, Refresh};
use super::revoke;
use super::token::{self, Claims};
use super::{Basis, OAuth, limits, pkce};
use crate::apps::{App, Kind};
use crate::store::{self, Table, Txn};

/// SHA-256 of the code -> [`Issued`] as JSON.
pub(super) const CODES: Table = Table::new("oauth.codes");

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Issued {
    basis: Basis,
    redirect: String,
    challenge: String,
    expires: i64,
    used: bool,
}

impl Issued {
    pub(super) const fn new(basis: Basis, redirect: String, challenge: String, now: i64) -> Self {
        Self { basis, redirect, challenge, expires: now + limits::CODE_LIFE, used: false }
    }
}

/// The body of a successful token answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: i64,
    /// What was granted.
    pub scope: String,
    /// With `offline_access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// With `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Launch context: whose records; empty for a back-end client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub patient: String,
    /// The app must show whose records it shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub need_patient_banner: bool,
}

/// What the transaction found.
enum Redeemed {
    Fresh,
    Replayed,
    Refused(Refusal),
}

pub(super) fn put(txn: &mut Txn<'_>, now: i64, key: &[u8], issued: &Issued) -> Result<(), store::Error> {
    txn.put_json(CODES, key, issued)?;
    txn.note_end(now + limits::CODE_MEMORY, CODES, key)
}

impl OAuth {
    /// The token endpoint.
    pub async fn token(&self, form: &Form, authorization: Option<&str>) -> Result<TokenAnswer, Error> {
        let app = self.authenticate_fully(form, authorization).await?;
        let grant_type = form.need("grant_type")?;
        let is_backend = grant_type == "client_credentials";
        if matches!(grant_type, "authorization_code" | "refresh_token" | "client_credentials")
            && is_backend != (app.kind == Kind::Backend)
        {
            let why = "client_credentials is for back-end clients with a key, and they have no other grant type";
            return Err(Refusal::new(Code::UnauthorizedClient, why).into());
        }
        match grant_type {
            "client_credentials" => self.backend(form, &app),
            "authorization_code" => self.redeem(form, &app).await,
            "refresh_token" => self.refresh(form, &app).await,
            _ => {
                let why = "grant_type is authorization_code, refresh_token or client_credentials";
                Err(Refusal::new(Code::UnsupportedGrantType, why).into())
            }
        }
    }

    async fn redeem(&self, form: &Form, app: &App) -> Result<TokenAnswer, Error> {
        let key = token::cache_key(form.need("code")?);
        let verifier = form.need("code_verifier")?.to_owned();
        let redirect = form.need("redirect_uri")?.to_owned();
        let now = self.now();
        let known: Option<Issued> = self.0.rooms.store.snapshot()?.get_json(CODES, &key)?;
        let Some(basis) = known.map(|issued| issued.basis) else { return Err(unknown().into()) };
        let offline = basis.scopes.split_ascii_whitespace().any(|word| word == "offline_access");
        let refresh_token = offline.then(|| self.new_refresh_token());
        let kept = refresh_token.as_ref().map(|token| (token::cache_key(token), Refresh::new(basis.clone())));
        let client_id = app.client_id.clone();
        let redeem = move |txn: &mut Txn<'_>| {
            let Some(mut issued) = txn.get_json::<Issued>(CODES, &key)? else {
                return Ok(Redeemed::Refused(unknown()));
            };
            if let Some(refusal) = refusal(&issued, &client_id, &redirect, &verifier) {
                return Ok(Redeemed::Refused(refusal));
            }
            if issued.used {
                revoke::put(txn, &issued.basis.family, issued.basis.until)?;
                return Ok(Redeemed::Replayed);
            }
            if now >= issued.expires {
                return Ok(Redeemed::Refused(unknown()));
            }
            issued.used = true;
            txn.put_json(CODES, &key, &issued)?;
            if let Some((key, refresh)) = kept {
                refresh::put(txn, &key, &refresh)?;
            }
            Ok::<_, store::Error>(Redeemed::Fresh)
        };
        match self.0.rooms.store.transact(redeem).await? {
            Redeemed::Fresh => self.answer_with(&basis, refresh_token, None),
            Redeemed::Refused(refusal) => Err(refusal.into()),
            Redeemed::Replayed => {
                tracing::warn!(app.id = %basis.client_id, "an authorization code was used twice; its tokens have ended");
                Err(unknown().into())
            }
        }
    }

    /// Mints the tokens of an answer. `scope` narrows what the basis allows.
    pub(super) fn answer_with(
        &self,
        basis: &Basis,
        refresh_token: Option<String>,
        scope: Option<&str>,
    ) -> Result<TokenAnswer, Error> {
        let (inner, now) = (&self.0, self.now());
        if !inner.rooms.consent.is_live(&basis.grant, now) || !self.stands(basis, now)? {
            return Err(unknown().into());
        }
        let expires = basis.until.min(now + inner.settings.access_life);
        let scopes = scope.unwrap_or(&basis.scopes).to_owned();
        let claims = Claims {
            token: inner.rooms.chance.id(),
            client_id: basis.client_id.clone(),
            scopes: scopes.clone(),
            shared: basis.shared.clone(),
            grant: Some(basis.grant.clone()),
            family: basis.family.clone(),
            issued: now,
            expires,
        };
        let keys = std::sync::Arc::clone(&inner.keys.read());
        let access_token =
            token::mint(&keys, inner.settings.realm, inner.settings.prefix, &claims).ok_or(Error::Keys)?;
        let id_token = self.id_token(&keys, basis, &scopes)?;
        Ok(TokenAnswer {
            access_token,
            token_type: "Bearer".into(),
            expires_in: expires - now,
            scope: scopes,
            refresh_token,
            id_token,
            patient: basis.patient.to_string(),
            need_patient_banner: true,
        })
    }

    /// Whether the member may act for whom the grant is about, under what she had when she decided.
    fn stands(&self, basis: &Basis, now: i64) -> Result<bool, Error> {
        if basis.patient == basis.fhir_user {
            return Ok(true);
        }
        let rooms = &self.0.rooms;
        let since = rooms.representations.may_act(&basis.member, &basis.patient, now)?;
        let decided = rooms.consent.find(&basis.grant)?.map(|grant| grant.created);
        Ok(matches!((since, decided), (Some(since), Some(decided)) if since <= decided))
    }

    /// A refresh token says by its first letters what it is and of which realm.
    pub(super) fn new_refresh_token(&self) -> String {
        format!("{}r_{}", self.0.settings.prefix.trim_end_matches('_'), self.0.rooms.chance.token())
    }
}

/// One answer for a code that is unknown, used, too old or someone else's.
fn unknown() -> Refusal {
    Refusal::new(Code::InvalidGrant, "the code is not known, was used, or is older than a minute; start again")
}

fn refusal(issued: &Issued, client_id: &str, redirect: &str, verifier: &str) -> Option<Refusal> {
    if issued.basis.client_id != client_id {
        return Some(unknown());
    }
    if issued.redirect != redirect {
        let why = "redirect_uri is not the one of the authorization request";
        return Some(Refusal::new(Code::InvalidGrant, why));
    }
    if !pkce::matches(&issued.challenge, verifier) {
        return Some(Refusal::new(Code::InvalidGrant, "code_verifier does not match the code_challenge"));
    }
    None
}
