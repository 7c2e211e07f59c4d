//! Encounters: the header's, and those of the encounters section.

use super::draft::DocumentDraft;
use super::problem::{ConditionRole, condition};
use super::section::{is_negated, state};
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, added, all, attr, ids, kid, kids, path, text};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{Concept, ResourceBuilder, When, hl7};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CLASSES: [&str; 9] = ["AMB", "EMER", "FLD", "HH", "IMP", "ACUTE", "NONAC", "OBSENC", "VR"];
const DIAGNOSIS: &str = "2.16.840.1.113883.10.20.22.4.80";

/// The encounter that a document is about; returns its id.
pub(super) fn of_header<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) -> String {
    let (id, mut out) = start(draft, el, "header");
    out.set("status", "finished");
    let mut participants = Vec::new();
    for role in all(el, &["responsibleParty", "assignedEntity"]) {
        let actor = draft.actor(role);
        participants
            .extend(actor.map(|actor| node!({"type": [hl7("v3-ParticipationType", "PPRF")], "individual": actor})));
    }
    out.set("participant", participants);
    let place = path(el, &["location", "healthCareFacility"]);
    let name = place.and_then(|place| path(place, &["location", "name"])).map(text).filter(|name| !name.is_empty());
    out.set("location", name.map(|name| node!([{"location": {"display": name}}])));
    let provider = place.and_then(|place| kid(place, "serviceProviderOrganization"));
    let provider = provider.and_then(|provider| draft.organization(provider));
    out.set("serviceProvider", provider);
    keep(draft, &id, out);
    id
}

/// An encounter of the section may be the header's: then the two are merged. Status, period and class come from the
/// section, which is about the encounter; the header's are about the document.
fn keep(draft: &mut DocumentDraft<'_>, id: &str, out: ResourceBuilder) {
    let is_same = |one: &Node<'static>| {
        let text = |name: &str| one.text_of(name);
        text("resourceType") == Some("Encounter") && text("id") == Some(id)
    };
    let Some(known) = draft.resources.iter_mut().find(|one| is_same(one)) else {
        draft.resources.push(out.claim(&["us-core-encounter"]));
        return;
    };
    let mut before = ResourceBuilder::again(std::mem::take(known));
    let mut joined = out;
    // No class is better than a class without a code.
    let is_unknown = joined.get("class").is_some_and(|class| class.text_of("code") == Some("UNK"));
    if let Some(class) = before.get("class").cloned().filter(|_| is_unknown) {
        joined.set("class", class);
    }
    before.remove("meta");
    joined.join(before);
    *known = joined.claim(&["us-core-encounter"]);
}

/// Maps an encounter of the section, and its diagnoses.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if !el.has_tag_name((V3, "encounter")) || attr(el, "moodCode") != "EVN" || is_negated(el) {
        return;
    }
    let (id, mut out) = start(draft, el, "section");
    let status = match state(el) {
        "active" => "in-progress",
        "cancelled" | "aborted" => "cancelled",
        "nullified" => "entered-in-error",
        _ => "finished",
    };
    out.set("status", status);
    let performers = draft.performers(el);
    let performers = performers.into_iter().filter(|one| {
        // An organization cannot be a participant here.
        one.text_of("reference").is_none_or(|reference| reference.starts_with("Practitioner/"))
    });
    let performers =
        performers.map(|actor| node!({"type": [hl7("v3-ParticipationType", "PPRF")], "individual": actor}));
    out.set("participant", performers.collect::<Vec<_>>());
    let places = kids(el, "participant").filter(|one| attr(*one, "typeCode") == "LOC");
    let places: Vec<Node<'static>> = places
        .filter_map(|one| {
            let role = kid(one, "participantRole")?;
            let name = path(role, &["playingEntity", "name"]).map(text).unwrap_or_default();
            let name = if name.is_empty() { draft.concept(kid(role, "code")).name().to_owned() } else { name };
            (!name.is_empty()).then(|| node!({"location": {"display": name}}))
        })
        .collect();
    out.set("location", places);
    let mut diagnoses = Vec::new();
    for act in all(el, &["entryRelationship", "act"])
        .into_iter()
        .filter(|act| crate::formats::ccda::node::follows(*act, DIAGNOSIS))
    {
        for observation in all(act, &["entryRelationship", "observation"]) {
            let found = condition(draft, act, observation, ConditionRole::Diagnosis, Some(&id));
            diagnoses.extend(found.map(|id| node!({"condition": {"reference": format!("Condition/{id}")}})));
        }
    }
    out.set("diagnosis", diagnoses);
    let reasons = kids(el, "entryRelationship").filter(|link| attr(*link, "typeCode") == "RSON");
    let reasons = reasons.filter_map(|link| draft.concept(kid(kid(link, "observation")?, "value")).value());
    out.set("reasonCode", reasons.collect::<Vec<_>>());
    keep(draft, &id, out);
}

/// The id of an encounter. It depends on its identifier alone, since one document names it in its header and another in
/// a section; but two encounters of one section that share an identifier on different days are two.
fn id<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>, role: &str, code: &Concept, when: Option<&When>) -> String {
    let Some(own) = ids(el).first().map(|(root, extension)| format!("{root}|{extension}")) else {
        return draft.id("Encounter", el, role, code, when);
    };
    let id = draft.ids.same("Encounter", &[&own]);
    let known = draft.resources.iter().find(|one| one.text_of("id") == Some(&id));
    let day = |text: &str| text.get(..10).map(str::to_owned);
    let began = known.and_then(|one| day(one.get("period")?.text_of("start")?));
    let begins = when.and_then(When::first).and_then(day);
    if began.zip(begins).is_none_or(|(one, other)| one == other) {
        return id;
    }
    draft.ids.next("Encounter", &[&own, &code.key(), when.and_then(When::first).unwrap_or_default()])
}

fn start<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>, role: &str) -> (String, ResourceBuilder) {
    let code = draft.concept(kid(el, "code"));
    let when = draft.when(el, "effectiveTime");
    // The header gives the identifier of an encounter, whatever code it has there.
    let key = if role == "header" { Concept::default() } else { code.clone() };
    let id = id(draft, el, role, &key, when.as_ref());
    let mut out = ResourceBuilder::new("Encounter", &id);
    out.set("identifier", DocumentDraft::identifiers(el));
    let class = code.codes.iter().find(|code| code.system == ACT_CODE && CLASSES.contains(&code.code.as_str()));
    let class = match class {
        Some(class) => node!({"system": ACT_CODE, "code": &class.code}),
        None => node!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}),
    };
    out.set("class", class).set("type", code.value().map(|kind| node!([kind]))).set("subject", draft.subject());
    let period = when.map(|when| match when {
        // A single time of an encounter is its start.
        When::At(at) if at.contains('T') => When::Between(Some(at), None),
        when => when,
    });
    out.set("period", period.as_ref().map(When::period));
    let disposition = kid(el, "dischargeDispositionCode").or_else(|| added(el, "dischargeDispositionCode"));
    let disposition = draft.concept(disposition).value();
    out.set("hospitalization", disposition.map(|code| node!({ "dischargeDisposition": code })));
    (id, out)
}
