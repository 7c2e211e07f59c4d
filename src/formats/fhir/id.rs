//! The id a resource is stored under: its own, or one that is the same in every run. Pure.

use xxhash_rust::xxh3::xxh3_128;

use crate::fhir::Kind;
use crate::fhir::json::Node;
use crate::fhir::reference::{Reference, is_id, parse};

/// The resource's own id if it is one, else the id in its address, else one made from its first identifier, else one
/// made from its content.
pub(crate) fn of(kind: Kind, node: &Node<'_>, full_url: Option<&str>) -> String {
    if let Some(id) = node.text_of("id").filter(|id| is_id(id)) {
        return id.to_owned();
    }
    if let Some(id) = full_url.and_then(|url| in_address(kind, url)) {
        return id.to_owned();
    }
    let identifier = node.get("identifier").and_then(|list| list.items().first());
    if let Some(value) = identifier.and_then(|identifier| identifier.text_of("value")) {
        let system = identifier.and_then(|identifier| identifier.text_of("system")).unwrap_or_default();
        return hashed(kind, &[system, value]);
    }
    let mut text = Vec::new();
    node.write(&mut text);
    format!("{:032x}", xxh3_128(&text))
}

fn in_address(kind: Kind, url: &str) -> Option<&str> {
    if let Some(id) = url.strip_prefix("urn:uuid:") {
        return Some(id).filter(|id| is_id(id));
    }
    match parse(url) {
        Reference::Resource { kind: named, id, .. } if named == kind => Some(id),
        _ => None,
    }
}

/// An id made from texts; the texts cannot be read back from it.
fn hashed(kind: Kind, parts: &[&str]) -> String {
    let mut text = kind.name().to_owned();
    for part in parts {
        text.push('\u{1f}');
        text.push_str(part);
    }
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json;

    fn id(text: &str, full_url: Option<&str>) -> String {
        of(Kind::PATIENT, &json::parse(text.as_bytes()).unwrap(), full_url)
    }

    #[test]
    fn the_best_id_is_taken() {
        assert_eq!(id(r#"{"id":"a-1"}"#, Some("urn:uuid:b")), "a-1");
        assert_eq!(id(r#"{"id":"a b"}"#, Some("urn:uuid:b")), "b");
        assert_eq!(id("{}", Some("https://x.example/fhir/Patient/c")), "c");
        let named = id(r#"{"identifier":[{"system":"s","value":"v"}],"gender":"male"}"#, Some("https://x/Group/c"));
        assert_eq!(named, id(r#"{"identifier":[{"system":"s","value":"v"}]}"#, None));
        assert_ne!(named, id(r#"{"identifier":[{"system":"s","value":"w"}]}"#, None));
        let bare = id(r#"{"gender":"male"}"#, None);
        assert_eq!(bare, id(r#"{ "gender": "male" }"#, None));
        assert_ne!(bare, id(r#"{"gender":"female"}"#, None));
    }
}
