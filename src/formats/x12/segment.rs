//! Segments of a part: texts by position.

use super::cut::Separators;
use crate::formats::encoding;

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

    /// The element at a position, from 1; empty if there is none.
    pub(super) fn at(self, place: usize) -> &'a str {
        self.0.split(ELEMENT).nth(place).unwrap_or_default().trim()
    }

    /// The component at a position in an element, both from 1.
    pub(super) fn part(self, place: usize, component: usize) -> &'a str {
        self.at(place).split(COMPONENT).nth(component - 1).unwrap_or_default().trim()
    }

    /// Elements from a position to the end.
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
    element.split(REPETITION).map(str::trim)
}

/// The segments of a part.
pub(super) fn segments(part: &str) -> impl Iterator<Item = Seg<'_>> {
    part.split(SEGMENT).filter(|text| !text.is_empty()).map(Seg)
}

/// Turns the segments of a file into those of parts: separators become characters that cannot stand in data.
pub(super) struct Plain {
    separators: Separators,
    /// The replacement of each byte; 0 for bytes that are dropped.
    map: [u8; 256],
    bytes: Vec<u8>,
}

impl Plain {
    /// For files with these separators.
    pub(super) fn new(separators: Separators) -> Self {
        let mut map = [0; 256];
        for (byte, slot) in (0..=u8::MAX).zip(&mut map) {
            *slot = if byte == separators.element {
                ELEMENT as u8
            } else if byte == separators.component {
                COMPONENT as u8
            } else if Some(byte) == separators.repetition {
                REPETITION as u8
            } else if byte.is_ascii_control() {
                0
            } else {
                byte
            };
        }
        Self { separators, map, bytes: Vec::new() }
    }

    /// Whether it is for files with these separators.
    pub(super) fn is_for(&self, separators: Separators) -> bool {
        self.separators == separators
    }

    /// Replaces the contents of `out` with a segment. A segment that is not UTF-8 is read as Windows-1252.
    pub(super) fn put(&mut self, text: &[u8], out: &mut String) {
        out.clear();
        self.bytes.clear();
        self.bytes.extend(text.iter().map(|byte| self.map.get(usize::from(*byte)).copied().unwrap_or(0)));
        if memchr::memchr(0, &self.bytes).is_some() {
            self.bytes.retain(|byte| *byte != 0);
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(plain) => out.push_str(plain),
            Err(_) => out.push_str(&encoding::windows_1252(&self.bytes)),
        }
        out.push(SEGMENT);
    }
}
