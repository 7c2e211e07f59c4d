//! Of several messages or documents about one resource, the one written last wins, in whatever order they are loaded.
//!
//! | table | key | value |
//! |---|---|---|
//! | `load.written` | type and id (16 bytes) | when the stored version was written ([`Written`], 24 bytes) |
//! | `load.versions` | set of documents (16 bytes), when the version was written (24 bytes), its id | its id |
//! | `load.replaced` | id of a document (16 bytes) | nothing |
//!
//! Each version of a document keeps its own `DocumentReference`. That a document is replaced may be known before the
//! document arrives: the row in `load.replaced` waits for it.
//!
//! A corrected report may list only the corrected results. The results of the earlier report stay in its list,
//! whichever of the two came first. A result likewise keeps its specimen and its member results.

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use crate::access::{Admitted, admit_checked};
use crate::fhir::Kind;
use crate::fhir::json::{self, Node, node};
use crate::map::record::Written;
use crate::store::{self, Outcome, Table, Txn};

const WRITTEN: Table = Table::new("load.written");
const VERSIONS: Table = Table::new("load.versions");
const REPLACED: Table = Table::new("load.replaced");

/// All tables of this file.
pub(super) const TABLES: [Table; 3] = [WRITTEN, VERSIONS, REPLACED];

/// Versions of one document that are linked to each other.
const VERSIONS_MAX: usize = 200;
const DOCUMENT: &str = "DocumentReference";
const REPORT: &str = "DiagnosticReport";
const OBSERVATION: &str = "Observation";
/// The links of a result.
const LINKS: [&str; 3] = ["specimen", "derivedFrom", "hasMember"];

/// When the resources of an entry were written, and which set of versions its document belongs to.
#[derive(Default)]
pub(super) struct Dated {
    /// For each resource of the entry, in their order.
    pub(super) written: Vec<Option<Written>>,
    /// The set of versions that its document belongs to.
    pub(super) set: Option<String>,
    /// Ids of the documents that its document replaces.
    pub(super) replaces: Vec<String>,
}

/// When a resource was written, compared with the stored version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Older,
    Same,
    Newer,
    /// No write time is recorded for the stored version.
    First,
}

/// Stores a resource unless the stored version was written later; returns whether anything changed.
pub(super) fn put(
    txn: &mut Txn<'_>,
    prepared: &Admitted,
    written: Written,
    dated: &Dated,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let key = key_of(prepared.kind.name(), &prepared.id);
    let before = txn.get(WRITTEN, &key)?.as_deref().and_then(Written::from_bytes);
    let age = match before {
        None => Age::First,
        Some(before) if before > written => Age::Older,
        Some(before) if before == written => Age::Same,
        Some(_) => Age::Newer,
    };
    if matches!(age, Age::First | Age::Newer) {
        txn.put(WRITTEN, &key, written.bytes().to_vec())?;
    }
    match (prepared.kind.name(), age) {
        (REPORT, Age::Older | Age::Same | Age::Newer) => return put_report(txn, prepared, age, now),
        (OBSERVATION, Age::Older | Age::Same | Age::Newer) => return put_observation(txn, prepared, age, now),
        (_, Age::Older) => return Ok(false),
        _ => {}
    }
    let patched = if prepared.kind.name() == DOCUMENT { version(txn, prepared, written, dated, now)? } else { None };
    let prepared = patched.as_ref().unwrap_or(prepared);
    // Where the times are equal, a content that was replaced before is part of a history that is sent again.
    let is_old = age != Age::Newer && txn.was_replaced(prepared)?;
    Ok(!is_old && stored(txn, prepared, now)?)
}

fn stored(txn: &mut Txn<'_>, prepared: &Admitted, now: Timestamp) -> Result<bool, store::Error> {
    Ok(txn.put_resource(prepared, now, None)?.outcome != Outcome::Unchanged)
}

/// Merges a report with its stored version.
fn put_report(txn: &mut Txn<'_>, prepared: &Admitted, age: Age, now: Timestamp) -> Result<bool, store::Error> {
    let Some(known) = txn.current_text(prepared.kind, &prepared.id)? else { return stored(txn, prepared, now) };
    let own = prepared.render(1, now);
    let (earlier, later) = if age == Age::Older { (&own, &known) } else { (&known, &own) };
    let (earlier, mut later) = (parsed(earlier)?, parsed(later)?);
    let specimens = list(&earlier, "specimen");
    let lacks_specimen = later.get("specimen").is_none() && !specimens.is_empty();
    if lacks_specimen {
        later.set("specimen", specimens);
    }
    let is_corrected = later.text_of("status") == Some("corrected");
    if is_corrected {
        let mut results = list(&earlier, "result");
        for one in list(&later, "result") {
            if !results.contains(&one) {
                results.push(one);
            }
        }
        if !results.is_empty() {
            later.set("result", results);
        }
    }
    if is_corrected || lacks_specimen {
        return stored(txn, &ready(&mut later)?, now);
    }
    let is_old = age == Age::Older || age == Age::Same && txn.was_replaced(prepared)?;
    Ok(!is_old && stored(txn, prepared, now)?)
}

/// Merges an observation with its stored version. An observation that is sent again may omit its specimen and its
/// member results; the stored ones then stay.
fn put_observation(txn: &mut Txn<'_>, prepared: &Admitted, age: Age, now: Timestamp) -> Result<bool, store::Error> {
    let Some(known) = txn.current_text(prepared.kind, &prepared.id)? else { return stored(txn, prepared, now) };
    let own = prepared.render(1, now);
    let (earlier, later) = if age == Age::Older { (&own, &known) } else { (&known, &own) };
    let (earlier, mut later) = (parsed(earlier)?, parsed(later)?);
    let filled = if fill(&mut later, &earlier) {
        Some(ready(&mut later)?)
    } else if age == Age::Older {
        return Ok(false);
    } else {
        None
    };
    let prepared = filled.as_ref().unwrap_or(prepared);
    let is_old = age == Age::Same && txn.was_replaced(prepared)?;
    Ok(!is_old && stored(txn, prepared, now)?)
}

/// Adds the links that only the earlier version has; returns whether there were any.
fn fill<'n>(later: &mut Node<'n>, earlier: &Node<'n>) -> bool {
    let is_link = |node: &Node<'_>| {
        node.text_of("reference").is_some() || node.items().iter().any(|one| one.text_of("reference").is_some())
    };
    let missing: Vec<(&'static str, &Node<'n>)> = LINKS
        .iter()
        .filter_map(|name| Some((*name, earlier.get(name).filter(|node| is_link(node))?)))
        .filter(|(name, _)| !later.get(name).is_some_and(is_link))
        .collect();
    for (name, links) in &missing {
        later.remove(name);
        later.set(*name, *links);
    }
    !missing.is_empty()
}

/// Links the versions of a document to each other. Returns the document with its links if they change it.
fn version(
    txn: &mut Txn<'_>,
    prepared: &Admitted,
    written: Written,
    dated: &Dated,
    now: Timestamp,
) -> Result<Option<Admitted>, store::Error> {
    let (mut older, mut newer) = (Vec::new(), Vec::new());
    if let Some(set) = &dated.set {
        let set = key_of("set", set);
        for (key, id) in txn.scan(VERSIONS, &set, VERSIONS_MAX)? {
            let Ok(id) = String::from_utf8(id) else { continue };
            let Some(at) = key.get(set.len()..).and_then(Written::from_bytes) else { continue };
            if id != prepared.id {
                if (at, &id) < (written, &prepared.id) { older.push(id) } else { newer.push(id) }
            }
        }
        let key = [set.as_slice(), written.bytes().as_slice(), prepared.id.as_bytes()].concat();
        txn.put(VERSIONS, &key, prepared.id.clone().into_bytes())?;
    }
    let targets: Vec<&String> = dated.replaces.iter().filter(|id| **id != prepared.id).chain(&older).collect();
    for target in targets {
        txn.put(REPLACED, &key_of(DOCUMENT, target), Vec::new())?;
        change(txn, prepared.kind, target, now, superseded)?;
    }
    for id in &newer {
        change(txn, prepared.kind, id, now, |document| replaces(document, std::slice::from_ref(&prepared.id)))?;
    }
    let is_replaced = !newer.is_empty() || txn.get(REPLACED, &key_of(DOCUMENT, &prepared.id))?.is_some();
    if !is_replaced && older.is_empty() {
        return Ok(None);
    }
    let own = prepared.render(1, now);
    let mut own = parsed(&own)?;
    replaces(&mut own, &older);
    if is_replaced {
        superseded(&mut own);
    }
    Ok(Some(ready(&mut own)?))
}

/// Changes a document that is stored.
fn change(
    txn: &mut Txn<'_>,
    kind: Kind,
    id: &str,
    now: Timestamp,
    change: impl FnOnce(&mut Node<'_>),
) -> Result<(), store::Error> {
    if let Some(text) = txn.current_text(kind, id)? {
        let mut document = parsed(&text)?;
        change(&mut document);
        stored(txn, &ready(&mut document)?, now)?;
    }
    Ok(())
}

fn superseded(document: &mut Node<'_>) {
    if document.text_of("status") == Some("current") {
        document.set("status", "superseded");
    }
}

/// Adds documents to the list of those that a document replaces, in an order that does not depend on which came first.
fn replaces(document: &mut Node<'_>, ids: &[String]) {
    let mut all = list(document, "relatesTo");
    for id in ids {
        let one = node!({"code": "replaces", "target": {"reference": format!("{DOCUMENT}/{id}")}});
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all.sort_by_cached_key(Node::sorted_text);
    if !all.is_empty() {
        document.set("relatesTo", all);
    }
}

fn list<'n>(resource: &Node<'n>, name: &str) -> Vec<Node<'n>> {
    resource.get(name).map(Node::items).unwrap_or_default().to_vec()
}

fn parsed(text: &[u8]) -> Result<Node<'_>, store::Error> {
    json::parse(text).map_err(|_| damaged())
}

fn ready(resource: &mut Node<'_>) -> Result<Admitted, store::Error> {
    admit_checked(resource).map_err(|_| damaged())
}

fn damaged() -> store::Error {
    store::Error::Corrupted("a stored resource".into())
}

fn key_of(kind: &str, id: &str) -> [u8; 16] {
    xxh3_128(format!("{kind}/{id}").as_bytes()).to_be_bytes()
}
