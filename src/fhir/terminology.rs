//! The value sets and codes that the guides enumerate: the members of a set, the display of a code, and its
//! descendants.
//!
//! Invariant: there are no answers about a set or a system that is not carried whole.
//!
//! Deliberately absent: SNOMED CT, LOINC, ICD, CPT and the like, which are licensed and large.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::structures;

/// One code of a value set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Concept {
    /// Its code system.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// Its display; absent for systems that are not HL7's.
    pub display: Option<&'static str>,
}

type Names = HashMap<&'static str, HashMap<&'static str, &'static str>>;

fn names() -> &'static Names {
    static NAMES: LazyLock<Names> = LazyLock::new(|| {
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
    });
    &NAMES
}

/// Up or down a hierarchy of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To broader codes.
    Above,
    /// To narrower codes.
    Below,
}

/// Levels of a hierarchy that are walked.
const MAX_LEVELS: usize = 64;

/// The direct parents and children of each code in one system.
#[derive(Default)]
struct Hierarchy {
    above: HashMap<&'static str, Vec<&'static str>>,
    below: HashMap<&'static str, Vec<&'static str>>,
}

fn hierarchies() -> &'static HashMap<&'static str, Hierarchy> {
    static HIERARCHIES: LazyLock<HashMap<&'static str, Hierarchy>> = LazyLock::new(|| {
        let mut out = HashMap::<&str, Hierarchy>::new();
        let mut open = "";
        for line in structures::hierarchies().filter(|line| !line.starts_with('#')) {
            let mut cells = line.split('\t');
            match (cells.next(), cells.next()) {
                (Some("S"), Some(system)) if system.starts_with("http") => open = system,
                (Some(code), Some(first)) => {
                    let hierarchy = out.entry(open).or_default();
                    for narrower in std::iter::once(first).chain(cells) {
                        hierarchy.below.entry(code).or_default().push(narrower);
                        hierarchy.above.entry(narrower).or_default().push(code);
                    }
                }
                _ => {}
            }
        }
        out
    });
    &HIERARCHIES
}

/// A code and everything above or below it, by system: in the named system, or in each that has the code. Nothing if
/// the system is not carried.
#[must_use]
pub fn related(system: Option<&str>, code: &str, way: Way) -> Option<Vec<(String, BTreeSet<String>)>> {
    let of = |system: &str| {
        let mut found = BTreeSet::from([code.to_owned()]);
        let Some(hierarchy) = hierarchies().get(system) else { return found };
        let steps = if way == Way::Above { &hierarchy.above } else { &hierarchy.below };
        let mut last = vec![code];
        for _ in 0..MAX_LEVELS {
            let next = last.iter().filter_map(|code| steps.get(code)).flatten().copied();
            last = next.filter(|code| found.insert((*code).to_owned())).collect();
        }
        found
    };
    if let Some(system) = system {
        let is_carried = has_system(system) || hierarchies().contains_key(system);
        return is_carried.then(|| vec![(system.to_owned(), of(system))]);
    }
    let in_order = hierarchies().iter().filter(|(_, its)| its.above.contains_key(code) || its.below.contains_key(code));
    let mut systems: BTreeSet<&str> = in_order.map(|(system, _)| *system).collect();
    systems.extend(names().iter().filter(|(_, codes)| codes.contains_key(code)).map(|(system, _)| *system));
    (!systems.is_empty()).then(|| systems.into_iter().map(|system| (system.to_owned(), of(system))).collect())
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

/// The display of a code.
#[must_use]
pub fn display(system: &str, code: &str) -> Option<&'static str> {
    names().get(system)?.get(code).copied()
}

/// True if the displays of a system's codes are carried.
#[must_use]
pub fn has_system(system: &str) -> bool {
    names().get(system).is_some_and(|codes| !codes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_broader_and_narrower_ones() {
        let clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical";
        let codes = |system: Option<&str>, code: &str, way| {
            let found = related(system, code, way).unwrap_or_default();
            found.into_iter().map(|(_, codes)| codes.into_iter().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(codes(Some(clinical), "active", Way::Below), ["active recurrence relapse"]);
        assert_eq!(codes(Some(clinical), "relapse", Way::Above), ["active relapse"]);
        // A system without a hierarchy, and one that is not carried.
        assert_eq!(codes(Some("http://hl7.org/fhir/administrative-gender"), "male", Way::Below), ["male"]);
        assert!(related(Some("http://snomed.info/sct"), "1", Way::Below).is_none());
        assert!(related(None, "no-such-code", Way::Above).is_none());
        // Two of HL7's systems have a code for "amended".
        assert_eq!(codes(None, "corrected", Way::Above), ["amended corrected", "amended corrected"]);
        let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        assert!(codes(Some(act), "_ActEncounterCode", Way::Below).concat().contains("AMB"));
    }

    #[test]
    fn sets_have_members_and_members_have_names() {
        let genders = members("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1").unwrap();
        let codes: Vec<&str> = genders.iter().map(|concept| concept.code).collect();
        assert_eq!(codes, ["female", "male", "other", "unknown"]);
        assert_eq!(genders[0].display, Some("Female"));
        assert_eq!(display("http://hl7.org/fhir/administrative-gender", "male"), Some("Male"));
        assert!(has_system("http://hl7.org/fhir/administrative-gender"));
        assert!(members("http://nowhere.example/set").is_none() && !has_system("http://snomed.info/sct"));
        // A code that equals the letter of the table's own lines.
        assert!(display("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "S").is_none());
    }
}
