//! The plan of treatment: its narrative, its orders, and its goals.

use std::fmt::Write as _;

use super::draft::{ChoiceValue, DocumentDraft};
use super::section::{is_negated, state};
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, attr, kid, lines, text};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{Concept, ResourceBuilder, When, known, quantity};

/// Text of a plan; the rest is only in the original.
const TEXT_MAX: usize = 64 << 10;
/// The template of an instruction: text for the patient, not an order.
const INSTRUCTION: &str = "2.16.840.1.113883.10.20.22.4.20";
const GOALS: [(&str, &str); 6] = [
    ("active", "active"),
    ("completed", "completed"),
    ("aborted", "cancelled"),
    ("cancelled", "cancelled"),
    ("suspended", "on-hold"),
    ("nullified", "entered-in-error"),
];

/// Maps the plan of a section. Its entries are of many kinds, and only its text puts them together.
pub(super) fn plan<'d>(draft: &mut DocumentDraft<'d>, section: El<'d>) {
    let Some(div) = kid(section, "text").map(div).filter(|div| !div.is_empty()) else { return };
    let code = draft.concept(kid(section, "code"));
    let document = draft.document.clone();
    let mut out = ResourceBuilder::new("CarePlan", &draft.ids.next("CarePlan", &[&document, &code.key()]));
    out.set(
        "text",
        node!({
            "status": "additional",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>"),
        }),
    );
    out.set("status", "active").set("intent", "plan");
    out.set(
        "category",
        node!([{"coding": [{
            "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
            "code": "assess-plan",
        }]}]),
    );
    out.set("title", kid(section, "title").map(text)).set("subject", draft.subject());
    out.set("encounter", draft.encounter.as_ref().map(|id| node!({"reference": format!("Encounter/{id}")})));
    out.set("created", draft.made.clone());
    draft.resources.push(out.claim(&["us-core-careplan"]));
}

/// The target of a goal.
fn detail((name, value): ChoiceValue) -> Option<(String, Node<'static>)> {
    if name == "valueString" {
        let text = value.text()?.trim();
        let comparator = ["<=", ">=", "<", ">"].into_iter().find(|one| text.starts_with(one)).unwrap_or_default();
        let rest = text.strip_prefix(comparator).unwrap_or(text).trim();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, unit) = rest.split_at_checked(end)?;
        return Some(match quantity(number, unit, comparator).filter(|_| !unit.trim().contains(' ')) {
            Some(quantity) => ("detailQuantity".to_owned(), quantity),
            None => ("detailString".to_owned(), value),
        });
    }
    let kind = name
        .strip_prefix("value")
        .filter(|kind| matches!(*kind, "Quantity" | "Range" | "Integer" | "Boolean" | "Ratio"));
    kind.map(|kind| (format!("detail{kind}"), value))
}

const ORDERS: [(&str, &str); 9] = [
    ("new", "draft"),
    ("active", "active"),
    ("completed", "completed"),
    ("aborted", "revoked"),
    ("cancelled", "revoked"),
    ("held", "on-hold"),
    ("suspended", "on-hold"),
    ("nullified", "entered-in-error"),
    ("normal", "active"),
];
const INTENTS: [(&str, &str); 6] =
    [("INT", "plan"), ("RQO", "order"), ("PRP", "proposal"), ("PRMS", "plan"), ("ARQ", "plan"), ("APT", "plan")];

/// Whether an entry is an order: a test, a procedure, an act.
pub(super) fn is_order(el: El<'_>) -> bool {
    ["observation", "procedure", "act"].iter().any(|name| el.has_tag_name((V3, *name)))
        && known(&INTENTS, attr(el, "moodCode")).is_some()
        && !crate::formats::ccda::node::follows(el, INSTRUCTION)
}

/// Maps an order.
pub(super) fn order<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    let Some(code) = draft.act(el) else { return };
    let when = draft.when(el, "effectiveTime");
    let mut out = ResourceBuilder::new("ServiceRequest", &draft.id("ServiceRequest", el, "", &code, when.as_ref()));
    out.set("identifier", DocumentDraft::identifiers(el));
    out.set("status", known(&ORDERS, state(el)).unwrap_or("unknown"));
    out.set("intent", known(&INTENTS, attr(el, "moodCode")).unwrap_or("plan"));
    if is_negated(el) {
        out.set("doNotPerform", true);
    }
    out.set("code", code.value()).set("subject", draft.subject());
    if let Some(when) = &when {
        let (name, value) = when.choice("occurrence");
        out.set(name, value);
    }
    let (author, time) = draft.author(el);
    out.set("authoredOn", time.and_then(|time| draft.date_time(time))).set("requester", author);
    draft.resources.push(out.claim(&["us-core-servicerequest"]));
}

/// Narrative as paragraphs of XHTML.
fn div(el: El<'_>) -> String {
    let mut out = String::new();
    for line in lines(el) {
        if out.len() + line.len() > TEXT_MAX {
            break;
        }
        let line = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "<p>{line}</p>");
    }
    out
}

/// Maps a goal.
pub(super) fn goal<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if !el.has_tag_name((V3, "observation")) || attr(el, "moodCode") != "GOL" || is_negated(el) {
        return;
    }
    let mut description = draft.concept(kid(el, "value").filter(|value| value.has_attribute("code")));
    if description.is_empty() {
        description = draft.concept(kid(el, "code"));
    }
    let words = draft.words(kid(el, "text"));
    if !words.is_empty() {
        // The goal is stated in text; the codes name its subject.
        description.text = words;
    }
    if description.is_empty() {
        description = Concept::words(&kid(el, "value").map(text).unwrap_or_default());
    }
    if description.is_empty() {
        return;
    }
    let when = draft.when(el, "effectiveTime");
    let key = draft.concept(kid(el, "code"));
    let mut out = ResourceBuilder::new("Goal", &draft.id("Goal", el, "", &key, when.as_ref()));
    out.set("identifier", DocumentDraft::identifiers(el));
    out.set("lifecycleStatus", known(&GOALS, state(el)).unwrap_or("active"));
    out.set("description", description.value()).set("subject", draft.subject());
    let day = |text: &str| text.get(..10).or(Some(text)).map(str::to_owned);
    let (start, due) = match &when {
        Some(When::At(at)) => (day(at), None),
        Some(When::Between(start, due)) => (start.as_deref().and_then(day), due.as_deref().and_then(day)),
        None => (None, None),
    };
    let mut target = ResourceBuilder::part();
    let value = kid(el, "value").filter(|value| !value.has_attribute("code")).and_then(|value| draft.value(value));
    // A goal has a target only with something to measure.
    if let (Some((name, value)), Some(measure)) = (value.and_then(detail), key.value()) {
        target.set("measure", measure).set(name, value);
    }
    target.set("dueDate", due);
    let target = target.value();
    out.set("startDate", start).set("target", (!target.is_empty()).then(|| node!([target])));
    let (author, _) = draft.author(el);
    out.set("expressedBy", author);
    draft.resources.push(out.claim(&["us-core-goal"]));
}
