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
        self.add(at, entry.who.parts(), entry.grant, entry.patients, entry.types);
    }

    pub(super) fn replay(&mut self, entry: &Recorded) {
        if !entry.is_entry() || !given(entry.status, entry.types.is_empty()) {
            return;
        }
        self.add(entry.time, ("", &entry.who), entry.grant.as_deref(), &entry.patients, &entry.types);
    }

    pub(super) fn last_read(&self, grant: &str) -> Option<LastRead> {
        self.grants.get(grant).copied()
    }

    pub(super) fn activity(&self, patient: &str) -> Vec<Activity> {
        self.members.get(patient).map(|rows| rows.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// `who` is in two parts, as they follow each other in the name. Nearly every entry adds to what is known already: then
    /// nothing is allocated and two names are looked up.
    fn add(
        &mut self,
        at: Timestamp,
        who: (&str, &str),
        grant: Option<&str>,
        patients: &[impl AsRef<str>],
        types: &[(impl AsRef<str>, u32)],
    ) {
        if let Some(grant) = grant {
            if let Some(last) = self.grants.get_mut(grant) {
                *last = LastRead { at: last.at.max(at), reads: last.reads + 1 };
            } else {
                self.grants.insert(name(&mut self.names, grant), LastRead { at, reads: 1 });
            }
        }
        for patient in patients {
            let rows = self.members.get_mut(patient.as_ref());
            let today = rows.into_iter().flat_map(|rows| rows.iter_mut().rev());
            let mut today = today.take_while(|row| day(row.last) == day(at));
            let same = today.find(|row| row.who.strip_prefix(who.0) == Some(who.1) && row.grant.as_deref() == grant);
            if let Some(row) = same {
                row.last = row.last.max(at);
                row.reads += 1;
                merge(&mut self.names, &mut row.types, types);
                continue;
            }
            let row = Activity {
                who: name(&mut self.names, &[who.0, who.1].concat()),
                grant: grant.map(|grant| name(&mut self.names, grant)),
                first: at,
                last: at,
                reads: 1,
                types: types
                    .iter()
                    .map(|(kind, count)| (name(&mut self.names, kind.as_ref()), u64::from(*count)))
                    .collect(),
            };
            let patient = name(&mut self.names, patient.as_ref());
            let rows = self.members.entry(patient).or_default();
            if rows.len() >= ROWS_PER_MEMBER {
                rows.pop_front();
            }
            rows.push_back(row);
        }
    }
}

/// One copy of each id, however often it is named.
fn name(names: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(name) = names.get(text) {
        return Arc::clone(name);
    }
    let name: Arc<str> = text.into();
    names.insert(Arc::clone(&name));
    name
}

/// Refused and empty answers disclose nothing and are not shown to the member.
fn given(status: u16, empty: bool) -> bool {
    (200..300).contains(&status) && !empty
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_PER_DAY)
}

fn merge(names: &mut HashSet<Arc<str>>, into: &mut Vec<(Arc<str>, u64)>, more: &[(impl AsRef<str>, u32)]) {
    for (kind, count) in more {
        let (kind, count) = (kind.as_ref(), u64::from(*count));
        match into.iter_mut().find(|(known, _)| **known == *kind) {
            Some((_, total)) => *total += count,
            None => into.push((name(names, kind), count)),
        }
    }
}
