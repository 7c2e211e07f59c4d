//! Allergies: one for each observation of a concern act.

use super::draft::DocumentDraft;
use super::section::{is_negated, observations, state};
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, follows, kid, kid_attr, kids, path};
use crate::map::clinical::{Concept, ResourceBuilder, hl7, known};

const SNOMED: &str = "http://snomed.info/sct";
/// Kinds of allergy observations: the substance category, and whether allergy or intolerance.
const KINDS: [(&str, &str, &str); 8] = [
    ("416098002", "medication", "allergy"),
    ("419511003", "medication", ""),
    ("59037007", "medication", "intolerance"),
    ("414285001", "food", "allergy"),
    ("418471000", "food", ""),
    ("235719002", "food", "intolerance"),
    ("426232007", "environment", "allergy"),
    ("419199007", "", "allergy"),
];
/// "No known allergy", by the category that it denies.
const NONE_KNOWN: [(&str, &str); 6] = [
    ("416098002", "409137002"),
    ("419511003", "409137002"),
    ("414285001", "429625007"),
    ("418471000", "429625007"),
    ("426232007", "428607008"),
    ("419199007", "716186003"),
];
const STATES: [(&str, &str); 3] = [("55561003", "active"), ("73425007", "inactive"), ("413322009", "resolved")];
const SEVERITIES: [(&str, &str); 5] = [
    ("255604002", "mild"),
    ("6736007", "moderate"),
    ("371923003", "moderate"),
    ("24484000", "severe"),
    ("399166001", "severe"),
];
const CRITICALITIES: [(&str, &str); 3] = [("CRITL", "low"), ("CRITH", "high"), ("CRITU", "unable-to-assess")];
const STATUS: &str = "2.16.840.1.113883.10.20.22.4.28";
const SEVERITY: &str = "2.16.840.1.113883.10.20.22.4.8";
const CRITICALITY: &str = "2.16.840.1.113883.10.20.22.4.145";

/// Maps a concern.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>) {
    for observation in observations(entry) {
        allergy(draft, entry, observation);
    }
}

fn allergy<'d>(draft: &mut DocumentDraft<'d>, concern: El<'d>, el: El<'d>) {
    let kind = draft.concept(kid(el, "value"));
    let entity = path(el, &["participant", "participantRole", "playingEntity"]);
    let mut code = entity.map(|entity| draft.concept(kid(entity, "code"))).unwrap_or_default();
    if code.is_empty() {
        code = Concept::words(
            &entity.and_then(|entity| kid(entity, "name")).map(crate::formats::ccda::node::text).unwrap_or_default(),
        );
    }
    let kind_code = kind.code_in(SNOMED).unwrap_or_default().to_owned();
    let mut is_refuted = is_negated(el);
    if code.is_empty() {
        if is_refuted {
            // No allergy to anything of a category: a known fact, with codes of its own.
            code = Concept::one(SNOMED, known(&NONE_KNOWN, &kind_code).unwrap_or("716186003"));
            is_refuted = false;
        } else {
            code = Concept::words(&draft.words(kid(el, "text")));
        }
    }
    if code.is_empty() {
        return;
    }
    let when = draft.when(el, "effectiveTime");
    let mut out =
        ResourceBuilder::new("AllergyIntolerance", &draft.id("AllergyIntolerance", el, "", &code, when.as_ref()));
    out.set("identifier", DocumentDraft::identifiers(el));
    let is_error = [concern, el].iter().any(|el| state(*el) == "nullified");
    if is_error {
        out.set("verificationStatus", hl7("allergyintolerance-verification", "entered-in-error"));
    } else {
        let stated = related(el, STATUS).map(|status| draft.concept(kid(status, "value")));
        let stated = stated.and_then(|status| known(&STATES, status.code_in(SNOMED)?));
        let status = stated.unwrap_or(match state(concern) {
            "completed" if concern != el => "resolved",
            "aborted" | "suspended" => "inactive",
            _ => "active",
        });
        out.set("clinicalStatus", hl7("allergyintolerance-clinical", status));
        if is_refuted {
            out.set("verificationStatus", hl7("allergyintolerance-verification", "refuted"));
        }
    }
    if let Some((_, category, kind)) = KINDS.iter().find(|(code, ..)| *code == kind_code) {
        out.set("type", *kind)
            .set("category", Some(category).filter(|category| !category.is_empty()).map(|one| node!([one])));
    }
    let criticality = related(el, CRITICALITY).and_then(|one| known(&CRITICALITIES, kid_attr(one, "value", "code")));
    out.set("criticality", criticality).set("code", code.value()).set("patient", draft.subject());
    if let Some(when) = when {
        let (name, value) = when.choice("onset");
        out.set(name, value);
    }
    let (author, time) = draft.author(el);
    out.set("recordedDate", time.and_then(|time| draft.date_time(time))).set("recorder", author);
    let reactions: Vec<Node<'static>> = kids(el, "entryRelationship")
        .filter(|link| crate::formats::ccda::node::attr(*link, "typeCode") == "MFST")
        .filter_map(|link| reaction(draft, kid(link, "observation")?))
        .collect();
    out.set("reaction", reactions);
    draft.resources.push(out.claim(&["us-core-allergyintolerance"]));
}

fn reaction<'d>(draft: &DocumentDraft<'d>, el: El<'d>) -> Option<Node<'static>> {
    let mut manifestation = draft.concept(kid(el, "value"));
    if manifestation.is_empty() {
        manifestation = Concept::words(&draft.words(kid(el, "text")));
    }
    let mut out = ResourceBuilder::part();
    out.set("manifestation", node!([manifestation.value()?]));
    if let Some(when) = draft.when(el, "effectiveTime") {
        out.set("onset", when.first());
    }
    let severity = related(el, SEVERITY).and_then(|one| known(&SEVERITIES, kid_attr(one, "value", "code")));
    out.set("severity", severity);
    Some(out.value())
}

/// The observation related to another that follows a template.
pub(super) fn related<'d>(el: El<'d>, template: &str) -> Option<El<'d>> {
    all(el, &["entryRelationship", "observation"]).into_iter().find(|one| follows(*one, template))
}
