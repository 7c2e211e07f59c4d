//! Procedures, whether they are written as procedures, acts or observations.

use super::device;
use super::draft::DocumentDraft;
use super::section::{is_negated, state};
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, attr, kid, kids};
use crate::map::clinical::{ResourceBuilder, known};

const STATES: [(&str, &str); 7] = [
    ("completed", "completed"),
    ("active", "in-progress"),
    ("aborted", "stopped"),
    ("suspended", "on-hold"),
    ("cancelled", "not-done"),
    ("new", "preparation"),
    ("nullified", "entered-in-error"),
];

/// Maps a procedure, done or not done.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if !matches!(el.tag_name().name(), "procedure" | "act" | "observation")
        || !matches!(attr(el, "moodCode"), "EVN" | "")
    {
        return;
    }
    let Some(code) = draft.act(el) else { return };
    let when = draft.when(el, "effectiveTime");
    let mut out = ResourceBuilder::new("Procedure", &draft.id("Procedure", el, "", &code, when.as_ref()));
    let status = known(&STATES, state(el)).unwrap_or("unknown");
    let is_error = status == "entered-in-error";
    out.set("identifier", DocumentDraft::identifiers(el));
    out.set("status", if is_negated(el) && !is_error { "not-done" } else { status });
    if is_negated(el) {
        out.set("statusReason", reason(draft, el));
    }
    out.set("code", code.value()).set("subject", draft.subject());
    if let Some(when) = when {
        let (name, value) = when.choice("performed");
        out.set(name, value);
    }
    let performers = draft.performers(el);
    out.set("performer", performers.into_iter().map(|actor| node!({ "actor": actor })).collect::<Vec<_>>());
    if !is_negated(el) {
        let reasons = kids(el, "entryRelationship").filter(|link| attr(*link, "typeCode") == "RSON");
        let reasons = reasons.filter_map(|link| draft.concept(kid(kid(link, "observation")?, "value")).value());
        out.set("reasonCode", reasons.collect::<Vec<Node<'static>>>());
    }
    let sites = kids(el, "targetSiteCode").filter_map(|site| draft.concept(Some(site)).value()).collect::<Vec<_>>();
    out.set("bodySite", sites);
    draft.resources.push(out.claim(&["us-core-procedure"]));
    if !is_negated(el) && !is_error {
        for role in all(el, &["participant", "participantRole"]) {
            device::implant(draft, role);
        }
    }
}

/// Why a procedure was not done.
pub(super) fn reason<'d>(draft: &DocumentDraft<'d>, el: El<'d>) -> Option<Node<'static>> {
    all(el, &["entryRelationship", "observation"]).into_iter().find_map(|one| {
        // The reason is the value of an observation, or in older documents its code.
        let value = draft.concept(kid(one, "value"));
        let code = draft.concept(kid(one, "code"));
        let is_reason = crate::formats::ccda::node::follows(one, "2.16.840.1.113883.10.20.22.4.53")
            || crate::formats::ccda::node::follows(one, "2.16.840.1.113883.10.20.24.3.88");
        if is_reason { value.value().or_else(|| code.value()) } else { None }
    })
}
