//! From the bytes of a resource to its stored form: checked, normalized, extracted.
//!
//! The stored text is the resource without white space, with `resourceType`, `id` and `meta` first, everything else in
//! its original order, and numbers unchanged. The server sets `meta.versionId` and `meta.lastUpdated`: they are
//! inserted when the version is known, at a position that is remembered here.

use std::sync::Arc;

use jiff::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use super::definitions::Kind;
use super::extract::{Extracted, extract_about};
use super::json::{self, JsonError, Node};
use super::labels::{self, Categories};
use super::reference::is_id;

/// A resource that is ready to be stored.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Type.
    pub kind: Kind,
    /// Logical id.
    pub id: String,
    /// A 128-bit hash of the text; equal content, equal hash.
    pub hash: u128,
    /// Search values; the store adds the time, unless [`Prepared::stamp`] did.
    pub extracted: Arc<Extracted>,
    /// The compressed version, if the store packed it before its turn to be written.
    pub packed: Option<Packed>,
    text: Box<[u8]>,
    /// The position of version and time.
    meta_at: usize,
    /// Whether `meta` has anything else.
    meta_rest: bool,
}

/// A version of a resource in the form in which the store keeps it.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The version.
    pub version: u32,
    /// The time from which it is current.
    pub updated: Timestamp,
    /// [`Prepared::render`], in the store's form.
    pub body: Box<[u8]>,
}

/// Why bytes are not a resource that can be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Issue {
    /// Not JSON.
    #[error("not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// Not an object with a `resourceType` of R4.
    #[error("'{0}' is not a resource type of FHIR R4")]
    Type(String),
    /// No `resourceType` at all.
    #[error("there is no 'resourceType': this is not a FHIR resource")]
    NoType,
    /// The id is missing or malformed.
    #[error("the id must be 1 to 64 letters, digits, '-' or '.'")]
    Id,
    /// A construct that FHIR's JSON does not allow.
    #[error("{path}: {reason}")]
    Element {
        /// The place, as a `FHIRPath`.
        path: String,
        /// The mistake.
        reason: &'static str,
    },
}

impl Issue {
    /// The element at fault as a `FHIRPath`, if there is one.
    #[must_use]
    pub fn expression(&self) -> Option<&str> {
        match self {
            Self::Element { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// Reads a resource that has its own id.
///
/// # Errors
/// The first [`Issue`] found.
pub fn prepare(bytes: &[u8]) -> Result<Prepared, Issue> {
    let node = json::parse(bytes)?;
    let id = node.text_of("id").unwrap_or_default().to_owned();
    prepare_node(&node, &id)
}

/// Prepares a parsed resource under the given id; an id in the resource is replaced.
///
/// # Errors
/// The first [`Issue`] found.
pub fn prepare_node(node: &Node<'_>, id: &str) -> Result<Prepared, Issue> {
    prepare_about(node, id, labels::of(node))
}

/// Prepares a parsed resource whose topics are known.
///
/// # Errors
/// The first [`Issue`] found.
pub fn prepare_about(node: &Node<'_>, id: &str, categories: Categories) -> Result<Prepared, Issue> {
    let kind = kind_of(node)?;
    if !is_id(id) {
        return Err(Issue::Id);
    }
    check(node, kind.name())?;
    let mut text = Vec::with_capacity(2_048);
    text.extend_from_slice(b"{\"resourceType\":\"");
    text.extend_from_slice(kind.name().as_bytes());
    text.extend_from_slice(b"\",\"id\":\"");
    text.extend_from_slice(id.as_bytes());
    text.extend_from_slice(b"\",\"meta\":{");
    let meta_at = text.len();
    let mut meta_rest = false;
    for (name, value) in node.get("meta").map(Node::members).unwrap_or_default() {
        if name != "versionId" && name != "lastUpdated" {
            member(&mut text, !meta_rest, name, value);
            meta_rest = true;
        }
    }
    text.push(b'}');
    for (name, value) in node.members() {
        if !matches!(&**name, "resourceType" | "id" | "meta") {
            member(&mut text, false, name, value);
        }
    }
    text.push(b'}');
    let mut hasher = Xxh3::new();
    hasher.update(&text);
    let hash = hasher.digest128();
    Ok(Prepared {
        kind,
        id: id.to_owned(),
        hash,
        extracted: Arc::new(extract_about(kind, id, node, categories)),
        packed: None,
        // Thousands wait together in a load, and few need all of their capacity.
        text: text.into_boxed_slice(),
        meta_at,
        meta_rest,
    })
}

/// The type of a parsed resource.
///
/// # Errors
/// [`Issue::NoType`] or [`Issue::Type`].
pub fn kind_of(node: &Node<'_>) -> Result<Kind, Issue> {
    let name = node.text_of("resourceType").ok_or(Issue::NoType)?;
    Kind::parse(name).ok_or_else(|| Issue::Type(name.chars().take(64).collect()))
}

impl Prepared {
    /// Bytes of its text.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.text.len()
    }

    /// Adds the time of its version to the search values, so that the store's single writer need not copy them.
    pub fn stamp(&mut self, updated: Timestamp) {
        Arc::make_mut(&mut self.extracted).updated = updated.as_microsecond();
    }

    /// The text without version and time, as compact JSON.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text to store and serve for a version.
    #[must_use]
    pub fn render(&self, version: u32, updated: Timestamp) -> Vec<u8> {
        let meta = format!("\"versionId\":\"{version}\",\"lastUpdated\":\"{updated:.3}\"");
        let (before, after) = self.text.split_at_checked(self.meta_at).unwrap_or((&*self.text, &[]));
        let mut out = Vec::with_capacity(self.text.len() + meta.len() + 1);
        out.extend_from_slice(before);
        out.extend_from_slice(meta.as_bytes());
        if self.meta_rest {
            out.push(b',');
        }
        out.extend_from_slice(after);
        out
    }
}

/// The logical id of a text from [`Prepared::render`], where it follows the type.
#[must_use]
pub fn stored_id(kind: Kind, text: &[u8]) -> Option<&str> {
    let rest = text.strip_prefix(b"{\"resourceType\":\"")?.strip_prefix(kind.name().as_bytes())?;
    let rest = rest.strip_prefix(b"\",\"id\":\"")?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

fn member(out: &mut Vec<u8>, first: bool, name: &str, value: &Node<'_>) {
    if !first {
        out.push(b',');
    }
    json::write_string(name, out);
    out.push(b':');
    value.write(out);
}

/// The rules of FHIR's JSON (R4, section 2.6.2) that hold for every type: null only as a placeholder in an array of
/// primitives, and nothing empty.
fn check(node: &Node<'_>, kind: &str) -> Result<(), Issue> {
    wrong(node).map_or(Ok(()), |(mut path, reason)| {
        path.push(kind.to_owned());
        path.reverse();
        Err(Issue::Element { path: path.join("."), reason })
    })
}

fn has_nul(node: &Node<'_>) -> bool {
    matches!(node, Node::String(text) if text.contains('\0'))
}

/// The first mistake below an object, with its path from the inside out: the path is only built when it is needed.
fn wrong(node: &Node<'_>) -> Option<(Vec<String>, &'static str)> {
    for (name, value) in node.members() {
        let mistake = match value {
            Node::Null => Some("a value is null; leave the element out instead"),
            Node::String(text) if text.is_empty() => Some("a string is empty; leave the element out instead"),
            // The parser refuses it; a resource that was made and not read may have it.
            other if other.items().iter().any(has_nul) => Some("a string has a NUL character"),
            Node::Object(members) if members.is_empty() => Some("an object is empty; leave the element out instead"),
            Node::Array(items) if items.is_empty() => Some("an array is empty; leave the element out instead"),
            Node::Array(items) if items.iter().any(|item| matches!(item, Node::Array(_))) => {
                Some("an array in an array")
            }
            _ => None,
        };
        if let Some(reason) = mistake {
            return Some((vec![name.to_string()], reason));
        }
        if let Node::Array(items) = value {
            for (at, item) in items.iter().enumerate() {
                if let Some((mut path, reason)) = wrong(item) {
                    path.push(format!("{name}[{at}]"));
                    return Some((path, reason));
                }
            }
        } else if let Some((mut path, reason)) = wrong(value) {
            path.push(name.to_string());
            return Some((path, reason));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = r#"{ "id": "p1", "resourceType": "Patient",
        "meta": {"versionId": "9", "lastUpdated": "2020-01-01T00:00:00Z", "profile": ["http://x/p"]},
        "multipleBirthInteger": 2, "extension": [{"url": "u", "valueDecimal": 1.00}] }"#;

    #[test]
    fn version_and_time_are_the_servers() {
        let prepared = prepare(PATIENT.as_bytes()).unwrap();
        let text = prepared.render(3, Timestamp::from_millisecond(1_700_000_000_123).unwrap());
        assert_eq!(stored_id(Kind::PATIENT, &text), Some("p1"));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"3","lastUpdated":"2023-11-14T22:13:20.123Z","profile":["http://x/p"]},"multipleBirthInteger":2,"extension":[{"url":"u","valueDecimal":1.00}]}"#
        );
    }

    #[test]
    fn the_hash_ignores_version_and_time_only() {
        let one = prepare(PATIENT.as_bytes()).unwrap();
        let other = prepare(PATIENT.replace("\"9\"", "\"10\"").as_bytes()).unwrap();
        let changed = prepare(PATIENT.replace("1.00", "1.0").as_bytes()).unwrap();
        assert_eq!(one.hash, other.hash);
        assert_ne!(one.hash, changed.hash);
    }

    #[test]
    fn a_resource_without_meta_gets_one() {
        let prepared = prepare(br#"{"resourceType":"Patient","id":"p"}"#).unwrap();
        let text = String::from_utf8(prepared.render(1, Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(
            text,
            r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"1","lastUpdated":"1970-01-01T00:00:00.000Z"}}"#
        );
    }

    #[test]
    fn names_what_is_wrong_and_where() {
        for (text, words) in [
            (r#"{"id":"x"}"#, "there is no 'resourceType': this is not a FHIR resource"),
            (r#"{"resourceType":"Cat","id":"x"}"#, "'Cat' is not a resource type of FHIR R4"),
            (r#"{"resourceType":"Patient","id":"a b"}"#, "the id must be 1 to 64 letters, digits, '-' or '.'"),
            (
                r#"{"resourceType":"Patient","id":"x","name":[{"family":null}]}"#,
                "Patient.name[0].family: a value is null; leave the element out instead",
            ),
            (
                r#"{"resourceType":"Patient","id":"x","name":[]}"#,
                "Patient.name: an array is empty; leave the element out instead",
            ),
        ] {
            assert_eq!(prepare(text.as_bytes()).unwrap_err().to_string(), words);
        }
        for name in [json::node!("a\0"), json::node!(["a", "\0"])] {
            let made = json::node!({"resourceType": "Patient", "id": "x", "text": {"div": name}});
            let issue = prepare_node(&made, "x").unwrap_err();
            assert_eq!(issue.to_string(), "Patient.text.div: a string has a NUL character");
        }
    }
}
