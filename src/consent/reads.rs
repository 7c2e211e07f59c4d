//! When an app last read and how much: counted in memory per answer, written to the grants every few seconds. The
//! exact record of each disclosure is the audit chain; these figures are what the member sees at a glance, and a crash
//! may cost them the last few seconds.

use std::collections::HashMap;

use super::{Consent, Error, GRANTS, Grant};
use crate::store::{self, Txn};

#[derive(Default)]
pub(super) struct Reads(HashMap<Box<str>, Count>);

#[derive(Default, Clone, Copy)]
struct Count {
    last: i64,
    reads: u64,
    resources: u64,
}

impl Count {
    fn add_to(self, grant: &mut Grant) {
        if self.reads > 0 {
            grant.last_read = grant.last_read.max(Some(self.last));
            grant.reads += self.reads;
            grant.resources += self.resources;
        }
    }
}

impl Consent {
    /// Notes that an answer with so many resources left under a grant.
    pub fn note_read(&self, grant: &str, resources: u64) {
        let now = self.0.clock.now().as_second();
        let mut pending = self.0.reads.lock();
        if !pending.0.contains_key(grant) {
            pending.0.insert(grant.into(), Count::default());
        }
        if let Some(count) = pending.0.get_mut(grant) {
            count.last = now;
            count.reads += 1;
            count.resources += resources;
        }
    }

    /// Writes what was counted; call it every few seconds and at the end.
    pub async fn flush_reads(&self) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.0.reads.lock().0);
        if pending.is_empty() {
            return Ok(());
        }
        let write = move |txn: &mut Txn<'_>| {
            for (id, count) in pending {
                if let Some(mut grant) = txn.get_json::<Grant>(GRANTS, id.as_bytes())? {
                    count.add_to(&mut grant);
                    txn.put_json(GRANTS, id.as_bytes(), &grant)?;
                }
            }
            Ok::<_, store::Error>(())
        };
        Ok(self.0.store.transact(write).await?)
    }

    pub(super) fn with_pending_reads(&self, mut grant: Grant) -> Grant {
        let pending = self.0.reads.lock().0.get(grant.id.as_str()).copied();
        pending.unwrap_or_default().add_to(&mut grant);
        grant
    }
}
