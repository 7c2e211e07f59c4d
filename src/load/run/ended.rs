//! A row that ends a role, an affiliation, a service or a drug waits until every row was read: another row about the
//! same resource may keep it current, and then that row counts, wherever in the files it stands. Otherwise the order of
//! rows would decide who is in the directory, and a second run of the same files would end and restart such a role.
//!
//! Bounded: each resource that a row keeps current costs eight bytes; the number of waiting rows is limited, and
//! further ones are kept as they come.

use std::collections::{BTreeMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use super::commit::CommitEntry;
use crate::access::Admitted;
use crate::fhir::Kind;
use crate::formats::Format;

const KINDS: [&str; 4] = ["PractitionerRole", "OrganizationAffiliation", "HealthcareService", "Basic"];
/// Endings that wait at most.
const WAITING: usize = 5_000;

/// How many records of each format.
type Counts = Vec<(Format, u64)>;

#[derive(Default)]
pub(super) struct Ended {
    goes_on: HashSet<u64>,
    waiting: BTreeMap<(Kind, String), (Admitted, Counts)>,
}

impl Ended {
    /// Takes out of an entry the endings that wait and those that another row has contradicted. The record is counted
    /// when its last waiting resource is.
    pub(super) fn set_aside(&mut self, entry: &mut CommitEntry) {
        // The registry never ends a role by a row of its own, and has millions of roles.
        if !entry.merge || entry.counts.first().is_none_or(|(format, _)| *format == Format::Nppes) {
            return;
        }
        let mut kept = Vec::with_capacity(entry.resources.len());
        for prepared in std::mem::take(&mut entry.resources) {
            let is_tie = KINDS.contains(&prepared.kind.name());
            let key = hash(&prepared);
            if !is_tie || !is_ended(&prepared) {
                if is_tie {
                    self.goes_on.insert(key);
                }
                kept.push(prepared);
            } else if self.goes_on.contains(&key) {
                // Another row keeps it current.
            } else if self.waiting.len() < WAITING {
                let counts = std::mem::take(&mut entry.counts);
                let id = (prepared.kind, prepared.id.clone());
                let before = self.waiting.insert(id, (prepared, counts));
                entry.counts.extend(before.into_iter().flat_map(|(_, counts)| counts));
            } else {
                kept.push(prepared);
            }
        }
        entry.resources = kept;
    }

    /// Everything that waited: the endings that no row contradicted, and the counts of all of them.
    pub(super) fn take(&mut self) -> Vec<(Vec<Admitted>, Counts)> {
        let waiting = std::mem::take(&mut self.waiting).into_values();
        let out = waiting.map(|(prepared, counts)| {
            let goes_on = self.goes_on.contains(&hash(&prepared));
            (if goes_on { Vec::new() } else { vec![prepared] }, counts)
        });
        out.collect()
    }
}

fn is_ended(prepared: &Admitted) -> bool {
    let says = |words: &[u8]| memchr::memmem::find(prepared.text(), words).is_some();
    says(br#""active":false"#) || (prepared.kind.name() == "Basic" && says(br#""valueCode":"retired""#))
}

fn hash(prepared: &Admitted) -> u64 {
    xxh3_64([prepared.kind.name(), "/", &prepared.id].concat().as_bytes())
}
