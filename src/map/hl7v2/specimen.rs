//! Specimens: in segments of their own (SPM), or in older messages within the order.

use super::draft::MessageDraft;
use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::Segment;
use crate::map::clinical::{Coding, Concept, Specimen, When, by_name};

/// The specimens of the results; references.
pub(super) fn all(
    draft: &mut MessageDraft<'_>,
    segments: &[&Segment<'_>],
    request: &Segment<'_>,
    key: &[&str],
) -> Vec<Node<'static>> {
    let mut found: Vec<Specimen> = segments.iter().filter_map(|segment| specimen(draft, segment, key)).collect();
    if found.is_empty() {
        found.extend(source(draft, request, key));
    }
    let mut out = Vec::new();
    for one in found {
        let reference = one.reference();
        if !out.contains(&reference) {
            out.push(reference);
            let resource = one.resource(draft.patient);
            let is_told = draft.resources.iter().any(|other| other.get("id") == resource.get("id"));
            draft.resources.extend(Some(resource).filter(|_| !is_told));
        }
    }
    out
}

/// A specimen in a segment of its own (SPM).
fn specimen(draft: &MessageDraft<'_>, segment: &Segment<'_>, key: &[&str]) -> Option<Specimen> {
    let kind = MessageDraft::of_table(segment.field(4), "0487");
    if kind.is_empty() {
        return None;
    }
    let number = |at: usize| segment.field(2).component(at).sub(1).text();
    let number = [number(2), number(1)].into_iter().find(|number| !number.is_empty()).unwrap_or_default();
    let order = key.iter().take(2).copied().filter(|_| number.is_empty()).collect::<Vec<_>>().join("|");
    let taken = segment.field(17);
    Some(Specimen {
        id: draft.ids.same("Specimen", &[&number, &order, &kind.key()]),
        identifier: (!number.is_empty()).then(|| node!({"system": draft.assigner(segment.field(2)), "value": number})),
        kind,
        collected: When::between(draft.date_time(taken.component(1)), draft.date_time(taken.component(2))).map(moment),
        received: draft.date_time(segment.field(18)),
        method: MessageDraft::of_table(segment.field(7), "0488"),
        site: MessageDraft::concept(segment.field(8)),
    })
}

/// A time without an end is a single moment.
fn moment(when: When) -> When {
    match when {
        When::Between(Some(at), None) => When::At(at),
        other => other,
    }
}

/// A specimen within the order of an older message (OBR-15).
fn source(draft: &MessageDraft<'_>, request: &Segment<'_>, key: &[&str]) -> Option<Specimen> {
    let field = request.field(15);
    let part = field.component(1);
    let (code, words) = (part.sub(1).whole(), [part.sub(2).whole(), field.component(2).text()]);
    let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
    let system = by_name(&part.sub(3).whole());
    let system = if system.is_empty() { "http://terminology.hl7.org/CodeSystem/v2-0070".to_owned() } else { system };
    let mut kind = Concept::words(if words.is_empty() { &code } else { &words });
    // Many senders write text where the code belongs.
    if !code.is_empty() && !code.contains(' ') {
        kind.codes.push(Coding::new(&system, &code, &part.sub(2).whole()));
    }
    let order = key.iter().take(2).copied().collect::<Vec<_>>().join("|");
    (!kind.is_empty()).then(|| Specimen {
        id: draft.ids.same("Specimen", &["", &order, &kind.key()]),
        collected: draft.date_time(request.field(7)).map(When::At),
        received: draft.date_time(request.field(14)),
        kind,
        ..Specimen::default()
    })
}
