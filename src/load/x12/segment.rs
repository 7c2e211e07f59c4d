//! Segments of a part: texts by their place.

use super::cut::Separators;

/// Between the elements of a part's segment.
pub(super) const ELEMENT: char = '\u{1d}';
/// Between the components of an element.
pub(super) const COMPONENT: char = '\u{1f}';
/// Between the repetitions of an element.
const REPETITION: char = '\u{1c}';
/// After each segment of a part.
pub(super) const SEGMENT: char = '\u{1e}';

/// One segment of a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seg<'a>(&'a str);

impl<'a> Seg<'a> {
    /// Its name.
    pub(super) fn name(self) -> &'a str {
        self.0.split(ELEMENT).next().unwrap_or_default()
    }

    /// The element at a place, from 1; empty if there is none.
    pub(super) fn at(self, place: usize) -> &'a str {
        self.0.split(ELEMENT).nth(place).unwrap_or_default().trim()
    }

    /// The component at a place of an element, both from 1.
    pub(super) fn part(self, place: usize, component: usize) -> &'a str {
        self.at(place).split(COMPONENT).nth(component - 1).unwrap_or_default().trim()
    }

    /// Elements from a place to the end.
    pub(super) fn from(self, place: usize) -> impl Iterator<Item = &'a str> {
        self.0.split(ELEMENT).skip(place).map(str::trim)
    }

    /// True for a segment of this name with this first element.
    pub(super) fn is(self, name: &str, first: &str) -> bool {
        self.name() == name && self.at(1) == first
    }
}

/// The components of an element.
pub(super) fn components(element: &str) -> impl Iterator<Item = &str> {
    element.split(COMPONENT).map(str::trim)
}

/// The repetitions of an element.
pub(super) fn repetitions(element: &str) -> impl Iterator<Item = &str> {
    element.split(REPETITION).map(str::trim).filter(|text| !text.is_empty())
}

/// The segments of a part.
pub(super) fn segments(part: &str) -> impl Iterator<Item = Seg<'_>> {
    part.split(SEGMENT).filter(|text| !text.is_empty()).map(Seg)
}

/// Adds a segment of a file to a part. Bytes that are no UTF-8 are read as Latin-1, as old systems write them.
pub(super) fn add(part: &mut String, text: &[u8], separators: Separators) {
    let is_utf8 = std::str::from_utf8(text).is_ok();
    let mut plain = Vec::with_capacity(text.len() + 1);
    for byte in text {
        let separator = if *byte == separators.element {
            ELEMENT
        } else if *byte == separators.component {
            COMPONENT
        } else if Some(*byte) == separators.repetition {
            REPETITION
        } else if byte.is_ascii_control() {
            continue;
        } else if is_utf8 || byte.is_ascii() {
            plain.push(*byte);
            continue;
        } else {
            char::from(*byte)
        };
        plain.extend_from_slice(separator.encode_utf8(&mut [0; 4]).as_bytes());
    }
    plain.push(SEGMENT as u8);
    part.push_str(&String::from_utf8_lossy(&plain));
}
