//! Vaccinations, given or not.

use super::draft::DocumentDraft;
use super::procedure::reason;
use super::section::{is_negated, state};
use crate::fhir::json::node;
use crate::formats::ccda::node::{El, attr, is_null, kid, kids, path, text};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{ResourceBuilder, When, quantity};

/// Maps a vaccination.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if !el.has_tag_name((V3, "substanceAdministration")) || attr(el, "moodCode") == "INT" {
        return;
    }
    let product = path(el, &["consumable", "manufacturedProduct"]);
    let material = product.and_then(|product| kid(product, "manufacturedMaterial"));
    let code = material.map(|material| draft.concept(kid(material, "code"))).unwrap_or_default();
    if code.is_empty() {
        return;
    }
    let when = kids(el, "effectiveTime").find_map(|time| draft.when_of(time));
    let mut out = ResourceBuilder::new("Immunization", &draft.id("Immunization", el, "", &code, when.as_ref()));
    out.set("identifier", DocumentDraft::identifiers(el));
    let status = match state(el) {
        "nullified" => "entered-in-error",
        _ if is_negated(el) => "not-done",
        // An order that was stopped or not completed administered nothing.
        "aborted" | "cancelled" | "held" | "suspended" => "not-done",
        _ => "completed",
    };
    out.set("status", status);
    if status == "not-done" {
        out.set("statusReason", reason(draft, el));
    }
    out.set("vaccineCode", code.value()).set("patient", draft.subject());
    match when.as_ref().and_then(When::first) {
        Some(at) => out.set("occurrenceDateTime", at),
        None => out.set("occurrenceString", "unknown"),
    };
    if let Some(lot) = material.and_then(|material| kid(material, "lotNumberText")).filter(|lot| !is_null(*lot)) {
        out.set("lotNumber", text(lot));
    }
    let maker = product.and_then(|product| path(product, &["manufacturerOrganization", "name"])).map(text);
    out.set("manufacturer", maker.filter(|name| !name.is_empty()).map(|name| node!({ "display": name })));
    out.set("site", draft.concept(kid(el, "approachSiteCode")).value());
    out.set("route", draft.concept(kid(el, "routeCode")).value());
    out.set(
        "doseQuantity",
        kid(el, "doseQuantity").and_then(|dose| quantity(attr(dose, "value"), attr(dose, "unit"), "")),
    );
    let performers = draft.performers(el);
    out.set("performer", performers.into_iter().map(|actor| node!({ "actor": actor })).collect::<Vec<_>>());
    draft.resources.push(out.claim(&["us-core-immunization"]));
}
