//! The search values of a resource: one pass over the tree extracts the values of every search parameter of its type, and
//! another those of the plan's own parameters, if it has any.
//! The index, the overlay and the exact filter work on these and never on the JSON again.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::dates::{self, Span};
use super::decimal::{self, Scaled};
use super::definitions::{Component, FIRST_OWN, Form, Kind, Parameter, SearchParameters, Step, Targets};
use super::json::Node;
use super::labels::{self, Categories};
use super::reference::{self, Reference};

/// Values kept per resource; further values are not indexed (and the resource is no longer exact for them).
const MAX_VALUES: usize = 4_096;
/// Characters of a string that are compared; longer ones are cut.
const MAX_TEXT: usize = 256;
/// A millionth, as a scaled decimal.
const MICRO: Scaled = 1_000_000_000_000;

/// The search values of one version of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// The type.
    pub kind: Kind,
    /// The logical id.
    pub id: Box<str>,
    /// `meta.lastUpdated` as the server set it, in microseconds; zero until it is stored.
    pub updated: i64,
    /// Ids of the patients whose compartment it is in.
    pub patients: Vec<Box<str>>,
    /// Who may read it without signing in.
    pub audience: Audience,
    /// The topics it is about that members decide about apart.
    pub categories: Categories,
    /// Types of its contained resources, each once.
    pub contains: Vec<Kind>,
    /// Parameter number and value, in the order of the numbers.
    pub values: Vec<(u16, Value)>,
}

/// Publication without sign-in. A resource is public because its profile says so, never by accident of its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Part of the provider directory (a Plan-Net profile).
    pub directory: bool,
    /// Part of the drug formulary (a Drug Formulary profile).
    pub formulary: bool,
}

/// One value of one search parameter. There are very many values, so large and rare variants are boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A coded value, identifier, boolean or contact point.
    Token {
        /// The code system or namespace, if there is one.
        system: Option<Box<str>>,
        /// The code; absent where only text is given.
        code: Option<Box<str>>,
    },
    /// Text beside a token: display, text.
    Text(Box<str>),
    /// A string as written, and folded for comparison.
    String {
        /// As written.
        exact: Box<str>,
        /// Lower case, no accents, single spaces.
        folded: Box<str>,
    },
    /// A literal reference to a resource.
    Reference {
        /// Base address; empty for this server.
        base: Box<str>,
        /// Type.
        kind: Kind,
        /// Logical id.
        id: Box<str>,
    },
    /// An absolute address, as a reference or a uri.
    Uri(Box<str>),
    /// A logical reference by identifier.
    Logical {
        /// Namespace.
        system: Option<Box<str>>,
        /// Value.
        value: Box<str>,
    },
    /// A span of time.
    Date(Span),
    /// A number, or a range.
    Number(Box<Amount>),
    /// A quantity, or a range of quantities.
    Quantity(Box<Quantity>),
    /// An identifier with its type, for `:of-type`; the same identifier is also a token.
    Typed(Box<Typed>),
    /// A position on the earth, in millionths of a degree.
    Position {
        /// Degrees north of the equator.
        latitude: i64,
        /// Degrees east of Greenwich.
        longitude: i64,
    },
    /// The values of a composite's components below one element.
    Parts(Box<[Box<[Value]>]>),
}

/// A quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The amount.
    pub amount: Amount,
    /// The system of the unit's code.
    pub system: Option<Box<str>>,
    /// The code of the unit.
    pub code: Option<Box<str>>,
    /// The unit as text.
    pub unit: Option<Box<str>>,
}

/// An identifier with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The system of the type's code.
    pub system: Option<Box<str>>,
    /// The type's code.
    pub code: Box<str>,
    /// The identifier's value.
    pub value: Box<str>,
}

/// A number, or the two ends of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// The lower end.
    pub lo: Scaled,
    /// The upper end.
    pub hi: Scaled,
}

const PLAN_NET: &str = "http://hl7.org/fhir/us/davinci-pdex-plan-net/";
const FORMULARY: &str = "http://hl7.org/fhir/us/davinci-drug-formulary/";

/// Lower case, no accents, single spaces: the form that FHIR string searches compare.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = true;
    let mut push = |c: char| {
        let blank = c.is_whitespace();
        if !(blank && space) {
            out.push(if blank { ' ' } else { c });
        }
        space = blank;
    };
    if text.is_ascii() {
        text.chars().for_each(|c| push(c.to_ascii_lowercase()));
    } else {
        text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).for_each(&mut push);
    }
    let kept = out.trim_end().char_indices().nth(MAX_TEXT).map_or(out.trim_end().len(), |(at, _)| at);
    out.truncate(kept);
    out
}

/// Extracts the values of a resource whose type and id were checked, for the parameters of the tables. What access asks of
/// a resource depends on these alone.
#[must_use]
pub fn extract(kind: Kind, id: &str, resource: &Node<'_>) -> Extracted {
    extract_about(kind, id, resource, labels::of(resource))
}

/// Does the same where the topics of the resource are known.
pub(super) fn extract_about(kind: Kind, id: &str, resource: &Node<'_>, categories: Categories) -> Extracted {
    let mut values = Vec::new();
    for (number, parameter) in kind.extracted() {
        collect(number, parameter, resource, &mut values);
        if values.len() > MAX_VALUES {
            values.truncate(MAX_VALUES);
            break;
        }
    }
    values.sort_by_key(|(number, _)| *number);
    values.shrink_to_fit();
    let patients = patients(kind, id, &values);
    let audience = audience(resource);
    let mut contains: Vec<Kind> = contained(resource).map(|(kind, _)| kind).collect();
    contains.sort_unstable();
    contains.dedup();
    Extracted { kind, id: id.into(), updated: 0, patients, audience, categories, contains, values }
}

/// Adds the values of the plan's own parameters, in place of any that are there.
pub fn extract_own(defined: &SearchParameters, resource: &Node<'_>, extracted: &mut Extracted) {
    let values = &mut extracted.values;
    values.truncate(values.partition_point(|(number, _)| *number < FIRST_OWN));
    for own in defined.own_of(extracted.kind) {
        collect(own.number, &own.parameter, resource, values);
    }
    values.truncate(MAX_VALUES);
    values.shrink_to_fit();
}

/// The contained resources of a resource, with their types.
pub fn contained<'n, 'a>(resource: &'n Node<'a>) -> impl Iterator<Item = (Kind, &'n Node<'a>)> {
    let inside = resource.get("contained").map(Node::items).unwrap_or_default();
    inside.iter().filter_map(|inner| Some((Kind::parse(inner.text_of("resourceType")?)?, inner)))
}

/// The ids of the contained resources that a reference parameter leads to.
#[must_use]
pub fn refers_inside<'n>(parameter: &Parameter, resource: &'n Node<'_>) -> Vec<&'n str> {
    let mut out = Vec::new();
    for path in &*parameter.paths {
        walk(resource, &path.steps, &mut |found| {
            if let Found::Element(node) = found
                && let Some(text) = node.text().or_else(|| node.text_of("reference"))
                && let Reference::Contained(id) = reference::parse(text)
            {
                out.push(id);
            }
        });
    }
    out
}

/// The values of one parameter, read from a resource of its type.
#[must_use]
pub fn extract_one(number: u16, parameter: &Parameter, resource: &Node<'_>) -> Vec<Value> {
    let mut values = Vec::new();
    collect(number, parameter, resource, &mut values);
    values.truncate(MAX_VALUES);
    values.into_iter().map(|(_, value)| value).collect()
}

fn collect(number: u16, parameter: &Parameter, resource: &Node<'_>, values: &mut Vec<(u16, Value)>) {
    let before = values.len();
    for path in &*parameter.paths {
        let start = values.len();
        let Parameter { form, targets, components, .. } = parameter;
        let aim = Aim { form: *form, targets, components, number, resource };
        walk(resource, &path.steps, &mut |found| aim.take(found, path.only, values));
        // An absent element is not set.
        if path.steps.last() == Some(&Step::Set) && values.len() == start {
            aim.take(Found::Set(false), None, values);
        }
    }
    dedup_from(values, before);
}

impl Extracted {
    /// The values of one parameter.
    pub fn values_of(&self, number: u16) -> impl Iterator<Item = &Value> {
        let first = self.values.partition_point(|(n, _)| *n < number);
        let rest = self.values.get(first..).unwrap_or_default();
        rest.iter().take_while(move |(n, _)| *n == number).map(|(_, value)| value)
    }
}

fn patients(kind: Kind, id: &str, values: &[(u16, Value)]) -> Vec<Box<str>> {
    if kind == Kind::PATIENT {
        return vec![id.into()];
    }
    let mut out: Vec<Box<str>> = Vec::new();
    for number in kind.compartment() {
        for (at, value) in values {
            if let Value::Reference { base, kind: Kind::PATIENT, id } = value
                && usize::from(*at) == *number
                && base.is_empty()
                && !out.contains(id)
            {
                out.push(id.clone());
            }
        }
    }
    out
}

/// True if it is a part of the drug formulary.
pub(super) fn is_of_formulary(resource: &Node<'_>) -> bool {
    audience(resource).formulary
}

fn audience(resource: &Node<'_>) -> Audience {
    let profiles = resource.get("meta").and_then(|meta| meta.get("profile")).map(Node::items).unwrap_or_default();
    let has = |prefix: &str| profiles.iter().filter_map(Node::text).any(|profile| profile.starts_with(prefix));
    Audience { directory: has(PLAN_NET), formulary: has(FORMULARY) }
}

fn dedup_from(values: &mut Vec<(u16, Value)>, start: usize) {
    let mut at = start;
    while at < values.len() {
        let seen = values.get(start..at).unwrap_or_default();
        if values.get(at).is_some_and(|value| seen.contains(value)) {
            values.remove(at);
        } else {
            at += 1;
        }
    }
}

type Out<'o> = &'o mut Vec<(u16, Value)>;

/// The kind of values at the end of a path.
struct Aim<'p, 'r> {
    form: Form,
    targets: &'p Targets,
    components: &'p [Component],
    number: u16,
    /// The resource that is read, with what it contains.
    resource: &'r Node<'r>,
}

/// A result at the end of a path.
#[derive(Clone, Copy)]
enum Found<'n, 'a> {
    Element(&'n Node<'a>),
    /// Whether there is anything but `false`.
    Set(bool),
}

/// The elements that a parameter's paths lead to, before they are read as values; without references to another type
/// than the path wants.
#[must_use]
pub fn elements<'n, 'a>(parameter: &Parameter, resource: &'n Node<'a>) -> Vec<Cow<'n, Node<'a>>> {
    let mut out = Vec::new();
    for path in &*parameter.paths {
        let start = out.len();
        walk(resource, &path.steps, &mut |found| match (found, path.only) {
            (Found::Set(set), _) => out.push(Cow::Owned(Node::Bool(set))),
            (Found::Element(node), None) => out.push(Cow::Borrowed(node)),
            (Found::Element(node), Some(only)) => {
                let text = node.text().or_else(|| node.text_of("reference")).unwrap_or_default();
                if matches!(reference::parse(text), Reference::Resource { kind, .. } if kind == only) {
                    out.push(Cow::Borrowed(node));
                }
            }
        });
        if path.steps.last() == Some(&Step::Set) && out.len() == start {
            out.push(Cow::Owned(Node::Bool(false)));
        }
    }
    out
}

fn walk<'n, 'a>(node: &'n Node<'a>, steps: &[Step], visit: &mut dyn FnMut(Found<'n, 'a>)) {
    if let Node::Array(items) = node {
        let first = matches!(steps.first(), Some(Step::First));
        let steps = if first { steps.get(1..).unwrap_or_default() } else { steps };
        for item in items.iter().take(if first { 1 } else { usize::MAX }) {
            walk(item, steps, visit);
        }
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        return visit(Found::Element(node));
    };
    match step {
        Step::First => walk(node, rest, visit),
        Step::Set => visit(Found::Set(!matches!(node, Node::Bool(false)))),
        Step::Where(key, value) => {
            if node.text_of(key) == Some(&**value) {
                walk(node, rest, visit);
            }
        }
        Step::Member(name) => {
            if let Some(child) = node.get(name) {
                walk(child, rest, visit);
            }
        }
        Step::Choice(prefix) => {
            for (name, child) in node.members() {
                let is_choice = name.strip_prefix(&**prefix).and_then(|tail| tail.chars().next());
                if is_choice.is_some_and(char::is_uppercase) {
                    walk(child, rest, visit);
                }
            }
        }
    }
}

impl Aim<'_, '_> {
    fn take(&self, found: Found<'_, '_>, only: Option<Kind>, out: Out<'_>) {
        let node = match found {
            Found::Element(node) => node,
            Found::Set(set) => {
                return out.push((self.number, Value::Token { system: None, code: Some(set.to_string().into()) }));
            }
        };
        let number = self.number;
        match self.form {
            Form::Token => token(node, number, out),
            Form::String => string(node, number, out),
            Form::Date => dates::of_node(node, |span| out.push((number, Value::Date(span)))),
            Form::Reference => self.refer(node, only, out),
            Form::Uri => {
                if let Some(text) = node.text() {
                    out.push((number, Value::Uri(text.into())));
                }
            }
            Form::Number => out.extend(amount(node).map(|amount| (number, Value::Number(amount.into())))),
            Form::Quantity => out.extend(quantity(node).map(|quantity| (number, Value::Quantity(quantity.into())))),
            Form::Composite => out.extend(self.parts(node).map(|parts| (number, parts))),
            Form::Special => out.extend(position(node).map(|position| (number, position))),
        }
    }

    /// The values of each component of a composite below one element; nothing unless every component has values.
    fn parts(&self, node: &Node<'_>) -> Option<Value> {
        let mut all = Vec::with_capacity(self.components.len());
        for component in self.components {
            let resource = self.resource;
            let aim = Aim { form: component.form, targets: &Targets::Any, components: &[], number: 0, resource };
            let mut found = Vec::new();
            for path in &*component.paths {
                walk(node, &path.steps, &mut |at| aim.take(at, path.only, &mut found));
            }
            if found.is_empty() {
                return None;
            }
            all.push(found.into_iter().map(|(_, value)| value).collect());
        }
        (!all.is_empty()).then(|| Value::Parts(all.into()))
    }

    /// Reads a reference. A reference to a type that the parameter does not allow is not a value of it.
    fn refer(&self, node: &Node<'_>, only: Option<Kind>, out: Out<'_>) {
        let number = self.number;
        let fits = |kind| match self.targets {
            Targets::Any => only.is_none_or(|only| only == kind),
            Targets::These(kinds) => only.is_none_or(|only| only == kind) && kinds.contains(&kind),
        };
        let text = node.text().or_else(|| node.text_of("reference"));
        match text.map(reference::parse) {
            Some(Reference::Resource { base, kind, id, .. }) => {
                if fits(kind) {
                    out.push((number, Value::Reference { base: base.into(), kind, id: id.into() }));
                }
            }
            Some(Reference::Other(address)) if only.is_none() => out.push((number, Value::Uri(address.into()))),
            // The value is there, although no other resource is: `:missing` asks for that.
            Some(Reference::Contained(id)) if self.inside(id).map_or(only.is_none(), fits) => {
                out.push((number, Value::Uri(format!("#{id}").into())));
            }
            Some(Reference::Contained(_) | Reference::Other(_)) | None => {}
        }
        if let Some(identifier) = node.get("identifier")
            && let Some(value) = identifier.text_of("value")
            && only.is_none_or(|only| node.text_of("type").is_none_or(|kind| kind == only.name()))
        {
            out.push((
                number,
                Value::Logical { system: identifier.text_of("system").map(Into::into), value: value.into() },
            ));
        }
    }

    /// The type of the contained resource with that id; without an id, of the resource itself.
    fn inside(&self, id: &str) -> Option<Kind> {
        if id.is_empty() {
            return Kind::parse(self.resource.text_of("resourceType")?);
        }
        contained(self.resource).find(|(_, inner)| inner.text_of("id") == Some(id)).map(|(kind, _)| kind)
    }
}

/// A number, or a range of numbers; a missing end leaves the range open.
fn amount(node: &Node<'_>) -> Option<Amount> {
    if let Node::Number(text) = node {
        let value = decimal::parse(text)?.value;
        return Some(Amount { lo: value, hi: value });
    }
    let end = |name| match node.get(name)?.get("value")? {
        Node::Number(text) => Some(decimal::parse(text)?.value),
        _ => None,
    };
    let (low, high) = (end("low"), end("high"));
    if low.is_none() && high.is_none() {
        return None;
    }
    Some(Amount { lo: low.unwrap_or(Scaled::MIN), hi: high.unwrap_or(Scaled::MAX) })
}

/// Quantity and its specializations, Money, and Range.
fn quantity(node: &Node<'_>) -> Option<Quantity> {
    let text = |node: &Node<'_>, name: &str| node.text_of(name).map(Into::into);
    if let Some(Node::Number(value)) = node.get("value") {
        let value = decimal::parse(value)?.value;
        let amount = match node.text_of("comparator") {
            Some("<" | "<=") => Amount { lo: Scaled::MIN, hi: value },
            Some(">" | ">=") => Amount { lo: value, hi: Scaled::MAX },
            _ => Amount { lo: value, hi: value },
        };
        if let Some(currency) = node.text_of("currency") {
            let system = Some("urn:iso:std:iso:4217".into());
            return Some(Quantity { amount, system, code: Some(currency.into()), unit: None });
        }
        return Some(Quantity {
            amount,
            system: text(node, "system"),
            code: text(node, "code"),
            unit: text(node, "unit"),
        });
    }
    let amount = amount(node)?;
    let end = node.get("low").or_else(|| node.get("high"))?;
    Some(Quantity { amount, system: text(end, "system"), code: text(end, "code"), unit: text(end, "unit") })
}

/// `Location.position`.
fn position(node: &Node<'_>) -> Option<Value> {
    let degrees = |name| match node.get(name)? {
        Node::Number(text) => i64::try_from(decimal::parse(text)?.value / MICRO).ok(),
        _ => None,
    };
    Some(Value::Position { latitude: degrees("latitude")?, longitude: degrees("longitude")? })
}

/// Tokens by the shape of the element: `CodeableConcept`, Coding, Identifier, `ContactPoint` or a primitive.
fn token(node: &Node<'_>, number: u16, out: Out<'_>) {
    let mut push = |system: Option<&str>, code: Option<&str>| {
        out.push((number, Value::Token { system: system.map(Into::into), code: code.map(Into::into) }));
    };
    match node {
        Node::String(text) | Node::Number(text) => push(None, Some(text)),
        Node::Bool(value) => push(None, Some(if *value { "true" } else { "false" })),
        Node::Object(_)
            if node.get("coding").is_some() || (node.get("text").is_some() && node.get("code").is_none()) =>
        {
            for coding in node.get("coding").map(Node::items).unwrap_or_default() {
                token(coding, number, out);
            }
            if let Some(text) = node.text_of("text") {
                out.push((number, Value::Text(fold(text).into())));
            }
        }
        Node::Object(_) => {
            let code = node.text_of("code").or_else(|| node.text_of("value"));
            if code.is_some() || node.get("system").is_some() {
                push(node.text_of("system"), code);
            }
            typed(node, number, out);
            if let Some(display) = node.text_of("display") {
                out.push((number, Value::Text(fold(display).into())));
            }
        }
        Node::Null | Node::Array(_) => {}
    }
}

/// An identifier with each of its types.
fn typed(node: &Node<'_>, number: u16, out: Out<'_>) {
    let Some(value) = node.text_of("value") else { return };
    let codings = node.get("type").and_then(|kind| kind.get("coding")).map(Node::items).unwrap_or_default();
    for coding in codings {
        if let Some(code) = coding.text_of("code") {
            let system = coding.text_of("system").map(Into::into);
            out.push((number, Value::Typed(Typed { system, code: code.into(), value: value.into() }.into())));
        }
    }
}

/// The parts of `HumanName` and Address that a search compares.
const NAME_PARTS: [&str; 11] =
    ["text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country"];

fn string(node: &Node<'_>, number: u16, out: Out<'_>) {
    match node {
        Node::String(text) => out.push((number, Value::String { exact: (**text).into(), folded: fold(text).into() })),
        Node::Object(members) => {
            for (name, part) in members {
                if NAME_PARTS.contains(&&**name) {
                    part.items().iter().for_each(|item| string(item, number, out));
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
