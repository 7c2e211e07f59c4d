//! Resources while they are built.

use serde_json::{Map, Number, Value, json};

use super::US_CORE;
use crate::fhir::json as fhir_json;
use crate::fhir::validate::{Severity, validate};

/// A resource, or a part of one. Empty values are left out, since FHIR has none.
pub(crate) struct ResourceBuilder(Map<String, Value>);

impl ResourceBuilder {
    /// Starts a resource.
    pub(crate) fn new(kind: &str, id: &str) -> Self {
        let mut out = Self::part();
        out.set("resourceType", kind);
        out.set("id", id);
        out
    }

    /// Starts a part of a resource.
    pub(crate) fn part() -> Self {
        Self(Map::new())
    }

    /// Continues a finished resource.
    pub(crate) fn again(resource: Value) -> Self {
        match resource {
            Value::Object(members) => Self(members),
            _ => Self::part(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Merges another resource: lists grow, objects are merged, and of two different texts the first stays.
    pub(crate) fn join(&mut self, other: Self) {
        for (name, value) in other.0 {
            let Some(known) = self.0.get_mut(&name) else {
                self.0.insert(name, value);
                continue;
            };
            match (known, value) {
                (Value::Array(list), Value::Array(more)) => {
                    for one in more {
                        if !list.contains(&one) {
                            list.push(one);
                        }
                    }
                }
                (Value::Object(part), Value::Object(more)) => {
                    let mut joined = Self(std::mem::take(part));
                    joined.join(Self(more));
                    *part = joined.0;
                }
                _ => {}
            }
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        if !is_empty(&value) {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    pub(crate) fn value(self) -> Value {
        Value::Object(self.0)
    }

    /// Finishes the resource, which claims each of these US Core profiles that it meets.
    pub(crate) fn claim(self, profiles: &[&str]) -> Value {
        claim(self.value(), profiles)
    }
}

/// Marks a text that stands for a number with digits that a number in a [`Value`] would lose. No source can contain the
/// character: XML does not allow it, and texts of messages are cleaned of it.
const DIGITS: char = '\u{1}';
/// Digits that FHIR promises to keep.
const KEPT_MAX: usize = 18;

/// A number with the digits that it was written with: "7.20" was measured to a hundredth.
pub(crate) fn with_digits(text: &str, number: &Number) -> Value {
    let text = text.trim();
    if is_decimal(text) && text.len() <= KEPT_MAX && number.to_string() != text {
        Value::String(format!("{DIGITS}{text}"))
    } else {
        Value::Number(number.clone())
    }
}

/// Whether a text is a JSON number with a fraction.
fn is_decimal(text: &str) -> bool {
    let (whole, part) = text.strip_prefix('-').unwrap_or(text).split_once('.').unwrap_or_default();
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(part) && (whole == "0" || !whole.starts_with('0'))
}

/// The number that a text stands for.
pub(crate) fn digits_of(text: &str) -> Option<&str> {
    text.strip_prefix(DIGITS).filter(|number| is_decimal(number))
}

/// A resource as JSON.
pub(crate) fn text_of(resource: &Value) -> String {
    let text = resource.to_string();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\"\\u0001") {
        let (number, after) = after.split_once('"').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(number);
        rest = after;
    }
    out + rest
}

pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Adds the profiles that a resource meets. A profile has a hundred requirements. The validator knows all of them, so
/// it decides, and no mapper repeats them.
fn claim(mut resource: Value, profiles: &[&str]) -> Value {
    let text = text_of(&resource);
    let Ok(node) = fhir_json::parse(text.as_bytes()) else { return resource };
    let errors =
        |profiles: &[&str]| validate(&node, profiles).iter().filter(|issue| issue.severity == Severity::Error).count();
    let before = errors(&[]);
    let addresses = profiles.iter().map(|name| format!("{US_CORE}{name}"));
    let met: Vec<String> = addresses.filter(|address| errors(&[address]) == before).collect();
    if let (Some(members), false) = (resource.as_object_mut(), met.is_empty()) {
        members.insert("meta".to_owned(), json!({ "profile": met }));
    }
    resource
}
