//! The byte terms: parameter number (u16) and a letter, then the compared bytes. Numbers above [`FIRST_SPECIAL`] are
//! not parameters but facts that every query needs: type, patient, publication, category, contained types, and the
//! parameters that have a value, sixteen parameters in one term. In a term that is compared whole, a UUID at its end,
//! or thirty-two digits without hyphens, is stored as sixteen bytes.
//!
//! | letter | then | found by |
//! |---|---|---|
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

use std::borrow::Cow;

use crate::access::Base;
use crate::fhir::definitions::{SearchParameters, Targets};
use crate::fhir::filter::System;
use crate::fhir::reference::{digits, uuid};
use crate::fhir::{Extracted, Kind, Value};

/// Longer terms are not indexed; a query value is shorter (`fhir::filter`).
const MAX_TERM: usize = 2_048;

const FIRST_SPECIAL: u16 = 0xFF00;
const KIND: u16 = FIRST_SPECIAL;
const PATIENT: u16 = FIRST_SPECIAL + 1;
const PUBLIC: u16 = FIRST_SPECIAL + 2;
const CATEGORY: u16 = FIRST_SPECIAL + 3;
const CONTAINED: u16 = FIRST_SPECIAL + 4;
const PRESENT: u16 = FIRST_SPECIAL + 5;
/// Parameters whose presence is in one term.
const PER_TERM: u16 = 16;

/// The version of the term layout; it grows with every change of the layout, and of the values that are extracted.
pub(super) const LAYOUT: u64 = 7;

/// Letters whose terms are only compared whole; a query may give the beginning of a term of any other letter.
const WHOLE: &[u8] = b"csnriulLN";
/// Stands before the sixteen bytes of a UUID; no text has it.
const UUID: u8 = 1;
/// Characters of a UUID.
const UUID_TEXT: usize = 36;
/// Stands before the sixteen bytes of thirty-two digits, the form of ids that loads make.
const DIGITS: u8 = 2;
/// Characters of such an id.
const DIGITS_TEXT: usize = 32;

/// A term. Identifiers and ids are often UUIDs, as many as there are resources, and the dictionary of terms is the
/// largest part of the index: so a UUID at the end is stored as its sixteen bytes.
pub(super) fn term(number: u16, letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 + parts.iter().map(|part| part.len() + 1).sum::<usize>());
    write(number, letter, parts, &mut out);
    out
}

/// Writes a term, replacing the contents of `out`.
fn write(number: u16, letter: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&number.to_be_bytes());
    out.push(letter);
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(0);
        }
        out.extend_from_slice(part);
    }
    if !WHOLE.contains(&letter) {
        return;
    }
    let end = |length: usize| {
        let start = out.len().checked_sub(length).filter(|start| *start > 2)?;
        Some((start, std::str::from_utf8(out.get(start..)?).ok()?))
    };
    let packed = end(UUID_TEXT)
        .and_then(|(start, end)| Some((start, UUID, uuid(end)?)))
        .or_else(|| end(DIGITS_TEXT).and_then(|(start, end)| Some((start, DIGITS, digits(end)?))));
    if let Some((start, mark, value)) = packed {
        out.truncate(start);
        out.push(mark);
        out.extend_from_slice(&value.to_be_bytes());
    }
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

/// The type of a resource and the type of a resource that it contains.
pub(super) fn of_contained(kind: Kind, inside: Kind) -> Vec<u8> {
    term(CONTAINED, b'k', &[&kind.number().to_be_bytes(), &inside.number().to_be_bytes()])
}

/// The beginning of the terms that state, for a parameter and others, whether it has a value.
pub(super) fn of_presence(number: u16) -> Vec<u8> {
    term(PRESENT, b'e', &[&(number / PER_TERM).to_be_bytes()])
}

/// True if such a term states that the parameter has a value.
pub(super) fn is_present(number: u16, term: &[u8]) -> bool {
    let bits = term.last_chunk().map_or(0, |bits| u16::from_be_bytes(*bits));
    bits >> (number % PER_TERM) & 1 == 1
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
pub(super) fn of_resource(defined: &SearchParameters, resource: &Extracted, keep: impl FnMut(&[u8])) {
    let kind = resource.kind.number().to_be_bytes();
    let mut terms = Terms { defined, holder: resource.kind, term: Vec::with_capacity(128), keep };
    terms.put(KIND, b'k', &[&kind]);
    for patient in &resource.patients {
        terms.put(PATIENT, b'p', &[&kind, patient.as_bytes()]);
    }
    for (public, base) in
        [(resource.audience.directory, Base::Directory), (resource.audience.formulary, Base::Formulary)]
    {
        if public {
            terms.put(PUBLIC, b'b', &[&kind, base.path().as_bytes()]);
        }
    }
    for inside in &resource.contains {
        terms.put(CONTAINED, b'k', &[&kind, &inside.number().to_be_bytes()]);
    }
    let categories = resource.categories.bits();
    for bit in (0..u16::BITS).filter(|bit| categories >> bit & 1 == 1) {
        terms.put(CATEGORY, b'c', &[&bit.to_be_bytes()]);
    }
    // The parameter numbers ascend.
    let (mut sixteen, mut bits) = (0, 0_u16);
    for (number, value) in &resource.values {
        if number / PER_TERM != sixteen {
            terms.present(sixteen, bits);
            (sixteen, bits) = (number / PER_TERM, 0);
        }
        bits |= 1 << (number % PER_TERM);
        terms.of_value(*number, value);
    }
    terms.present(sixteen, bits);
}

/// True for a parameter that may refer to any type. For other parameters, an id without its type is looked up under
/// each type that the parameter allows, and no second term is kept.
pub(super) fn points_anywhere(defined: &SearchParameters, kind: Kind, number: u16) -> bool {
    defined.numbered(kind, number).is_none_or(|parameter| parameter.targets == Targets::Any)
}

/// Receives the terms of a resource, each written into the same buffer.
struct Terms<'d, F> {
    defined: &'d SearchParameters,
    /// The type of the resource.
    holder: Kind,
    term: Vec<u8>,
    keep: F,
}

impl<F: FnMut(&[u8])> Terms<'_, F> {
    fn put(&mut self, number: u16, letter: u8, parts: &[&[u8]]) {
        write(number, letter, parts, &mut self.term);
        if self.term.len() <= MAX_TERM {
            (self.keep)(&self.term);
        }
    }

    fn present(&mut self, sixteen: u16, bits: u16) {
        if bits != 0 {
            self.put(PRESENT, b'e', &[&sixteen.to_be_bytes(), &bits.to_be_bytes()]);
        }
    }

    fn of_value(&mut self, number: u16, value: &Value) {
        match value {
            Value::Token { system, code } => self.of_token(number, system.as_deref(), code.as_deref()),
            Value::Text(text) => self.put(number, b'x', &[text.as_bytes()]),
            Value::String { folded, .. } => self.put(number, b't', &[folded.as_bytes()]),
            Value::Reference { base, kind, id } => {
                if base.is_empty() {
                    self.put(number, b'r', &[&kind.number().to_be_bytes(), id.as_bytes()]);
                    if points_anywhere(self.defined, self.holder, number) {
                        self.put(number, b'i', &[id.as_bytes()]);
                    }
                } else {
                    self.put(number, b'u', &[format!("{base}/{kind}/{id}").as_bytes()]);
                }
            }
            Value::Uri(uri) => {
                self.put(number, b'u', &[uri.as_bytes()]);
                // A canonical URL is also found without its version.
                if let Some((plain, _)) = uri.split_once('|') {
                    self.put(number, b'u', &[plain.as_bytes()]);
                }
            }
            Value::Logical { system, value } => {
                self.put(number, b'l', &[value.as_bytes()]);
                match system {
                    Some(system) => self.put(number, b'L', &[system.as_bytes(), value.as_bytes()]),
                    None => self.put(number, b'N', &[value.as_bytes()]),
                }
            }
            // Found by the presence of the parameter, and by the filter.
            Value::Date(_)
            | Value::Number(_)
            | Value::Quantity(_)
            | Value::Typed(_)
            | Value::Position { .. }
            | Value::Parts(_) => {}
        }
    }

    fn of_token(&mut self, number: u16, system: Option<&str>, code: Option<&str>) {
        let lower = code.map(|code| {
            let is_lower = !code.bytes().any(|byte| byte.is_ascii_uppercase());
            if is_lower { Cow::Borrowed(code) } else { Cow::Owned(code.to_ascii_lowercase()) }
        });
        let code = lower.as_deref().map(str::as_bytes);
        if let Some(code) = code {
            self.put(number, b'c', &[code]);
        }
        match (system, code) {
            (Some(system), Some(code)) => {
                self.put(number, b's', &[system.as_bytes(), code]);
                self.put(number, b'y', &[system.as_bytes()]);
            }
            (Some(system), None) => self.put(number, b'y', &[system.as_bytes()]),
            (None, Some(code)) => self.put(number, b'n', &[code]),
            (None, None) => {}
        }
    }
}
