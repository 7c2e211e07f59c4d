//! Which grants are live, in memory: asked at every request of an app.
//!
//! The map follows the rows of the store, so it is right on every node, also for grants that another node wrote. A second set
//! holds the ids that this process has been asked to end: they are out at once and stay out, even if the disk fails before
//! their row says so.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;

use super::{Error, GRANTS, Grant};
use crate::access::{GrantId, MemberId, PatientId};
use crate::store::{Store, WatchedRow};

/// Grants read per step at start.
const OPEN_BATCH: usize = 10_000;

/// Whose a grant is, for the tokens that come from it: they name the grant only.
#[derive(Debug)]
pub struct LiveGrant {
    /// Who decided.
    pub member: MemberId,
    /// Her own Patient.
    pub fhir_user: PatientId,
    /// Whose records.
    pub patients: Vec<PatientId>,
    until: i64,
}

#[cfg(test)]
impl LiveGrant {
    /// A member's own.
    pub(crate) fn of(member: &str, patient: &str) -> Self {
        Self { member: member.into(), fhir_user: patient.into(), patients: vec![patient.into()], until: i64::MAX }
    }
}

#[derive(Default)]
pub(super) struct Live(RwLock<Known>);

#[derive(Default)]
struct Known {
    by_id: HashMap<Box<str>, Arc<LiveGrant>>,
    /// Asked to end here, and not seen ended yet. Nearly always empty.
    ending: HashSet<Box<str>>,
}

impl Known {
    fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        let id = String::from_utf8_lossy(key);
        match value.map(serde_json::from_slice::<Grant>) {
            Some(Ok(Grant { member, fhir_user, patients, until, revoked: None, .. })) => {
                self.by_id.insert(id.into(), Arc::new(LiveGrant { member, fhir_user, patients, until }));
            }
            read => {
                // A row that cannot be read is not live: refusing one app is better than not starting.
                if matches!(read, Some(Err(_))) {
                    tracing::error!(grant = %id, "a grant cannot be read");
                }
                self.by_id.remove(&*id);
                self.ending.remove(&*id);
            }
        }
    }
}

impl Live {
    /// Takes in the grants of the store, and follows them.
    pub(super) fn follow(store: &Store, now: i64) -> Result<Arc<Self>, Error> {
        let live = Arc::<Self>::default();
        let follows = Arc::clone(&live);
        let told = move |rows: &[WatchedRow<'_>]| {
            let mut known = follows.0.write();
            for row in rows {
                known.take(row.key, row.value);
            }
        };
        store.watch(&[GRANTS], Box::new(told), |snapshot| {
            let mut known = live.0.write();
            let mut from: Vec<u8> = Vec::new();
            loop {
                let rows = snapshot.scan_from(GRANTS, b"", &from, OPEN_BATCH)?;
                let Some((last, _)) = rows.last() else { break };
                from = [last.as_slice(), &[0]].concat();
                for (key, value) in rows {
                    known.take(&key, Some(&value));
                }
            }
            known.by_id.retain(|_, grant| now < grant.until);
            Ok::<_, Error>(())
        })?;
        Ok(live)
    }

    /// True while apps may read under this grant.
    pub(super) fn contains(&self, grant: &str, now: i64) -> bool {
        let known = self.0.read();
        known.by_id.get(grant).is_some_and(|grant| now < grant.until) && !known.ending.contains(grant)
    }

    /// A grant that is live.
    pub(super) fn get(&self, grant: &str, now: i64) -> Option<Arc<LiveGrant>> {
        let known = self.0.read();
        let found = known.by_id.get(grant).filter(|found| now < found.until && !known.ending.contains(grant))?;
        Some(Arc::clone(found))
    }

    /// From here on apps may not read under these.
    pub(super) fn shut_out(&self, ids: &[GrantId]) {
        self.0.write().ending.extend(ids.iter().map(|id| id.as_str().into()));
    }
}
