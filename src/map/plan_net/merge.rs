//! Merges two sources for the same resource. Pure.
//!
//! The more trusted source wins element by element, the other fills gaps, and lists of identifiers or connections are
//! joined. So the order of the files does not matter, and loading them again changes nothing.
//!
//! Absent: removing elements. A value that a source no longer states stays until another value replaces it.

use super::build::DirectorySource;
use crate::fhir::json::Node;

/// Lists that each source knows in part.
const JOINED: [&str; 4] = ["identifier", "network", "qualification", "communication"];
/// Entries of a joined list; a longer one is a sign of damage.
const JOINED_MAX: usize = 200;

/// The version of a resource to keep, where `known` is stored and `new` was read. If none of these readers made one of
/// them, `new` is kept, as for every other resource.
///
/// What stays equal stays as it is stored, to the byte: so a second run makes no version that differs in nothing but the
/// order of members.
pub(crate) fn merge<'n>(known: &Node<'n>, new: Node<'n>) -> Node<'n> {
    let (Some(before), Some(now)) = (DirectorySource::of(known), DirectorySource::of(&new)) else { return new };
    let gone = |one: &Node<'n>| one.get("active") == Some(&Node::Bool(false));
    // Only the registry deactivates a provider, and only it reactivates one; a deactivated provider has no other facts.
    // Roles and affiliations end and begin again as the most trusted source states.
    let is_provider = matches!(known.text_of("resourceType"), Some("Practitioner" | "Organization"));
    if gone(&new) && (is_provider || now >= before) {
        return as_stored(known, new);
    }
    let new_counts = if is_provider && gone(known) { now == DirectorySource::Nppes } else { now >= before };
    if gone(&new) {
        return known.clone();
    }
    let (strong, weak) = if new_counts { (&new, known) } else { (known, &new) };
    let mut out = if gone(known) { strong.clone() } else { weak.clone() };
    // The server's own.
    out.remove("text");
    for (name, value) in strong.members() {
        let kept = match out.get(name) {
            Some(other) if JOINED.contains(&&**name) => joined(value, other),
            // The same value in other letters: the stored spelling stays, or two spellings in one file would alternate
            // for ever.
            Some(_) if known.get(name).is_some_and(|stored| now == before && alike(stored, value)) => {
                known.get(name).unwrap_or(value).clone()
            }
            _ => value.clone(),
        };
        out.set(name.clone(), kept);
    }
    let meta = meta(strong, if gone(known) { strong } else { weak });
    out.set("meta", meta);
    as_stored(known, out)
}

/// The members in the order in which they are stored, and the stored values where they are equal.
fn as_stored<'n>(known: &Node<'n>, mut merged: Node<'n>) -> Node<'n> {
    let mut out = Node::object();
    for (name, stored) in known.members() {
        if let Some(value) = merged.remove(name) {
            let is_same = value == *stored;
            out.set(name.clone(), if is_same { stored.clone() } else { value });
        }
    }
    if let Node::Object(added) = merged {
        for (name, value) in added {
            out.set(name, value);
        }
    }
    out
}

/// The profiles of both, and the more trusted source. The server sets the version.
fn meta<'n>(strong: &Node<'n>, weak: &Node<'n>) -> Node<'n> {
    let of = |one: &Node<'n>, name: &str| one.get("meta").and_then(|meta| meta.get(name)).cloned();
    let profiles = match (of(strong, "profile"), of(weak, "profile")) {
        (Some(one), Some(other)) => Some(joined(&one, &other)),
        (one, other) => one.or(other),
    };
    let mut meta = Node::object();
    for (name, value) in
        [("profile", profiles), ("source", of(strong, "source")), ("lastUpdated", of(strong, "lastUpdated"))]
    {
        if let Some(value) = value {
            meta.set(name, value);
        }
    }
    meta
}

/// Both lists without repetition, in an order that does not depend on which came first.
fn joined<'n>(one: &Node<'n>, other: &Node<'n>) -> Node<'n> {
    let mut all = [one.items(), other.items()].concat();
    all.sort_by_cached_key(Node::sorted_text);
    all.dedup();
    all.truncate(JOINED_MAX);
    Node::Array(all)
}

fn alike(one: &Node<'_>, other: &Node<'_>) -> bool {
    let plain = |value: &Node<'_>| {
        let mut text = value.sorted_text().to_lowercase();
        text.retain(|c| !matches!(c, '.' | ',' | '#' | ' '));
        text
    };
    plain(one) == plain(other)
}
