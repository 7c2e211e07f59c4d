//! Bytes as text: the one place that knows character encodings. Pure.
//!
//! UTF-8 is taken as it is, UTF-16 with its byte-order mark, and any other text as Windows-1252, which old systems and
//! spreadsheets write and which holds all of Latin-1's letters. Absent: guessing any other encoding.

use std::borrow::Cow;
use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, WINDOWS_1252};

/// Bytes that are decoded at a time.
const STEP: usize = 64 << 10;

/// UTF-8, or else Windows-1252.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => windows_1252(bytes),
    }
}

/// Five bytes of Windows-1252 have no character. They become U+FFFD, since the control characters that WHATWG assigns
/// to them display as nothing.
pub(crate) fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    let is_undefined = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    if text.contains(is_undefined) { Cow::Owned(text.replace(is_undefined, "\u{fffd}")) } else { text }
}

/// The encoding that a byte-order mark declares, if it is UTF-16. UTF-8 with a mark needs no decoding.
pub(crate) fn utf_16(start: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(start).map(|(encoding, _)| encoding).filter(|encoding| *encoding != UTF_8)
}

/// The beginning of a text in UTF-16, without the mark; a character that is cut at its end is left out.
pub(crate) fn start(bytes: &[u8], encoding: &'static Encoding) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    let (..) = encoding.new_decoder_with_bom_removal().decode_to_string(bytes, &mut out, false);
    out
}

/// The text of a whole document in an encoding that its mark or name declares; absent if the bytes are not valid in it.
pub(crate) fn declared<'b>(bytes: &'b [u8], encoding: &'static Encoding) -> Option<Cow<'b, str>> {
    if encoding == WINDOWS_1252 {
        return Some(windows_1252(bytes));
    }
    let (text, is_damaged) = encoding.decode_with_bom_removal(bytes);
    (!is_damaged).then_some(text)
}

/// The encoding with a name, as XML declarations write it. In practice `ISO-8859-1` means Windows-1252.
pub(crate) fn named(label: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_label(label)
}

/// Reads text in another encoding and gives UTF-8, without the byte-order mark.
pub(crate) struct Utf8Reader<R> {
    inner: R,
    decoder: Decoder,
    /// Bytes that were read, and how many of them are decoded.
    bytes: Vec<u8>,
    taken: usize,
    is_at_end: bool,
    /// The decoder has no more output.
    is_done: bool,
    /// Decoded text, and how much of it was handed out.
    out: String,
    given: usize,
}

impl<R: Read> Utf8Reader<R> {
    pub(crate) fn new(inner: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        let (bytes, out) = (Vec::new(), String::with_capacity(STEP));
        Self { inner, decoder, bytes, taken: 0, is_at_end: false, is_done: false, out, given: 0 }
    }

    /// Decodes the next bytes; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.taken >= self.bytes.len() && !self.is_at_end {
            self.bytes.resize(STEP, 0);
            let count = match self.inner.read(&mut self.bytes) {
                Ok(count) => count,
                Err(error) => {
                    self.bytes.clear();
                    self.taken = 0;
                    return Err(error);
                }
            };
            self.bytes.truncate(count);
            (self.taken, self.is_at_end) = (0, count == 0);
        }
        self.out.clear();
        self.given = 0;
        if self.is_done {
            return Ok(false);
        }
        let bytes = self.bytes.get(self.taken..).unwrap_or_default();
        let (result, count, _) = self.decoder.decode_to_string(bytes, &mut self.out, self.is_at_end);
        self.taken += count;
        self.is_done = self.is_at_end && result == CoderResult::InputEmpty;
        Ok(!self.is_done)
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.out.len() {
            if !self.fill()? && self.out.is_empty() {
                return Ok(0);
            }
        }
        let left = self.out.as_bytes().get(self.given..).unwrap_or_default();
        let count = left.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn characters_survive_wherever_they_are_cut() {
        let text = "\u{feff}name,città\r\n𝒜,naïve\n";
        for is_little in [true, false] {
            let pair = |unit: u16| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let bytes: Vec<u8> = text.encode_utf16().flat_map(pair).collect();
            let encoding = utf_16(&bytes).unwrap();
            for step in 1..9 {
                let mut out = String::new();
                Utf8Reader::new(Slow(&bytes, step), encoding).read_to_string(&mut out).unwrap();
                assert_eq!(out, text.trim_start_matches('\u{feff}'), "{step}");
            }
        }
        let mut out = String::new();
        let mut reader = Utf8Reader::new(&b"\xff\xfeA\0\x00\xd8"[..], encoding_rs::UTF_16LE);
        reader.read_to_string(&mut out).unwrap();
        assert_eq!(out, "A\u{fffd}");
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0, "the end stays the end");
    }

    #[test]
    fn much_text_goes_through_in_steps() {
        let text = "𝒜é-".repeat(200_000);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = String::new();
        Utf8Reader::new(&*bytes, encoding_rs::UTF_16LE).read_to_string(&mut out).unwrap();
        assert!(out == text);
    }

    /// `O\x92Brien` was kept as a control character, which displays as nothing and matches no claim.
    #[test]
    fn bytes_of_windows_1252_are_its_characters() {
        assert_eq!(text(b"O\x92Brien \x96 \x93caf\xe9\x94 \x99 \x80"), "O’Brien – “café” ™ €");
        assert_eq!(text("O’Brien".as_bytes()), "O’Brien");
        // Five bytes without a character.
        assert_eq!(text(b"a\x81\x8d\x8f\x90\x9db"), "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}b");
    }

    #[test]
    fn what_a_document_declares_is_believed_as_far_as_it_is_true() {
        assert_eq!(declared(b"O\x92B", named(b"ISO-8859-1").unwrap()).as_deref(), Some("O’B"));
        assert_eq!(declared(b"\xa4", named(b"iso-8859-15").unwrap()).as_deref(), Some("€"));
        assert_eq!(declared(b"\xff\xfe\x00\xd8", encoding_rs::UTF_16LE), None);
        assert!(named(b"klingon").is_none());
    }
}
