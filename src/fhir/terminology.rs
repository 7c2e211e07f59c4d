//! The value sets and codes that the guides enumerate: what is in a set, and what a code is called.
//!
//! Invariant: about a set or a system that is not carried whole, nothing is said.
//!
//! Deliberately absent: SNOMED CT, LOINC, ICD, CPT and the like, which are licensed and large; hierarchies.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::structures;

/// One code of a value set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Concept {
    /// Its code system.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// What it is called; absent for systems that are not HL7's.
    pub display: Option<&'static str>,
}

type Names = HashMap<&'static str, HashMap<&'static str, &'static str>>;

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut out = Names::new();
        let mut open = "";
        for (key, value) in
            structures::displays().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
        {
            if key == "S" && value.starts_with("http") {
                open = value;
                out.entry(open).or_default();
            } else {
                out.entry(open).or_default().insert(key, value);
            }
        }
        out
    })
}

/// The members of a value set in the order of system and code; nothing if it is not carried.
#[must_use]
pub fn members(value_set: &str) -> Option<Vec<Concept>> {
    let codes = structures::codes_of(value_set)?;
    let mut out: Vec<Concept> = codes
        .iter()
        .flat_map(|(system, codes)| codes.iter().map(|code| Concept { system, code, display: display(system, code) }))
        .collect();
    out.sort_unstable();
    Some(out)
}

/// What a code is called.
#[must_use]
pub fn display(system: &str, code: &str) -> Option<&'static str> {
    names().get(system)?.get(code).copied()
}

/// True if the names of a system's codes are carried.
#[must_use]
pub fn has_system(system: &str) -> bool {
    names().get(system).is_some_and(|codes| !codes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_members_and_members_have_names() {
        let genders = members("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1").unwrap();
        let codes: Vec<&str> = genders.iter().map(|concept| concept.code).collect();
        assert_eq!(codes, ["female", "male", "other", "unknown"]);
        assert_eq!(genders[0].display, Some("Female"));
        assert_eq!(display("http://hl7.org/fhir/administrative-gender", "male"), Some("Male"));
        assert!(has_system("http://hl7.org/fhir/administrative-gender"));
        assert!(members("http://nowhere.example/set").is_none() && !has_system("http://snomed.info/sct"));
        // A code that is the letter of the table's own lines.
        assert!(display("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "S").is_none());
    }
}
