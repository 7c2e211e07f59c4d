//! Tokens that ended before their time: single access tokens, and families (everything that came from one code). The
//! rows live as long as what they end could; the set in memory is asked at every request and follows the rows, whichever
//! node writes them. What this process was asked to end is out at once, and stays out even if the disk fails.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;

use super::OAuth;
use super::error::Error;
use super::form::Form;
use crate::access::ClientId;
use crate::store::{self, Store, Table, Txn, WatchedRow};

/// Id of the family or token -> when the row may go (8 bytes, big-endian seconds).
pub(super) const REVOKED: Table = Table::new("oauth.revoked");

#[derive(Default)]
pub(super) struct Revoked(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// Those that have a row.
    ended: HashSet<Box<str>>,
    /// Asked to end here, and not seen ended yet. Nearly always empty.
    ending: HashSet<Box<str>>,
}

impl Known {
    fn take(&mut self, key: &[u8], is_ended: bool) {
        let id = String::from_utf8_lossy(key);
        self.ending.remove(&*id);
        if is_ended {
            self.ended.insert(id.into());
        } else {
            self.ended.remove(&*id);
        }
    }
}

impl Revoked {
    /// Takes in the rows of the store, and follows them.
    pub(super) fn follow(store: &Store) -> Result<Arc<Self>, store::Error> {
        let revoked = Arc::<Self>::default();
        let follows = Arc::clone(&revoked);
        let told = move |rows: &[WatchedRow<'_>]| {
            let mut known = follows.0.write();
            for row in rows {
                known.take(row.key, row.value.is_some());
            }
        };
        store.watch(&[REVOKED], Box::new(told), |snapshot| {
            let mut known = revoked.0.write();
            snapshot.scan(REVOKED, b"", usize::MAX)?.iter().for_each(|(key, _)| known.take(key, true));
            Ok::<_, store::Error>(())
        })?;
        Ok(revoked)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        let known = self.0.read();
        known.ended.contains(id) || known.ending.contains(id)
    }

    fn shut_out(&self, id: &str) {
        self.0.write().ending.insert(id.into());
    }
}

pub(super) fn put(txn: &mut Txn<'_>, id: &str, until: i64) -> Result<(), store::Error> {
    txn.put(REVOKED, id.as_bytes(), until.to_be_bytes().to_vec())?;
    txn.note_end(until, REVOKED, id.as_bytes())
}

impl OAuth {
    /// The revocation endpoint (RFC 7009). A token that is unknown or another app's is answered as if it were ended:
    /// the caller learns nothing about it. Gives the caller.
    pub async fn revoke(&self, form: &Form, authorization: Option<&str>) -> Result<ClientId, Error> {
        let app = self.authenticate_fully(form, authorization).await?;
        let token = form.need("token")?;
        if let Some(basis) = self.refresh_basis(token, &app)? {
            self.end(basis.family, basis.until).await?;
            return Ok(app.client_id);
        }
        if let Ok(verified) = self.verify_fully(token)
            && verified.access.client_id == app.client_id
        {
            self.end(verified.token.clone(), verified.access.expires.as_second()).await?;
        }
        Ok(app.client_id)
    }

    /// The next request finds it ended even if the disk is slow or fails.
    pub(super) async fn end(&self, id: String, until: i64) -> Result<(), Error> {
        self.0.revoked.shut_out(&id);
        Ok(self.0.rooms.store.transact(move |txn| put(txn, &id, until)).await?)
    }
}
