//! The constraints of profiles beyond R4: cardinality, fixed and pattern values, narrower types, and slices.

use super::{Check, Place, Severity, in_set, is_named, points_to};
use crate::fhir::json::Node;
use crate::fhir::structures::{self, Element, Slicing};

/// A value of an element, with the member name that it has in the object.
type Value<'v, 'n> = (&'v str, Option<usize>, &'v Node<'n>);

impl Check {
    /// Checks an object against the elements of a profile below a position.
    pub(super) fn profile(&mut self, place: &Place, value: &Node<'_>, way: &super::Way<'_>) {
        if let Some(element) = place.element() {
            self.invariants(element, value, way);
        }
        for (at, element) in place.children() {
            let values = values_of(value, element.name);
            self.count(element, values.len(), element.name, way);
            for (name, index, one) in &values {
                self.against(&place.at(at), name, one, &way.to(name, *index));
            }
            self.slices(&place.at(at), element, &values, way);
        }
    }

    fn count(&mut self, element: &Element, count: usize, name: &str, way: &super::Way<'_>) {
        let way = way.to(name, None);
        let of = element.slice.map(|slice| format!(" of the slice '{slice}'")).unwrap_or_default();
        if let Some(min) = element.min.filter(|min| (count as u64) < u64::from(*min)) {
            self.error("required", &way, format!("the profile requires at least {min}{of}; there are {count}"));
        }
        if let Some(max) = element.max.filter(|max| (count as u64) > u64::from(*max)) {
            self.error("structure", &way, format!("the profile allows at most {max}{of}; there are {count}"));
        }
    }

    /// Checks one value against a profile's element.
    fn against(&mut self, place: &Place, name: &str, value: &Node<'_>, way: &super::Way<'_>) {
        let Some(element) = place.element() else { return };
        if let Some((is_fixed, wanted)) = &element.value
            && !if *is_fixed { same(wanted, value) } else { contains(wanted, value) }
        {
            self.error("value", way, "the profile asks for another value here");
        }
        if let Some(set) = element.required {
            self.bound(set, value, way);
        }
        if !element.types.is_empty() {
            self.kind(element, name, value, way);
        }
        if matches!(value, Node::Object(_)) {
            self.profile(place, value, way);
        }
    }

    /// Checks the type of a value, and the profile of that type.
    fn kind(&mut self, element: &Element, name: &str, value: &Node<'_>, way: &super::Way<'_>) {
        let chosen = element.name.strip_suffix("[x]").and_then(|stem| name.strip_prefix(stem));
        let fits = |code: &str| chosen.is_none_or(|chosen| chosen.eq_ignore_ascii_case(code));
        let Some(kind) = element.types.iter().find(|kind| fits(kind.code)) else {
            let names: Vec<&str> = element.types.iter().map(|kind| kind.code).collect();
            return self.error("structure", way, format!("the profile allows only {} here", names.join(" or ")));
        };
        if kind.code == "Reference" {
            self.refers(&kind.targets, value, way);
        }
        // Extensions are discriminated by their address, so those of a slice have been checked by it.
        if let [only] = kind.profiles.as_slice()
            && kind.code != "Extension"
            && let Some(structure) = structures::find(only)
            && structure.is_profile
        {
            self.profile(&Place { tree: structures::tree(structure), at: 0 }, value, way);
        }
    }

    fn slices(&mut self, place: &Place, element: &Element, values: &[Value<'_, '_>], way: &super::Way<'_>) {
        if element.slices.is_empty() {
            return;
        }
        // A profile may slice extensions without a discriminator: they are discriminated by their address.
        let by_url = Slicing { is_closed: false, by: vec![("value", "url")] };
        let by_type = Slicing { is_closed: false, by: vec![("type", "$this")] };
        let slicing = match &element.slicing {
            Some(slicing) => slicing,
            None if element.name.ends_with("xtension") => &by_url,
            None if element.name.ends_with("[x]") => &by_type,
            None => return,
        };
        let mut taken = vec![false; values.len()];
        let mut doubtful = false;
        for at in &element.slices {
            let slice = place.at(*at);
            let Some(own) = slice.element() else { continue };
            let mut count = 0;
            let mut in_doubt = false;
            for ((name, index, value), taken) in values.iter().zip(&mut taken) {
                match belongs(&slice, slicing, name, value) {
                    Some(true) if !*taken => {
                        *taken = true;
                        count += 1;
                        self.against(&slice, name, value, &way.to(name, *index));
                    }
                    None => in_doubt = true,
                    _ => {}
                }
            }
            doubtful |= in_doubt;
            if !in_doubt {
                self.count(own, count, element.name, way);
            }
        }
        if slicing.is_closed && !doubtful {
            for ((name, index, _), _) in values.iter().zip(taken).filter(|(_, taken)| !taken) {
                self.say(
                    Severity::Error,
                    "structure",
                    &way.to(name, *index),
                    "the profile allows nothing but its slices here",
                );
            }
        }
    }
}

/// The values of an element in an object.
fn values_of<'v, 'n>(object: &'v Node<'n>, name: &str) -> Vec<Value<'v, 'n>> {
    let mut out = Vec::new();
    for (member, value) in object.members() {
        if member.starts_with('_') || !is_named(member, name) {
            continue;
        }
        match value {
            Node::Array(items) => out.extend(items.iter().enumerate().map(|(at, item)| (&**member, Some(at), item))),
            one => out.push((&**member, None, one)),
        }
    }
    if out.is_empty() {
        // A value that exists only through extensions beside it still exists.
        let beside = object
            .members()
            .iter()
            .find(|(member, _)| member.strip_prefix('_').is_some_and(|plain| is_named(plain, name)));
        out.extend(beside.map(|(member, _)| (&**member, None, &Node::Null)));
    }
    out
}

/// Whether a value belongs to a slice; unknown where the tables cannot tell.
fn belongs(slice: &Place, slicing: &Slicing, name: &str, value: &Node<'_>) -> Option<bool> {
    let mut sure = true;
    for (kind, path) in &slicing.by {
        match discriminates(slice, kind, path, name, value) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => sure = false,
        }
    }
    (sure && !slicing.by.is_empty()).then_some(true)
}

fn discriminates(slice: &Place, kind: &str, path: &str, name: &str, value: &Node<'_>) -> Option<bool> {
    let element = slice.element()?;
    match kind {
        "value" | "pattern" => {
            // An extension with a profile of its own is recognized by that profile's address.
            let described = element.types.iter().find(|kind| kind.code == "Extension" && !kind.profiles.is_empty());
            if let Some(kind) = described.filter(|_| path == "url") {
                let url = value.text_of("url")?;
                return Some(kind.profiles.contains(&url));
            }
            by_value(slice, path, value)
        }
        "type" if path == "$this" => {
            let stem = element.name.strip_suffix("[x]");
            if let Some(chosen) = stem.and_then(|stem| name.strip_prefix(stem)) {
                return Some(element.types.iter().any(|kind| kind.code.eq_ignore_ascii_case(chosen)));
            }
            let resource = value.text_of("resourceType")?;
            Some(element.types.iter().any(|kind| kind.code == resource))
        }
        "type" | "profile" if path.ends_with("resolve()") => {
            let targets = element.types.iter().find(|kind| kind.code == "Reference")?;
            points_to(&targets.targets, value)
        }
        "exists" => {
            let at = slice.children().find(|(_, child)| child.name == path)?;
            let is_there = !values_of(value, path).is_empty();
            Some(if at.1.max == Some(0) { !is_there } else { is_there })
        }
        _ => None,
    }
}

/// Follows a discriminator's path through the slice and the value together, until the slice has a fixed value or
/// pattern.
fn by_value(slice: &Place, path: &str, value: &Node<'_>) -> Option<bool> {
    if let Some(answer) = says(slice.element()?, value) {
        return Some(answer);
    }
    let mut parts = path.splitn(2, '.');
    let step = parts.next().filter(|step| !step.is_empty() && *step != "$this")?;
    let rest = parts.next().unwrap_or("$this");
    // Steps into extensions and other resources are not followed.
    if step.contains('(') {
        return None;
    }
    let (at, child) = slice.children().find(|(_, child)| child.name == step || is_named(step, child.name))?;
    let places = if child.slices.is_empty() { vec![at] } else { child.slices.clone() };
    let values = values_of(value, child.name);
    if values.is_empty() {
        return Some(false);
    }
    let mut unknown = false;
    for at in places {
        for (_, _, one) in &values {
            match by_value(&slice.at(at), rest, one) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
    }
    (!unknown).then_some(false)
}

/// Whether a value satisfies an element's constraint: yes, no, or undecided.
fn says(element: &Element, value: &Node<'_>) -> Option<bool> {
    if let Some((is_fixed, wanted)) = &element.value {
        return Some(if *is_fixed { same(wanted, value) } else { contains(wanted, value) });
    }
    in_set(element.required?, value)
}

/// True if two values are the same, whatever the order of their members.
fn same(wanted: &Node<'_>, value: &Node<'_>) -> bool {
    match (wanted, value) {
        (Node::Object(members), Node::Object(others)) => members.len() == others.len() && contains(wanted, value),
        (Node::Array(left), Node::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => wanted == value,
    }
}

/// True if a value contains a pattern; for lists, some item must match each of the pattern's.
fn contains(pattern: &Node<'_>, value: &Node<'_>) -> bool {
    match (pattern, value) {
        (Node::Object(members), Node::Object(_)) => {
            members.iter().all(|(name, wanted)| value.get(name).is_some_and(|has| contains(wanted, has)))
        }
        (Node::Array(wanted), Node::Array(has)) => {
            wanted.iter().all(|wanted| has.iter().any(|has| contains(wanted, has)))
        }
        _ => pattern == value,
    }
}
