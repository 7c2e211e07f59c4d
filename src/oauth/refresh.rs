//! Refresh tokens rotate: each is answered with its successor. The answer may be lost on the way, so the old token is good
//! until its successor has been used; from then on, who sends it holds what somebody else went on with, and the family ends
//! (RFC 9700, 4.14.2). No clock is asked which of the two it is.
//!
//! For a minute the very same answer is given again; later a fresh one, whose tokens take the place of those that were never
//! used. The answer that is kept is sealed with a key made from the old token, so the store alone cannot give it away.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::code::TokenAnswer;
use super::error::{Code, Error, Refusal};
use super::form::Form;
use super::{Basis, OAuth, limits, revoke, token};
use crate::access::{ClientId, ScopeSet};
use crate::apps::App;
use crate::identity::Sealer;
use crate::store::{self, Table, Txn};

/// SHA-256 of the refresh token -> [`Refresh`] as JSON.
pub(super) const REFRESH: Table = Table::new("oauth.refresh");
/// Label of sealed answers.
const ANSWER: &str = "refresh answer";

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Refresh {
    basis: Basis,
    /// Set at the first use.
    rotated: Option<Rotated>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Rotated {
    at: i64,
    sealed: Vec<u8>,
    /// Key of the successor's row.
    #[serde(default)]
    next: Vec<u8>,
}

impl Refresh {
    pub(super) const fn new(basis: Basis) -> Self {
        Self { basis, rotated: None }
    }
}

enum Turned {
    /// This request rotated the token.
    Now,
    /// Another one did, a moment ago; this was its answer.
    JustBefore(Vec<u8>),
    Reused,
    Gone,
}

pub(super) fn put(txn: &mut Txn<'_>, key: &[u8], refresh: &Refresh) -> Result<(), store::Error> {
    txn.put_json(REFRESH, key, refresh)?;
    txn.note_end(refresh.basis.until, REFRESH, key)
}

impl OAuth {
    pub(super) async fn refresh(&self, form: &Form, app: &App) -> Result<TokenAnswer, Error> {
        let old = form.need("refresh_token")?;
        let basis = self.refresh_basis(old, app)?.ok_or_else(unknown)?;
        let scope = form.get("scope");
        if scope.is_some_and(|asked| !is_within(asked, &basis.scopes)) {
            return Err(Refusal::new(Code::InvalidScope, "a refresh cannot ask for more than was granted").into());
        }
        let now = self.now();
        if now >= basis.until || self.0.revoked.contains(&basis.family) {
            return Err(unknown().into());
        }
        // Minted before the transaction, which must be quick; if another request was quicker, this answer is dropped.
        let new = self.new_refresh_token();
        let answer = self.answer_with(&basis, Some(new.clone()), scope)?;
        let text = serde_json::to_vec(&answer).map_err(|_| Error::Keys)?;
        let seal = sealer(old).ok_or(Error::Keys)?;
        let kept = seal.seal(ANSWER, &text).ok_or(Error::Keys)?;
        let (old_key, new_key, next) = (token::cache_key(old), token::cache_key(&new), Refresh::new(basis.clone()));
        let turn = move |txn: &mut Txn<'_>| {
            let Some(mut row) = txn.get_json::<Refresh>(REFRESH, &old_key)? else { return Ok(Turned::Gone) };
            if let Some(rotated) = row.rotated {
                let successor: Option<Refresh> = txn.get_json(REFRESH, &rotated.next)?;
                if successor.is_none_or(|successor| successor.rotated.is_some()) {
                    revoke::put(txn, &row.basis.family, row.basis.until)?;
                    return Ok(Turned::Reused);
                }
                if (rotated.at..=rotated.at + limits::SAME_ANSWER).contains(&now) {
                    return Ok(Turned::JustBefore(rotated.sealed));
                }
                txn.delete(REFRESH, &rotated.next)?;
            }
            row.rotated = Some(Rotated { at: now, sealed: kept, next: new_key.to_vec() });
            txn.put_json(REFRESH, &old_key, &row)?;
            put(txn, &new_key, &next)?;
            Ok::<_, store::Error>(Turned::Now)
        };
        match self.0.rooms.store.transact(turn).await? {
            Turned::Now => Ok(answer),
            Turned::JustBefore(earlier) => {
                let text = seal.open(ANSWER, &earlier).ok_or(Error::Keys)?;
                Ok(serde_json::from_slice(&text).map_err(|_| Error::Keys)?)
            }
            Turned::Reused => {
                tracing::warn!(app.id = %basis.client_id, "a refresh token was used twice; its family has ended");
                Err(unknown().into())
            }
            Turned::Gone => Err(unknown().into()),
        }
    }

    /// The app that a refresh token is for.
    pub(super) fn client_of_refresh(&self, token: &str) -> Result<Option<ClientId>, Error> {
        let row: Option<Refresh> = self.0.rooms.store.snapshot()?.get_json(REFRESH, &token::cache_key(token))?;
        Ok(row.map(|row| row.basis.client_id))
    }

    /// What a refresh token stands for, if it is this app's.
    pub(super) fn refresh_basis(&self, token: &str, app: &App) -> Result<Option<Basis>, Error> {
        let row: Option<Refresh> = self.0.rooms.store.snapshot()?.get_json(REFRESH, &token::cache_key(token))?;
        Ok(row.map(|row| row.basis).filter(|basis| basis.client_id == app.client_id))
    }
}

fn is_within(asked: &str, granted: &str) -> bool {
    match (ScopeSet::parse(asked), ScopeSet::parse(granted)) {
        (Ok(asked), Ok(granted)) => asked.is_within(&granted),
        _ => false,
    }
}

fn unknown() -> Refusal {
    let why = "the refresh token is not known, was used, or its sharing has ended; ask the member again";
    Refusal::new(Code::InvalidGrant, why)
}

fn sealer(token: &str) -> Option<Sealer> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"ingle refresh answer\0");
    context.update(token.as_bytes());
    Sealer::new(context.finish().as_ref().try_into().ok()?)
}
