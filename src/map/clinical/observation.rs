//! Observations, from results, vital signs and histories of any source.

use super::code::{Concept, hl7};
use super::made::ResourceBuilder;
use super::time::When;
use crate::fhir::json::{Node, node};

const LOINC: &str = "http://loinc.org";
/// A longer note is only in the original.
const NOTE_MAX: usize = 64 << 10;

/// The category of an observation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Category {
    #[default]
    Laboratory,
    Imaging,
    VitalSigns,
    SocialHistory,
    Functional,
    Exam,
}

impl Category {
    fn value(self) -> Node<'static> {
        match self {
            Self::Laboratory => hl7("observation-category", "laboratory"),
            Self::Imaging => hl7("observation-category", "imaging"),
            Self::VitalSigns => hl7("observation-category", "vital-signs"),
            Self::SocialHistory => hl7("observation-category", "social-history"),
            Self::Exam => hl7("observation-category", "exam"),
            Self::Functional => node!({"coding": [{
                "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-category",
                "code": "functional-status",
            }]}),
        }
    }

    fn profiles(self) -> &'static [&'static str] {
        match self {
            Self::Laboratory => &["us-core-observation-lab"],
            Self::Imaging | Self::Exam => &["us-core-observation-clinical-result"],
            Self::VitalSigns => &["us-core-vital-signs"],
            Self::SocialHistory | Self::Functional => &["us-core-simple-observation"],
        }
    }
}

/// LOINC codes that have profiles of their own. Codes for one property measured in different ways share none.
const PROFILES: [(&str, &str); 17] = [
    ("85354-9", "us-core-blood-pressure"),
    ("39156-5", "us-core-bmi"),
    ("8302-2", "us-core-body-height"),
    ("8310-5", "us-core-body-temperature"),
    ("29463-7", "us-core-body-weight"),
    ("9843-4", "us-core-head-circumference"),
    ("8867-4", "us-core-heart-rate"),
    ("59408-5", "us-core-pulse-oximetry"),
    ("9279-1", "us-core-respiratory-rate"),
    ("8289-1", "head-occipital-frontal-circumference-percentile"),
    ("59576-9", "pediatric-bmi-for-age"),
    ("77606-2", "pediatric-weight-for-height"),
    ("72166-2", "us-core-smokingstatus"),
    ("82810-3", "us-core-observation-pregnancystatus"),
    ("86645-9", "us-core-observation-pregnancyintent"),
    ("76690-7", "us-core-observation-sexual-orientation"),
    ("11341-5", "us-core-observation-occupation"),
];
const SYSTOLIC: &str = "8480-6";
const DIASTOLIC: &str = "8462-4";
/// Vital signs that have no profile of their own.
const OTHER_VITALS: [&str; 6] = [SYSTOLIC, DIASTOLIC, "2708-6", "8287-5", "3141-9", "8306-3"];
/// The first profiles of the list are those of vital signs.
const VITALS: usize = 12;

/// Whether a LOINC code is a vital sign.
pub(crate) fn vital_sign(code: &str) -> bool {
    OTHER_VITALS.contains(&code) || PROFILES.iter().take(VITALS).any(|(known, _)| *known == code)
}

/// Whether a LOINC code is about social history: smoking, pregnancy, occupation.
pub(crate) fn about_life(code: &str) -> bool {
    PROFILES.iter().skip(VITALS).any(|(known, _)| *known == code)
}

/// An observation before it becomes a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObservationDraft {
    pub(crate) id: String,
    pub(crate) identifier: Option<Node<'static>>,
    pub(crate) status: &'static str,
    pub(crate) category: Category,
    pub(crate) code: Concept,
    pub(crate) when: Option<When>,
    pub(crate) issued: Option<String>,
    /// The element of the choice, such as `valueQuantity`, and its value.
    pub(crate) value: Option<(&'static str, Node<'static>)>,
    /// Why there is no value: a code of the data absent reasons.
    pub(crate) absent: &'static str,
    pub(crate) interpretations: Vec<Concept>,
    pub(crate) ranges: Vec<Node<'static>>,
    pub(crate) notes: Vec<String>,
    pub(crate) performers: Vec<Node<'static>>,
    pub(crate) encounter: Option<String>,
    pub(crate) method: Concept,
    pub(crate) site: Concept,
    /// References to the observations that it is derived from.
    pub(crate) derived: Vec<Node<'static>>,
    /// A reference to the specimen.
    pub(crate) specimen: Option<Node<'static>>,
    /// Code and value of each component.
    pub(crate) parts: Vec<(Concept, Option<(&'static str, Node<'static>)>)>,
}

impl ObservationDraft {
    pub(crate) fn resource(self, patient: &str) -> Node<'static> {
        let mut out = ResourceBuilder::new("Observation", &self.id);
        out.set("identifier", self.identifier.map(|one| node!([one])));
        out.set("status", self.status).set("category", node!([self.category.value()]));
        out.set("code", self.code.value().unwrap_or_else(|| node!({"text": "Observation"})));
        out.set("subject", node!({"reference": format!("Patient/{patient}")}));
        out.set("encounter", self.encounter.map(|id| node!({"reference": format!("Encounter/{id}")})));
        if let Some(when) = &self.when {
            let (name, value) = when.choice("effective");
            out.set(name, value);
        }
        out.set("issued", self.issued).set("performer", self.performers);
        match &self.value {
            Some((name, value)) => {
                out.set(*name, value.clone());
            }
            None if self.parts.is_empty() => {
                let reason = if self.absent.is_empty() { "unknown" } else { self.absent };
                out.set("dataAbsentReason", hl7("data-absent-reason", reason));
            }
            None => {}
        }
        out.set("interpretation", self.interpretations.iter().filter_map(Concept::value).collect::<Vec<_>>());
        let notes = self
            .notes
            .iter()
            .map(|note| crate::formats::cells::text::clean(note))
            .filter(|note| !note.is_empty() && note.len() <= NOTE_MAX);
        out.set("note", notes.map(|text| node!({ "text": text })).collect::<Vec<_>>());
        out.set("bodySite", self.site.value()).set("method", self.method.value());
        out.set("referenceRange", self.ranges).set("derivedFrom", self.derived);
        out.set("specimen", self.specimen);
        let parts = self.parts.iter().map(|(code, value)| {
            let mut part = ResourceBuilder::part();
            part.set("code", code.value());
            match value {
                Some((name, value)) => part.set(*name, value.clone()),
                None => part.set("dataAbsentReason", hl7("data-absent-reason", "unknown")),
            };
            part.value()
        });
        out.set("component", parts.collect::<Vec<_>>());
        let mut profiles: Vec<&str> = Vec::new();
        if let Some(code) = self.code.code_in(LOINC) {
            profiles.extend(PROFILES.iter().filter(|(known, _)| *known == code).map(|(_, profile)| *profile));
        }
        profiles.extend(self.category.profiles());
        out.claim(&profiles)
    }
}

/// Systolic and diastolic pressure of one moment become one observation with two components. They stand in the same
/// organizer or report: this is called for one group of observations at a time.
pub(crate) fn pressures(seen: Vec<ObservationDraft>) -> Vec<ObservationDraft> {
    let mut out: Vec<ObservationDraft> = Vec::new();
    let mut lower: Vec<ObservationDraft> = Vec::new();
    for one in seen {
        if one.code.code_in(LOINC) == Some(DIASTOLIC) { lower.push(one) } else { out.push(one) }
    }
    for one in &mut out {
        if one.code.code_in(LOINC) != Some(SYSTOLIC) {
            continue;
        }
        let Some(at) = lower.iter().position(|other| other.when == one.when && other.status == one.status) else {
            continue;
        };
        let other = lower.remove(at);
        one.category = Category::VitalSigns;
        let upper = std::mem::replace(&mut one.code, Concept::one(LOINC, "85354-9"));
        one.parts = vec![(upper, one.value.take()), (other.code, other.value)];
        one.notes.extend(other.notes);
        one.interpretations.extend(other.interpretations);
        one.ranges.clear();
    }
    out.extend(lower);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::fixtures_tests::{assert_valid, value};

    fn seen(id: &str, code: &str, value: &str) -> ObservationDraft {
        ObservationDraft {
            id: id.into(),
            status: "final",
            category: Category::VitalSigns,
            code: Concept::one(LOINC, code),
            when: Some(When::At("2026-01-02T10:00:00-05:00".into())),
            value: super::super::quantity(value, "mm[Hg]", "").map(|value| ("valueQuantity", value)),
            ..ObservationDraft::default()
        }
    }

    #[test]
    fn a_pressure_is_one_observation() {
        let group = pressures(vec![seen("a", SYSTOLIC, "120"), seen("b", DIASTOLIC, "80"), seen("c", DIASTOLIC, "70")]);
        let resources: Vec<_> = group.into_iter().map(|one| value(&one.resource("p1"))).collect();
        resources.iter().for_each(assert_valid);
        assert_eq!(resources.len(), 2);
        assert_eq!(resources[0]["component"][1]["valueQuantity"]["value"], 80);
        let profiles = resources[0]["meta"]["profile"].as_array().unwrap();
        assert!(profiles[0].as_str().unwrap().ends_with("us-core-blood-pressure"), "{profiles:?}");
        assert_eq!(profiles.len(), 2);
    }

    #[test]
    fn no_value_has_a_reason() {
        let resource =
            ObservationDraft { category: Category::Laboratory, value: None, ..seen("a", "2345-7", "") }.resource("p1");
        assert_valid(&resource);
        let resource = value(&resource);
        assert_eq!(resource["dataAbsentReason"]["coding"][0]["code"], "unknown");
        assert!(resource["meta"]["profile"][0].as_str().unwrap().ends_with("us-core-observation-lab"));
    }
}
