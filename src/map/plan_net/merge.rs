//! Merges two sources for the same resource. Pure.
//!
//! The more trusted source wins element by element, the other fills gaps, and lists of identifiers or connections are
//! joined. So the order of the files does not matter, and loading them again changes nothing.
//!
//! Absent: removing elements. A value that a source no longer states stays until another value replaces it.

use serde_json::{Map, Value};

use super::build::DirectorySource;

/// Lists that each source knows in part.
const JOINED: [&str; 4] = ["identifier", "network", "qualification", "communication"];
/// Entries of a joined list; a longer one is a sign of damage.
const JOINED_MAX: usize = 200;

/// The version of a resource to keep, where `known` is stored and `new` was read. If none of these readers made one of
/// them, `new` is kept, as for every other resource.
pub(crate) fn merge(known: &Value, new: Value) -> Value {
    let (Some(before), Some(now)) = (DirectorySource::of(known), DirectorySource::of(&new)) else { return new };
    let Value::Object(new) = new else { return new };
    let Some(known) = known.as_object() else { return Value::Object(new) };
    let gone = |one: &Map<String, Value>| one.get("active") == Some(&Value::Bool(false));
    // Only the registry deactivates a provider, and only it reactivates one; a deactivated provider has no other facts.
    // Roles and affiliations end and begin again as the most trusted source states.
    let is_provider = known.get("resourceType").is_some_and(|kind| kind == "Practitioner" || kind == "Organization");
    if gone(&new) && (is_provider || now >= before) {
        return Value::Object(new);
    }
    let new_counts = if is_provider && gone(known) { now == DirectorySource::Nppes } else { now >= before };
    if gone(&new) {
        return Value::Object(known.clone());
    }
    let (strong, weak) = if new_counts { (&new, known) } else { (known, &new) };
    let mut out = if gone(known) { strong.clone() } else { weak.clone() };
    // The server's own.
    out.remove("text");
    for (name, value) in strong {
        let kept = match out.get(name) {
            Some(other) if JOINED.contains(&name.as_str()) => joined(value, other),
            // The same value in other letters: the stored spelling stays, or two spellings in one file would alternate
            // for ever.
            Some(_) if known.get(name).is_some_and(|stored| now == before && alike(stored, value)) => {
                known.get(name).unwrap_or(value).clone()
            }
            _ => value.clone(),
        };
        out.insert(name.clone(), kept);
    }
    meta(&mut out, strong, if gone(known) { strong } else { weak });
    Value::Object(out)
}

/// The profiles of both, and the more trusted source. The server sets the version.
fn meta(out: &mut Map<String, Value>, strong: &Map<String, Value>, weak: &Map<String, Value>) {
    let of = |one: &Map<String, Value>, name: &str| one.get("meta").and_then(|meta| meta.get(name)).cloned();
    let mut meta = Map::new();
    match (of(strong, "profile"), of(weak, "profile")) {
        (Some(one), Some(other)) => {
            meta.insert("profile".to_owned(), joined(&one, &other));
        }
        (one, other) => meta.extend(one.or(other).map(|profiles| ("profile".to_owned(), profiles))),
    }
    for name in ["source", "lastUpdated"] {
        meta.extend(of(strong, name).map(|value| (name.to_owned(), value)));
    }
    out.insert("meta".to_owned(), Value::Object(meta));
}

/// Both lists without repetition, in an order that does not depend on which came first.
fn joined(one: &Value, other: &Value) -> Value {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut all = items(one);
    all.extend(items(other));
    all.sort_by_cached_key(Value::to_string);
    all.dedup();
    all.truncate(JOINED_MAX);
    Value::Array(all)
}

fn alike(one: &Value, other: &Value) -> bool {
    let plain = |value: &Value| {
        let mut text = value.to_string().to_lowercase();
        text.retain(|c| !matches!(c, '.' | ',' | '#' | ' '));
        text
    };
    plain(one) == plain(other)
}
