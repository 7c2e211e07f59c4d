//! What a security label says about topics: the codes below `_InformationSensitivityPolicy` of HL7's `v3-ActCode`, a few laws,
//! and confidentiality.
//!
//! A label may mean several topics (`BH` is mental health or substance use, `SPI` any): its record is withheld unless all of
//! them are chosen. So is one that is only *restricted* (`R`, `V`): it may be so for any topic, unless another label that its
//! sender set says which. A label of the hierarchy without a topic of its own means what the labels above it mean, the narrowest
//! of them; if that is nothing, and for labels newer than the hierarchy, no choice covers it and the record is always withheld
//! ([`Categories::UNNAMED`]).

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

use super::category::{Categories, Category};
use crate::fhir::terminology::{Way, related};

pub(super) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACT_CODES: [&str; 3] = [ACT_CODE, "http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4"];
const CONFIDENTIALITY: [&str; 3] = [
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "http://hl7.org/fhir/v3/Confidentiality",
    "urn:oid:2.16.840.1.113883.5.25",
];
/// The top of the hierarchy of labels.
const POLICIES: &str = "_InformationSensitivityPolicy";
/// A label of another kind that is newer than the hierarchy: "this resource has labels inside" (DS4P).
const INLINE: &str = "PROCESSINLINELABEL";

use Category::{Genetic, Hiv, MentalHealth, ReproductiveHealth, SubstanceUse, Violence};

/// Labels and the topics that they mean; `ABUSE` and `PREGNANT` are newer than R4. The laws are 42 CFR Part 2, 38 USC 7332
/// (substance use, HIV, sickle cell) and HIPAA's psychotherapy notes.
const LABELS: [(&str, &[Category]); 25] = [
    ("ETH", &[SubstanceUse]),
    ("ETHUD", &[SubstanceUse]),
    ("OPIOIDUD", &[SubstanceUse]),
    ("SUD", &[SubstanceUse]),
    ("42CFRPart2", &[SubstanceUse]),
    ("MH", &[MentalHealth]),
    ("PSY", &[MentalHealth]),
    ("PSYTHPN", &[MentalHealth]),
    ("EMOTDIS", &[MentalHealth]),
    ("HIPAAPsyNotes", &[MentalHealth]),
    ("SEX", &[ReproductiveHealth]),
    ("STD", &[ReproductiveHealth]),
    ("PREGNANT", &[ReproductiveHealth]),
    ("HIV", &[Hiv]),
    ("SDV", &[Violence]),
    ("VIO", &[Violence]),
    ("MST", &[Violence]),
    ("ABUSE", &[Violence]),
    ("GDIS", &[Genetic]),
    ("SCA", &[Genetic]),
    ("SICKLE", &[Genetic]),
    ("BH", &[MentalHealth, SubstanceUse]),
    ("BHV", &[MentalHealth, SubstanceUse]),
    ("Title38Section7332", &[SubstanceUse, Hiv, Genetic]),
    ("SPI", &Category::ALL),
];

/// All labels of the hierarchy and those above, with their topics.
static MEANINGS: LazyLock<Vec<(String, Categories)>> = LazyLock::new(|| {
    let own = LABELS.map(|(label, topics)| (label.to_owned(), topics.iter().copied().collect()));
    let mut out: Vec<(String, Categories)> = own.into();
    for label in all_related(POLICIES, Way::Below) {
        if meaning_in(&out, &label).is_none() {
            let broader = all_related(&label, Way::Above);
            let means = broader.iter().filter_map(|label| own_meaning(label)).reduce(Categories::common);
            out.push((label, means.unwrap_or(Categories::UNNAMED)));
        }
    }
    out
});

fn all_related(code: &str, way: Way) -> Vec<String> {
    related(Some(ACT_CODE), code, way).into_iter().flatten().flat_map(|(_, codes)| codes).collect()
}

fn own_meaning(label: &str) -> Option<Categories> {
    let (_, topics) = LABELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(label))?;
    Some(topics.iter().copied().collect())
}

fn meaning_in(meanings: &[(String, Categories)], label: &str) -> Option<Categories> {
    meanings.iter().find(|(known, _)| known.eq_ignore_ascii_case(label)).map(|(_, topics)| *topics)
}

fn meaning(label: &str) -> Option<Categories> {
    meaning_in(&MEANINGS, label)
}

/// A number for what labels mean.
pub(super) fn hash() -> u64 {
    let lines: Vec<String> = MEANINGS.iter().map(|(label, topics)| format!("{label} {}", topics.bits())).collect();
    xxh3_64(lines.join("\n").as_bytes())
}

/// The label that a topic's codes ask for.
pub(super) const fn label(topic: Category) -> &'static str {
    match topic {
        SubstanceUse => "ETH",
        MentalHealth => "MH",
        ReproductiveHealth => "SEX",
        Hiv => "HIV",
        Violence => "SDV",
        Genetic => "GDIS",
    }
}

/// What the labels of a resource say together.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    topics: Categories,
    restricted: bool,
}

impl Said {
    /// The topics; all of them for what is restricted and does not say why.
    pub(super) const fn topics(self) -> Categories {
        if self.restricted && self.topics.is_empty() { Categories::ALL } else { self.topics }
    }

    /// Hears a code where labels stand.
    pub(super) fn label(&mut self, system: Option<&str>, code: &str) {
        let is_act = system.is_some_and(|system| ACT_CODES.contains(&system));
        if let Some(topics) = meaning(code) {
            // `B` and the like are codes of other systems too.
            if is_act || own_meaning(code).is_some() || (system.is_none() && code.len() > 1) {
                self.topics = self.topics.and(topics);
            }
        } else if is_act && code != INLINE && !is_in_hierarchy(code) {
            self.topics = self.topics.and(Categories::UNNAMED);
        }
        if system.is_none_or(|system| CONFIDENTIALITY.contains(&system)) {
            self.restricted |= is_restricted(code);
        }
    }

    /// Hears a code that stands anywhere else.
    pub(super) fn coding(&mut self, system: &str, code: &str) {
        // All but a few systems end here.
        if !system.ends_with("v3-ActCode") && !system.ends_with("v3-Confidentiality") {
            return;
        }
        if ACT_CODES.contains(&system) {
            self.topics = self.topics.and(meaning(code).unwrap_or_default());
        } else if CONFIDENTIALITY.contains(&system) {
            self.restricted |= is_restricted(code);
        }
    }
}

fn is_restricted(code: &str) -> bool {
    code.eq_ignore_ascii_case("R") || code.eq_ignore_ascii_case("V")
}

/// True if it is a code of `ActCode` in R4, of whatever meaning.
fn is_in_hierarchy(code: &str) -> bool {
    [Way::Above, Way::Below].into_iter().any(|way| all_related(code, way).len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(labels: &[(Option<&str>, &str)]) -> Categories {
        let mut said = Said::default();
        for (system, code) in labels {
            said.label(*system, code);
        }
        said.topics()
    }

    #[test]
    fn every_label_of_the_hierarchy_withholds() {
        let all = all_related(POLICIES, Way::Below);
        assert!(all.len() > 40 && all.contains(&"CEL".to_owned()), "{}", all.len());
        assert!(all.iter().all(|label| !said(&[(Some(ACT_CODE), label)]).is_empty()));
        let bits = |topics: &[Category]| topics.iter().copied().collect::<Categories>();
        for (label, topics) in [
            ("BH", bits(&[MentalHealth, SubstanceUse])),
            ("COGN", bits(&[MentalHealth, SubstanceUse])),
            ("DVD", bits(&[MentalHealth, SubstanceUse])),
            ("EMOTDIS", bits(&[MentalHealth])),
            ("SPI", Categories::ALL),
            ("MST", bits(&[Violence])),
            ("SICKLE", bits(&[Genetic])),
            ("TBOO", Categories::UNNAMED),
            ("CEL", Categories::UNNAMED),
            ("DRGIS", Categories::UNNAMED),
            ("PREGNANT", bits(&[ReproductiveHealth])),
            ("ABUSE", bits(&[Violence])),
            // Newer than the hierarchy, and codes that are no label of sensitivity.
            ("SOMETHINGNEW", Categories::UNNAMED),
            ("PROCESSINLINELABEL", Categories::NONE),
            ("AMB", Categories::NONE),
        ] {
            assert_eq!(said(&[(Some(ACT_CODE), label)]), topics, "{label}");
        }
    }

    #[test]
    fn what_is_restricted_may_be_so_for_any_topic_unless_a_label_says_which() {
        let restricted = (Some(CONFIDENTIALITY[0]), "R");
        assert_eq!(said(&[restricted]), Categories::ALL);
        assert_eq!(said(&[(None, "V")]), Categories::ALL);
        assert_eq!(said(&[restricted, (Some(ACT_CODE), "HIV")]), Categories::NONE.with(Hiv));
        assert_eq!(said(&[(Some(CONFIDENTIALITY[0]), "N"), (Some("http://example.org"), "R")]), Categories::NONE);
    }
}
