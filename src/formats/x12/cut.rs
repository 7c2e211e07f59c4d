//! Bytes to segments, whatever the separators are.

/// The longest segment that the cutter waits for. The longest that the implementation guides allow has some thousand
/// bytes.
const SEGMENT_MAX: usize = 256 << 10;
/// An ISA segment has 106 bytes; longer ones occur, but not this long.
const ISA_MAX: usize = 256;
/// Elements of an ISA segment.
const ISA_ELEMENTS: usize = 16;

/// The separators of an interchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Separators {
    pub(super) element: u8,
    pub(super) component: u8,
    /// From version 4020 on.
    pub(super) repetition: Option<u8>,
    pub(super) segment: u8,
}

/// A segment as it stands in the file: the bytes skipped before it, its text, and its terminator. Concatenating the
/// three of all segments gives the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawSegment<'a> {
    pub(super) gap: &'a [u8],
    pub(super) text: &'a [u8],
    pub(super) end: &'a [u8],
    pub(super) separators: Separators,
    /// From 1; 0 for bytes that are not a segment.
    pub(super) number: u64,
}

impl RawSegment<'_> {
    /// Appends the bytes of the file.
    pub(crate) fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.gap);
        out.extend_from_slice(self.text);
        out.extend_from_slice(self.end);
    }
}

/// Cuts blocks of bytes into segments.
#[derive(Default)]
pub(crate) struct Cutter {
    rest: Vec<u8>,
    separators: Option<Separators>,
    count: u64,
}

impl Cutter {
    /// Takes the next block of a file; after the last block no bytes are left over.
    pub(crate) fn push(&mut self, block: &[u8], last: bool, take: &mut dyn FnMut(RawSegment<'_>)) {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(block);
        let mut at = 0;
        while let Some(used) = self.next(bytes.get(at..).unwrap_or_default(), last, take) {
            at += used;
        }
        bytes.drain(..at.min(bytes.len()));
        self.rest = bytes;
    }

    /// Cuts one segment off; absent if more bytes are needed or none are left.
    fn next(&mut self, bytes: &[u8], last: bool, take: &mut dyn FnMut(RawSegment<'_>)) -> Option<usize> {
        let start = bytes.iter().position(|byte| !is_gap(*byte)).unwrap_or(bytes.len());
        let (gap, rest) = bytes.split_at_checked(start)?;
        if rest.is_empty() {
            if last && !gap.is_empty() {
                take(self.junk(gap));
                return Some(bytes.len());
            }
            return None;
        }
        if rest.starts_with(b"ISA") {
            if rest.len() < ISA_MAX && !last {
                return None;
            }
            self.separators = announced(rest).or(self.separators);
        } else if self.separators.is_none() {
            self.separators = guessed(rest);
        }
        let Some(separators) = self.separators else {
            // Skips bytes that are not X12 up to the next envelope, if there is one.
            let skip = memchr::memmem::find(rest.get(1..).unwrap_or_default(), b"ISA").map_or(rest.len(), |at| at + 1);
            take(self.junk(bytes.get(..start + skip)?));
            return Some(start + skip);
        };
        let Some(length) = memchr::memchr(separators.segment, rest) else {
            if !last && rest.len() < SEGMENT_MAX {
                return None;
            }
            self.count += 1;
            take(RawSegment { gap, text: rest, end: b"", separators, number: self.count });
            return Some(bytes.len());
        };
        self.count += 1;
        let (text, end) = rest.get(..=length)?.split_at_checked(length)?;
        take(RawSegment { gap, text, end, separators, number: self.count });
        Some(start + length + 1)
    }

    fn junk<'a>(&self, bytes: &'a [u8]) -> RawSegment<'a> {
        let separators =
            self.separators.unwrap_or(Separators { element: b'*', component: b':', repetition: None, segment: b'~' });
        RawSegment { gap: bytes, text: b"", end: b"", separators, number: 0 }
    }
}

const fn is_gap(byte: u8) -> bool {
    // Includes the bytes of a byte-order mark, which may stand before every interchange of a concatenated file.
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf | 0x1a | 0)
}

/// The separators that an ISA segment announces. Its elements are counted, because their lengths are often wrong.
fn announced(bytes: &[u8]) -> Option<Separators> {
    let element = *bytes.get(3)?;
    let within = bytes.get(..ISA_MAX.min(bytes.len()))?;
    let mut stops = memchr::memchr_iter(element, within);
    let eleventh = stops.nth(10)?;
    let last = stops.nth(ISA_ELEMENTS - 12)?;
    let component = *within.get(last + 1)?;
    let segment = *within.get(last + 2)?;
    let repetition = within.get(eleventh + 1).copied().filter(|byte| !byte.is_ascii_alphanumeric() && *byte != b' ');
    let distinct = component != element && segment != element && segment != component;
    let plausible = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b' ';
    (distinct && plausible(element) && plausible(segment)).then_some(Separators {
        element,
        component,
        repetition,
        segment,
    })
}

/// The most likely separators where there is no ISA segment.
fn guessed(bytes: &[u8]) -> Option<Separators> {
    let element = *bytes.get(2).filter(|_| bytes.starts_with(b"GS") || bytes.starts_with(b"ST"))?;
    let near = bytes.get(..1024.min(bytes.len()))?;
    let segment = [b'~', b'\'', b'\n'].into_iter().find(|byte| near.contains(byte))?;
    (!element.is_ascii_alphanumeric()).then_some(Separators {
        element,
        component: b':',
        repetition: Some(b'^'),
        segment,
    })
}
