//! Files of every kind with their expected results: `fixtures/load/<kind>/<name>.<ending>` and beside it
//! `<name>.expected.ndjson`, which holds the resources in order and then the refusals. A new case is a new pair of
//! files.
//!
//! A new kind is a new arm in [`read`]. `UPDATE_EXPECTED=1 cargo test --lib map::fixtures` writes the expected results;
//! read them before you commit them.

use std::fmt::Display;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::fhir::json::{Node, node};
use crate::fhir::validate::{Severity, validate};
use crate::formats::tables::mapping::Mapping;
use crate::map::plan_net::merge;
use crate::map::record::{KnownMember, PlanContext, ReadPiece};

/// The plan of every test.
pub(crate) fn about() -> PlanContext<'static> {
    PlanContext { ids: "https://plan.example/ids", plan: "Plan", now: "2026-11-24T00:00:00Z".parse().unwrap() }
}

/// A resource as tests look into it.
pub(crate) fn value(node: &Node<'_>) -> Value {
    serde_json::from_str(&node.to_string()).unwrap()
}

/// The same for the resources of a file's records.
pub(crate) fn resources(read: &ReadPiece) -> Vec<Value> {
    made(read).iter().map(value).collect()
}

/// The resources of a file's records. Records about members are all mapped to one member.
pub(crate) fn made(read: &ReadPiece) -> Vec<Node<'static>> {
    let is_hers = read.records.iter().any(|record| record.named_member().is_some());
    let known_member = KnownMember {
        patient: if is_hers { "p1".into() } else { String::new() },
        coverage: None,
        ..KnownMember::default()
    };
    read.records.iter().flat_map(|record| record.resources(&known_member, about()).unwrap()).collect()
}

/// The same for a resource from the store, without the fields that the server sets.
pub(crate) fn assert_valid_when_stored(resource: &Value) {
    let mut stamped = resource.clone();
    stamped["meta"]["lastUpdated"] = json!("2026-11-24T00:00:00Z");
    assert_valid(&stamped);
}

pub(crate) fn assert_valid(resource: &impl Display) {
    let text = resource.to_string();
    let node = crate::fhir::json::parse(text.as_bytes()).unwrap();
    let errors: Vec<_> = validate(&node, &[]).into_iter().filter(|issue| issue.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{text}\n{errors:#?}");
    assert!(crate::fhir::prepare(text.as_bytes()).is_ok(), "{text}");
}

/// The rows of a table, with their lines. Good enough for tests: one delimiter, and the csv crate's own idea of lines.
pub(crate) fn rows(text: &[u8]) -> (csv::StringRecord, Vec<(u64, csv::StringRecord)>) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header = reader.headers().unwrap().clone();
    let rows = reader.records().map(|row| row.unwrap());
    (header, rows.map(|row| (row.position().unwrap().line(), row)).collect())
}

/// A file of the public samples, unpacked; absent, with a message, where there are none.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let path = crate::beside::beside(&format!("the test of {name}"), &format!("data/{name}"))?;
    let bytes = fs::read(&path).unwrap();
    let mut text = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap();
        return Some(text);
    }
    Some(bytes)
}

fn read(kind: &str, file: &Arc<str>, text: &[u8]) -> ReadPiece {
    let mapping = Mapping::default();
    match kind {
        "nppes" => {
            let (header, rows) = rows(text);
            crate::map::nppes::read(file, &crate::formats::nppes::NppesHeader::new(&header), &rows)
        }
        "providers" => {
            let (header, rows) = rows(text);
            crate::map::providers::read(
                file,
                &crate::formats::tables::providers::ProviderHeader::new(&header, &mapping.providers),
                &rows,
            )
        }
        "formulary" => {
            let (header, rows) = rows(text);
            crate::map::formulary::read(
                file,
                &crate::formats::tables::drug_list::DrugListHeader::new(&header, &mapping.formulary),
                &rows,
            )
        }
        "qhp" => crate::map::qhp::read(file, 1, text),
        "hl7v2" => crate::map::hl7v2::read(file, 1, text),
        "ccda" => crate::map::ccda::read(file, text),
        other => panic!("no reader for {other}"),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    out.sort();
    out
}

#[test]
fn every_fixture_becomes_what_stands_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load");
    let mut count = 0;
    // Results of X12 files and tables of claims need whole runs (tests/x12.rs, tests/tables.rs).
    let is_run = |path: &Path| path.ends_with("x12") || path.ends_with("tables");
    for folder in files(&root).iter().filter(|path| path.is_dir() && !is_run(path)) {
        let kind = folder.file_name().unwrap().to_str().unwrap();
        for path in files(folder) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(".expected.ndjson") {
                continue;
            }
            let found = read(kind, &name.into(), &fs::read(&path).unwrap());
            let resources = made(&found);
            for resource in &resources {
                assert_valid(resource);
                let again = merge(resource, resource.clone()).to_string();
                assert_eq!(again, resource.to_string(), "the second run changes something");
            }
            let refusals = found.rejects.iter().map(|(_, reject)| json!({ "reject": reject }).to_string());
            let texts: Vec<String> = resources.iter().map(Node::to_string).chain(refusals).collect();
            let lines = texts.join("\n") + "\n";
            let expected = path.with_extension("expected.ndjson");
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                fs::write(&expected, &lines).unwrap();
            }
            let wanted = fs::read_to_string(&expected).unwrap_or_default();
            for (at, (line, want)) in lines.lines().zip(wanted.lines()).enumerate() {
                assert_eq!(line, want, "{}:{}", expected.display(), at + 1);
            }
            assert_eq!(lines.lines().count(), wanted.lines().count(), "{}", expected.display());
            count += 1;
        }
    }
    assert!(count > 3, "{count} fixtures");
}

/// The contents of a store after these files were loaded, one after the other.
fn loaded<'f>(files: impl Iterator<Item = &'f PathBuf>, mut store: Store) -> Store {
    for path in files {
        let kind = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        for new in made(&read(kind, &path.display().to_string().into(), &fs::read(path).unwrap())) {
            let key = format!("{}/{}", new.text_of("resourceType").unwrap(), new.text_of("id").unwrap());
            let kept = store.get(&key).map_or_else(|| new.clone(), |known| merge(known, new.clone()));
            assert_valid(&kept);
            store.insert(key, kept);
        }
    }
    store
}

type Store = std::collections::BTreeMap<String, Node<'static>>;

fn references<'v>(node: &'v Node<'_>, out: &mut Vec<&'v str>) {
    out.extend(node.text_of("reference"));
    node.members().iter().for_each(|(_, value)| references(value, out));
    if let Node::Array(items) = node {
        for one in items {
            references(one, out);
        }
    }
}

#[test]
fn a_provider_of_three_sources_is_one_and_a_second_run_changes_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load");
    let kinds = ["formulary", "nppes", "providers", "qhp"];
    let all: Vec<PathBuf> = kinds
        .iter()
        .flat_map(|kind| files(&root.join(kind)))
        .filter(|path| !path.to_str().unwrap().ends_with(".expected.ndjson"))
        .collect();
    let once = loaded(all.iter(), Store::new());
    let texts = |store: &Store| store.values().map(Node::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&loaded(all.iter(), once.clone())), texts(&once));
    assert_eq!(loaded(all.iter().rev(), Store::new()), once, "the order of the files matters");
    let family = node!("Quillfeather");
    let is_named =
        |one: &&Node<'_>| one.get("name").and_then(|names| names.items().first()?.get("family")) == Some(&family);
    let names: Vec<&Node<'_>> = once.values().filter(is_named).collect();
    assert_eq!(names.len(), 1);
    assert!(names[0].to_string().contains("L100"), "the licence comes from the registry: {}", names[0]);
    for resource in once.values() {
        let mut targets = Vec::new();
        references(resource, &mut targets);
        for name in targets {
            assert!(once.contains_key(name), "{name} is nowhere, in {resource}");
        }
    }
}
