//! Medications: taken or planned, as a `MedicationRequest`, and dispensed.

use super::draft::DocumentDraft;
use super::section::{is_negated, state};
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, attr, follows, is_null, kid, kid_attr, kids, kind, path};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{Concept, ResourceBuilder, When, known, number, quantity};

const STATES: [(&str, &str); 8] = [
    ("active", "active"),
    ("completed", "completed"),
    ("aborted", "stopped"),
    ("suspended", "on-hold"),
    ("held", "on-hold"),
    ("cancelled", "cancelled"),
    ("new", "draft"),
    ("nullified", "entered-in-error"),
];
/// Timing events that HL7 V3 and FHIR share.
const MOMENTS: [&str; 14] = ["HS", "WAKE", "C", "CM", "CD", "CV", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"];
const PERIODS: [&str; 7] = ["s", "min", "h", "d", "wk", "mo", "a"];
const FREE_TEXT: &str = "2.16.840.1.113883.10.20.22.4.147";
/// The template of a medication dispense.
const DISPENSE: &str = "2.16.840.1.113883.10.20.22.4.18";
const DISPENSED: [(&str, &str); 7] = [
    ("completed", "completed"),
    ("active", "in-progress"),
    ("aborted", "stopped"),
    ("held", "on-hold"),
    ("suspended", "on-hold"),
    ("cancelled", "cancelled"),
    ("nullified", "entered-in-error"),
];
/// A larger number is not a number of refills.
const REFILLS_MAX: u32 = 1_000;

/// Maps a medication activity.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if !el.has_tag_name((V3, "substanceAdministration")) {
        return;
    }
    let material = path(el, &["consumable", "manufacturedProduct", "manufacturedMaterial"]);
    let mut code = material.map(|material| draft.concept(kid(material, "code"))).unwrap_or_default();
    if code.is_empty() {
        code = Concept::words(
            &material
                .and_then(|material| kid(material, "name"))
                .map(crate::formats::ccda::node::text)
                .unwrap_or_default(),
        );
    }
    if code.is_empty() {
        // A negated activity makes no statement about a medication.
        if is_negated(el) {
            return;
        }
        code = Concept::words(&draft.words(kid(el, "text")));
    }
    if code.is_empty() {
        return;
    }
    let when = kids(el, "effectiveTime").find_map(|time| draft.when_of(time));
    let id = draft.id("MedicationRequest", el, "", &code, when.as_ref());
    let mut out = ResourceBuilder::new("MedicationRequest", &id);
    out.set("identifier", DocumentDraft::identifiers(el));
    out.set("status", known(&STATES, state(el)).unwrap_or("unknown"));
    let (author, time) = draft.author(el);
    let order = all(el, &["entryRelationship", "supply"]).into_iter().find(|supply| attr(*supply, "moodCode") == "INT");
    // An order has an author; everything else is a plan.
    let intent = if order.is_some() && author.is_some() { "order" } else { "plan" };
    out.set("intent", intent);
    if is_negated(el) {
        out.set("doNotPerform", true);
    }
    if attr(el, "moodCode") == "EVN" {
        out.set("reportedBoolean", true);
    }
    out.set("medicationCodeableConcept", code.value()).set("subject", draft.subject());
    out.set("authoredOn", time.and_then(|time| draft.date_time(time))).set("requester", author);
    let reasons = kids(el, "entryRelationship").filter(|link| attr(*link, "typeCode") == "RSON");
    let reasons = reasons.filter_map(|link| draft.concept(kid(kid(link, "observation")?, "value")).value());
    out.set("reasonCode", reasons.collect::<Vec<Node<'static>>>());
    let dosage = dosage(draft, el);
    out.set("dosageInstruction", (!dosage.is_empty()).then(|| node!([dosage])));
    if let Some(order) = order {
        let mut request = ResourceBuilder::part();
        // HL7 V3 counts all fills, FHIR those after the first.
        let fills = kid_attr(order, "repeatNumber", "value").parse::<u32>().ok().filter(|fills| *fills <= REFILLS_MAX);
        request.set("numberOfRepeatsAllowed", fills.map(|fills| fills.saturating_sub(1)));
        request.set(
            "quantity",
            kid(order, "quantity").and_then(|one| quantity(attr(one, "value"), attr(one, "unit"), "")),
        );
        out.set("dispenseRequest", request.value());
    }
    draft.resources.push(out.claim(&["us-core-medicationrequest"]));
    for supply in all(el, &["entryRelationship", "supply"]) {
        if is_dispense(supply) {
            dispense(draft, supply, Some((&id, &code)));
        }
    }
}

/// Whether an entry is a dispense.
pub(super) fn is_dispense(el: El<'_>) -> bool {
    el.has_tag_name((V3, "supply")) && attr(el, "moodCode") == "EVN" && follows(el, DISPENSE) && !is_negated(el)
}

/// Maps a dispense, of a request or by itself.
pub(super) fn dispense<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>, request: Option<(&str, &Concept)>) {
    let product = path(el, &["product", "manufacturedProduct", "manufacturedMaterial", "code"]);
    let own = draft.concept(product);
    let Some(code) = Some(own).filter(|code| !code.is_empty()).or_else(|| request.map(|(_, code)| code.clone())) else {
        return;
    };
    let when = draft.when(el, "effectiveTime");
    let mut out =
        ResourceBuilder::new("MedicationDispense", &draft.id("MedicationDispense", el, "", &code, when.as_ref()));
    out.set("identifier", DocumentDraft::identifiers(el));
    out.set("status", known(&DISPENSED, state(el)).unwrap_or("unknown"));
    out.set("medicationCodeableConcept", code.value()).set("subject", draft.subject());
    let performers = draft.performers(el);
    out.set("performer", performers.into_iter().map(|actor| node!({ "actor": actor })).collect::<Vec<_>>());
    let request = request.map(|(id, _)| node!([{"reference": format!("MedicationRequest/{id}")}]));
    out.set("authorizingPrescription", request);
    out.set("quantity", kid(el, "quantity").and_then(|one| quantity(attr(one, "value"), attr(one, "unit"), "")));
    out.set("whenHandedOver", when.as_ref().and_then(When::first));
    draft.resources.push(out.claim(&["us-core-medicationdispense"]));
}

fn dosage<'d>(draft: &DocumentDraft<'d>, el: El<'d>) -> Node<'static> {
    let mut out = ResourceBuilder::part();
    let free = all(el, &["entryRelationship", "substanceAdministration"]);
    let free = free.into_iter().find(|one| follows(*one, FREE_TEXT));
    let words = draft.words(free.and_then(|free| kid(free, "text")));
    out.set("text", if words.is_empty() { draft.words(kid(el, "text")) } else { words });
    out.set("timing", timing(draft, el));
    if let Some(condition) = kid(el, "precondition") {
        let value = path(condition, &["criterion", "value"]);
        match draft.concept(value).value() {
            Some(value) => out.set("asNeededCodeableConcept", value),
            None => out.set("asNeededBoolean", true),
        };
    }
    out.set("route", draft.concept(kid(el, "routeCode")).value());
    let mut dose = ResourceBuilder::part();
    if let Some(stated) = kid(el, "doseQuantity").filter(|dose| !is_null(*dose)) {
        let of = |el: El<'d>| quantity(attr(el, "value"), attr(el, "unit"), "");
        match (kid(stated, "low").and_then(of), kid(stated, "high").and_then(of)) {
            (Some(low), Some(high)) => dose.set("doseRange", node!({"low": low, "high": high})),
            (one, other) => dose.set("doseQuantity", of(stated).or(one).or(other)),
        };
    }
    if let Some(rate) = kid(el, "rateQuantity") {
        dose.set("rateQuantity", quantity(attr(rate, "value"), attr(rate, "unit"), ""));
    }
    let dose = dose.value();
    out.set("doseAndRate", (!dose.is_empty()).then(|| node!([dose])));
    out.value()
}

fn timing<'d>(draft: &DocumentDraft<'d>, el: El<'d>) -> Node<'static> {
    let mut repeat = ResourceBuilder::part();
    for time in kids(el, "effectiveTime") {
        match kind(time) {
            "PIVL_TS" => {
                let Some(period) = kid(time, "period") else { continue };
                let low = kid(period, "low").unwrap_or(period);
                let unit = attr(low, "unit");
                if let Some(value) =
                    number(attr(low, "value")).filter(|value| PERIODS.contains(&unit) && is_positive(value))
                {
                    repeat.set("frequency", 1).set("period", value).set("periodUnit", unit);
                    let high = kid(period, "high").filter(|high| attr(*high, "unit") == unit);
                    let most = high.and_then(|high| number(attr(high, "value"))).filter(is_positive);
                    repeat.set("periodMax", most);
                }
            }
            "EIVL_TS" => {
                let code = kid_attr(time, "event", "code");
                if MOMENTS.contains(&code) {
                    repeat.set("when", node!([code]));
                }
            }
            _ => {
                repeat.set("boundsPeriod", draft.when_of(time).map(|when| when.period()));
            }
        }
    }
    let repeat = repeat.value();
    if repeat.is_empty() { Node::Null } else { node!({ "repeat": repeat }) }
}

fn is_positive(value: &Node<'_>) -> bool {
    matches!(value, Node::Number(text) if text.parse::<f64>().is_ok_and(|value| value > 0.0))
}
