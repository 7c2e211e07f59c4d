//! The plan of a document in its words, and goals.

use std::fmt::Write as _;

use serde_json::json;

use super::draft::Draft;
use super::node::{El, attr, kid, lines, text};
use super::section::{is_negated, state};
use super::text::V3;
use crate::load::clinical::{Concept, Made, When, known};

/// The text of a plan; what is beyond is in the original.
const TEXT_MAX: usize = 64 << 10;
const GOALS: [(&str, &str); 6] = [
    ("active", "active"),
    ("completed", "completed"),
    ("aborted", "cancelled"),
    ("cancelled", "cancelled"),
    ("suspended", "on-hold"),
    ("nullified", "entered-in-error"),
];

/// The plan that a section tells of. Its entries are of many kinds, and its text says what they mean together.
pub(super) fn plan<'d>(draft: &mut Draft<'d>, section: El<'d>) {
    let Some(div) = kid(section, "text").map(div).filter(|div| !div.is_empty()) else { return };
    let code = draft.concept(kid(section, "code"));
    let document = draft.document.clone();
    let mut out = Made::new("CarePlan", &draft.ids.next("CarePlan", &[&document, &code.key()]));
    out.set(
        "text",
        json!({
            "status": "additional",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>"),
        }),
    );
    out.set("status", "active").set("intent", "plan");
    out.set(
        "category",
        json!([{"coding": [{
            "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
            "code": "assess-plan",
        }]}]),
    );
    out.set("title", kid(section, "title").map(text)).set("subject", draft.subject());
    out.set("encounter", draft.encounter.as_ref().map(|id| json!({"reference": format!("Encounter/{id}")})));
    out.set("created", draft.made.clone());
    draft.resources.push(out.claim(&["us-core-careplan"]));
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
pub(super) fn goal<'d>(draft: &mut Draft<'d>, el: El<'d>) {
    if !el.has_tag_name((V3, "observation")) || attr(el, "moodCode") != "GOL" || is_negated(el) {
        return;
    }
    let mut description = draft.concept(kid(el, "value").filter(|value| value.has_attribute("code")));
    if description.is_empty() {
        description = draft.concept(kid(el, "code"));
    }
    let words = draft.words(kid(el, "text"));
    if !words.is_empty() {
        // What was agreed on is said in words; codes name its matter.
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
    let mut out = Made::new("Goal", &draft.id("Goal", el, "", &key, when.as_ref()));
    out.set("identifier", Draft::identifiers(el));
    out.set("lifecycleStatus", known(&GOALS, state(el)).unwrap_or("active"));
    out.set("description", description.value()).set("subject", draft.subject());
    let day = |text: &str| text.get(..10).or(Some(text)).map(str::to_owned);
    let (start, due) = match &when {
        Some(When::At(at)) => (day(at), None),
        Some(When::Between(start, due)) => (start.as_deref().and_then(day), due.as_deref().and_then(day)),
        None => (None, None),
    };
    out.set("startDate", start).set("target", due.map(|due| json!([{ "dueDate": due }])));
    let (author, _) = draft.author(el);
    out.set("expressedBy", author);
    draft.resources.push(out.claim(&["us-core-goal"]));
}
