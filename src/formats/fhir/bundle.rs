//! Bundles of every type, unpacked: each entry's resource is a record of its own. Pure.

use std::collections::HashMap;

use super::{ResourceTaker, id, links};
use crate::fhir::json::Node;
use crate::fhir::kind_of;
use crate::formats::issue::{RecordPlace, Rule};

/// Takes every resource of a Bundle.
pub(super) fn take(place: &RecordPlace, mut bundle: Node<'_>, taker: &mut dyn ResourceTaker) {
    let targets = targets(&bundle);
    let Node::Object(members) = &mut bundle else { return };
    let Some((_, entries)) = members.iter_mut().find(|(name, _)| name == "entry") else { return };
    let Node::Array(entries) = std::mem::replace(entries, Node::Null) else { return };
    for (at, entry) in entries.into_iter().enumerate() {
        let place = RecordPlace { entry: Some(at + 1), ..place.clone() };
        if entry.get("request").and_then(|request| request.text_of("method")) == Some("DELETE") {
            taker.refuse(&place, Rule::Resource, "a load does not delete; the entry asks for a deletion".to_owned());
            continue;
        }
        let full_url = entry.text_of("fullUrl").map(str::to_owned);
        let Node::Object(parts) = entry else { continue };
        let Some((_, mut resource)) = parts.into_iter().find(|(name, _)| name == "resource") else { continue };
        // An OperationOutcome is about the server's own search, and is not data.
        if resource.text_of("resourceType") == Some("OperationOutcome") {
            continue;
        }
        if !targets.is_empty() {
            links::follow(&mut resource, &targets);
        }
        taker.resource(place, resource, full_url.as_deref());
    }
}

/// A Bundle that is cut off, shortened to its complete entries.
pub(super) fn whole_entries(text: &[u8]) -> Option<Vec<u8>> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let (mut name_at, mut in_entries, mut end) = (0, false, None);
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                in_string = true;
                name_at = at;
            }
            b'[' => {
                in_entries |= depth == 1 && text.get(name_at..).is_some_and(|rest| rest.starts_with(b"\"entry\""));
                depth += 1;
            }
            b'{' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if in_entries && depth == 2 {
                    end = Some(at + 1);
                }
                in_entries &= depth > 1;
            }
            _ => {}
        }
    }
    let mut whole = text.get(..end?)?.to_vec();
    whole.extend_from_slice(b"]}");
    Some(whole)
}

/// Where each address inside the Bundle leads: `fullUrl` to `Type/id`.
fn targets(bundle: &Node<'_>) -> HashMap<String, String> {
    let mut targets = HashMap::new();
    for entry in bundle.get("entry").map(Node::items).unwrap_or_default() {
        let (Some(url), Some(resource)) = (entry.text_of("fullUrl"), entry.get("resource")) else { continue };
        if let Ok(kind) = kind_of(resource) {
            targets.insert(url.to_owned(), format!("{}/{}", kind.name(), id::of(kind, resource, Some(url))));
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::whole_entries;

    #[test]
    fn a_cut_bundle_keeps_its_whole_entries() {
        let text = r#"{"resourceType":"Bundle","link":[{"url":"x"}],"entry":[{"a":"}]\\\""},{"b":[{}]},{"c":"#;
        let whole = String::from_utf8(whole_entries(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(whole, r#"{"resourceType":"Bundle","link":[{"url":"x"}],"entry":[{"a":"}]\\\""},{"b":[{}]}]}"#);
        for text in ["", "{", r#"{"entry":[{"a":1"#, r#"{"link":[{}],"x":"#, "]"] {
            assert!(whole_entries(text.as_bytes()).is_none(), "{text}");
        }
    }
}
