//! Two sources speak of the same provider: what is kept of each. Pure.
//!
//! The source that is believed more wins element by element, the other fills what is missing, and lists of what identifies
//! or connects are put together. So the order of the files does not matter, and loading them again changes nothing.
//!
//! Absent: elements that vanish. What a source no longer says stays until another value replaces it.

use serde_json::{Map, Value};

use super::build::DirectorySource;

/// Lists of which each source knows a part.
const JOINED: [&str; 4] = ["identifier", "network", "qualification", "communication"];
/// Entries of a joined list; a resource of more is damaged, not rich.
const JOINED_MAX: usize = 200;

/// The version to keep of a resource of which `known` is stored and `new` was read. If one of them was made by none of these
/// readers, `new` is kept, as for every other resource.
pub(crate) fn merge(known: &Value, new: Value) -> Value {
    let (Some(before), Some(now)) = (DirectorySource::of(known), DirectorySource::of(&new)) else { return new };
    let Value::Object(new) = new else { return new };
    let Some(known) = known.as_object() else { return Value::Object(new) };
    let gone = |one: &Map<String, Value>| one.get("active") == Some(&Value::Bool(false));
    // The registry alone says who is gone, and that is all there is to say; it alone says that somebody is back. What ties a
    // provider to a place or a network ends and begins again as the source says that is believed most.
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
            // The same in other letters: what is stored stays, or two spellings in one file would take turns for ever.
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

/// The profiles of both, and the stronger source. The version is the server's to say.
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
