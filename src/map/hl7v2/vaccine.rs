//! Vaccinations (VXU): one for each RXA, with the order before it and the route after it.

use super::draft::MessageDraft;
use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::Segment;
use crate::map::clinical::{ResourceBuilder, hl7, organization, quantity};

const CVX: &str = "http://hl7.org/fhir/sid/cvx";
/// "No vaccine administered": the message only reports an empty history.
const NONE_GIVEN: &str = "998";
/// Numbers that registries write in place of a missing number.
const NO_NUMBER: [&str; 2] = ["9999", "0"];

/// Maps the vaccinations of a message.
pub(super) fn map(draft: &mut MessageDraft<'_>) {
    let message = draft.message;
    let (mut order, mut given, mut route): (Option<&Segment<'_>>, Option<&Segment<'_>>, Option<&Segment<'_>>) =
        (None, None, None);
    for segment in &message.segments {
        match segment.name {
            "ORC" | "RXA" => {
                if let Some(given) = given.take() {
                    immunization(draft, order, given, route.take());
                }
                if segment.name == "ORC" { order = Some(segment) } else { given = Some(segment) }
            }
            "RXR" => route = Some(segment),
            _ => {}
        }
    }
    if let Some(given) = given {
        immunization(draft, order, given, route);
    }
}

fn immunization(
    draft: &mut MessageDraft<'_>,
    order: Option<&Segment<'_>>,
    given: &Segment<'_>,
    route: Option<&Segment<'_>>,
) {
    let vaccine = MessageDraft::concept(given.field(5));
    if vaccine.is_empty() || vaccine.is_any(&[NONE_GIVEN]) && vaccine.code_in(CVX).is_some() {
        return;
    }
    let filler =
        order.map(|order| order.field(3)).filter(|part| !NO_NUMBER.contains(&part.component(1).text().as_str()));
    let filler = filler.filter(|part| !part.is_empty());
    let when = draft.date_time(given.field(3));
    let number = filler.map(|part| part.component(1).text()).unwrap_or_default();
    let key = [number, vaccine.key(), when.clone().unwrap_or_default()];
    let mut out = ResourceBuilder::new("Immunization", &draft.ids.next("Immunization", &[&key[0], &key[1], &key[2]]));
    out.set("identifier", filler.and_then(|part| draft.entity(part)).map(|one| node!([one])));
    let refusal = MessageDraft::of_table(given.field(18), "0242");
    let state = given.field(20).text();
    let is_refused = matches!(state.as_str(), "RE" | "NA") || !refusal.is_empty();
    let status = if given.field(21).text() == "D" {
        "entered-in-error"
    } else if is_refused {
        "not-done"
    } else {
        "completed"
    };
    out.set("status", status);
    if is_refused {
        let reason = refusal.value().or_else(|| (state == "RE").then(|| hl7("v3-ActReason", "PATOBJ")));
        out.set("statusReason", reason);
    }
    out.set("vaccineCode", vaccine.value()).set("patient", draft.subject());
    match when {
        Some(when) => out.set("occurrenceDateTime", when),
        None => out.set("occurrenceString", "unknown"),
    };
    // "00": a new record; all others are historical.
    let source = given.field(9).component(1).text();
    if !source.is_empty() {
        out.set("primarySource", source == "00");
        if source != "00" {
            out.set("reportOrigin", MessageDraft::concept(given.field(9)).value());
        }
    }
    out.set("lotNumber", given.field(15).text());
    out.set("expirationDate", crate::map::clinical::day(&given.field(16).text()));
    let maker = organization(&given.field(17).component(2).text(), Vec::new());
    out.set("manufacturer", maker.map(|spoken| node!({"display": spoken.reference.get("display")})));
    if let Some(route) = route {
        out.set("route", MessageDraft::of_table(route.field(1), "0162").value());
        out.set("site", MessageDraft::of_table(route.field(2), "0163").value());
    }
    let amount = given.field(6).text();
    if amount != "999" {
        out.set("doseQuantity", quantity(&amount, &crate::map::hl7v2::value::unit(given.field(7)), ""));
    }
    let mut performers: Vec<Node<'static>> = Vec::new();
    if let Some(actor) = draft.person(given.field(10)) {
        performers.push(node!({"function": hl7("v2-0443", "AP"), "actor": actor}));
    }
    if let Some(actor) = order.and_then(|order| draft.person(order.field(12))) {
        performers.push(node!({"function": hl7("v2-0443", "OP"), "actor": actor}));
    }
    out.set("performer", performers);
    draft.resources.push(out.claim(&["us-core-immunization"]));
}
