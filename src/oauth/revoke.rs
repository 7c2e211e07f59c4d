//! Tokens that ended before their time: single access tokens, and families (everything that came from one code). The
//! rows live as long as what they end could; the set in memory is asked at every request and rebuilt at start.

use std::collections::HashMap;

use parking_lot::RwLock;

use super::error::Error;
use super::form::Form;
use super::{OAuth, note_end};
use crate::store::{self, Store, Table, Txn};

/// Id of the family or token -> when the row may go (8 bytes, big-endian seconds).
pub(super) const REVOKED: Table = Table::new("oauth.revoked");

pub(super) struct Revoked(RwLock<HashMap<Box<str>, i64>>);

impl Revoked {
    pub(super) fn open(store: &Store, now: i64) -> Result<Self, store::Error> {
        let mut known = HashMap::new();
        for (id, until) in store.snapshot()?.scan(REVOKED, b"", usize::MAX)? {
            let until = until.try_into().map_or(i64::MAX, i64::from_be_bytes);
            if now < until {
                known.insert(String::from_utf8_lossy(&id).into(), until);
            }
        }
        Ok(Self(RwLock::new(known)))
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.read().contains_key(id)
    }

    pub(super) fn insert(&self, id: &str, until: i64) {
        self.0.write().insert(id.into(), until);
    }

    pub(super) fn forget(&self, now: i64) {
        self.0.write().retain(|_, until| now < *until);
    }
}

pub(super) fn put(txn: &mut Txn<'_>, id: &str, until: i64) -> Result<(), store::Error> {
    txn.put(REVOKED, id.as_bytes(), until.to_be_bytes().to_vec())?;
    note_end(txn, until, REVOKED, id.as_bytes())
}

impl OAuth {
    /// The revocation endpoint (RFC 7009). A token that is unknown or another app's is answered as if it were ended:
    /// the caller learns nothing about it.
    pub async fn revoke(&self, form: &Form, authorization: Option<&str>) -> Result<(), Error> {
        let app = self.authenticate_fully(form, authorization).await?;
        let token = form.need("token")?;
        if let Some(basis) = self.refresh_basis(token, &app)? {
            return self.end(basis.family, basis.until).await;
        }
        match self.verify_fully(token) {
            Ok(verified) if verified.access.client_id == app.client_id => {
                self.end(verified.token.clone(), verified.access.expires.as_second()).await
            }
            _ => Ok(()),
        }
    }

    /// Memory first: the next request finds it ended even if the disk is slow.
    async fn end(&self, id: String, until: i64) -> Result<(), Error> {
        self.0.revoked.insert(&id, until);
        Ok(self.0.rooms.store.transact(move |txn| put(txn, &id, until)).await?)
    }
}
