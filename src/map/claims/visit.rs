//! Clinical resources of a claim: an Encounter, its Conditions and its Procedures, as US Core. A voided or replaced
//! claim implies nothing, and the run withdraws its clinical resources.
//!
//! A claim is not a chart: a diagnosis on it may be one that was ruled out. So its conditions are encounter diagnoses,
//! and none is put on a problem list.

use super::eob::{Bill, BillKind};
use crate::fhir::json::{Node, node};
use crate::map::code::concept;
use crate::map::record::{KnownMember, made_id};

const CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-";
const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem/";

/// Place-of-service codes of an emergency room, and of a patient's home.
const EMERGENCY: &str = "23";
const HOME: &str = "12";

/// The encounter of a bill, its conditions and procedures.
pub(super) fn visit(bill: &Bill<'_>, known_member: &KnownMember) -> Vec<Node<'static>> {
    if bill.cancelled || matches!(bill.kind, BillKind::Pharmacy) {
        return Vec::new();
    }
    let patient = node!({"reference": format!("Patient/{}", known_member.patient)});
    let encounter = made_id(&["encounter", &bill.id]);
    let here = node!({"reference": format!("Encounter/{encounter}")});
    let mut out = vec![encounter_of(bill, &encounter, &patient)];
    for (at, (code, ..)) in bill.diagnoses.iter().enumerate() {
        out.push(node!({
            "resourceType": "Condition",
            "id": made_id(&["condition", &bill.id, &at.to_string()]),
            "meta": {"profile": [format!("{CORE}condition-encounter-diagnosis")]},
            "verificationStatus": concept(&format!("{TERMINOLOGY}condition-ver-status"), "unconfirmed"),
            "category": [concept(&format!("{TERMINOLOGY}condition-category"), "encounter-diagnosis")],
            "code": code,
            "subject": &patient,
            "encounter": &here,
            "recordedDate": &bill.from,
        }));
    }
    let of_lines =
        bill.lines.iter().filter(|line| is_coded(&line.service)).map(|line| (&line.service, line.from.as_ref()));
    let of_stay = bill.procedures.iter().map(|(code, day, _)| (code, day.as_ref()));
    for (at, (code, day)) in of_stay.chain(of_lines).enumerate() {
        out.push(node!({
            "resourceType": "Procedure",
            "id": made_id(&["procedure", &bill.id, &at.to_string()]),
            "meta": {"profile": [format!("{CORE}procedure")]},
            "status": "completed",
            "code": code,
            "subject": &patient,
            "encounter": &here,
            "performedDateTime": day.unwrap_or(&bill.from),
        }));
    }
    out
}

/// Whether a service has a specific code, and not only the fact of a service.
fn is_coded(service: &Node<'static>) -> bool {
    let system = service.get("coding").and_then(|codings| codings.items().first()?.text_of("system"));
    system.is_some_and(|system| !system.ends_with("data-absent-reason"))
}

fn encounter_of(bill: &Bill<'_>, id: &str, patient: &Node<'static>) -> Node<'static> {
    let place = bill.lines.first().map_or("", |line| line.place);
    let class = match (bill.kind, place) {
        (BillKind::Inpatient, _) => "IMP",
        (_, EMERGENCY) => "EMER",
        (_, HOME) => "HH",
        _ => "AMB",
    };
    let kind = bill.lines.iter().map(|line| &line.service).find(|service| is_coded(service));
    let kind = kind.cloned().unwrap_or_else(|| node!({"text": bill.kind.words()}));
    let mut out = node!({
        "resourceType": "Encounter",
        "id": id,
        "meta": {"profile": [format!("{CORE}encounter")]},
        "status": "finished",
        "class": {"system": format!("{TERMINOLOGY}v3-ActCode"), "code": class},
        "type": [kind],
        "subject": patient,
        "period": {"start": &bill.from, "end": &bill.to},
    });
    if bill.provider.is_person {
        out.set("participant", node!([{"individual": &bill.provider.reference}]));
    } else {
        out.set("serviceProvider", &bill.provider.reference);
    }
    out
}
