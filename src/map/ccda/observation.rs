//! Results, vital signs, social history and functional status: observations, alone or in groups.

use super::draft::{DocumentDraft, range};
use super::section::{is_negated, state};
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, attr, follows, ids, kid, kids, path};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{
    Category, Concept, ObservationDraft, ReportDraft, Specimen, When, known, pressures, vital_sign,
};

const LOINC: &str = "http://loinc.org";
const PREGNANCY: &str = "2.16.840.1.113883.10.20.15.3.8";
const SMOKING: [&str; 2] = ["2.16.840.1.113883.10.20.22.4.78", "2.16.840.1.113883.10.22.4.78"];

const STATES: [(&str, &str); 7] = [
    ("completed", "final"),
    ("active", "preliminary"),
    ("aborted", "cancelled"),
    ("cancelled", "cancelled"),
    ("held", "registered"),
    ("suspended", "registered"),
    ("nullified", "entered-in-error"),
];
/// Words with which names of imaging studies begin.
const IMAGES: [&str; 9] = ["XR", "CT", "MR", "MRI", "US", "MG", "NM", "PET", "DXA"];
const IMAGE_WORDS: [&str; 6] = ["x-ray", "radiograph", "ultrasound", "mammogra", "tomograph", "magnetic resonance"];

/// Maps a results organizer, or a result that stands alone.
pub(super) fn results<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>) {
    if !entry.has_tag_name((V3, "organizer")) {
        if let Some(seen) = seen(draft, entry, Category::Laboratory, None) {
            let resource = seen.resource(draft.patient);
            draft.resources.push(resource);
        }
        return;
    }
    let code = draft.concept(kid(entry, "code"));
    let is_image = is_image(code.name());
    let category = if is_image { Category::Imaging } else { Category::Laboratory };
    let when = draft.when(entry, "effectiveTime");
    let seen = group(draft, entry, category, when.as_ref());
    let when = when.or_else(|| seen.iter().find_map(|one| one.when.clone()));
    let status = known(&STATES, state(entry)).unwrap_or("unknown");
    let code = if code.is_empty() { Concept::words(&draft.words(kid(entry, "text"))) } else { code };
    let specimen = specimen(draft, entry, when.as_ref());
    let mut seen = seen;
    for one in &mut seen {
        one.specimen = one.specimen.take().or_else(|| specimen.clone());
    }
    let results: Vec<Node<'static>> =
        seen.iter().map(|one| node!({"reference": format!("Observation/{}", one.id)})).collect();
    if !code.is_empty() {
        let id = draft.id("DiagnosticReport", entry, "", &code, when.as_ref());
        let (author, time) = draft.author(entry);
        let mut performers = draft.performers(entry);
        performers.extend(author.filter(|_| performers.is_empty()));
        let report = ReportDraft {
            id,
            identifiers: DocumentDraft::identifiers(entry),
            status,
            is_image,
            code,
            when,
            issued: time.and_then(|time| draft.instant(time)).or_else(|| draft.made.clone()),
            performers,
            specimens: specimen.into_iter().collect(),
            results,
            ..ReportDraft::default()
        };
        draft.resources.push(report.resource(draft.patient));
    }
    let resources: Vec<Node<'static>> = seen.into_iter().map(|one| one.resource(draft.patient)).collect();
    draft.resources.extend(resources);
}

/// Maps a vital signs organizer.
pub(super) fn vital_signs<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>) {
    grouped(draft, entry, Category::VitalSigns);
}

/// Maps social history; of most interest are smoking status and pregnancy.
pub(super) fn social<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>) {
    grouped(draft, entry, Category::SocialHistory);
}

/// Maps functional status.
pub(super) fn functional<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>) {
    grouped(draft, entry, Category::Functional);
}

fn grouped<'d>(draft: &mut DocumentDraft<'d>, entry: El<'d>, category: Category) {
    let seen = if entry.has_tag_name((V3, "organizer")) {
        let when = draft.when(entry, "effectiveTime");
        group(draft, entry, category, when.as_ref())
    } else {
        seen(draft, entry, category, None).into_iter().collect()
    };
    let resources: Vec<Node<'static>> = seen.into_iter().map(|one| one.resource(draft.patient)).collect();
    draft.resources.extend(resources);
}

fn group<'d>(
    draft: &mut DocumentDraft<'d>,
    entry: El<'d>,
    category: Category,
    when: Option<&When>,
) -> Vec<ObservationDraft> {
    let observations = all(entry, &["component", "observation"]);
    let mut found: Vec<ObservationDraft> =
        observations.into_iter().filter_map(|el| seen(draft, el, category, when)).collect();
    if state(entry) == "nullified" {
        for one in &mut found {
            one.status = "entered-in-error";
        }
    }
    pressures(found)
}

fn seen<'d>(
    draft: &mut DocumentDraft<'d>,
    el: El<'d>,
    category: Category,
    of_group: Option<&When>,
) -> Option<ObservationDraft> {
    if !el.has_tag_name((V3, "observation")) || !matches!(attr(el, "moodCode"), "EVN" | "") {
        return None;
    }
    let mut code = draft.concept(kid(el, "code"));
    // Older documents say "assertion" where the template has a code for the assertion.
    let is_assertion = code.is_any(&["ASSERTION"]);
    if follows(el, PREGNANCY) && is_assertion {
        code = Concept::one(LOINC, "82810-3");
    } else if SMOKING.iter().any(|template| follows(el, template)) && is_assertion {
        code = Concept::one(LOINC, "72166-2");
    }
    if code.is_empty() {
        code = Concept::words(&draft.words(kid(el, "text")));
    }
    if code.is_empty() {
        return None;
    }
    let own = draft.when(el, "effectiveTime");
    let when = own.or_else(|| of_group.cloned());
    let is_smoking = code.code_in(LOINC) == Some("72166-2");
    // Smoking status is an observation at a point in time.
    let when = if is_smoking { when.and_then(|when| when.first().map(str::to_owned)).map(When::At) } else { when };
    let values: Vec<El<'d>> = kids(el, "value").collect();
    let value = values.iter().find_map(|value| draft.value(*value));
    let is_vital = code.code_in(LOINC).is_some_and(vital_sign);
    let category = if is_vital { Category::VitalSigns } else { category };
    // A vital signs organizer may hold a rhythm or a position, which is not a vital sign.
    let category = if category == Category::VitalSigns && !is_vital && follows(el, "2.16.840.1.113883.10.20.22.4.2") {
        Category::Exam
    } else {
        category
    };
    let status = known(&STATES, state(el)).unwrap_or("unknown");
    let specimen = specimen(draft, el, when.as_ref());
    let mut out = ObservationDraft {
        specimen,
        id: draft.id("Observation", el, "", &code, when.as_ref()),
        identifier: DocumentDraft::identifiers(el).into_iter().next(),
        status,
        category,
        when,
        value,
        absent: if is_negated(el) { "not-performed" } else { DocumentDraft::absent(values.first().copied()) },
        interpretations: kids(el, "interpretationCode").map(|one| draft.concept(Some(one))).collect(),
        ranges: kids(el, "referenceRange").filter_map(range).collect(),
        performers: draft.performers(el),
        method: draft.concept(kid(el, "methodCode")),
        site: draft.concept(kid(el, "targetSiteCode")),
        code,
        ..ObservationDraft::default()
    };
    if is_negated(el) {
        // Not observed, or observed to be absent: the text decides, and the value alone would say the opposite.
        out.value = None;
        out.status = if status == "entered-in-error" { status } else { "cancelled" };
        let words = draft.words(kid(el, "text"));
        out.notes.push(words);
    }
    let comments = all(el, &["entryRelationship", "act"]);
    let comments = comments.into_iter().filter(|act| follows(*act, "2.16.840.1.113883.10.20.22.4.64"));
    let comments: Vec<String> = comments.map(|act| draft.words(kid(act, "text"))).collect();
    out.notes.extend(comments);
    Some(out)
}

/// The specimen of results, as a reference.
fn specimen<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>, when: Option<&When>) -> Option<Node<'static>> {
    let role = path(el, &["specimen", "specimenRole"])?;
    let kind = draft.concept(path(role, &["specimenPlayingEntity", "code"]));
    if kind.is_empty() {
        return None;
    }
    let own = ids(role).first().map(|(root, extension)| format!("{root}|{extension}")).unwrap_or_default();
    // Without an identifier, specimens of one time are one.
    let time = when.and_then(When::first).filter(|_| own.is_empty()).unwrap_or_default();
    let specimen = Specimen {
        id: draft.ids.same("Specimen", &[&own, &kind.key(), time]),
        identifier: DocumentDraft::identifiers(role).into_iter().next(),
        kind,
        ..Specimen::default()
    };
    let reference = specimen.reference();
    let resource = specimen.resource(draft.patient);
    if !draft.resources.iter().any(|other| other.get("id") == resource.get("id")) {
        draft.resources.push(resource);
    }
    Some(reference)
}

fn is_image(name: &str) -> bool {
    let first = name.split_whitespace().next().unwrap_or_default();
    let lower = name.to_lowercase();
    IMAGES.contains(&first) || IMAGE_WORDS.iter().any(|word| lower.contains(word))
}
