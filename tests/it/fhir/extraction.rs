//! Search values beside another `FHIRPath` engine: the elements that our paths lead to are those that the guides' own
//! expressions select, in every example of R4 and of the guides.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use ingle::fhir::json::{self, Node};
use ingle::fhir::{Kind, elements};

use super::examples::{self, examples};

/// Parameters that we read in another way on purpose, and why.
const OTHERWISE: [(&str, &str); 3] = [
    (
        "HealthcareService.delivery-method",
        "the guide's expression ends at an extension, which has no code; we go on to its inner value",
    ),
    ("Organization.coverage-area", "the guide's expression ends at an extension; we go on to its reference"),
    ("PractitionerRole.network", "the guide's expression ends at an extension; we go on to its reference"),
];

/// Examples that the other engine cannot take: it holds 1e-22 and 1e-245 for one value, and reads no quantity with a
/// comparator.
const APART: [&str; 2] = ["observation-decimal.json", "observation-example-f205-egfr.json"];

/// Packages whose search parameters are compared; the first that defines one counts.
const DEFINING: [&str; 6] = [
    "hl7.fhir.r4.core-4.0.1-repack",
    "hl7.fhir.us.core-6.1.0",
    "hl7.fhir.us.carin-bb-2.1.0-compiled",
    "hl7.fhir.us.davinci-pdex-2.0.0",
    "hl7.fhir.us.davinci-pdex-plan-net-1.2.0-compiled",
    "hl7.fhir.us.davinci-drug-formulary-2.1.0-compiled",
];

type Expressions = BTreeMap<String, BTreeMap<String, String>>;

fn expressions(packages: &Path) -> Expressions {
    let mut out = Expressions::new();
    for package in DEFINING {
        let file = std::fs::File::open(packages.join(format!("{package}.tgz"))).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if !entry.path().unwrap().to_string_lossy().contains("SearchParameter-") {
                continue;
            }
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let Ok(parameter) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
            let (Some(code), Some(expression)) = (parameter["code"].as_str(), parameter["expression"].as_str()) else {
                continue;
            };
            for kind in parameter["base"].as_array().into_iter().flatten().filter_map(|kind| kind.as_str()) {
                // Of an expression for many types, the parts about this one.
                let mine = expression.split(" | ").filter(|part| {
                    let start = part.trim_start_matches('(');
                    start.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ', ')']))
                        || !start.starts_with(|c: char| c.is_ascii_uppercase())
                });
                let mine = mine.collect::<Vec<_>>().join(" | ");
                if !mine.is_empty() {
                    out.entry(kind.to_owned()).or_default().entry(code.to_owned()).or_insert(mine);
                }
            }
        }
    }
    out
}

#[test]
fn another_engine_finds_the_same_elements() {
    let Some(examples) = examples() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    if !folder.join("node_modules").is_dir() {
        eprintln!("tests/differential has no node_modules (`npm ci` there): the other engine was not asked");
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let known = temporary.path().join("expressions.json");
    let resources = temporary.path().join("resources.ndjson");
    std::fs::write(&known, serde_json::to_vec(&expressions(&examples::packages().unwrap())).unwrap()).unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(&resources).unwrap());
    for (name, text) in examples.iter().filter(|(name, _)| !APART.contains(&name.as_str())) {
        let node = json::parse(text).unwrap();
        let Some(kind) = node.text_of("resourceType").and_then(Kind::parse) else { continue };
        let found: BTreeMap<&str, Vec<serde_json::Value>> = kind
            .standard()
            .filter(|(_, parameter)| !parameter.paths.is_empty())
            .map(|(_, parameter)| {
                let found = elements(parameter, &node);
                let plain = |node: &Node<'_>| serde_json::from_str(&node.to_string()).unwrap();
                (&*parameter.code, found.iter().map(|node| plain(node)).collect())
            })
            .collect();
        let resource: serde_json::Value = serde_json::from_slice(text).unwrap();
        writeln!(file, "{}", serde_json::json!({"name": name, "resource": resource, "found": found})).unwrap();
    }
    file.flush().unwrap();
    let run = Command::new("node").arg(folder.join("compare.mjs")).args([&known, &resources]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let output = String::from_utf8(run.stdout).unwrap();
    let mut compared = 0;
    let mut different: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in output.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["compared", count] => compared = count.parse().unwrap(),
            [_, parameter, ..] => different.entry(parameter).or_default().push(line),
            _ => panic!("{line}"),
        }
    }
    for (parameter, _) in OTHERWISE {
        assert!(different.remove(parameter).is_some(), "{parameter} is the same now: take it off the list");
    }
    let first: Vec<_> = different.values().filter_map(|lines| Some((lines.len(), lines.first()?))).collect();
    assert!(first.is_empty(), "{} parameters differ: {first:#?}", first.len());
    assert!(compared > 10_000, "{compared}");
}
