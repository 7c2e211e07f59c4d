//! What members ask of the audit: who read my records, and when did this app last read. Derived, bounded, in memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::entry::{Entry, Recorded};

/// Rows kept per member; older ones are in the files.
const ROWS_PER_MEMBER: usize = 60;

const SECONDS_PER_DAY: i64 = 86_400;

/// One reader's reads of one patient under one grant on one day (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// `app:…`, `member:…`, `staff:…`.
    pub who: Arc<str>,
    /// The grant, for an app.
    pub grant: Option<Arc<str>>,
    /// First read of the day.
    pub first: Timestamp,
    /// Last read of the day.
    pub last: Timestamp,
    /// Number of requests.
    pub reads: u64,
    /// Resources given, by type.
    pub types: Vec<(Arc<str>, u64)>,
}

/// The last read under a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRead {
    /// When.
    pub at: Timestamp,
    /// How many requests since the look-up begins.
    pub reads: u64,
}

#[derive(Default)]
pub(super) struct Lookup {
    names: HashSet<Arc<str>>,
    members: HashMap<Arc<str>, VecDeque<Activity>>,
    grants: HashMap<Arc<str>, LastRead>,
}

impl Lookup {
    pub(super) fn note(&mut self, entry: &Entry<'_>, at: Timestamp) {
        if !given(entry.status, entry.types.is_empty()) {
            return;
        }
        let (kind, id) = entry.who.parts();
        let who = self.name(&[kind, id].concat());
        let grant = entry.grant.map(|grant| self.name(grant));
        self.add(at, &who, grant.as_ref(), entry.patients, &mut entry.types.iter().map(|(t, n)| (*t, *n)));
    }

    pub(super) fn replay(&mut self, entry: &Recorded) {
        if !entry.is_entry() || !given(entry.status, entry.types.is_empty()) {
            return;
        }
        let who = self.name(&entry.who);
        let grant = entry.grant.as_deref().map(|grant| self.name(grant));
        let types = &mut entry.types.iter().map(|(t, n)| (t.as_str(), *n));
        self.add(entry.time, &who, grant.as_ref(), &entry.patients, types);
    }

    pub(super) fn last_read(&self, grant: &str) -> Option<LastRead> {
        self.grants.get(grant).copied()
    }

    pub(super) fn activity(&self, patient: &str) -> Vec<Activity> {
        self.members.get(patient).map(|rows| rows.iter().rev().cloned().collect()).unwrap_or_default()
    }

    fn add(
        &mut self,
        at: Timestamp,
        who: &Arc<str>,
        grant: Option<&Arc<str>>,
        patients: &[String],
        types: &mut dyn Iterator<Item = (&str, u32)>,
    ) {
        if let Some(grant) = grant {
            let last = self.grants.entry(Arc::clone(grant)).or_insert(LastRead { at, reads: 0 });
            *last = LastRead { at: last.at.max(at), reads: last.reads + 1 };
        }
        let types: Vec<(Arc<str>, u64)> = types.map(|(name, count)| (self.name(name), u64::from(count))).collect();
        for patient in patients {
            let patient = self.name(patient);
            let rows = self.members.entry(patient).or_default();
            let day = day(at);
            let row = rows.iter_mut().rev().take_while(|row| self::day(row.last) == day);
            let mut same = row.filter(|row| row.who == *who && row.grant.as_ref() == grant);
            if let Some(row) = same.next() {
                row.last = row.last.max(at);
                row.reads += 1;
                merge(&mut row.types, &types);
                continue;
            }
            if rows.len() >= ROWS_PER_MEMBER {
                rows.pop_front();
            }
            let (who, grant) = (Arc::clone(who), grant.cloned());
            rows.push_back(Activity { who, grant, first: at, last: at, reads: 1, types: types.clone() });
        }
    }

    /// One copy of each id, however often it is named.
    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(name) = self.names.get(text) {
            return Arc::clone(name);
        }
        let name: Arc<str> = text.into();
        self.names.insert(Arc::clone(&name));
        name
    }
}

/// Refused and empty answers disclose nothing and are not shown to the member.
fn given(status: u16, empty: bool) -> bool {
    (200..300).contains(&status) && !empty
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_PER_DAY)
}

fn merge(into: &mut Vec<(Arc<str>, u64)>, more: &[(Arc<str>, u64)]) {
    for (name, count) in more {
        match into.iter_mut().find(|(known, _)| known == name) {
            Some((_, total)) => *total += count,
            None => into.push((Arc::clone(name), *count)),
        }
    }
}
