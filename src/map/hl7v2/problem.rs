//! Problems (PPR): one for each PRB.

use super::draft::MessageDraft;
use crate::fhir::json::node;
use crate::map::clinical::{ResourceBuilder, hl7};

/// Maps the problems of a message.
pub(super) fn map(draft: &mut MessageDraft<'_>) {
    let message = draft.message;
    for segment in message.all("PRB") {
        let code = MessageDraft::concept(segment.field(3));
        if code.is_empty() {
            continue;
        }
        let number = segment.field(4).component(1).text();
        let mut out =
            ResourceBuilder::new("Condition", &draft.ids.next("Condition", &["problem", &number, &code.key()]));
        out.set("identifier", draft.entity(segment.field(4)).map(|one| node!([one])));
        let end = draft.date_time(segment.field(9));
        let state = segment.field(14).component(1).text().to_lowercase();
        if segment.field(1).text() == "DE" {
            out.set("verificationStatus", hl7("condition-ver-status", "entered-in-error"));
        } else {
            let status = match state.as_str() {
                "inactive" => "inactive",
                _ if end.is_some() || state == "resolved" => "resolved",
                _ => "active",
            };
            out.set("clinicalStatus", hl7("condition-clinical", status));
        }
        out.set("category", node!([hl7("condition-category", "problem-list-item")]));
        out.set("code", code.value()).set("subject", draft.subject());
        out.set("onsetDateTime", draft.date_time(segment.field(16))).set("abatementDateTime", end);
        out.set("recordedDate", draft.date_time(segment.field(7)).or_else(|| draft.date_time(segment.field(2))));
        draft.resources.push(out.claim(&["us-core-condition-problems-health-concerns"]));
    }
}
