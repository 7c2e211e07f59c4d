//! The byte terms: parameter number (u16) and a letter, then what is compared. Numbers above [`FIRST_SPECIAL`] are not
//! parameters but what every query needs: type, patient, publication, category, types inside. A UUID at the end of what is
//! compared whole is kept as its sixteen bytes.
//!
//! | letter | then | found by |
//! |---|---|---|
//! | `e` | nothing | `:missing` |
//! | `c` | code, lower case | `code` |
//! | `s` | system, 0, code | `system\|code` |
//! | `y` | system | `system\|` |
//! | `n` | code | `\|code` |
//! | `x` | folded words | `:text` |
//! | `t` | folded string | strings |
//! | `r` | type number, id | `Type/id` |
//! | `i` | id | `id`, where the parameter may refer to any type |
//! | `u` | address | uris, foreign references |
//! | `l` `L` `N` | value / system, 0, value / value | `:identifier` |

use crate::access::{Base, Categories};
use crate::fhir::definitions::{Targets, parameter};
use crate::fhir::filter::System;
use crate::fhir::reference::uuid;
use crate::fhir::{Extracted, Kind, Value};

/// Longer terms are not indexed; a query value is shorter (`fhir::filter`).
const MAX_TERM: usize = 2_048;

const FIRST_SPECIAL: u16 = 0xFF00;
const KIND: u16 = FIRST_SPECIAL;
const PATIENT: u16 = FIRST_SPECIAL + 1;
const PUBLIC: u16 = FIRST_SPECIAL + 2;
const CATEGORY: u16 = FIRST_SPECIAL + 3;
const CONTAINED: u16 = FIRST_SPECIAL + 4;

/// Counts the ways in which terms were laid out so far.
pub(super) const LAYOUT: u64 = 5;

/// Letters whose terms are only ever compared whole; of the others a query may give the beginning.
const WHOLE: &[u8] = b"csnriulLN";
/// Stands before the sixteen bytes of a UUID; no text has it.
const UUID: u8 = 1;
/// Characters of a UUID.
const UUID_TEXT: usize = 36;

/// A term. Identifiers and ids are often UUIDs, as many as there are resources, and the dictionary of terms is the
/// largest part of the index: so a UUID at the end is kept as the bytes that it stands for.
pub(super) fn term(number: u16, letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let plain = joined(number, letter, parts);
    let packed =
        plain.len().checked_sub(UUID_TEXT).and_then(|at| plain.split_at_checked(at)).and_then(|(start, end)| {
            let value = uuid(std::str::from_utf8(end).ok()?).filter(|_| WHOLE.contains(&letter) && start.len() > 2)?;
            Some([start, &[UUID], &value.to_be_bytes()].concat())
        });
    packed.unwrap_or(plain)
}

fn joined(number: u16, letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 + parts.iter().map(|part| part.len() + 1).sum::<usize>());
    out.extend_from_slice(&number.to_be_bytes());
    out.push(letter);
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(0);
        }
        out.extend_from_slice(part);
    }
    out
}

pub(super) fn of_kind(kind: Kind) -> Vec<u8> {
    term(KIND, b'k', &[&kind.number().to_be_bytes()])
}

/// Type and patient in one term: nearly every query asks for both.
pub(super) fn of_patient(kind: Kind, patient: &str) -> Vec<u8> {
    term(PATIENT, b'p', &[&kind.number().to_be_bytes(), patient.as_bytes()])
}

pub(super) fn of_base(kind: Kind, base: Base) -> Vec<u8> {
    term(PUBLIC, b'b', &[&kind.number().to_be_bytes(), base.path().as_bytes()])
}

pub(super) fn of_category(bit: u32) -> Vec<u8> {
    term(CATEGORY, b'c', &[&bit.to_be_bytes()])
}

/// The type of a resource and one of a resource inside it.
pub(super) fn of_contained(kind: Kind, inside: Kind) -> Vec<u8> {
    term(CONTAINED, b'k', &[&kind.number().to_be_bytes(), &inside.number().to_be_bytes()])
}

pub(super) fn of_presence(number: u16) -> Vec<u8> {
    term(number, b'e', &[])
}

pub(super) fn of_token(number: u16, system: &System, code: Option<&str>) -> Option<Vec<u8>> {
    let code = code.map(str::to_ascii_lowercase);
    Some(match (system, &code) {
        (System::Any, Some(code)) => term(number, b'c', &[code.as_bytes()]),
        (System::None, Some(code)) => term(number, b'n', &[code.as_bytes()]),
        (System::Is(system), Some(code)) => term(number, b's', &[system.as_bytes(), code.as_bytes()]),
        (System::Is(system), None) => term(number, b'y', &[system.as_bytes()]),
        (System::Any | System::None, None) => return None,
    })
}

pub(super) fn of_reference(number: u16, kind: Option<Kind>, id: &str) -> Vec<u8> {
    match kind {
        Some(kind) => term(number, b'r', &[&kind.number().to_be_bytes(), id.as_bytes()]),
        None => term(number, b'i', &[id.as_bytes()]),
    }
}

pub(super) fn of_logical(number: u16, system: &System, value: &str) -> Vec<u8> {
    match system {
        System::Any => term(number, b'l', &[value.as_bytes()]),
        System::Is(system) => term(number, b'L', &[system.as_bytes(), value.as_bytes()]),
        System::None => term(number, b'N', &[value.as_bytes()]),
    }
}

/// Every term of a resource.
pub(super) fn of_resource(resource: &Extracted, mut keep: impl FnMut(&[u8])) {
    let kind = resource.kind;
    let mut put = |term: Vec<u8>| {
        if term.len() <= MAX_TERM {
            keep(&term);
        }
    };
    put(of_kind(kind));
    for patient in &resource.patients {
        put(of_patient(kind, patient));
    }
    for (public, base) in
        [(resource.audience.directory, Base::Directory), (resource.audience.formulary, Base::Formulary)]
    {
        if public {
            put(of_base(kind, base));
        }
    }
    for inside in &resource.contains {
        put(of_contained(kind, *inside));
    }
    let categories = Categories::of(resource).bits();
    for bit in (0..u16::BITS).filter(|bit| categories >> bit & 1 == 1) {
        put(of_category(bit));
    }
    let mut last = None;
    for (number, value) in &resource.values {
        if last != Some(*number) {
            put(of_presence(*number));
            last = Some(*number);
        }
        of_value(*number, value, &mut put);
    }
}

/// True for a parameter that may refer to any type. For the others, an id without its type is looked up under each
/// type that it may have, and no second term is kept.
pub(super) fn points_anywhere(number: u16) -> bool {
    parameter(number).is_none_or(|parameter| parameter.targets == Targets::Any)
}

fn of_value(number: u16, value: &Value, put: &mut impl FnMut(Vec<u8>)) {
    match value {
        Value::Token { system, code } => {
            let lower = code.as_deref().map(str::to_ascii_lowercase);
            if let Some(code) = &lower {
                put(term(number, b'c', &[code.as_bytes()]));
            }
            match (system, &lower) {
                (Some(system), Some(code)) => {
                    put(term(number, b's', &[system.as_bytes(), code.as_bytes()]));
                    put(term(number, b'y', &[system.as_bytes()]));
                }
                (Some(system), None) => put(term(number, b'y', &[system.as_bytes()])),
                (None, Some(code)) => put(term(number, b'n', &[code.as_bytes()])),
                (None, None) => {}
            }
        }
        Value::Text(text) => put(term(number, b'x', &[text.as_bytes()])),
        Value::String { folded, .. } => put(term(number, b't', &[folded.as_bytes()])),
        Value::Reference { base, kind, id } => {
            if base.is_empty() {
                put(of_reference(number, Some(*kind), id));
                if points_anywhere(number) {
                    put(of_reference(number, None, id));
                }
            } else {
                put(term(number, b'u', &[format!("{base}/{kind}/{id}").as_bytes()]));
            }
        }
        Value::Uri(uri) => {
            put(term(number, b'u', &[uri.as_bytes()]));
            // A canonical address is found without its version too.
            if let Some((plain, _)) = uri.split_once('|') {
                put(term(number, b'u', &[plain.as_bytes()]));
            }
        }
        Value::Logical { system, value } => {
            put(of_logical(number, &System::Any, value));
            let system = system.as_ref().map_or(System::None, |system| System::Is(system.clone()));
            put(of_logical(number, &system, value));
        }
        // Found by the presence of the parameter, and by the filter.
        Value::Date(_)
        | Value::Number(_)
        | Value::Quantity { .. }
        | Value::Typed { .. }
        | Value::Position { .. }
        | Value::Parts(_) => {}
    }
}
