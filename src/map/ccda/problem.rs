//! Problems, health concerns and diagnoses: one condition for each observation.

use super::allergy::related;
use super::draft::DocumentDraft;
use super::section::{is_negated, observations, state};
use crate::fhir::json::node;
use crate::formats::ccda::node::{El, all, attr, follows, is_null, kid};
use crate::map::clinical::{Concept, ResourceBuilder, When, hl7, known};

const SNOMED: &str = "http://snomed.info/sct";
const PROBLEM: &str = "2.16.840.1.113883.10.20.22.4.4";
const STATUS: &str = "2.16.840.1.113883.10.20.22.4.6";
/// "Problem", "disease", "condition": negating one of these means that no problem is known.
const ANY: [&str; 4] = ["55607006", "64572001", "404684003", "282291009"];
const NO_PROBLEM: &str = "160245001";
const STATES: [(&str, &str); 5] = [
    ("55561003", "active"),
    ("73425007", "inactive"),
    ("413322009", "resolved"),
    ("277022003", "remission"),
    ("246455001", "recurrence"),
];

/// The role in which a condition is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConditionRole {
    Problem,
    Concern,
    Diagnosis,
}

/// Maps a concern act, or an observation that stands alone.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>, role: ConditionRole) {
    for observation in observations(entry) {
        // Health concern acts contain observations of many kinds.
        if role != ConditionRole::Concern || follows(observation, PROBLEM) {
            condition(draft, entry, observation, role, None);
        }
    }
    if role == ConditionRole::Concern {
        for observation in all(entry, &["entryRelationship", "act", "entryRelationship", "observation"]) {
            if follows(observation, PROBLEM) {
                condition(draft, entry, observation, role, None);
            }
        }
    }
}

/// Maps a condition; returns its id, if there is one.
pub(super) fn condition<'d>(
    draft: &mut DocumentDraft<'d>,
    concern: El<'d>,
    el: El<'d>,
    role: ConditionRole,
    encounter: Option<&str>,
) -> Option<String> {
    let mut code = draft.concept(kid(el, "value"));
    let mut is_refuted = is_negated(el);
    if is_refuted && (code.is_empty() || code.code_in(SNOMED).is_some_and(|code| ANY.contains(&code))) {
        code = Concept::one(SNOMED, NO_PROBLEM);
        is_refuted = false;
    } else if code.is_empty() {
        code = Concept::words(&draft.words(kid(el, "text")));
    }
    if code.is_empty() {
        return None;
    }
    let when = draft.when(el, "effectiveTime");
    let name = match role {
        ConditionRole::Problem => "problem-list-item",
        ConditionRole::Concern => "health-concern",
        ConditionRole::Diagnosis => "encounter-diagnosis",
    };
    let id = draft.id("Condition", el, name, &code, when.as_ref());
    let mut out = ResourceBuilder::new("Condition", &id);
    out.set("identifier", DocumentDraft::identifiers(el));
    let (onset, abatement) = match &when {
        Some(When::Between(onset, abatement)) => (onset.as_deref(), abatement.as_deref()),
        Some(When::At(at)) => (Some(at.as_str()), None),
        None => (None, None),
    };
    let is_error = [concern, el].iter().any(|el| state(*el) == "nullified");
    // An end at an unknown time is still an end.
    let has_end = kid(el, "effectiveTime")
        .and_then(|time| kid(time, "high"))
        .is_some_and(|high| !is_null(high) || attr(high, "nullFlavor") == "UNK");
    if is_error {
        out.set("verificationStatus", hl7("condition-ver-status", "entered-in-error"));
    } else {
        let stated = related(el, STATUS).map(|status| draft.concept(kid(status, "value")));
        let stated = stated.and_then(|status| known(&STATES, status.code_in(SNOMED)?));
        let status = match (stated, state(concern)) {
            // A refuted condition is not active, whatever the status of its concern act.
            _ if is_refuted => "inactive",
            (Some(stated @ ("inactive" | "resolved" | "remission")), _) => stated,
            _ if has_end => "resolved",
            (Some(stated), _) => stated,
            (None, "completed") if concern != el && role != ConditionRole::Diagnosis => "resolved",
            (None, "aborted" | "suspended") => "inactive",
            (None, _) => "active",
        };
        out.set("clinicalStatus", hl7("condition-clinical", status));
        if is_refuted {
            out.set("verificationStatus", hl7("condition-ver-status", "refuted"));
        }
    }
    let category = match role {
        ConditionRole::Concern => node!([{"coding": [{
            "system": "http://hl7.org/fhir/us/core/CodeSystem/condition-category",
            "code": name,
        }]}]),
        _ => node!([hl7("condition-category", name)]),
    };
    out.set("category", category).set("code", code.value());
    let sites: Vec<_> = crate::formats::ccda::node::kids(el, "targetSiteCode")
        .filter_map(|site| draft.concept(Some(site)).value())
        .collect();
    out.set("bodySite", sites).set("subject", draft.subject());
    let encounter =
        encounter.map(str::to_owned).or_else(|| draft.encounter.clone().filter(|_| role == ConditionRole::Diagnosis));
    out.set("encounter", encounter.map(|id| node!({"reference": format!("Encounter/{id}")})));
    out.set("onsetDateTime", onset).set("abatementDateTime", abatement);
    let (author, time) = draft.author(el);
    out.set("recordedDate", time.and_then(|time| draft.date_time(time))).set("recorder", author);
    let profile = match role {
        ConditionRole::Diagnosis => "us-core-condition-encounter-diagnosis",
        _ => "us-core-condition-problems-health-concerns",
    };
    draft.resources.push(out.claim(&[profile]));
    Some(id)
}
