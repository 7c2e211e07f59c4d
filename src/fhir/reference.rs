//! Literal references: `Patient/1`, `https://here/fhir/Patient/1/_history/2`, `urn:uuid:…`, `#contained`.

use super::definitions::Kind;

/// The largest logical id (FHIR R4, datatypes: id).
pub const MAX_ID: usize = 64;

/// A parsed literal reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// A resource on this or another server; `base` is empty for a relative reference.
    Resource {
        /// The text before the type, without the last slash.
        base: &'a str,
        /// The type.
        kind: Kind,
        /// The logical id.
        id: &'a str,
        /// The version, if one is named.
        version: Option<&'a str>,
    },
    /// A contained resource.
    Contained(&'a str),
    /// Any other reference: `urn:uuid`, `urn:oid`, a query, an address that is not `RESTful`.
    Other(&'a str),
}

/// Parses a reference.
#[must_use]
pub fn parse(text: &str) -> Reference<'_> {
    if let Some(id) = text.strip_prefix('#') {
        return Reference::Contained(id);
    }
    let mut rest = text;
    let mut version = None;
    if let Some((before, after)) = text.rsplit_once("/_history/")
        && is_id(after)
    {
        rest = before;
        version = Some(after);
    }
    let Some((before, id)) = rest.rsplit_once('/') else { return Reference::Other(text) };
    let (base, kind) = before.rsplit_once('/').unwrap_or(("", before));
    match Kind::parse(kind) {
        Some(kind) if is_id(id) => Reference::Resource { base, kind, id, version },
        _ => Reference::Other(text),
    }
}

/// True for a logical id: 1 to 64 of letters, digits, `-` and `.`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The value of a UUID in lower case with its four hyphens; nothing for any other text, since ids are compared letter
/// by letter.
#[must_use]
pub fn uuid(id: &str) -> Option<u128> {
    let mut value = 0_u128;
    for (at, byte) in id.bytes().enumerate() {
        match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            _ => value = value << 4 | hex(byte)?,
        }
    }
    (id.len() == 36).then_some(value)
}

/// The value of thirty-two hexadecimal digits in lower case; nothing for any other text.
#[must_use]
pub fn digits(id: &str) -> Option<u128> {
    if id.len() != 32 {
        return None;
    }
    id.bytes().try_fold(0, |value, byte| Some(value << 4 | hex(byte)?))
}

const fn hex(byte: u8) -> Option<u128> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u128),
        b'a'..=b'f' => Some((byte - b'a' + 10) as u128),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_references_apart() {
        let kind = Kind::PATIENT;
        assert_eq!(parse("Patient/1"), Reference::Resource { base: "", kind, id: "1", version: None });
        assert_eq!(
            parse("https://x/fhir/Patient/a.b/_history/2"),
            Reference::Resource { base: "https://x/fhir", kind, id: "a.b", version: Some("2") }
        );
        assert_eq!(parse("#p1"), Reference::Contained("p1"));
        for other in ["urn:uuid:1", "Patient?identifier=1", "Patient/", "patient/1", "Patient/a b", "1", ""] {
            assert_eq!(parse(other), Reference::Other(other));
        }
    }
}
