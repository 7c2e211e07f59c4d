//! The document in a message (MDM), and the message itself as a document.

use super::draft::MessageDraft;
use super::value::document;
use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::FieldPart;
use crate::map::clinical::{Attached, Concept, Original, known};

/// States of a document (table 0271).
const STATES: [(&str, &str); 7] = [
    ("DI", "preliminary"),
    ("DO", "preliminary"),
    ("IP", "preliminary"),
    ("IN", "preliminary"),
    ("PA", "preliminary"),
    ("AU", "final"),
    ("LA", "final"),
];

/// The message as the original of its records. The same message sent again is the same document.
pub(super) fn message(draft: &MessageDraft<'_>) -> Original {
    let message = draft.message;
    let control = message.header(10).text();
    let kind = [message.header(9).component(1).text(), message.header(9).component(2).text()].join(" ");
    let sent = message.header(7).text();
    Original {
        id: draft.ids.same("DocumentReference", &[&control, &sent, &kind]),
        status: "current",
        kind: Concept::words(&format!("HL7 v2 message {kind}")),
        date: draft.sent(),
        authors: draft.facility().into_iter().collect(),
        ..Original::default()
    }
}

/// The document of a message: its text or file, and its place.
pub(super) fn note(draft: &mut MessageDraft<'_>) -> Original {
    let mut out = message(draft);
    let message = draft.message;
    let Some(header) = message.first("TXA") else { return out };
    let number = header.field(12);
    let name = |part: crate::formats::hl7v2::FieldPart<'_>| {
        [1, 2, 3]
            .map(|at| part.component(at).text())
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("^")
    };
    let event = message.header(9).component(2).text();
    if !number.is_empty() {
        out.id = draft.ids.same("DocumentReference", &[&name(number)]);
        out.identifier = draft.entity(number);
    }
    // T09 and T10 replace the document that is named as the parent.
    let parent = header.field(13);
    if matches!(event.as_str(), "T09" | "T10") && !parent.is_empty() {
        out.replaces = vec![draft.ids.same("DocumentReference", &[&name(parent)])];
    }
    let availability = header.field(19).text();
    out.status = match (event.as_str(), availability.as_str()) {
        ("T11", _) | (_, "CA") => "entered-in-error",
        (_, "OB") => "superseded",
        _ => "current",
    };
    out.doc_status = known(&STATES, &header.field(17).text());
    out.kind = MessageDraft::of_table(header.field(2), "0270");
    out.is_note = true;
    out.date = [6, 8, 7].iter().find_map(|field| draft.instant(header.field(*field))).or_else(|| draft.sent());
    let activity = draft.date_time(header.field(4));
    out.period = activity.map(|at| node!({ "start": at }));
    let mut authors: Vec<Node<'static>> = Vec::new();
    for part in header.field(9).repetitions() {
        authors.extend(draft.person(part).filter(|one| !authors.contains(one)));
    }
    if !authors.is_empty() {
        // The author wrote it on behalf of the sending organization.
        out.custodian = out.authors.pop();
        out.authors = authors;
    }
    out.title = header.field(16).text();
    let mut lines = Vec::new();
    for segment in message.all("OBX") {
        match segment.field(2).text().as_str() {
            "ED" => out.attached.extend(document(segment)),
            "TX" | "FT" | "ST" => {
                lines.extend(segment.field(5).repetitions().map(FieldPart::whole));
            }
            _ => {}
        }
    }
    if !lines.is_empty() {
        out.attached.insert(0, Attached::of("text/plain", lines.join("\n").as_bytes()));
    }
    out
}
