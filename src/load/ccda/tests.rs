//! What documents become: the public samples, hostile texts, anything at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::read;
use crate::load::fixtures_tests::{about, assert_valid};
use crate::load::record::{Read, Whose};

const DOCUMENT: &str = include_str!("../../../fixtures/load/ccda/summary.xml");

fn whose() -> Whose {
    Whose { patient: "p1".into(), coverage: None }
}

fn resources(read: &Read) -> Vec<Value> {
    read.records.iter().flat_map(|record| record.resources(&whose(), about()).unwrap()).collect()
}

fn of(text: &str) -> Vec<Value> {
    resources(&read(&"d.xml".into(), text.as_bytes()))
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, out) } else { out.push(path) }
    }
}

const TARGET: &str = "<recordTarget><patientRole><id root='1.2.3' extension='7'/></patientRole></recordTarget>";

/// A part of a document within a document of nobody's, so that its entries are seen.
fn wrapped(part: &str) -> String {
    let part = part.trim_start_matches('\u{feff}').trim_start();
    let part = if part.starts_with("<?xml") { part.split_once("?>").unwrap().1 } else { part };
    let inner = part.trim_start();
    let mut first = inner;
    while let Some(rest) = first.strip_prefix("<!--") {
        first = rest.split_once("-->").unwrap().1.trim_start();
    }
    let (header, body) = if first.starts_with("<section") {
        (String::new(), format!("<component>{inner}</component>"))
    } else if first.starts_with("<component") {
        (String::new(), inner.to_owned())
    } else if first.starts_with("<ClinicalDocument") {
        return part.to_owned();
    } else if first.starts_with("<documentationOf") {
        (format!("{TARGET}{inner}"), String::new())
    } else if first.starts_with("<recordTarget") {
        (inner.to_owned(), String::new())
    } else {
        (String::new(), format!("<component><section><entry>{inner}</entry></section></component>"))
    };
    let header = if header.is_empty() { TARGET.to_owned() } else { header };
    format!(
        "<ClinicalDocument xmlns='urn:hl7-org:v3'><id root='1.2.3.4' extension='d'/><code code='34133-9' codeSystem='2.16.840.1.113883.6.1'/>\
         <effectiveTime value='20260101120000-0500'/>{header}<component><structuredBody>{body}</structuredBody></component></ClinicalDocument>"
    )
}

#[derive(Default)]
struct Count {
    files: usize,
    records: usize,
    by_type: BTreeMap<String, usize>,
    profiles: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
}

impl Count {
    fn add(&mut self, file: &Arc<str>, text: &[u8]) {
        self.files += 1;
        let found = read(file, text);
        self.records += found.records.len();
        for (_, reject) in &found.rejects {
            *self.refused.entry(format!("{}: {}", reject.rule, reject.reason)).or_default() += 1;
        }
        let all = resources(&found);
        assert_eq!(all, resources(&read(file, text)), "{file}");
        for resource in &all {
            assert_valid(resource);
            *self.by_type.entry(resource["resourceType"].as_str().unwrap().to_owned()).or_default() += 1;
            for profile in resource["meta"]["profile"].as_array().into_iter().flatten() {
                *self.profiles.entry(profile.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).or_default() +=
                    1;
            }
        }
    }

    fn value(&self) -> Value {
        json!({
            "files": self.files,
            "records": self.records,
            "resources": self.by_type,
            "profiles": self.profiles,
            "refused": self.refused,
        })
    }
}

/// What the 106 public files become. 23 are whole documents (one of them among the 84 examples), and all are read. The 83 parts
/// of documents do not say whose they are and are refused (`as they are`); within an envelope of the test's own
/// (`in an envelope`) it is seen what their entries become. Every document gives a `DocumentReference`.
#[test]
fn the_public_samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ccda");
    if !folder.is_dir() {
        eprintln!("the test of the public documents did not run: ../shared/data is not here");
        return;
    }
    let mut paths = Vec::new();
    walk(&folder, &mut paths);
    let (mut whole, mut parts) = (Count::default(), Count::default());
    for path in &paths {
        let text = fs::read(path).unwrap();
        let file: Arc<str> = path.file_name().unwrap().to_str().unwrap().into();
        whole.add(&file, &text);
        if path.to_str().unwrap().contains("c-cda-examples") {
            parts.add(&file, wrapped(&String::from_utf8_lossy(&text)).as_bytes());
        }
    }
    insta::assert_json_snapshot!(json!({"as they are": whole.value(), "in an envelope": parts.value()}));
}
