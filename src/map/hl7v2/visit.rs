//! Visits (ADT): the encounter, its diagnoses and procedures, allergies, and vital signs in the same message.

use super::draft::MessageDraft;
use super::result::{joined, observation, observed};
use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::Segment;
use crate::map::clinical::{
    Category, Concept, ObservationDraft, ResourceBuilder, When, about_life, hl7, known, pressures, vital_sign,
};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const LOINC: &str = "http://loinc.org";

/// Classes of patients (table 0004).
const CLASSES: [(&str, &str); 6] =
    [("I", "IMP"), ("B", "IMP"), ("O", "AMB"), ("R", "AMB"), ("E", "EMER"), ("P", "PRENC")];

/// Kinds of allergens (tables 0127 and 0204).
const KINDS: [(&str, &str); 7] = [
    ("DA", "medication"),
    ("MA", "medication"),
    ("FA", "food"),
    ("EA", "environment"),
    ("AA", "environment"),
    ("PA", "environment"),
    ("LA", "environment"),
];
const SEVERITIES: [(&str, &str); 3] = [("SV", "severe"), ("MO", "moderate"), ("MI", "mild")];
/// Participants, by their field of PV1.
const PARTS: [(usize, &str); 4] = [(7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM")];

/// Maps a visit.
pub(super) fn map(draft: &mut MessageDraft<'_>) {
    let message = draft.message;
    let event = message.header(9).component(2).text();
    let event =
        if event.is_empty() { message.first("EVN").map(|one| one.field(1).text()).unwrap_or_default() } else { event };
    let visit = message
        .first("PV1")
        .filter(|visit| visit.field(2).text() != "N" && [19, 44].iter().any(|field| !visit.field(*field).is_empty()));
    let encounter = visit.map(|visit| encounter(draft, visit, &event));
    for diagnosis in message.all("DG1") {
        condition(draft, diagnosis, encounter.as_deref());
    }
    for procedure in message.all("PR1") {
        self::procedure(draft, procedure, encounter.as_deref());
    }
    for allergy in message.all("AL1") {
        self::allergy(draft, allergy, false);
    }
    for allergy in message.all("IAM") {
        self::allergy(draft, allergy, true);
    }
    vitals(draft, encounter.as_deref());
}

/// The key of a visit: its number, or its start.
fn key(draft: &MessageDraft<'_>, visit: &Segment<'_>) -> [String; 2] {
    let number = visit.field(19).component(1).text();
    let begun = if number.is_empty() { draft.date_time(visit.field(44)).unwrap_or_default() } else { String::new() };
    [number, begun]
}

fn encounter(draft: &mut MessageDraft<'_>, visit: &Segment<'_>, event: &str) -> String {
    let [number, begun] = key(draft, visit);
    let id = draft.ids.next("Encounter", &[&number, &begun]);
    let (start, end) = (draft.date_time(visit.field(44)), draft.date_time(visit.field(45)));
    let status = match event {
        "A11" | "A27" | "A38" => "cancelled",
        "A05" | "A14" => "planned",
        "A03" => "finished",
        _ if end.is_some() && event != "A13" => "finished",
        _ => "in-progress",
    };
    let end = end.filter(|_| event != "A13");
    let mut out = ResourceBuilder::new("Encounter", &id);
    if !number.is_empty() {
        let assigner = draft.assigner(visit.field(19).component(4));
        out.set("identifier", node!([{"system": assigner, "value": number}]));
    }
    out.set("status", status);
    let class = match known(&CLASSES, &visit.field(2).text()) {
        Some(code) => node!({"system": ACT_CODE, "code": code}),
        None => node!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}),
    };
    let kinds = [MessageDraft::of_table(visit.field(4), "0007"), MessageDraft::of_table(visit.field(18), "0018")];
    out.set("class", class).set("type", kinds.iter().find_map(Concept::value).map(|kind| node!([kind])));
    out.set("subject", draft.subject());
    let mut participants = Vec::new();
    for (field, code) in PARTS {
        for part in visit.field(field).repetitions() {
            if let Some(person) = draft.person(part) {
                participants.push(node!({"type": [hl7("v3-ParticipationType", code)], "individual": person}));
            }
        }
    }
    out.set("participant", participants);
    out.set("period", When::between(start, end).map(|when| when.period()));
    let reason =
        draft.message.first("PV2").map(|more| MessageDraft::concept(more.field(3))).and_then(|reason| reason.value());
    out.set("reasonCode", reason.map(|reason| node!([reason])));
    let mut stay = ResourceBuilder::part();
    stay.set("admitSource", MessageDraft::of_table(visit.field(14), "0023").value());
    stay.set("dischargeDisposition", MessageDraft::of_table(visit.field(36), "0112").value());
    out.set("hospitalization", stay.value());
    let place = visit.field(3);
    let names: Vec<String> =
        [4, 7, 1, 2, 3].iter().map(|at| place.component(*at).text()).filter(|text| !text.is_empty()).collect();
    if !names.is_empty() {
        out.set("location", node!([{"location": {"display": names.join(", ")}}]));
    }
    draft.resources.push(out.claim(&["us-core-encounter"]));
    id
}

fn condition(draft: &mut MessageDraft<'_>, segment: &Segment<'_>, encounter: Option<&str>) {
    let mut code = MessageDraft::concept(segment.field(3));
    if code.text.is_empty() {
        code.text = segment.field(4).whole();
    }
    if code.is_empty() {
        return;
    }
    let when = draft.date_time(segment.field(5));
    // A diagnosis belongs to its visit; without one, to its day.
    let other = encounter.map_or_else(|| when.clone().unwrap_or_default(), str::to_owned);
    let mut out = ResourceBuilder::new("Condition", &draft.ids.next("Condition", &["diagnosis", &other, &code.key()]));
    if segment.field(21).text() == "D" {
        out.set("verificationStatus", hl7("condition-ver-status", "entered-in-error"));
    }
    out.set("category", node!([hl7("condition-category", "encounter-diagnosis")]));
    out.set("code", code.value()).set("subject", draft.subject());
    out.set("encounter", encounter.map(|id| node!({"reference": format!("Encounter/{id}")})));
    out.set("recordedDate", when);
    draft.resources.push(out.claim(&["us-core-condition-encounter-diagnosis"]));
}

fn procedure(draft: &mut MessageDraft<'_>, segment: &Segment<'_>, encounter: Option<&str>) {
    let mut code = MessageDraft::concept(segment.field(3));
    if code.text.is_empty() {
        code.text = segment.field(4).whole();
    }
    if code.is_empty() {
        return;
    }
    let when = draft.date_time(segment.field(5)).map(When::At);
    let time = when.as_ref().and_then(When::first).unwrap_or_default().to_owned();
    let mut out = ResourceBuilder::new(
        "Procedure",
        &draft.ids.next("Procedure", &[encounter.unwrap_or_default(), &time, &code.key()]),
    );
    out.set("status", if segment.field(20).text() == "D" { "entered-in-error" } else { "completed" });
    out.set("code", code.value()).set("subject", draft.subject());
    out.set("encounter", encounter.map(|id| node!({"reference": format!("Encounter/{id}")})));
    if let Some(when) = when {
        let (name, value) = when.choice("performed");
        out.set(name, value);
    }
    let surgeon = draft.person(segment.field(11));
    out.set("performer", surgeon.map(|actor| node!([{ "actor": actor }])));
    draft.resources.push(out.claim(&["us-core-procedure"]));
}

/// An allergy, in either of two segments that agree on the first fields (AL1, IAM).
fn allergy(draft: &mut MessageDraft<'_>, segment: &Segment<'_>, is_longer: bool) {
    let code = MessageDraft::concept(segment.field(3));
    if code.is_empty() {
        return;
    }
    let mut out = ResourceBuilder::new("AllergyIntolerance", &draft.ids.next("AllergyIntolerance", &[&code.key()]));
    let (action, state) =
        if is_longer { (segment.field(6).text(), segment.field(17).text()) } else { Default::default() };
    let verification = match (action.as_str(), state.as_str()) {
        ("D" | "X", _) | (_, "E") => Some("entered-in-error"),
        (_, "C" | "I") => Some("confirmed"),
        (_, "D" | "P" | "S" | "U") => Some("unconfirmed"),
        _ => None,
    };
    if verification != Some("entered-in-error") {
        out.set("clinicalStatus", hl7("allergyintolerance-clinical", if state == "I" { "inactive" } else { "active" }));
    }
    out.set("verificationStatus", verification.map(|code| hl7("allergyintolerance-verification", code)));
    out.set("category", known(&KINDS, &segment.field(2).text()).map(|kind| node!([kind])));
    out.set("code", code.value()).set("patient", draft.subject());
    out.set("onsetDateTime", draft.date_time(segment.field(if is_longer { 11 } else { 6 })));
    out.set("recordedDate", is_longer.then(|| draft.date_time(segment.field(13))).flatten());
    let reactions: Vec<Node<'static>> = segment
        .field(5)
        .repetitions()
        .filter_map(|part| {
            let mut manifestation = MessageDraft::concept(part);
            if manifestation.text.is_empty() && manifestation.codes.iter().all(|code| code.system.is_empty()) {
                // In AL1 it is text, whatever it looks like.
                manifestation = Concept::words(&part.text());
            }
            manifestation.value()
        })
        .collect();
    if !reactions.is_empty() {
        let severity = known(&SEVERITIES, &segment.field(4).text());
        let mut reaction = ResourceBuilder::part();
        reaction.set("manifestation", reactions).set("severity", severity);
        out.set("reaction", node!([reaction.value()]));
    }
    draft.resources.push(out.claim(&["us-core-allergyintolerance"]));
}

/// Vital signs and social history in the visit's message. Other observations of a registration are intake questions.
fn vitals(draft: &mut MessageDraft<'_>, encounter: Option<&str>) {
    let message = draft.message;
    let all: Vec<_> = message.all("OBX").map(observed).collect();
    let sent = draft.date_time(message.header(7)).map(When::At);
    let mut seen = Vec::new();
    for one in joined(draft, &all) {
        let Some(code) =
            one.code().code_in(LOINC).filter(|code| vital_sign(code) || about_life(code)).map(str::to_owned)
        else {
            continue;
        };
        let time = one.time(draft).unwrap_or_default();
        let id = draft.ids.next("Observation", &["visit", encounter.unwrap_or_default(), &code, &time]);
        let before = ObservationDraft {
            id,
            category: Category::VitalSigns,
            when: sent.clone(),
            encounter: encounter.map(str::to_owned),
            ..ObservationDraft::default()
        };
        seen.push(observation(draft, one, before, None));
    }
    let resources: Vec<Node<'static>> = pressures(seen).into_iter().map(|one| one.resource(draft.patient)).collect();
    draft.resources.extend(resources);
}
