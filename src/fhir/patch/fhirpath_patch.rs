//! `FHIRPath` Patch (FHIR R4, fhirpatch): a `Parameters` resource whose operations name their target by `FHIRPath`.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Error, MAX_OPERATIONS};
use crate::fhir::fhirpath;
use crate::fhir::json::Node;
use crate::fhir::shape::{Content, Member, Shape};

/// Applies a patch to a resource.
///
/// # Errors
/// [`Error::Malformed`] if it is not a patch, [`Error::Unfit`] with the number of the operation that failed.
pub fn apply<'a>(resource: &mut Node<'a>, patch: &Node<'a>) -> Result<(), Error> {
    if patch.text_of("resourceType") != Some("Parameters") {
        return Err(Error::Malformed("a FHIRPath Patch is a Parameters resource".into()));
    }
    let parameters = patch.get("parameter").map(Node::items).unwrap_or_default();
    if parameters.is_empty() || parameters.len() > MAX_OPERATIONS {
        return Err(Error::Malformed(format!("it must have 1 to {MAX_OPERATIONS} parameters named 'operation'")));
    }
    for (at, parameter) in parameters.iter().enumerate() {
        let done = match parameter.text_of("name") {
            Some("operation") => step(resource, &Operation(parameter)),
            _ => Err(Wrong::Operation("the parameter is not named 'operation'")),
        };
        done.map_err(|wrong| match wrong {
            Wrong::Operation(reason) => Error::Malformed(format!("operation {at}: {reason}")),
            Wrong::Resource(reason) => Error::Unfit { at, reason },
        })?;
    }
    Ok(())
}

enum Wrong {
    Operation(&'static str),
    Resource(&'static str),
}

/// One step from an element to one below it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(usize),
}

struct Operation<'p, 'a>(&'p Node<'a>);

impl<'p, 'a> Operation<'p, 'a> {
    fn part(&self, name: &str) -> Option<&'p Node<'a>> {
        parts(self.0).iter().find(|part| part.text_of("name") == Some(name))
    }

    /// The text of a part with a primitive value.
    fn text(&self, name: &str) -> Option<&'p str> {
        let (_, value) = typed(self.part(name)?)?;
        value.text()
    }

    fn number(&self, name: &'static str) -> Result<usize, Wrong> {
        let value = self.part(name).and_then(typed).map(|(_, value)| value);
        let number = match value {
            Some(Node::Number(text)) => text.parse().ok(),
            _ => None,
        };
        number.ok_or(Wrong::Operation("it needs a whole number as 'index', or as 'source' and 'destination'"))
    }

    fn value(&self) -> Result<&'p Node<'a>, Wrong> {
        self.part("value").ok_or(Wrong::Operation("it has no 'value'"))
    }
}

fn parts<'p, 'a>(of: &'p Node<'a>) -> &'p [Node<'a>] {
    of.get("part").map(Node::items).unwrap_or_default()
}

/// The `value[x]` of a parameter, with the type in its name.
fn typed<'p, 'a>(part: &'p Node<'a>) -> Option<(&'p str, &'p Node<'a>)> {
    part.members().iter().find_map(|(name, value)| {
        let kind = name.strip_prefix("value").filter(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase()))?;
        Some((kind, value))
    })
}

fn step<'a>(resource: &mut Node<'a>, operation: &Operation<'_, 'a>) -> Result<(), Wrong> {
    let path = operation.text("path").ok_or(Wrong::Operation("it has no 'path'"))?;
    let places = places(resource, path)?;
    match operation.text("type") {
        Some("add") => add(resource, operation, &places),
        Some("insert") => {
            let (list, name) = whole_list(resource, &places)?;
            let member = member_at(resource, &list, &name)?;
            let (index, value) = (operation.number("index")?, value_of(operation.value()?, member.content)?);
            edit(resource, &list, &name, |items, is_beside| {
                if is_beside && items.len() < index {
                    return Ok(());
                }
                if index > items.len() {
                    return Err(Wrong::Resource("the 'index' is beyond the end of the list"));
                }
                items.insert(index, if is_beside { Node::Null } else { value.clone() });
                Ok(())
            })
        }
        Some("delete") => match places.as_slice() {
            [] => Ok(()),
            [one] => remove(resource, one),
            _ => Err(Wrong::Resource("its 'path' finds several elements; it may delete one")),
        },
        Some("replace") => match places.as_slice() {
            [one] => replace(resource, one, operation.value()?),
            [] => Err(Wrong::Resource("its 'path' finds nothing to replace")),
            _ => Err(Wrong::Resource("its 'path' finds several elements; it may replace one")),
        },
        Some("move") => {
            let (list, name) = whole_list(resource, &places)?;
            let (source, destination) = (operation.number("source")?, operation.number("destination")?);
            edit(resource, &list, &name, |items, is_beside| {
                let farther = source.max(destination);
                if farther >= items.len() {
                    if !is_beside {
                        return Err(Wrong::Resource("'source' or 'destination' is beyond the end of the list"));
                    }
                    items.resize(farther + 1, Node::Null);
                }
                let moved = items.remove(source);
                items.insert(destination, moved);
                Ok(())
            })
        }
        _ => Err(Wrong::Operation("its 'type' is not one of add, insert, delete, replace and move")),
    }
}

/// The positions of the elements that a path finds.
fn places(resource: &Node<'_>, path: &str) -> Result<Vec<Vec<Step>>, Wrong> {
    let found = fhirpath::select(path, resource).map_err(|stop| match stop {
        fhirpath::Stop::Syntax(_) => Wrong::Operation("its 'path' is not a FHIRPath"),
        fhirpath::Stop::Unknown(_) => Wrong::Operation("its 'path' uses what this server does not evaluate"),
        fhirpath::Stop::TooLong => Wrong::Operation("its 'path' takes too long"),
    })?;
    let mut out = Vec::with_capacity(found.len());
    for node in found {
        let mut way = Vec::new();
        if !locate(resource, node, &mut way) {
            return Err(Wrong::Resource("its 'path' finds a value that is no element of the resource"));
        }
        out.push(way);
    }
    Ok(out)
}

/// Finds the position of a node in the tree, which is identified by its address in memory.
fn locate(from: &Node<'_>, sought: &Node<'_>, way: &mut Vec<Step>) -> bool {
    if std::ptr::eq(std::ptr::from_ref(from).cast::<()>(), std::ptr::from_ref(sought).cast::<()>()) {
        return true;
    }
    match from {
        Node::Object(members) => members.iter().any(|(name, child)| {
            way.push(Step::Member(name.to_string()));
            locate(child, sought, way) || {
                way.pop();
                false
            }
        }),
        Node::Array(items) => items.iter().enumerate().any(|(at, child)| {
            way.push(Step::Index(at));
            locate(child, sought, way) || {
                way.pop();
                false
            }
        }),
        _ => false,
    }
}

fn find<'n, 'a>(mut node: &'n mut Node<'a>, way: &[Step]) -> Option<&'n mut Node<'a>> {
    for step in way {
        node = match (node, step) {
            (Node::Object(members), Step::Member(name)) => &mut members.iter_mut().find(|(known, _)| known == name)?.1,
            (Node::Array(items), Step::Index(at)) => items.get_mut(*at)?,
            _ => return None,
        };
    }
    Some(node)
}

/// The shape of the element at a position.
fn shape_at(resource: &Node<'_>, way: &[Step]) -> Option<Arc<Shape>> {
    let mut node = resource;
    let mut shape = Shape::of(node.text_of("resourceType")?)?;
    for step in way {
        match step {
            Step::Index(at) => {
                node = node.items().get(*at)?;
                if let Some(kind) = node.text_of("resourceType") {
                    shape = Shape::of(kind)?;
                }
            }
            Step::Member(name) => {
                node = node.get(name)?;
                shape = match shape.member(name)?.content {
                    Content::Elements(at) => at.shape(),
                    Content::Resource => node.text_of("resourceType").and_then(Shape::of).unwrap_or_default(),
                    Content::Primitive(_) | Content::Xhtml => Arc::default(),
                };
            }
        }
    }
    Some(shape)
}

const NO_ELEMENT: Wrong = Wrong::Resource("the element at its 'path' has no element of that name");

fn member_at(resource: &Node<'_>, way: &[Step], name: &str) -> Result<Member, Wrong> {
    shape_at(resource, way).and_then(|shape| shape.member(name).cloned()).ok_or(NO_ELEMENT)
}

/// The element with a name; for a choice, the one of the value's type.
fn named(shape: &Shape, name: &str, part: &Node<'_>) -> Result<Member, Wrong> {
    let kind = typed(part).map(|(kind, _)| kind);
    let of_kind =
        |member: &&Member| member.stem == Some(name) && kind.is_some_and(|kind| member.name == format!("{name}{kind}"));
    shape.member(name).or_else(|| shape.members.iter().find(of_kind)).cloned().ok_or(NO_ELEMENT)
}

/// The value of a part, in the form that the element's content requires.
fn value_of<'a>(part: &Node<'a>, content: Content) -> Result<Node<'a>, Wrong> {
    let not_it = Wrong::Operation("its 'value' is not what the element holds");
    match content {
        Content::Resource => part.get("resource").cloned().ok_or(not_it),
        Content::Primitive(_) | Content::Xhtml => {
            let value = typed(part).map(|(_, value)| value).filter(|value| value.members().is_empty());
            value.cloned().ok_or(not_it)
        }
        Content::Elements(at) => {
            if let Some((_, value)) = typed(part) {
                return if matches!(value, Node::Object(_)) { Ok(value.clone()) } else { Err(not_it) };
            }
            let shape = at.shape();
            let mut out: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
            for inner in parts(part) {
                let member = named(&shape, inner.text_of("name").unwrap_or_default(), inner)?;
                let value = value_of(inner, member.content)?;
                let is_other = |known: &str| {
                    known != member.name && shape.member(known).is_some_and(|known| known.stem == member.stem)
                };
                if member.stem.is_some() && out.iter().any(|(known, _)| is_other(known)) {
                    return Err(Wrong::Operation("its 'value' has an element twice that may be there once"));
                }
                match (out.iter_mut().find(|(known, _)| *known == member.name), member.is_list) {
                    (Some((_, Node::Array(items))), true) => items.push(value),
                    (Some(_), _) => {
                        return Err(Wrong::Operation("its 'value' has an element twice that may be there once"));
                    }
                    (None, true) => out.push((Cow::Owned(member.name), Node::Array(vec![value]))),
                    (None, false) => out.push((Cow::Owned(member.name), value)),
                }
            }
            if out.is_empty() { Err(not_it) } else { Ok(Node::Object(out)) }
        }
    }
}

fn add<'a>(resource: &mut Node<'a>, operation: &Operation<'_, 'a>, places: &[Vec<Step>]) -> Result<(), Wrong> {
    let [place] = places else {
        return Err(Wrong::Resource("its 'path' must find exactly one element to add to"));
    };
    let name = operation.text("name").ok_or(Wrong::Operation("it has no 'name'"))?;
    let part = operation.value()?;
    let shape = shape_at(resource, place).ok_or(NO_ELEMENT)?;
    let member = named(&shape, name, part)?;
    let value = value_of(part, member.content)?;
    let Some(Node::Object(members)) = find(resource, place) else { return Err(NO_ELEMENT) };
    let is_taken = |known: &str| match member.stem {
        Some(stem) => shape.member(known).is_some_and(|other| other.stem == Some(stem)),
        None => known == member.name,
    };
    match members.iter_mut().find(|(known, _)| is_taken(known)) {
        Some((_, Node::Array(items))) if member.is_list => items.push(value),
        Some(_) => return Err(Wrong::Resource("the element that it adds is there already; replace it")),
        None if member.is_list => members.push((Cow::Owned(member.name), Node::Array(vec![value]))),
        None => members.push((Cow::Owned(member.name), value)),
    }
    Ok(())
}

fn replace<'a>(resource: &mut Node<'a>, place: &[Step], part: &Node<'a>) -> Result<(), Wrong> {
    let whole = Wrong::Operation("it replaces the whole resource; use an update");
    let (last, before) = place.split_last().ok_or(whole)?;
    let (name, above) = match last {
        Step::Member(name) => (name, before),
        Step::Index(_) => match before.split_last() {
            Some((Step::Member(name), above)) => (name, above),
            _ => return Err(NO_ELEMENT),
        },
    };
    let shape = shape_at(resource, above).ok_or(NO_ELEMENT)?;
    let member = shape.member(name).ok_or(NO_ELEMENT)?;
    // The value of a choice may change its type, and so its name.
    let member = member.stem.map_or_else(|| Ok(member.clone()), |stem| named(&shape, stem, part))?;
    let value = value_of(part, member.content)?;
    if let (Step::Member(old), Some(Node::Object(members))) = (last, find(resource, above)) {
        members.retain(|(known, _)| known.strip_prefix('_') != Some(old));
        if let Some((known, place)) = members.iter_mut().find(|(known, _)| known == old) {
            *known = Cow::Owned(member.name);
            *place = value;
        }
    } else if let Some(place) = find(resource, place) {
        *place = value;
    }
    Ok(())
}

fn remove(resource: &mut Node<'_>, place: &[Step]) -> Result<(), Wrong> {
    let mut place = place;
    loop {
        let above = match place {
            [] => return Err(Wrong::Operation("it deletes the whole resource")),
            [above @ .., Step::Member(name), Step::Index(at)] => {
                // Ids and extensions stand at the index of their value, so the others keep theirs.
                let keeps_places = name.starts_with('_');
                edit(resource, above, name, |items, _| {
                    match items.get_mut(*at) {
                        Some(item) if keeps_places => *item = Node::Null,
                        Some(_) => drop(items.remove(*at)),
                        None => {}
                    }
                    Ok(())
                })?;
                above
            }
            [above @ .., Step::Member(name)] => {
                if let Some(Node::Object(members)) = find(resource, above) {
                    members.retain(|(known, _)| known != name && known.strip_prefix('_') != Some(name));
                }
                above
            }
            _ => return Err(NO_ELEMENT),
        };
        // An element without content goes too: FHIR has none.
        if above.is_empty() || !matches!(find(resource, above), Some(Node::Object(members)) if members.is_empty()) {
            return Ok(());
        }
        place = above;
    }
}

/// The list that a path finds: its elements must be all elements of one list.
fn whole_list(resource: &Node<'_>, places: &[Vec<Step>]) -> Result<(Vec<Step>, String), Wrong> {
    let no_list = Wrong::Resource("its 'path' must find the elements of one list");
    let mut lists = places.iter().map(|place| match place.as_slice() {
        [above @ .., Step::Member(name), Step::Index(_)] => Some((above, name)),
        _ => None,
    });
    let Some(Some((above, name))) = lists.next() else { return Err(no_list) };
    if !lists.all(|other| other == Some((above, name))) {
        return Err(no_list);
    }
    shape_at(resource, above).ok_or(NO_ELEMENT)?;
    Ok((above.to_vec(), name.clone()))
}

/// Changes a list, and in parallel the list of ids and extensions of its primitive values. Lists that become empty are
/// removed, since FHIR has none.
fn edit<'a>(
    resource: &mut Node<'a>,
    above: &[Step],
    name: &str,
    mut change: impl FnMut(&mut Vec<Node<'a>>, bool) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let Some(Node::Object(members)) = find(resource, above) else { return Err(NO_ELEMENT) };
    for (known, value) in members.iter_mut() {
        let is_beside = known.strip_prefix('_') == Some(name);
        if let Node::Array(items) = value
            && (known == name || is_beside)
        {
            change(items, is_beside)?;
        }
    }
    members.retain(|(known, value)| match value {
        Node::Array(items) if known.strip_prefix('_').unwrap_or(known) == name => {
            items.iter().any(|item| *item != Node::Null)
        }
        _ => true,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","active":true,"name":[{"family":"A","given":["x","y"],
        "_given":[null,{"id":"g"}]},{"family":"B"}],"birthDate":"2000-01-01","deceasedBoolean":false}"#;

    fn operation(parts: &str) -> String {
        format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{parts}]}}]}}"#)
    }

    fn part(name: &str, value: &str) -> String {
        format!(r#"{{"name":"{name}",{value}}}"#)
    }

    fn patched(kind: &str, path: &str, rest: &[String]) -> Result<String, Error> {
        let mut parts = vec![
            part("type", &format!(r#""valueCode":"{kind}""#)),
            part("path", &format!(r#""valueString":{}"#, serde_json::json!(path))),
        ];
        parts.extend_from_slice(rest);
        let call = operation(&parts.join(","));
        let mut node = parse(PATIENT.as_bytes()).unwrap();
        apply(&mut node, &parse(call.as_bytes()).unwrap())?;
        Ok(node.to_string().replace(r#""resourceType":"Patient","id":"p","#, ""))
    }

    #[test]
    fn each_operation_does_what_the_standard_says() {
        let name = |name: &str| part("name", &format!(r#""valueString":"{name}""#));
        let number = |name: &str, number: usize| part(name, &format!(r#""valueInteger":{number}"#));
        let value = |value: &str| part("value", value);
        let unchanged_names = r#""name":[{"family":"A","given":["x","y"],"_given":[null,{"id":"g"}]},{"family":"B"}]"#;
        for (kind, path, rest, expected) in [
            ("replace", "Patient.birthDate", vec![value(r#""valueDate":"1999""#)], r#""birthDate":"1999""#),
            ("replace", "Patient.deceased", vec![value(r#""valueDateTime":"2020""#)], r#""deceasedDateTime":"2020"}"#),
            ("replace", "Patient.name[1].family", vec![value(r#""valueString":"C""#)], r#"{"family":"C"}]"#),
            ("add", "Patient", vec![name("gender"), value(r#""valueCode":"male""#)], r#""gender":"male"}"#),
            (
                "add",
                "Patient",
                vec![name("multipleBirth"), value(r#""valueInteger":2"#)],
                r#""multipleBirthInteger":2}"#,
            ),
            (
                "add",
                "Patient",
                vec![
                    name("contact"),
                    value(
                        r#""part":[{"name":"gender","valueCode":"female"},{"name":"telecom","valueContactPoint":{"value":"1"}},
                           {"name":"telecom","valueContactPoint":{"value":"2"}}]"#,
                    ),
                ],
                r#""contact":[{"gender":"female","telecom":[{"value":"1"},{"value":"2"}]}]}"#,
            ),
            (
                "add",
                "Patient.name.where(family = 'B')",
                vec![name("use"), value(r#""valueCode":"old""#)],
                r#"{"family":"B","use":"old"}]"#,
            ),
            (
                "insert",
                "Patient.name",
                vec![number("index", 1), value(r#""valueHumanName":{"text":"m"}"#)],
                r#"},{"text":"m"},{"family":"B"}]"#,
            ),
            (
                "insert",
                "Patient.name[0].given",
                vec![number("index", 0), value(r#""valueString":"w""#)],
                r#""given":["w","x","y"],"_given":[null,null,{"id":"g"}]"#,
            ),
            (
                "move",
                "Patient.name[0].given",
                vec![number("source", 1), number("destination", 0)],
                r#""given":["y","x"],"_given":[{"id":"g"},null]"#,
            ),
            ("delete", "Patient.name[0].given[1]", vec![], r#"{"family":"A","given":["x"]}"#),
            ("delete", "Patient.name[1]", vec![], r#""_given":[null,{"id":"g"}]}],"birthDate""#),
            ("delete", "Patient.active", vec![], r#"{"name":"#),
            ("delete", "Patient.photo", vec![], unchanged_names),
        ] {
            let result = patched(kind, path, &rest).unwrap();
            assert!(result.contains(expected), "{kind} {path}: {result}");
        }
    }

    #[test]
    fn a_parent_goes_with_its_last_child() {
        let all = r#"{"resourceType":"Patient","birthDate":"2000","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},"name":[{"given":["a","b"],"_given":[{"extension":[{"url":"u","valueCode":"c"}]},{"id":"g"}]},{"family":"B"}],"maritalStatus":{"text":"x"},"contact":[{"name":{"family":"C"}}]}"#;
        for (path, gone, left) in [
            ("Patient.maritalStatus.text", r#","maritalStatus":{"text":"x"}"#, ""),
            ("Patient.contact[0].name.family", r#","contact":[{"name":{"family":"C"}}]"#, ""),
            ("Patient.name[1].family", r#",{"family":"B"}"#, ""),
            (
                "Patient.birthDate.extension.where(url = 'u')",
                r#","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]}"#,
                "",
            ),
            (
                "Patient.name[0].given[0].extension.where(url = 'u')",
                r#"[{"extension":[{"url":"u","valueCode":"c"}]},{"id":"g"}]"#,
                r#"[null,{"id":"g"}]"#,
            ),
        ] {
            let call = operation(&format!(
                "{},{}",
                part("type", r#""valueCode":"delete""#),
                part("path", &format!(r#""valueString":"{path}""#))
            ));
            let mut node = parse(all.as_bytes()).unwrap();
            apply(&mut node, &parse(call.as_bytes()).unwrap()).unwrap();
            assert_eq!(node.to_string(), all.replace(gone, left), "{path}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let value = part("value", r#""valueString":"x""#);
        let name = part("name", r#""valueString":"colour""#);
        for (kind, path, rest) in [
            ("replace", "Patient.photo", vec![value.clone()]),
            ("replace", "Patient.name", vec![value.clone()]),
            ("delete", "Patient.name", vec![]),
            ("add", "Patient", vec![name, value.clone()]),
            (
                "add",
                "Patient",
                vec![part("name", r#""valueString":"birthDate""#), part("value", r#""valueDate":"2000""#)],
            ),
            (
                "insert",
                "Patient.name",
                vec![part("index", r#""valueInteger":9"#), part("value", r#""valueHumanName":{"text":"m"}"#)],
            ),
            ("insert", "Patient.birthDate", vec![part("index", r#""valueInteger":0"#), value.clone()]),
            (
                "move",
                "Patient.name",
                vec![part("source", r#""valueInteger":0"#), part("destination", r#""valueInteger":2"#)],
            ),
            ("delete", "Patient.name.count()", vec![]),
        ] {
            assert!(matches!(patched(kind, path, &rest), Err(Error::Unfit { at: 0, .. })), "{kind} {path}");
        }
        for (kind, path, rest) in [
            ("erase", "Patient.name", vec![]),
            ("delete", "Patient.", vec![]),
            ("delete", "Patient", vec![]),
            ("delete", "now()", vec![]),
            ("replace", "Patient.birthDate", vec![]),
            (
                "add",
                "Patient",
                vec![
                    part("name", r#""valueString":"extension""#),
                    part(
                        "value",
                        r#""part":[{"name":"url","valueUri":"u"},{"name":"value","valueString":"a"},{"name":"value","valueCode":"b"}]"#,
                    ),
                ],
            ),
            ("replace", "Patient.name[1]", vec![value]),
            ("insert", "Patient.name", vec![part("value", r#""valueHumanName":{"text":"m"}"#)]),
        ] {
            assert!(matches!(patched(kind, path, &rest), Err(Error::Malformed(_))), "{kind} {path}");
        }
        let mut node = parse(PATIENT.as_bytes()).unwrap();
        for call in
            ["{}", r#"{"resourceType":"Parameters"}"#, r#"{"resourceType":"Parameters","parameter":[{"name":"x"}]}"#]
        {
            assert!(apply(&mut node, &parse(call.as_bytes()).unwrap()).is_err());
        }
    }
}
