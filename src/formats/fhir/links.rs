//! References in other forms than `Type/id`: `urn:uuid:…` inside a Bundle, and `Type?identifier=system|value`. Pure.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use xxhash_rust::xxh3::xxh3_128;

use crate::fhir::Kind;
use crate::fhir::json::Node;

/// Finds the id of a resource that an earlier load brought, by identifier: type, system (empty for any), value.
pub type Find<'a> = &'a (dyn Fn(Kind, &str, &str) -> Option<String> + Sync);

/// The digest of a type and an identifier.
pub(crate) type NameKey = u128;

/// The key of an identifier; an empty system stands for any.
pub(crate) fn name_key(kind: Kind, system: &str, value: &str) -> NameKey {
    xxh3_128([kind.name(), "\u{1f}", system, "\u{1f}", value].concat().as_bytes())
}

/// Types that other resources refer to by identifier. Claims and results have identifiers too, but no reference uses
/// them.
pub(crate) fn may_be_named(kind: Kind) -> bool {
    const NAMED: [Kind; 11] = [
        Kind::PATIENT,
        Kind::named("Coverage"),
        Kind::named("Device"),
        Kind::named("Group"),
        Kind::named("HealthcareService"),
        Kind::named("InsurancePlan"),
        Kind::named("Location"),
        Kind::named("Medication"),
        Kind::named("Organization"),
        Kind::named("Practitioner"),
        Kind::named("PractitionerRole"),
    ];
    NAMED.contains(&kind)
}

/// The identifiers that a run knows.
pub(crate) struct Known<'a> {
    pub(crate) names: &'a HashMap<NameKey, String>,
    pub(crate) find: Find<'a>,
}

impl Known<'_> {
    /// The id of the resource with an identifier.
    pub(crate) fn id(&self, kind: Kind, system: &str, value: &str) -> Option<String> {
        self.names.get(&name_key(kind, system, value)).cloned().or_else(|| (self.find)(kind, system, value))
    }
}

/// Replaces references with their targets' `Type/id`, where the Bundle has them.
pub(crate) fn follow(node: &mut Node<'_>, targets: &HashMap<String, String>) {
    each(node, &mut |object| {
        if let Some(text) = reference_of(object)
            && let Some(target) = targets.get(text)
        {
            let target = target.clone();
            set_reference(object, target);
        }
    });
}

/// Whether a reference must be resolved by identifier.
pub(crate) fn wants_finding(node: &mut Node<'_>) -> bool {
    let mut wants = false;
    each(node, &mut |object| wants |= reference_of(object).is_some_and(|text| query(text).is_some()));
    wants
}

/// Resolves every reference by identifier; those not found become logical references. Returns how many those are.
pub(crate) fn find_all(node: &mut Node<'_>, known: &Known<'_>) -> u64 {
    let mut unresolved = 0;
    each(node, &mut |object| {
        let Some((kind, system, value)) = reference_of(object).and_then(query) else { return };
        if let Some(id) = known.id(kind, &system, &value) {
            set_reference(object, format!("{}/{id}", kind.name()));
        } else {
            unresolved += 1;
            make_logical(object, kind, system, value);
        }
    });
    unresolved
}

type Object<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// Calls `act` for every object in the tree.
fn each<'a>(node: &mut Node<'a>, act: &mut dyn FnMut(&mut Object<'a>)) {
    match node {
        Node::Array(items) => {
            for item in items {
                each(item, act);
            }
        }
        Node::Object(members) => {
            act(members);
            for (_, value) in members {
                each(value, act);
            }
        }
        _ => {}
    }
}

fn reference_of<'o>(object: &'o Object<'_>) -> Option<&'o str> {
    object.iter().find(|(name, _)| name == "reference").and_then(|(_, value)| value.text())
}

fn set_reference(object: &mut Object<'_>, target: String) {
    if let Some((_, value)) = object.iter_mut().find(|(name, _)| name == "reference") {
        *value = Node::String(Cow::Owned(target));
    }
}

fn make_logical(object: &mut Object<'_>, kind: Kind, system: String, value: String) {
    object.retain(|(name, _)| !matches!(&**name, "reference" | "type" | "identifier"));
    let owned = |text: String| Node::String(Cow::Owned(text));
    let mut identifier = Vec::new();
    if !system.is_empty() {
        identifier.push((Cow::Borrowed("system"), owned(system)));
    }
    identifier.push((Cow::Borrowed("value"), owned(value)));
    object.push((Cow::Borrowed("type"), Node::String(Cow::Borrowed(kind.name()))));
    object.push((Cow::Borrowed("identifier"), Node::Object(identifier)));
}

/// Splits `Type?identifier=system|value`.
fn query(text: &str) -> Option<(Kind, String, String)> {
    let (kind, query) = text.split_once('?')?;
    let kind = Kind::parse(kind)?;
    let token = query.strip_prefix("identifier=").filter(|rest| !rest.contains('&'))?;
    let token = percent_decode_str(token).decode_utf8().ok()?;
    let (system, value) = token.split_once('|').unwrap_or(("", &token));
    (!value.is_empty()).then(|| (kind, system.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json;

    const CLAIM: &str = r#"{"provider":{"reference":"Practitioner?identifier=http://npi|1","display":"Dr"},"items":[{"location":{"reference":"Location?identifier=2"}},{"x":{"reference":"Patient/1"}}]}"#;

    #[test]
    fn identifiers_are_looked_up_or_kept_as_identifiers() {
        let mut node = json::parse(CLAIM.as_bytes()).unwrap();
        assert!(wants_finding(&mut node));
        let names = HashMap::from([(name_key(Kind::named("Practitioner"), "http://npi", "1"), "p9".to_owned())]);
        let known = Known { names: &names, find: &|_, _, _| None };
        assert_eq!(find_all(&mut node, &known), 1);
        assert_eq!(
            node.to_string(),
            r#"{"provider":{"reference":"Practitioner/p9","display":"Dr"},"items":[{"location":{"type":"Location","identifier":{"value":"2"}}},{"x":{"reference":"Patient/1"}}]}"#
        );
        assert!(!wants_finding(&mut node));
    }

    #[test]
    fn the_finder_is_asked_last() {
        let mut node = json::parse(CLAIM.as_bytes()).unwrap();
        let known = Known {
            names: &HashMap::new(),
            find: &|kind, system, value| Some(format!("{}{system}{value}", kind.name().len()).replace([':', '/'], "")),
        };
        assert_eq!(find_all(&mut node, &known), 0);
        assert!(node.to_string().contains("Practitioner/12httpnpi1"));
    }

    #[test]
    fn other_queries_stay() {
        for text in
            ["Patient?name=x", "Patient?identifier=", "Cat?identifier=1", "Patient?identifier=1&x=2", "urn:uuid:1"]
        {
            assert!(query(text).is_none(), "{text}");
        }
        assert_eq!(query("Patient?identifier=http%3A%2F%2Fa%7C1").unwrap().1, "http://a");
    }
}
