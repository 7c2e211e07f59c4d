//! What a file is, judged by its first bytes and not by its name. Pure.

use super::Format;
use super::members::{Header, Mapping};

/// What the beginning of a file looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A format that can be loaded.
    Is(Format),
    /// Nothing to load and nothing wrong: an empty file.
    Empty,
    /// Something else; what it looks like.
    Other(String),
}

/// Judges by the first few thousand bytes, already unpacked.
pub(super) fn look(start: &[u8], mapping: &Mapping) -> Look {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start();
    let is = |words: &str| Look::Other(words.to_owned());
    match text.chars().next() {
        None => return Look::Empty,
        Some('{' | '[') => return Look::Is(Format::Fhir),
        _ => {}
    }
    if start.starts_with(b"PK\x03\x04") {
        return is("a ZIP archive; unpack it first");
    }
    if text.starts_with("ISA") || text.starts_with("GS*") || text.starts_with("ST*") {
        return is("an X12 file (834, 835, 837 or the like), which this version cannot load yet");
    }
    if text.starts_with("MSH|") || text.starts_with("FHS|") || text.starts_with("BHS|") {
        return is("HL7 version 2 messages, which this version cannot load yet");
    }
    if text.starts_with('<') {
        return is("an XML document (C-CDA or the like), which this version cannot load yet");
    }
    if start.contains(&0) {
        return is("a binary file");
    }
    let line = text.lines().next().unwrap_or_default();
    Header::read(line, mapping).look()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Look {
        look(text.as_bytes(), &Mapping::default())
    }

    #[test]
    fn content_decides() {
        assert_eq!(of("\u{feff}  {\"resourceType\""), Look::Is(Format::Fhir));
        assert_eq!(of(""), Look::Empty);
        assert_eq!(of("member_id,last_name,first_name,dob\n1,A,B,2000-01-01"), Look::Is(Format::Members));
        assert_eq!(of("representative_member_id,member_id\n"), Look::Is(Format::Representatives));
        for (text, words) in [
            ("ISA*00*", "X12"),
            ("MSH|^~\\&|", "HL7"),
            ("<?xml version", "XML"),
            ("PK\u{3}\u{4}rest", "ZIP"),
            ("Id,NAME,ADDRESS,CITY,PHONE\n", "no column for the first name"),
            ("just words", "no table"),
        ] {
            let Look::Other(found) = of(text) else { panic!("{text}") };
            assert!(found.contains(words), "{text}: {found}");
        }
    }
}
