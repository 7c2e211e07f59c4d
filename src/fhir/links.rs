//! Rewrites the references of a resource: a Bundle's `urn:uuid:…` become the addresses that the server assigned (FHIR
//! R4, http, 3.1.0.11.2), and addresses of this server become relative.

use std::borrow::Cow;

use super::json::Node;

/// Length of `urn:uuid:` and of the UUID after it.
const PREFIX: &str = "urn:uuid:";
const URN: usize = PREFIX.len() + 36;

/// The place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Reference.reference`.
    Reference,
    /// Any other element that may hold an address.
    Other,
}

/// Replaces every text for which `new` returns a replacement. Values of identifiers and contact points are not
/// addresses of resources and stay; in narratives, links are replaced inside the text.
pub fn rewrite(resource: &mut Node<'_>, new: &dyn Fn(Place, &str) -> Option<String>) {
    if let Node::Object(members) = resource {
        for (name, value) in members {
            match &**name {
                "id" | "value" if matches!(value, Node::String(_)) => {}
                "div" => narrative(value, new),
                "reference" => one(value, Place::Reference, new),
                _ => one(value, Place::Other, new),
            }
        }
    }
}

fn one(value: &mut Node<'_>, place: Place, new: &dyn Fn(Place, &str) -> Option<String>) {
    match value {
        Node::String(text) => {
            if let Some(other) = new(place, text) {
                *text = Cow::Owned(other);
            }
        }
        Node::Array(items) => items.iter_mut().for_each(|item| one(item, place, new)),
        Node::Object(_) => rewrite(value, new),
        Node::Null | Node::Bool(_) | Node::Number(_) => {}
    }
}

fn narrative(value: &mut Node<'_>, new: &dyn Fn(Place, &str) -> Option<String>) {
    let Node::String(text) = value else { return };
    if !text.contains(PREFIX) {
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &**text;
    while let Some((before, after)) = rest.find(PREFIX).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let Some((urn, tail)) = after.split_at_checked(URN) else {
            rest = after;
            break;
        };
        out.push_str(&new(Place::Other, urn).unwrap_or_else(|| urn.to_owned()));
        rest = tail;
    }
    out.push_str(rest);
    *text = Cow::Owned(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    #[test]
    fn addresses_change_and_identifiers_do_not() {
        let urn = "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e";
        let text = format!(
            r#"{{"resourceType":"X","identifier":[{{"value":"{urn}"}}],"subject":{{"reference":"{urn}"}},
            "text":{{"div":"<a href='{urn}'>{urn}</a> urn:uuid:short"}},"list":[{{"item":{{"reference":"http://here/Patient/1"}}}}],
            "url":"http://here/Patient/1","valueUri":"{urn}"}}"#
        );
        let mut node = parse(text.as_bytes()).unwrap();
        rewrite(&mut node, &|place, text| match (place, text) {
            (_, text) if text == urn => Some("Patient/9".into()),
            (Place::Reference, "http://here/Patient/1") => Some("Patient/1".into()),
            _ => None,
        });
        assert_eq!(
            node.to_string(),
            format!(
                r#"{{"resourceType":"X","identifier":[{{"value":"{urn}"}}],"subject":{{"reference":"Patient/9"}},"text":{{"div":"<a href='Patient/9'>Patient/9</a> urn:uuid:short"}},"list":[{{"item":{{"reference":"Patient/1"}}}}],"url":"http://here/Patient/1","valueUri":"Patient/9"}}"#
            )
        );
    }
}
