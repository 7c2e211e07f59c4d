//! Patient and Coverage of a member who is only on the roster, and in no FHIR feed.

use jiff::civil::Date;

use crate::fhir::json::{Node, node};
use crate::formats::records::{Cover, Person, Relative};
use crate::map::plan::PLAN_ID;
use crate::map::record::made_id;

const C4BB: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-";
const US_CORE_PATIENT: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem/";

/// The id of a Patient made from the roster; the member id cannot be read from it.
pub(crate) fn patient_id(member_id: &str) -> String {
    made_id(&["Patient", member_id])
}

/// The Patient, and a Coverage for every span that names a plan or a date. `ids` is the address of the plan's
/// identifiers, `plan` the plan's name.
pub(crate) fn resources(person: &Person, ids: &str, plan: &str, today: Date) -> Vec<Node<'static>> {
    let id = patient_id(&person.member_id);
    let mut out = vec![patient(person, &id, ids)];
    let worth = |cover: &&Cover| cover.plan.is_some() || cover.start.is_some();
    out.extend(person.covers.iter().filter(worth).map(|cover| coverage(person, &id, cover, (ids, plan), today)));
    if let Some(subscriber) = &person.subscriber {
        out.push(related(person, &id, subscriber));
    }
    out.extend(person.sponsor.as_deref().map(sponsor));
    out
}

/// The employer or exchange that pays for coverage.
fn sponsor(name: &str) -> Node<'static> {
    node!({
        "resourceType": "Organization",
        "id": sponsor_id(name),
        "meta": {"profile": [format!("{C4BB}Organization|2.0.0")]},
        "active": true,
        "name": name,
    })
}

fn sponsor_id(name: &str) -> String {
    made_id(&["sponsor", &name.to_lowercase()])
}

/// The subscriber as a `RelatedPerson` of this member.
fn related(person: &Person, patient: &str, subscriber: &Relative) -> Node<'static> {
    let code = match person.covers.first().map(|cover| cover.relationship) {
        Some("spouse") => "SPS",
        Some("common") => "DOMPART",
        Some("child") => "PRN",
        Some("parent") => "CHILD",
        _ => "FAMMEMB",
    };
    node!({
        "resourceType": "RelatedPerson",
        "id": made_id(&["RelatedPerson", &person.member_id, &subscriber.number]),
        "meta": {"profile": [format!("{C4BB}RelatedPerson|2.0.0")]},
        "active": true,
        "patient": {"reference": format!("Patient/{patient}")},
        "relationship": [coded("v3-RoleCode", code)],
        "name": [{"family": &subscriber.family, "given": [&subscriber.given]}],
    })
}

fn coded(system: &str, code: &str) -> Node<'static> {
    node!({"coding": [{"system": format!("{TERMINOLOGY}{system}"), "code": code}]})
}

fn member_number(person: &Person, ids: &str) -> Node<'static> {
    node!([{"type": coded("v2-0203", "MB"), "system": format!("{ids}/member"), "value": &person.member_id}])
}

fn patient(person: &Person, id: &str, ids: &str) -> Node<'static> {
    let mut given = vec![person.given.clone()];
    given.extend(person.middle.clone());
    let mut out = node!({
        "resourceType": "Patient",
        "id": id,
        "meta": {"profile": [format!("{C4BB}Patient|2.0.0"), US_CORE_PATIENT]},
        "identifier": member_number(person, ids),
        "active": true,
        "name": [{"use": "official", "family": &person.family, "given": given}],
        "gender": &person.gender,
        "birthDate": person.birth.to_string(),
    });
    let telecom: Vec<Node<'static>> = person
        .phones
        .iter()
        .map(|phone| node!({"system": "phone", "value": phone}))
        .chain(person.emails.iter().map(|email| node!({"system": "email", "value": email})))
        .collect();
    let mut address = Node::object();
    if !person.address.lines.is_empty() {
        address.set("line", &person.address.lines);
    }
    for (name, value) in
        [("city", &person.address.city), ("state", &person.address.state), ("postalCode", &person.address.zip)]
    {
        if let Some(value) = value {
            address.set(name, value);
        }
    }
    if let Some(died) = person.died {
        out.set("deceasedDateTime", died.to_string());
    }
    if !telecom.is_empty() {
        out.set("telecom", telecom);
    }
    if !address.is_empty() {
        out.set("address", node!([address]));
    }
    out
}

fn coverage(person: &Person, patient: &str, cover: &Cover, (ids, plan): (&str, &str), today: Date) -> Node<'static> {
    let start = cover.start.map(|day| day.to_string());
    let key = ["Coverage", &person.member_id, cover.plan.as_deref().unwrap_or(""), start.as_deref().unwrap_or("")];
    let class = |kind: &str, value: &Option<String>| {
        value.as_ref().map(|value| node!({"type": coded("coverage-class", kind), "value": value}))
    };
    let classes: Vec<Node<'static>> =
        [class("group", &cover.group), class("plan", &cover.plan)].into_iter().flatten().collect();
    let mut out = node!({
        "resourceType": "Coverage",
        "id": made_id(&key),
        "meta": {"profile": [format!("{C4BB}Coverage|2.0.0")]},
        "identifier": member_number(person, ids),
        "status": if cover.end.is_some_and(|end| end < today) { "cancelled" } else { "active" },
        "subscriberId": cover.subscriber.as_ref().unwrap_or(&person.member_id),
        "beneficiary": {"reference": format!("Patient/{patient}")},
        "relationship": coded("subscriber-relationship", cover.relationship),
        "payor": [{"reference": format!("Organization/{PLAN_ID}"), "display": plan}],
    });
    if let Some(name) = &person.sponsor {
        let reference = format!("Organization/{}", sponsor_id(name));
        out.set("policyHolder", node!({"reference": reference, "display": name}));
    }
    let mut period = Node::object();
    if let Some(start) = start {
        period.set("start", start);
    }
    if let Some(end) = cover.end {
        period.set("end", end.to_string());
    }
    if !classes.is_empty() {
        out.set("class", classes);
    }
    if !period.is_empty() {
        out.set("period", period);
    }
    out
}
