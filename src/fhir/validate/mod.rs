//! Validation of resources against FHIR R4 and the profiles of the guides: unknown elements, cardinality, types, forms
//! of values, required codes, fixed and pattern values, slices, invariants, targets of references (FHIR R4,
//! validation).
//!
//! Invariant: an error is only reported where the tables leave no doubt. A constraint that cannot be decided (a value
//! set that is not carried, a slice discriminated by another resource) is skipped.
//!
//! Deliberately absent: displays of codes, and anything that needs a second resource.

mod primitive;
mod profile;

use std::fmt;
use std::sync::Arc;

use super::fhirpath;
use super::json::Node;
use super::reference::{self, Reference};
use super::structures::{self, Element, Tree, Type};

/// Issues of one resource; further ones are dropped.
pub const MAX_ISSUES: usize = 100;
/// Invariants that other checks here state better, or that nobody follows: no element is empty, contained resources are
/// used, a narrative is recommended.
///
/// The last one is a mistake of CARIN Blue Button 2.0 and 2.1, which 2.2 has corrected: its text asks for a
/// practitioner and its expression for an organization.
const PASSED_OVER: [&str; 4] = ["ele-1", "dom-3", "dom-6", "EOB-pharm-careTeam-practitioner"];
/// The longest chain of base types, from a type to Element.
const MAX_BASES: usize = 6;

/// The severity of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The resource is not valid.
    Error,
    /// The resource may not say what its author meant.
    Warning,
    /// Worth knowing.
    Information,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The severity.
    pub severity: Severity,
    /// A code of FHIR's issue-type value set.
    pub code: &'static str,
    /// The element as a `FHIRPath`.
    pub path: String,
    /// The mistake and the expected form; never the value.
    pub text: String,
}

impl Severity {
    /// The word in an `OperationOutcome`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// Checks a resource against its type, the profiles it claims, and the given profiles. The issues are in the order of
/// the elements.
#[must_use]
pub fn validate(resource: &Node<'_>, profiles: &[&str]) -> Vec<Issue> {
    checked(resource, profiles, false)
}

/// Checks only what R4 says of the shape of a resource: elements that exist, lists and single values, one type of a
/// choice, and the forms of values. Without these, a resource is not FHIR: XML cannot hold it.
#[must_use]
pub fn shape(resource: &Node<'_>) -> Vec<Issue> {
    checked(resource, &[], true)
}

fn checked(resource: &Node<'_>, profiles: &[&str], is_shape_only: bool) -> Vec<Issue> {
    let mut check = Check { issues: Vec::new(), is_shape_only };
    let name = resource.text_of("resourceType").unwrap_or("Resource");
    check.resource(resource, profiles, &Way { before: None, name, at: None, root: resource, top: resource });
    check.issues
}

/// The path to an element, made into text only for an issue.
#[derive(Clone, Copy)]
struct Way<'w> {
    before: Option<&'w Way<'w>>,
    name: &'w str,
    at: Option<usize>,
    /// The resource of the element.
    root: &'w Node<'w>,
    /// The containing resource; itself if none contains it.
    top: &'w Node<'w>,
}

impl<'w> Way<'w> {
    fn to(&'w self, name: &'w str, at: Option<usize>) -> Self {
        Self { before: Some(self), name, at, root: self.root, top: self.top }
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            write!(f, "{before}.")?;
        }
        f.write_str(self.name)?;
        self.at.map_or(Ok(()), |at| write!(f, "[{at}]"))
    }
}

struct Check {
    issues: Vec<Issue>,
    /// Without invariants, bindings, what is required, targets of references, and profiles.
    is_shape_only: bool,
}

/// An element's position in a tree.
#[derive(Clone)]
struct Place {
    tree: Arc<Tree>,
    at: usize,
}

impl Place {
    fn element(&self) -> Option<&Element> {
        self.tree.node(self.at)
    }

    fn children(&self) -> impl Iterator<Item = (usize, &Element)> {
        let children = self.element().map(|element| element.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|at| Some((*at, self.tree.node(*at)?)))
    }

    fn at(&self, at: usize) -> Self {
        Self { tree: Arc::clone(&self.tree), at }
    }
}

/// The trees of a type and of its base types.
fn bases(kind: &str) -> Vec<Place> {
    let mut out = Vec::new();
    let mut next = structures::find(kind);
    while let Some(structure) = next.filter(|structure| !structure.is_profile && out.len() < MAX_BASES) {
        out.push(Place { tree: structures::tree(structure), at: 0 });
        next = structures::find(structure.base);
    }
    out
}

/// The element of a member, with its type if the name implies it.
struct Found {
    place: Place,
    kind: Option<String>,
}

impl Found {
    /// The name of its choice, such as `value[x]`.
    fn choice(&self) -> Option<&'static str> {
        Some(self.place.element()?.name)
    }
}

/// The element with that name among the children of these positions.
fn find(places: &[Place], name: &str) -> Option<Found> {
    for place in places {
        for (at, child) in place.children() {
            if child.name == name {
                return Some(Found { place: place.at(at), kind: None });
            }
            let chosen = child.name.strip_suffix("[x]").and_then(|stem| name.strip_prefix(stem));
            if let Some(chosen) = chosen.filter(|chosen| chosen.starts_with(|c: char| c.is_ascii_uppercase())) {
                let is_type = |known: &&Type| known.code.eq_ignore_ascii_case(chosen);
                if let Some(kind) = child.types.iter().find(is_type) {
                    return Some(Found { place: place.at(at), kind: Some(kind.code.to_owned()) });
                }
            }
        }
    }
    None
}

impl Check {
    fn say(&mut self, severity: Severity, code: &'static str, way: &Way<'_>, text: impl Into<String>) {
        if self.issues.len() < MAX_ISSUES {
            self.issues.push(Issue { severity, code, path: way.to_string(), text: text.into() });
        }
    }

    fn error(&mut self, code: &'static str, way: &Way<'_>, text: impl Into<String>) {
        self.say(Severity::Error, code, way, text);
    }

    fn resource(&mut self, resource: &Node<'_>, profiles: &[&str], way: &Way<'_>) {
        let Some(name) = resource.text_of("resourceType") else {
            return self.error("structure", way, "there is no 'resourceType'");
        };
        if !structures::find(name).is_some_and(|structure| structure.is_resource && !structure.is_profile) {
            return self.error("structure", way, "the 'resourceType' is not one of FHIR R4");
        }
        let top = if way.name == "contained" { way.top } else { resource };
        let way = &Way { root: resource, top, ..*way };
        // R4's own structure calls it a string; its text, an id.
        if let Some(wrong) = resource.get("id").and_then(|id| primitive::check("id", id)) {
            self.error("value", &way.to("id", None), wrong);
        }
        self.object(&bases(name), resource, way, true);
        if self.is_shape_only {
            return;
        }
        let claimed = resource.get("meta").and_then(|meta| meta.get("profile")).map(Node::items).unwrap_or_default();
        let mut seen: Vec<&str> = Vec::new();
        for profile in claimed.iter().filter_map(Node::text).chain(profiles.iter().copied()) {
            if seen.contains(&profile) {
                continue;
            }
            seen.push(profile);
            match structures::find(profile) {
                Some(structure) if structure.kind == name && structure.is_profile => {
                    self.profile(&Place { tree: structures::tree(structure), at: 0 }, resource, way);
                }
                Some(structure) if structure.kind == name => {}
                Some(_) => self.error("structure", way, format!("the profile {profile} is for another type")),
                None => {
                    let text = format!("the profile {profile} is not known here and was not checked");
                    self.say(Severity::Information, "not-found", way, text);
                }
            }
        }
    }

    /// Checks an object against the elements at these positions.
    fn object(&mut self, places: &[Place], value: &Node<'_>, way: &Way<'_>, is_resource: bool) {
        let Node::Object(members) = value else {
            return self.error("structure", way, "an object is expected");
        };
        let mut chosen: Vec<(&str, &str)> = Vec::new();
        for (name, child) in members {
            if is_resource && matches!(&**name, "resourceType" | "id") {
                continue;
            }
            let plain = name.strip_prefix('_').unwrap_or(name);
            let found = find(places, plain);
            if let Some(choice) = found.as_ref().filter(|found| found.kind.is_some()).and_then(Found::choice) {
                match chosen.iter().find(|(known, _)| *known == choice) {
                    None => chosen.push((choice, plain)),
                    // Its extensions stand beside it.
                    Some((_, first)) if *first == plain => {}
                    Some((_, first)) => {
                        let text = format!("{choice} may be there once, with one type; {first} is there already");
                        self.error("structure", &way.to(plain, None), text);
                    }
                }
            }
            match found {
                Some(found) if plain.len() == name.len() => self.member(&found, child, &way.to(name, None)),
                Some(found) => self.beside(&found, child, &way.to(plain, None)),
                None => self.error(
                    "structure",
                    &way.to(name, None),
                    "there is no such element; check its spelling and place",
                ),
            }
        }
        if self.is_shape_only {
            return;
        }
        for element in places.iter().filter_map(Place::element) {
            self.invariants(element, value, way);
        }
        for (_, child) in places.iter().flat_map(Place::children) {
            if child.min.is_some_and(|min| min > 0) && !is_there(value, child.name) {
                self.error("required", &way.to(child.name, None), "this element is required and is missing");
            }
        }
    }

    /// Checks the invariants of an element. One that cannot be decided gives no issue.
    fn invariants(&mut self, element: &Element, value: &Node<'_>, way: &Way<'_>) {
        for constraint in element.constraints.iter().filter(|constraint| !PASSED_OVER.contains(&constraint.key)) {
            if fhirpath::holds(constraint.expression, value, way.root, way.top) == Ok(false) {
                let severity = if constraint.is_error { Severity::Error } else { Severity::Warning };
                let text = format!("the invariant {} does not hold: {}", constraint.key, constraint.expression);
                self.say(severity, "invariant", way, text);
            }
        }
    }

    /// Checks a member with its values.
    fn member(&mut self, found: &Found, value: &Node<'_>, way: &Way<'_>) {
        let Some(element) = found.place.element() else { return };
        let repeats = element.max.is_none_or(|max| max > 1);
        match value {
            Node::Array(items) if items.is_empty() => {
                self.error("structure", way, "a list must not be empty: leave the element out");
            }
            Node::Array(items) if repeats => {
                for (at, item) in items.iter().enumerate() {
                    let way = Way { at: Some(at), ..*way };
                    // A null is the placeholder of a value that has only extensions.
                    if *item != Node::Null {
                        self.value(found, item, &way);
                    }
                }
            }
            Node::Array(_) => self.error("structure", way, "one value is expected, not a list"),
            _ if repeats && element.name != "div" => {
                self.error("structure", way, "a list is expected: put it in brackets");
            }
            _ => self.value(found, value, way),
        }
    }

    /// Checks the sibling of a primitive value: its id and extensions.
    fn beside(&mut self, found: &Found, value: &Node<'_>, way: &Way<'_>) {
        let kind = found.kind.as_deref().or_else(|| only_type(&found.place));
        if !kind.is_some_and(primitive::is_primitive) {
            return self.error("structure", way, "only primitive values have extensions beside them");
        }
        let element = bases("Element");
        for item in value.items().iter().filter(|item| **item != Node::Null) {
            self.object(&element, item, way, false);
        }
    }

    fn value(&mut self, found: &Found, value: &Node<'_>, way: &Way<'_>) {
        let Some(element) = found.place.element() else { return };
        if let Some(path) = element.content {
            let Some(at) = found.place.tree.find(path) else { return };
            return self.nested(&found.place.at(at), "BackboneElement", value, way);
        }
        let Some(kind) = found.kind.as_deref().or_else(|| only_type(&found.place)) else { return };
        let kind_of_type = element.types.iter().find(|known| known.code == kind);
        if primitive::is_primitive(kind) {
            if let Some(wrong) = primitive::check(kind, value) {
                return self.error("value", way, wrong);
            }
        } else {
            match kind {
                "Resource" => return self.resource(value, &[], way),
                "BackboneElement" | "Element" => self.nested(&found.place, kind, value, way),
                _ => self.object(&bases(kind), value, way, false),
            }
        }
        if self.is_shape_only {
            return;
        }
        if let Some(set) = element.required {
            self.bound(set, value, way);
        }
        match kind {
            "Reference" => {
                self.refers(kind_of_type.map(|known| known.targets.as_slice()).unwrap_or_default(), value, way);
            }
            "Extension" => self.extension(value, way),
            _ => {}
        }
    }

    /// Checks an object whose elements stand in the same tree.
    fn nested(&mut self, place: &Place, kind: &str, value: &Node<'_>, way: &Way<'_>) {
        let mut places = vec![place.clone()];
        places.extend(bases(kind));
        self.object(&places, value, way, false);
    }

    /// An extension that the guides define must follow its definition; others are not checked.
    fn extension(&mut self, value: &Node<'_>, way: &Way<'_>) {
        if let Some(wrong) = value.get("url").and_then(|url| primitive::check("uri", url)) {
            self.error("value", &way.to("url", None), wrong);
        }
        let known = value.text_of("url").and_then(structures::find).filter(|known| known.kind == "Extension");
        if let Some(structure) = known.filter(|known| known.is_profile) {
            self.profile(&Place { tree: structures::tree(structure), at: 0 }, value, way);
        }
    }

    /// Checks a code with a required binding.
    fn bound(&mut self, set: &str, value: &Node<'_>, way: &Way<'_>) {
        if in_set(set, value) == Some(false) {
            self.error("code-invalid", way, format!("a code of the value set {set} is required"));
        }
    }

    /// Checks a reference by its text alone: if it names a type, that type must be allowed here.
    fn refers(&mut self, targets: &[&str], value: &Node<'_>, way: &Way<'_>) {
        if !points_to(targets, value).unwrap_or(true) {
            let names: Vec<&str> = targets.iter().map(|target| target.rsplit('/').next().unwrap_or(target)).collect();
            self.error("value", way, format!("this must refer to {}", names.join(" or ")));
        }
    }
}

/// The only type of an element that is not a choice.
fn only_type(place: &Place) -> Option<&'static str> {
    place.element()?.types.first().map(|kind| kind.code)
}

/// True if an object has the element, as a value or with extensions only, or under one of a choice's names.
fn is_there(value: &Node<'_>, name: &str) -> bool {
    value.members().iter().any(|(member, _)| is_named(member, name))
}

/// True if a member's name is an element's, one of its choice names, or the sibling of one.
fn is_named(member: &str, name: &str) -> bool {
    let member = member.strip_prefix('_').unwrap_or(member);
    match name.strip_suffix("[x]") {
        None => member == name,
        Some(stem) => member.strip_prefix(stem).is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase())),
    }
}

/// Whether a code, Coding, `CodeableConcept` or Quantity has a code of the set; unknown if the set is not carried.
fn in_set(set: &str, value: &Node<'_>) -> Option<bool> {
    let codes = structures::codes_of(set)?;
    let coding = |coding: &Node<'_>| {
        let code = coding.text_of("code")?;
        let known = |members: &std::collections::HashSet<&str>| members.contains(code);
        Some(match coding.text_of("system") {
            Some(system) => codes.get(system).is_some_and(known),
            None => codes.values().any(known),
        })
    };
    match value {
        Node::String(code) => Some(codes.values().any(|members| members.contains(&**code))),
        Node::Object(_) => match value.get("coding") {
            Some(codings) => Some(codings.items().iter().any(|one| coding(one) == Some(true))),
            None if value.get("code").is_some() => coding(value),
            // Text or an extension in place of a code: the element's own cardinality decides.
            None => None,
        },
        _ => None,
    }
}

/// Whether a reference's text names one of these types; unknown if it names none.
fn points_to(targets: &[&str], value: &Node<'_>) -> Option<bool> {
    if targets.is_empty() || targets.contains(&"Resource") {
        return None;
    }
    let kind = match reference::parse(value.text_of("reference")?) {
        Reference::Resource { kind, .. } => kind.name(),
        Reference::Contained(_) | Reference::Other(_) => value.text_of("type").filter(|kind| !kind.contains('/'))?,
    };
    let mut known = targets.iter().filter_map(|target| structures::find(target)).peekable();
    known.peek()?;
    // Targets that are not in the tables might match.
    let all_known = targets.iter().all(|target| structures::find(target).is_some());
    let fits = known.any(|structure| structure.kind == kind);
    (fits || all_known).then_some(fits)
}

#[cfg(test)]
mod tests;
