//! JSON Patch: a list of operations, each with a JSON Pointer (RFC 6901) to its target.

use std::borrow::Cow;

use super::{Error, MAX_OPERATIONS, empty};
use crate::fhir::json::Node;

/// Applies a patch to a resource.
///
/// # Errors
/// [`Error::Malformed`] if it is not a patch, [`Error::Unfit`] with the number of the operation that failed.
pub fn apply<'a>(resource: &mut Node<'a>, patch: &Node<'a>) -> Result<(), Error> {
    let Node::Array(operations) = patch else {
        return Err(Error::Malformed("a JSON Patch is an array of operations".into()));
    };
    if operations.len() > MAX_OPERATIONS {
        return Err(Error::Malformed(format!("it has more than {MAX_OPERATIONS} operations")));
    }
    for (at, operation) in operations.iter().enumerate() {
        step(resource, operation).map_err(|wrong| match wrong {
            Wrong::Operation(reason) => Error::Malformed(format!("operation {at}: {reason}")),
            Wrong::Resource(reason) => Error::Unfit { at, reason },
        })?;
    }
    // Only at the end, since a later operation may add to what an earlier one has emptied. What the patch itself gives
    // empty is a mistake of its own, and not taken out.
    let removes = |operation: &Node<'_>| matches!(operation.text_of("op"), Some("remove" | "move"));
    let gives_empty = |operation: &Node<'_>| operation.get("value").is_some_and(empty::is_in);
    if operations.iter().any(removes) && !operations.iter().any(gives_empty) {
        empty::take_out(resource);
    }
    Ok(())
}

enum Wrong {
    Operation(&'static str),
    Resource(&'static str),
}

fn step<'a>(resource: &mut Node<'a>, operation: &Node<'a>) -> Result<(), Wrong> {
    let path = pointer(operation, "path")?;
    let value = || operation.get("value").cloned().ok_or(Wrong::Operation("it has no 'value'"));
    match operation.text_of("op") {
        Some("add") => add(resource, &path, value()?),
        Some("remove") => remove(resource, &path).map(drop),
        Some("replace") => {
            let place = find(resource, &path).ok_or(Wrong::Resource("there is nothing to replace at its 'path'"))?;
            *place = value()?;
            Ok(())
        }
        Some("move") => {
            let from = pointer(operation, "from")?;
            if path.len() > from.len() && path.starts_with(&from) {
                return Err(Wrong::Operation("it moves a value into itself"));
            }
            let moved = remove(resource, &from)?;
            add(resource, &path, moved)
        }
        Some("copy") => {
            let from = pointer(operation, "from")?;
            let copied =
                find(resource, &from).ok_or(Wrong::Resource("there is nothing to copy at its 'from'"))?.clone();
            add(resource, &path, copied)
        }
        Some("test") => match find(resource, &path) {
            Some(found) if same(found, &value()?) => Ok(()),
            _ => Err(Wrong::Resource("the value at its 'path' is not the one it tests for")),
        },
        _ => Err(Wrong::Operation("its 'op' is not one of add, remove, replace, move, copy and test")),
    }
}

/// The parts of the JSON Pointer in a member.
fn pointer(operation: &Node<'_>, member: &'static str) -> Result<Vec<String>, Wrong> {
    let text = operation.text_of(member).ok_or(Wrong::Operation("it has no 'path', or no 'from'"))?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rest = text.strip_prefix('/').ok_or(Wrong::Operation("a path begins with '/'"))?;
    Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn find<'n, 'a>(mut node: &'n mut Node<'a>, path: &[String]) -> Option<&'n mut Node<'a>> {
    for part in path {
        node = match node {
            Node::Object(members) => &mut members.iter_mut().find(|(name, _)| name == part)?.1,
            Node::Array(items) => items.get_mut(index(part)?)?,
            _ => return None,
        };
    }
    Some(node)
}

fn add<'a>(resource: &mut Node<'a>, path: &[String], value: Node<'a>) -> Result<(), Wrong> {
    let Some((last, parents)) = path.split_last() else {
        *resource = value;
        return Ok(());
    };
    let parent = find(resource, parents).ok_or(Wrong::Resource("the element that 'path' adds to is not there"))?;
    match parent {
        Node::Object(members) => {
            match members.iter_mut().find(|(name, _)| name == last) {
                Some((_, old)) => *old = value,
                None => members.push((Cow::Owned(last.clone()), value)),
            }
            Ok(())
        }
        Node::Array(items) => {
            let at = if last == "-" { Some(items.len()) } else { index(last) };
            let at = at.filter(|at| *at <= items.len());
            items.insert(at.ok_or(Wrong::Resource("the place in the list that 'path' names is not there"))?, value);
            Ok(())
        }
        _ => Err(Wrong::Resource("the element that 'path' adds to has no elements")),
    }
}

fn remove<'a>(resource: &mut Node<'a>, path: &[String]) -> Result<Node<'a>, Wrong> {
    let nothing = Wrong::Resource("there is nothing to remove at its path");
    let Some((last, parents)) = path.split_last() else {
        return Err(Wrong::Operation("it removes the whole resource"));
    };
    match find(resource, parents) {
        Some(Node::Object(members)) => {
            let at = members.iter().position(|(name, _)| name == last).ok_or(nothing)?;
            Ok(members.remove(at).1)
        }
        Some(Node::Array(items)) => {
            let at = index(last).filter(|at| *at < items.len()).ok_or(nothing)?;
            Ok(items.remove(at))
        }
        _ => Err(nothing),
    }
}

/// An index into an array: digits without a leading zero.
fn index(part: &str) -> Option<usize> {
    let plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    part.parse().ok().filter(|_| plain)
}

/// Equality as in RFC 6902 4.6: numbers by value, objects without regard to order.
fn same(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (left, right) {
        (Node::Number(left), Node::Number(right)) => {
            left == right
                || matches!((left.parse::<f64>(), right.parse::<f64>()), (Ok(l), Ok(r)) if l.to_bits() == r.to_bits())
        }
        (Node::Array(left), Node::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Node::Object(left), Node::Object(_)) => {
            left.len() == right.members().len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    fn patched(resource: &str, patch: &str) -> Result<String, Error> {
        let mut node = parse(resource.as_bytes()).unwrap();
        apply(&mut node, &parse(patch.as_bytes()).unwrap())?;
        Ok(node.to_string())
    }

    #[test]
    fn each_operation_does_what_the_rfc_says() {
        for (resource, patch, expected) in [
            (r#"{"a":1}"#, r#"[{"op":"add","path":"/b","value":1.00}]"#, r#"{"a":1,"b":1.00}"#),
            (r#"{"a":1}"#, r#"[{"op":"add","path":"/a","value":2}]"#, r#"{"a":2}"#),
            (r#"{"a":[1,3]}"#, r#"[{"op":"add","path":"/a/1","value":2}]"#, r#"{"a":[1,2,3]}"#),
            (r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/-","value":2}]"#, r#"{"a":[1,2]}"#),
            (r#"{"a":[1,2]}"#, r#"[{"op":"remove","path":"/a/0"}]"#, r#"{"a":[2]}"#),
            (r#"{"a":1,"b":2}"#, r#"[{"op":"remove","path":"/a"}]"#, r#"{"b":2}"#),
            (r#"{"a":[1],"b":2}"#, r#"[{"op":"remove","path":"/a/0"}]"#, r#"{"b":2}"#),
            (r#"{"a":[{"c":{"d":1}}],"b":2}"#, r#"[{"op":"remove","path":"/a/0/c/d"}]"#, r#"{"b":2}"#),
            (r#"{"a":{"c":1},"b":2}"#, r#"[{"op":"move","from":"/a/c","path":"/d"}]"#, r#"{"b":2,"d":1}"#),
            (
                r#"{"a":[1],"b":2}"#,
                r#"[{"op":"remove","path":"/a/0"},{"op":"add","path":"/a/-","value":3}]"#,
                r#"{"a":[3],"b":2}"#,
            ),
            // An empty value of the patch's own stays, and the resource is refused.
            (
                r#"{"a":1,"b":2}"#,
                r#"[{"op":"remove","path":"/a"},{"op":"add","path":"/c","value":{}}]"#,
                r#"{"b":2,"c":{}}"#,
            ),
            (r#"{"a":{"b":1}}"#, r#"[{"op":"replace","path":"/a/b","value":"x"}]"#, r#"{"a":{"b":"x"}}"#),
            (r#"{"a":[1,2,3]}"#, r#"[{"op":"move","from":"/a/0","path":"/a/2"}]"#, r#"{"a":[2,3,1]}"#),
            (r#"{"a":{"b":1}}"#, r#"[{"op":"copy","from":"/a/b","path":"/c"}]"#, r#"{"a":{"b":1},"c":1}"#),
            (r#"{"a/b":1,"m~n":2}"#, r#"[{"op":"remove","path":"/a~1b"},{"op":"remove","path":"/m~0n"}]"#, "{}"),
            (
                r#"{"a":{"x":1,"y":[1.0]}}"#,
                r#"[{"op":"test","path":"/a","value":{"y":[1],"x":1.00}},{"op":"add","path":"/ok","value":true}]"#,
                r#"{"a":{"x":1,"y":[1.0]},"ok":true}"#,
            ),
        ] {
            assert_eq!(patched(resource, patch).as_deref(), Ok(expected), "{patch}");
        }
    }

    #[test]
    fn what_does_not_fit_names_its_operation() {
        for patch in [
            r#"[{"op":"test","path":"/a","value":1},{"op":"test","path":"/a","value":2}]"#,
            r#"[{"op":"test","path":"/a","value":1},{"op":"remove","path":"/z"}]"#,
            r#"[{"op":"test","path":"/a","value":1},{"op":"replace","path":"/z","value":1}]"#,
            r#"[{"op":"test","path":"/a","value":1},{"op":"add","path":"/l/01","value":1}]"#,
            r#"[{"op":"test","path":"/a","value":1},{"op":"add","path":"/l/9","value":1}]"#,
            r#"[{"op":"test","path":"/a","value":1},{"op":"add","path":"/z/y","value":1}]"#,
            r#"[{"op":"test","path":"/a","value":1},{"op":"add","path":"/a/y","value":1}]"#,
        ] {
            let error = patched(r#"{"a":1,"l":[]}"#, patch).unwrap_err();
            assert!(matches!(error, Error::Unfit { at: 1, .. }), "{patch}: {error}");
        }
        for patch in [
            "{}",
            r#"[{"path":"/a"}]"#,
            r#"[{"op":"erase","path":"/a"}]"#,
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"add","path":"a","value":1}]"#,
            r#"[{"op":"move","path":"/l/x","from":"/l"}]"#,
            r#"[{"op":"remove","path":""}]"#,
        ] {
            assert!(matches!(patched(r#"{"a":1,"l":[]}"#, patch), Err(Error::Malformed(_))), "{patch}");
        }
    }
}
