//! What a removal leaves empty goes too: FHIR has no empty element and no empty list (R4, 2.6.2).

use crate::fhir::json::Node;

/// True if a value has nothing in it, or something without content anywhere below it.
pub(super) fn is_in(node: &Node<'_>) -> bool {
    match node {
        Node::Object(members) => members.is_empty() || members.iter().any(|(_, value)| is_in(value)),
        Node::Array(items) => items.is_empty() || items.iter().any(is_in),
        _ => false,
    }
}

/// Takes the empty elements and lists out of an object, from the inside out.
pub(super) fn take_out(node: &mut Node<'_>) {
    let Node::Object(members) = node else { return };
    members.retain_mut(|(name, value)| {
        let is_beside = name.starts_with('_');
        let Node::Array(items) = value else {
            take_out(value);
            return !is_empty(value);
        };
        items.iter_mut().for_each(take_out);
        if is_beside {
            // Ids and extensions stand at the index of their value.
            items.iter_mut().filter(|item| is_empty(item)).for_each(|item| *item = Node::Null);
            return items.iter().any(|item| *item != Node::Null);
        }
        items.retain(|item| !is_empty(item));
        !items.is_empty()
    });
}

fn is_empty(node: &Node<'_>) -> bool {
    matches!(node, Node::Object(members) if members.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    #[test]
    fn empty_parents_go_from_the_inside_out() {
        for (before, after) in [
            (r#"{"a":{"b":{}},"c":1}"#, r#"{"c":1}"#),
            (r#"{"a":[],"c":[{"d":[]},{"e":1}]}"#, r#"{"c":[{"e":1}]}"#),
            (r#"{"a":["x","y"],"_a":[{},{"id":"i"}]}"#, r#"{"a":["x","y"],"_a":[null,{"id":"i"}]}"#),
            (r#"{"a":["x","y"],"_a":[null,{"extension":[]}]}"#, r#"{"a":["x","y"]}"#),
            (r#"{"a":"x","_a":{"extension":[]}}"#, r#"{"a":"x"}"#),
            (r#"{"a":[null,"x"],"b":""}"#, r#"{"a":[null,"x"],"b":""}"#),
        ] {
            let mut node = parse(before.as_bytes()).unwrap();
            take_out(&mut node);
            assert_eq!(node.to_string(), after);
            assert!(!is_in(&node));
        }
    }
}
