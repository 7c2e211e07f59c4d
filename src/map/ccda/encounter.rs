//! Visits: that of the header, and those of the section.

use serde_json::{Value, json};

use super::draft::Draft;
use super::problem::{Role, condition};
use super::section::{is_negated, state};
use crate::formats::ccda::node::{El, added, all, attr, ids, kid, kids, path, text};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{Concept, ResourceBuilder, When, hl7};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CLASSES: [&str; 9] = ["AMB", "EMER", "FLD", "HH", "IMP", "ACUTE", "NONAC", "OBSENC", "VR"];
const DIAGNOSIS: &str = "2.16.840.1.113883.10.20.22.4.80";

/// The visit that a document is about; its id.
pub(super) fn of_header<'d>(draft: &mut Draft<'d>, el: El<'d>) -> String {
    let (id, mut out) = start(draft, el, "header");
    out.set("status", "finished");
    let mut participants = Vec::new();
    for role in all(el, &["responsibleParty", "assignedEntity"]) {
        let actor = draft.actor(role);
        participants
            .extend(actor.map(|actor| json!({"type": [hl7("v3-ParticipationType", "PPRF")], "individual": actor})));
    }
    out.set("participant", participants);
    let place = path(el, &["location", "healthCareFacility"]);
    let name = place.and_then(|place| path(place, &["location", "name"])).map(text).filter(|name| !name.is_empty());
    out.set("location", name.map(|name| json!([{"location": {"display": name}}])));
    let provider = place.and_then(|place| kid(place, "serviceProviderOrganization"));
    let provider = provider.and_then(|provider| draft.organization(provider));
    out.set("serviceProvider", provider);
    keep(draft, &id, out);
    id
}

/// A visit of the section may be that of the header: then it is one, with what both say. What the section says of how far it
/// has come, when it was and of what class is said of this visit, and the header's is about the document.
fn keep(draft: &mut Draft<'_>, id: &str, out: ResourceBuilder) {
    let is_same = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        text("resourceType") == Some("Encounter") && text("id") == Some(id)
    };
    let Some(known) = draft.resources.iter_mut().find(|one| is_same(one)) else {
        draft.resources.push(out.claim(&["us-core-encounter"]));
        return;
    };
    let mut before = ResourceBuilder::again(std::mem::take(known));
    let mut joined = out;
    // No class is less than any.
    let is_unknown = joined.get("class").and_then(|class| class.get("code")).is_some_and(|code| code == "UNK");
    if let Some(class) = before.get("class").cloned().filter(|_| is_unknown) {
        joined.set("class", class);
    }
    before.remove("meta");
    joined.join(before);
    *known = joined.claim(&["us-core-encounter"]);
}

/// Maps a visit of the section, and what was found in it.
pub(super) fn map<'d>(draft: &mut Draft<'d>, el: El<'d>) {
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
        // An organization is no performer.
        one.get("reference").and_then(Value::as_str).is_none_or(|reference| reference.starts_with("Practitioner/"))
    });
    let performers =
        performers.map(|actor| json!({"type": [hl7("v3-ParticipationType", "PPRF")], "individual": actor}));
    out.set("participant", performers.collect::<Vec<_>>());
    let places = kids(el, "participant").filter(|one| attr(*one, "typeCode") == "LOC");
    let places: Vec<Value> = places
        .filter_map(|one| {
            let role = kid(one, "participantRole")?;
            let name = path(role, &["playingEntity", "name"]).map(text).unwrap_or_default();
            let name = if name.is_empty() { draft.concept(kid(role, "code")).name().to_owned() } else { name };
            (!name.is_empty()).then(|| json!({"location": {"display": name}}))
        })
        .collect();
    out.set("location", places);
    let mut diagnoses = Vec::new();
    for act in all(el, &["entryRelationship", "act"])
        .into_iter()
        .filter(|act| crate::formats::ccda::node::follows(*act, DIAGNOSIS))
    {
        for observation in all(act, &["entryRelationship", "observation"]) {
            let found = condition(draft, act, observation, Role::Diagnosis, Some(&id));
            diagnoses.extend(found.map(|id| json!({"condition": {"reference": format!("Condition/{id}")}})));
        }
    }
    out.set("diagnosis", diagnoses);
    let reasons = kids(el, "entryRelationship").filter(|link| attr(*link, "typeCode") == "RSON");
    let reasons = reasons.filter_map(|link| draft.concept(kid(kid(link, "observation")?, "value")).value());
    out.set("reasonCode", reasons.collect::<Vec<_>>());
    keep(draft, &id, out);
}

/// The id of a visit. It goes by its identifier alone, since one document names it in its header and another in a section;
/// but two visits of one section that bear one identifier on different days are two.
fn id<'d>(draft: &mut Draft<'d>, el: El<'d>, role: &str, code: &Concept, when: Option<&When>) -> String {
    let Some(own) = ids(el).first().map(|(root, extension)| format!("{root}|{extension}")) else {
        return draft.id("Encounter", el, role, code, when);
    };
    let id = draft.ids.same("Encounter", &[&own]);
    let known = draft.resources.iter().find(|one| one.get("id").and_then(Value::as_str) == Some(&id));
    let day = |text: &str| text.get(..10).map(str::to_owned);
    let began = known.and_then(|one| day(one.pointer("/period/start")?.as_str()?));
    let begins = when.and_then(When::first).and_then(day);
    if began.zip(begins).is_none_or(|(one, other)| one == other) {
        return id;
    }
    draft.ids.next("Encounter", &[&own, &code.key(), when.and_then(When::first).unwrap_or_default()])
}

fn start<'d>(draft: &mut Draft<'d>, el: El<'d>, role: &str) -> (String, ResourceBuilder) {
    let code = draft.concept(kid(el, "code"));
    let when = draft.when(el, "effectiveTime");
    // The header names a visit by its identifier, whatever it calls it.
    let key = if role == "header" { Concept::default() } else { code.clone() };
    let id = id(draft, el, role, &key, when.as_ref());
    let mut out = ResourceBuilder::new("Encounter", &id);
    out.set("identifier", Draft::identifiers(el));
    let class = code.codes.iter().find(|code| code.system == ACT_CODE && CLASSES.contains(&code.code.as_str()));
    let class = match class {
        Some(class) => json!({"system": ACT_CODE, "code": class.code}),
        None => json!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}),
    };
    out.set("class", class).set("type", code.value().map(|kind| json!([kind]))).set("subject", draft.subject());
    let period = when.map(|when| match when {
        // One moment of a visit is when it began.
        When::At(at) if at.contains('T') => When::Between(Some(at), None),
        when => when,
    });
    out.set("period", period.as_ref().map(When::period));
    let disposition = kid(el, "dischargeDispositionCode").or_else(|| added(el, "dischargeDispositionCode"));
    let disposition = draft.concept(disposition).value();
    out.set("hospitalization", disposition.map(|code| json!({ "dischargeDisposition": code })));
    (id, out)
}
