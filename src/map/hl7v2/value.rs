//! The value of an OBX as a FHIR choice of types.

use super::draft::MessageDraft;
use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::{FieldPart, Segment};
use crate::map::clinical::{Attached, Concept, number, quantity};

/// Comparators, the longer first.
const COMPARATORS: [&str; 4] = ["<=", ">=", "<", ">"];

/// The element of the choice, and its value.
pub(super) type ChoiceValue = (&'static str, Node<'static>);

/// The values: none if the OBX is empty or holds a document, and several if the field repeats with distinct values,
/// such as the organisms of a culture.
pub(super) fn values(draft: &MessageDraft<'_>, segment: &Segment<'_>) -> Vec<ChoiceValue> {
    let field = segment.field(5);
    let (kind, unit) = (segment.field(2).text(), unit(segment.field(6)));
    match kind.as_str() {
        "ED" => Vec::new(),
        "TX" | "FT" => words(field).into_iter().collect(),
        "ST" if field.repetitions().count() > 1 => words(field).into_iter().collect(),
        kind => field.repetitions().filter_map(|part| value(draft, kind, part, &unit)).collect(),
    }
}

fn value(draft: &MessageDraft<'_>, kind: &str, field: FieldPart<'_>, unit: &str) -> Option<ChoiceValue> {
    match kind {
        "NM" => numeric(&field.text(), unit).or_else(|| measured(field, unit)),
        // A number with a unit is a quantity, whatever its type says.
        "ST" if !unit.is_empty() => numeric(&field.text(), unit).or_else(|| measured(field, unit)),
        "SN" => structured(field, unit).or_else(|| words(field)),
        "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => {
            let concept = MessageDraft::concept(field).value();
            concept.map(|concept| ("valueCodeableConcept", concept)).or_else(|| words(field))
        }
        "DT" | "TS" | "DTM" => draft.date_time(field).map(|at| ("valueDateTime", node!(at))).or_else(|| words(field)),
        _ => words(field),
    }
}

/// Text that begins with a number and ends with its unit.
fn measured(field: FieldPart<'_>, unit: &str) -> Option<ChoiceValue> {
    let (name, value) = words(field)?;
    let text = value.text()?;
    let is_measured = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '<' | '>' | '+' | '-' | '~'));
    let text = if is_measured && !text.contains('\n') { format!("{text} {unit}") } else { text.to_owned() };
    Some((name, node!(text.trim_end())))
}

/// A document in an OBX (ED): source, type, subtype, encoding, data.
pub(super) fn document(segment: &Segment<'_>) -> Option<Attached> {
    if segment.field(2).text() != "ED" {
        return None;
    }
    let field = segment.field(5);
    let (kind, subtype) = (field.component(2).text().to_lowercase(), field.component(3).text().to_lowercase());
    let mime = match (kind.as_str(), subtype.as_str()) {
        (_, "pdf" | "x-pdf") => "application/pdf".to_owned(),
        (_, "rtf") => "application/rtf".to_owned(),
        (_, "html") => "text/html".to_owned(),
        ("text" | "ft" | "tx", "") => "text/plain".to_owned(),
        ("im" | "image", subtype) => format!("image/{subtype}"),
        ("ap" | "application", subtype) => format!("application/{subtype}"),
        (kind, subtype) => format!("{kind}/{subtype}"),
    };
    match field.component(4).text().to_lowercase().as_str() {
        "base64" => Attached::packed(&mime, &field.component(5).whole()),
        "" | "a" => Some(field.component(5).whole())
            .filter(|text| !text.is_empty())
            .map(|text| Attached::of(&mime, text.as_bytes())),
        _ => None,
    }
}

/// A number, perhaps with a comparator because the value was out of range.
fn numeric(text: &str, unit: &str) -> Option<ChoiceValue> {
    let text = text.trim();
    let comparator = COMPARATORS.into_iter().find(|comparator| text.starts_with(comparator)).unwrap_or_default();
    let value = text.strip_prefix(comparator).unwrap_or(text);
    quantity(value, unit, comparator).map(|value| ("valueQuantity", value))
}

/// Comparator, number, separator, number (SN).
fn structured(field: FieldPart<'_>, unit: &str) -> Option<ChoiceValue> {
    let (comparator, first, separator, second) =
        (field.component(1).whole(), field.component(2).text(), field.component(3).text(), field.component(4).text());
    let of = |text: &str| quantity(text, unit, "");
    match (comparator.as_str(), separator.as_str()) {
        ("" | "=", "") => quantity(&first, unit, "").map(|value| ("valueQuantity", value)),
        ("<" | ">" | "<=" | ">=", "") => quantity(&first, unit, &comparator).map(|value| ("valueQuantity", value)),
        ("", "-") => Some(("valueRange", node!({"low": of(&first)?, "high": of(&second)?}))),
        ("", ":" | "/") => {
            let plain = |text: &str| Some(node!({"value": number(text)?}));
            Some(("valueRatio", node!({"numerator": plain(&first)?, "denominator": plain(&second)?})))
        }
        _ => None,
    }
}

fn words(field: FieldPart<'_>) -> Option<ChoiceValue> {
    let lines: Vec<String> = field.repetitions().map(FieldPart::whole).collect();
    let text = lines.join("\n");
    (!text.is_empty()).then(|| ("valueString", node!(text)))
}

/// The unit: its code if it has one, else its text.
pub(super) fn unit(field: FieldPart<'_>) -> String {
    let code = field.component(1).text();
    if code.is_empty() { field.component(2).text() } else { code }
}

/// A reference range: in numbers where it can be parsed, and as it was written.
pub(super) fn range(text: &str, unit: &str) -> Option<Node<'static>> {
    if text.is_empty() {
        return None;
    }
    let mut out = node!({ "text": text });
    let bounds: Vec<(&str, &str)> = if let Some((low, high)) = text.split_once('-').filter(|(low, _)| !low.is_empty()) {
        vec![("low", low), ("high", high)]
    } else {
        match text.split_at_checked(1)? {
            ("<", high) => vec![("high", high)],
            (">", low) => vec![("low", low)],
            _ => vec![],
        }
    };
    let found: Vec<(&str, Node<'static>)> = bounds
        .iter()
        .filter_map(|(name, text)| Some((*name, quantity(text.trim_start_matches('='), unit, "")?)))
        .collect();
    if found.len() == bounds.len() {
        for (name, value) in found {
            out.set(name, value);
        }
    }
    Some(out)
}

/// Flags of table 0078 that are also in HL7's newer code system.
const FLAGS: [&str; 22] = [
    "L", "H", "LL", "HH", "<", ">", "N", "A", "AA", "U", "D", "B", "W", "S", "R", "I", "MS", "VS", "POS", "NEG", "IND",
    "DET",
];

/// The interpretation of a result.
pub(super) fn flags(field: FieldPart<'_>) -> Vec<Concept> {
    let one = |part: FieldPart<'_>| {
        let mut concept = MessageDraft::concept(part);
        for code in &mut concept.codes {
            if FLAGS.contains(&code.code.as_str()) {
                "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation".clone_into(&mut code.system);
            } else if code.system.is_empty() {
                "http://terminology.hl7.org/CodeSystem/v2-0078".clone_into(&mut code.system);
            }
        }
        concept
    };
    field.repetitions().map(one).collect()
}
