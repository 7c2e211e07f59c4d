//! What is doubtful about records that are kept: no profile forbids it, but a member or a caller would stumble over it.
//! Pure; each finding comes with a sentence that says what to do (`Rule::fix`).
//!
//! Absent: reading the store. Birth dates are compared within one load; the run itself asks whether an earlier load
//! brought providers of a network.

use std::collections::{HashMap, HashSet};

use crate::formats::issue::RecordPlace;
use crate::load::signs::{Fact, Signs};

/// Members whose birth dates are remembered in one load.
const MEMBERS_MAX: usize = 2_000_000;
/// Networks that are remembered in one load.
const NETWORKS_MAX: usize = 100_000;

/// Facts that are compared across the resources of a load.
#[derive(Default)]
pub(super) struct Doctor {
    born: HashMap<String, String>,
    /// The first day of care, by patient.
    treated: HashMap<String, String>,
    /// By id: the name, and the place where the network was read.
    networks: HashMap<String, (String, RecordPlace)>,
    joined: HashSet<String>,
}

impl Doctor {
    /// Takes the facts of a resource.
    pub(super) fn take(&mut self, signs: Signs, place: &RecordPlace) {
        for fact in signs.facts {
            match fact {
                Fact::Born(patient, day) if self.born.len() < MEMBERS_MAX => drop(self.born.insert(patient, day)),
                Fact::Treated(patient, day) if self.treated.len() < MEMBERS_MAX => {
                    let first = self.treated.entry(patient).or_insert_with(|| day.clone());
                    if day < *first {
                        *first = day;
                    }
                }
                Fact::Network(id, name) if self.networks.len() < NETWORKS_MAX => {
                    self.networks.entry(id).or_insert_with(|| (name, place.clone()));
                }
                Fact::InNetwork(id) if self.joined.len() < NETWORKS_MAX => drop(self.joined.insert(id)),
                _ => {}
            }
        }
    }

    /// Members with a service dated before their birth.
    pub(super) fn too_early(&self) -> u64 {
        let is_early = |(patient, birth): &(&String, &String)| {
            self.treated.get(*patient).is_some_and(|day| day.as_str() < birth.as_str())
        };
        self.born.iter().filter(is_early).count() as u64
    }

    /// Networks without a provider in this load: ids, names and places, in the order of their names.
    pub(super) fn empty_networks(&self) -> Vec<(&str, &str, &RecordPlace)> {
        let empty = self.networks.iter().filter(|(id, _)| !self.joined.contains(*id));
        let mut out: Vec<_> = empty.map(|(id, (name, place))| (id.as_str(), name.as_str(), place)).collect();
        out.sort_by_key(|(id, name, _)| (*name, *id));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json;
    use crate::load::signs::examine;

    #[test]
    fn resources_are_compared_with_each_other() {
        let mut doctor = Doctor::default();
        for text in [
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/a"},"effectiveDateTime":"1979-12-31T10:00:00Z"}"#,
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/b"},"effectiveDateTime":"1980-01-01"}"#,
            r#"{"resourceType":"Patient","id":"a","birthDate":"1980-01-01"}"#,
            r#"{"resourceType":"Patient","id":"b","birthDate":"1980-01-01"}"#,
            r#"{"resourceType":"Organization","id":"n","meta":{"profile":["http://x/plannet-Network|1"]}}"#,
            r#"{"resourceType":"Organization","id":"m","name":"Gold","meta":{"profile":["http://x/plannet-Network|1"]}}"#,
            r#"{"resourceType":"PractitionerRole","extension":[{"url":"x","valueReference":{"reference":"Organization/n"}}]}"#,
        ] {
            let place = RecordPlace { file: "f".into(), line: 1, entry: None };
            doctor.take(examine(&json::parse(text.as_bytes()).unwrap()), &place);
        }
        assert_eq!(doctor.too_early(), 1);
        let empty: Vec<_> = doctor.empty_networks().iter().map(|(id, name, _)| (*id, *name)).collect();
        assert_eq!(empty, [("m", "Gold")]);
    }
}
