//! Care teams whose members are entries.

use super::draft::DocumentDraft;
use super::section::state;
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, added, all, kid, kids};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{Concept, ResourceBuilder, When, known};

const STATES: [(&str, &str); 5] = [
    ("active", "active"),
    ("completed", "inactive"),
    ("aborted", "inactive"),
    ("suspended", "suspended"),
    ("nullified", "entered-in-error"),
];

/// Maps a care team.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if !el.has_tag_name((V3, "organizer")) {
        return;
    }
    let mut participants: Vec<Node<'static>> = Vec::new();
    for act in all(el, &["component", "act"]) {
        for performer in kids(act, "performer") {
            let Some(member) = kid(performer, "assignedEntity").and_then(|role| draft.actor(role)) else { continue };
            let role = draft.concept(added(performer, "functionCode")).value();
            // A participant without a stated role is still a member of the team.
            let role = role.or_else(|| {
                let code = kid(performer, "assignedEntity").and_then(|role| kid(role, "code"));
                draft.concept(code).value().or_else(|| Concept::words("Member of the care team").value())
            });
            let mut out = ResourceBuilder::part();
            out.set("role", role.map(|role| node!([role]))).set("member", member);
            out.set("period", draft.when(act, "effectiveTime").as_ref().map(When::period));
            participants.push(out.value());
        }
    }
    if participants.is_empty() {
        return;
    }
    let code = draft.concept(kid(el, "code"));
    let when = draft.when(el, "effectiveTime");
    let mut out = ResourceBuilder::new("CareTeam", &draft.id("CareTeam", el, "", &Concept::default(), when.as_ref()));
    out.set("identifier", DocumentDraft::identifiers(el));
    out.set("status", known(&STATES, state(el)).unwrap_or("active"));
    out.set("name", code.name());
    out.set("subject", draft.subject()).set("period", when.as_ref().map(When::period));
    out.set("participant", participants);
    draft.resources.push(out.claim(&["us-core-careteam"]));
}
