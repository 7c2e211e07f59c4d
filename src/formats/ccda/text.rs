//! The text of a document before it is parsed: decoded, checked against limits, and with the namespace declarations
//! that it lacks.
//!
//! A parser's memory and time depend on its input, so constructs that no document needs are refused before parsing: a
//! document type (and with it every entity), deep nesting, and excessive attributes or namespaces (THREATS 57).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use roxmltree::{Document, ParsingOptions};

use crate::formats::encoding;

/// The largest document.
pub(crate) const DOCUMENT_MAX: usize = 32 << 20;
/// Elements and texts of one document.
const NODES_MAX: u32 = 1_000_000;
/// The XML declaration ends within this many bytes.
const DECLARATION_MAX: usize = 200;
/// Elements within one another.
const DEPTH_MAX: usize = 64;
/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 256;
/// Different namespace declarations of one document.
const NAMESPACES_MAX: usize = 64;

/// The namespace of documents.
pub(crate) const V3: &str = "urn:hl7-org:v3";
pub(crate) const SDTC: &str = "urn:hl7-org:sdtc";
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Prefixes with one customary meaning, which fragments use without a declaration.
const PREFIXES: [(&str, &str); 5] =
    [("xsi", XSI), ("sdtc", SDTC), ("voc", "urn:hl7-org:v3/voc"), ("cda", V3), ("hl7", V3)];

pub(crate) fn parse(text: &str) -> Result<Document<'_>, &'static str> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => "a document type (DTD) is not accepted",
        roxmltree::Error::NodesLimitReached => "a document of more than a million elements",
        roxmltree::Error::UnknownNamespace(..) => "a prefix without its namespace",
        roxmltree::Error::UnknownEntityReference(..) => "an entity that XML does not know",
        _ => "not well-formed XML; the document may be cut off",
    })
}

/// Text of bytes: UTF-8, UTF-16 with its mark, or the encoding that the document declares.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    if let Some(utf_16) = encoding::utf_16(bytes) {
        return encoding::declared(bytes, utf_16).ok_or("the text is not UTF-16 as it says");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text.trim_start_matches('\u{feff}').trim_start()));
    }
    let declared = declaration(bytes).and_then(encoding::named).and_then(|named| encoding::declared(bytes, named));
    declared.ok_or("the text is neither UTF-8 nor in a character set that it declares")
}

/// The name of the encoding in the XML declaration.
fn declaration(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.get(..bytes.len().min(DECLARATION_MAX))?.trim_ascii_start().strip_prefix(b"<?xml")?;
    let start = start.get(..memchr::memmem::find(start, b"?>")?)?;
    let value = start.get(memchr::memmem::find(start, b"encoding")? + b"encoding".len()..)?;
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = value.split_first()?;
    rest.get(..memchr::memchr(*quote, rest)?)
}

/// Checks a text against the limits.
pub(crate) fn weigh(text: &str) -> Result<(), &'static str> {
    let mut depth = 0_usize;
    let mut spaces = HashSet::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at..).unwrap_or_default();
        let end = match rest.as_bytes() {
            [b'<', b'!', b'-', b'-', ..] => rest.find("-->"),
            [b'<', b'!', b'[', ..] => rest.find("]]>"),
            [b'<', b'!', ..] => return Err("a document type (DTD) is not accepted"),
            [b'<', b'?', ..] => rest.find("?>"),
            [b'<', b'/', ..] => {
                depth = depth.saturating_sub(1);
                rest.find('>')
            }
            _ => {
                let end = tag_end(rest);
                let tag = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                attributes(tag, &mut spaces)?;
                if !tag.ends_with('/') {
                    depth += 1;
                }
                if depth > DEPTH_MAX {
                    return Err("elements are nested too deeply");
                }
                end
            }
        };
        // The parser reports a tag that does not end.
        let Some(end) = end else { return Ok(()) };
        rest = rest.get(end..).unwrap_or_default();
    }
    Ok(())
}

/// The end of a tag: the first `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.bytes().position(|byte| {
        match quote {
            Some(open) if open == byte => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
        quote.is_none() && byte == b'>'
    })
}

fn attributes<'t>(tag: &'t str, spaces: &mut HashSet<(&'t str, &'t str)>) -> Result<(), &'static str> {
    let (mut rest, mut count) = (tag, 0);
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at_checked(at).unwrap_or_default();
        let quote = if quoted.starts_with('"') { '"' } else { '\'' };
        let Some((value, after)) = quoted.get(1..).and_then(|text| text.split_once(quote)) else { return Ok(()) };
        count += 1;
        if count > ATTRIBUTES_MAX {
            return Err("an element has too many attributes");
        }
        let name = before.trim_end().trim_end_matches('=').trim_end();
        let name = name.rsplit(char::is_whitespace).next().unwrap_or_default();
        if name.starts_with("xmlns") {
            spaces.insert((name, value));
            if spaces.len() > NAMESPACES_MAX {
                return Err("too many namespaces");
            }
        }
        rest = after;
    }
    Ok(())
}

/// The text with the declarations that its outermost element lacks.
pub(crate) fn declared(text: &str) -> Cow<'_, str> {
    let Some(start) = root(text) else { return Cow::Borrowed(text) };
    let rest = text.get(start..).unwrap_or_default();
    let tag = rest.get(..tag_end(rest).unwrap_or(rest.len())).unwrap_or_default();
    let name = tag.split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default();
    let mut missing = String::new();
    if !name.contains(':') && !tag.contains("xmlns=") {
        let _ = write!(missing, " xmlns=\"{V3}\"");
    }
    for (prefix, address) in PREFIXES {
        if text.contains(&format!("{prefix}:")) && !tag.contains(&format!("xmlns:{prefix}=")) {
            let _ = write!(missing, " xmlns:{prefix}=\"{address}\"");
        }
    }
    if missing.is_empty() {
        return Cow::Borrowed(text);
    }
    let (before, after) = text.split_at_checked(start + name.len()).unwrap_or((text, ""));
    Cow::Owned([before, &missing, after].concat())
}

/// Where the outermost element starts.
fn root(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('<')?;
        let rest = text.get(at..)?;
        let end = match rest.as_bytes() {
            [b'<', b'!', b'-', b'-', ..] => rest.find("-->")?,
            [b'<', b'?', ..] => rest.find("?>")?,
            _ => return Some(at),
        };
        from = at + end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_document_needs_is_refused() {
        let all = |count: usize, one: fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().concat();
        let attributes = all(300, |number| format!(" a{number}='x>'"));
        let spaces = all(70, |number| format!("<b xmlns:n{number}=\"urn:{number}\"/>"));
        for (text, words) in [
            (format!("{}{}", "<a>".repeat(65), "</a>".repeat(65)), "nested"),
            ("<a>".repeat(100_000), "nested"),
            (format!("<a{attributes}/>"), "attributes"),
            (format!("<a>{spaces}</a>"), "namespaces"),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>".to_owned(), "DTD"),
        ] {
            assert!(weigh(&text).unwrap_err().contains(words), "{words}");
        }
        for text in
            ["", "<", "<a", "<a b='", "<!-- <!DOCTYPE --><a/>", "<a><![CDATA[<!DOCTYPE]]></a>", "<?x <!DOCTYPE ?><a/>"]
        {
            assert!(weigh(text).is_ok(), "{text}");
        }
        assert!(weigh(&"<a b='/>'/>".repeat(100)).is_ok());
    }

    #[test]
    fn what_is_not_declared_is() {
        let text = "<!-- <x> --><section><value xsi:type='CD'/></section>";
        let whole = declared(text);
        assert!(whole.contains("<section xmlns=\"urn:hl7-org:v3\" xmlns:xsi="), "{whole}");
        assert!(roxmltree::Document::parse(&whole).is_ok());
        assert_eq!(declared(&whole), whole);
        for text in ["", "no tags", "<!-- ", "<a", "<"] {
            let _ = declared(text);
        }
    }

    #[test]
    fn character_sets() {
        let wide: Vec<u8> = "\u{feff}<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&wide).unwrap(), "<a>é</a>");
        assert_eq!(decoded(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>").unwrap().matches('é').count(), 1);
        assert!(decoded(b"<a>\xe9</a>").is_err());
        assert_eq!(decoded("\u{feff}\n<a/>".as_bytes()).unwrap(), "<a/>");
    }
}
