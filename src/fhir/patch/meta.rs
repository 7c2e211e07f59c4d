//! `$meta-add` and `$meta-delete`: profiles, tags and security labels only; the server sets version and time.

use std::borrow::Cow;

use super::Error;
use crate::fhir::json::Node;

const LISTS: [&str; 3] = ["profile", "security", "tag"];

/// Adds the values that the resource does not have yet. `call` is the operation's `Parameters`.
///
/// # Errors
/// [`Error::Malformed`] if there is no `valueMeta` in it.
pub fn add<'a>(resource: &mut Node<'a>, call: &Node<'a>) -> Result<(), Error> {
    change(resource, call, |list, item| {
        if !list.iter().any(|known| is_same(known, item)) {
            list.push(item.clone());
        }
    })
}

/// Removes the values that the resource has.
///
/// # Errors
/// [`Error::Malformed`] if there is no `valueMeta` in it.
pub fn delete<'a>(resource: &mut Node<'a>, call: &Node<'a>) -> Result<(), Error> {
    change(resource, call, |list, item| list.retain(|known| !is_same(known, item)))
}

fn change<'a>(
    resource: &mut Node<'a>,
    call: &Node<'a>,
    edit: impl Fn(&mut Vec<Node<'a>>, &Node<'a>),
) -> Result<(), Error> {
    let given = given(call)?;
    let Node::Object(members) = resource else { return Ok(()) };
    let mut meta = match take(members, "meta") {
        Some(Node::Object(meta)) => meta,
        _ => Vec::new(),
    };
    for name in LISTS {
        let mut list = match take(&mut meta, name) {
            Some(Node::Array(items)) => items,
            other => other.into_iter().collect(),
        };
        given.get(name).map(Node::items).unwrap_or_default().iter().for_each(|item| edit(&mut list, item));
        // FHIR has no empty lists.
        if !list.is_empty() {
            meta.push((Cow::Borrowed(name), Node::Array(list)));
        }
    }
    if !meta.is_empty() {
        members.push((Cow::Borrowed("meta"), Node::Object(meta)));
    }
    Ok(())
}

fn take<'a>(members: &mut Vec<(Cow<'a, str>, Node<'a>)>, name: &str) -> Option<Node<'a>> {
    let at = members.iter().position(|(known, _)| known == name)?;
    Some(members.remove(at).1)
}

fn given<'n, 'a>(call: &'n Node<'a>) -> Result<&'n Node<'a>, Error> {
    let parameters = call.get("parameter").map(Node::items).unwrap_or_default();
    let meta = parameters.iter().find(|parameter| parameter.text_of("name") == Some("meta"));
    let unread =
        || Error::Malformed("the body must be Parameters with a parameter 'meta' that has a 'valueMeta'".into());
    meta.and_then(|meta| meta.get("valueMeta")).ok_or_else(unread)
}

/// A coding is identified by system and code; a profile by its address.
fn is_same(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (left, right) {
        (Node::Object(_), Node::Object(_)) => {
            left.text_of("system") == right.text_of("system") && left.text_of("code") == right.text_of("code")
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    #[test]
    fn adds_once_and_takes_away() {
        let call = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":
            {"versionId":"9","profile":["p"],"tag":[{"system":"s","code":"c","display":"words"}]}}]}"#;
        let call = parse(call.as_bytes()).unwrap();
        let mut resource = parse(br#"{"resourceType":"Patient","meta":{"tag":[{"system":"s","code":"c"}]}}"#).unwrap();
        add(&mut resource, &call).unwrap();
        let expected = r#"{"resourceType":"Patient","meta":{"profile":["p"],"tag":[{"system":"s","code":"c"}]}}"#;
        assert_eq!(resource.to_string(), expected);
        delete(&mut resource, &call).unwrap();
        assert_eq!(resource.to_string(), r#"{"resourceType":"Patient"}"#);
        assert!(add(&mut resource, &parse(b"{}").unwrap()).is_err());
    }
}
