//! The guides' own statements of capability, from their packages beside the project: whatever they say a server SHALL do is in
//! ours and is answered. Where the packages are not there, the test says so and passes.

use crate::beside::beside;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::server::TestServer;

/// Package, its statement, and the base that must keep it.
const GUIDES: [(&str, &str, &str); 10] = [
    ("hl7.fhir.us.core-6.1.0", "us-core-server", "fhir"),
    ("hl7.fhir.us.carin-bb-2.0.0", "c4bb", "fhir"),
    ("hl7.fhir.us.carin-bb-2.1.0-compiled", "c4bb", "fhir"),
    ("hl7.fhir.us.davinci-pdex-2.0.0", "pdex-server", "fhir"),
    ("hl7.fhir.us.davinci-pdex-2.1.0-compiled", "pdex-server", "fhir"),
    ("hl7.fhir.us.davinci-pdex-2.1.0-compiled", "pdex-server-6-1", "fhir"),
    ("hl7.fhir.us.davinci-pdex-plan-net-1.1.0", "plan-net", "directory"),
    ("hl7.fhir.us.davinci-pdex-plan-net-1.2.0-compiled", "plan-net", "directory"),
    ("hl7.fhir.us.davinci-drug-formulary-2.0.1", "usdf-server", "formulary"),
    ("hl7.fhir.us.davinci-drug-formulary-2.1.0-compiled", "usdf-server", "formulary"),
];

/// What guides ask for and this server does not do, with the reason.
const NOT_SERVED: [(&str, &str); 2] = [
    ("Group", "groups come with bulk data and attribution"),
    (
        "Questionnaire http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire",
        "the package of that guide is not carried; a plan may supply it",
    ),
];

const EXPECTATION: &str = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation";
const COMBINATION: &str = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-search-parameter-combination";

fn statement(package: &Path, id: &str) -> Option<Value> {
    let file = std::fs::File::open(package).ok()?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let name = entry.path().ok()?.to_string_lossy().to_lowercase();
        if !name.ends_with(&format!("capabilitystatement-{id}.json")) {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).ok()?;
        return serde_json::from_str(&text).ok();
    }
    None
}

fn extensions<'v>(of: &'v Value, url: &'v str) -> impl Iterator<Item = &'v Value> {
    of["extension"].as_array().into_iter().flatten().filter(move |extension| extension["url"] == url)
}

fn is_shall(of: &Value) -> bool {
    extensions(of, EXPECTATION).any(|extension| extension["valueCode"] == "SHALL")
}

fn names(of: &Value, list: &str, name: &str) -> BTreeSet<String> {
    of[list].as_array().into_iter().flatten().filter_map(|item| item[name].as_str()).map(str::to_owned).collect()
}

/// Texts in a list, where each has its expectation in the list beside it.
fn shall_texts(of: &Value, list: &str) -> Vec<String> {
    let beside = &of[format!("_{list}")];
    let texts = of[list].as_array().cloned().unwrap_or_default();
    let keep = |at: usize| is_shall(&beside[at]);
    texts
        .iter()
        .enumerate()
        .filter(|(at, _)| keep(*at))
        .filter_map(|(_, text)| Some(text.as_str()?.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guides_say_a_server_shall_do_is_done() {
    let Some(packages) = beside("what_the_guides_say_a_server_shall_do_is_done", "spec/packages") else { return };
    let server = TestServer::builder().start().await;
    let token = server.system("system/*.cruds").await;
    let (mut missing, mut checked) = (Vec::new(), 0);
    for (package, id, base) in GUIDES {
        let theirs = statement(&packages.join(format!("{package}.tgz")), id).expect(package);
        let ours = server.get(&format!("/{base}/metadata"), None).await.json();
        let ours = &ours["rest"][0];
        let mut lacks = |what: String| {
            if !NOT_SERVED.iter().any(|(known, _)| *known == what) {
                missing.push(format!("{package}: {what}"));
            }
        };
        for resource in theirs["rest"][0]["resource"].as_array().unwrap() {
            let kind = resource["type"].as_str().unwrap();
            let mine = ours["resource"].as_array().unwrap().iter().find(|resource| resource["type"] == kind);
            let Some(mine) = mine else {
                if is_shall(resource) || !is_shall(&theirs) {
                    lacks(kind.to_owned());
                }
                continue;
            };
            let interactions = names(mine, "interaction", "code");
            for interaction in resource["interaction"].as_array().into_iter().flatten().filter(|item| is_shall(item)) {
                checked += 1;
                let code = interaction["code"].as_str().unwrap();
                if !interactions.contains(code) {
                    lacks(format!("{kind} {code}"));
                }
            }
            for profile in shall_texts(resource, "supportedProfile") {
                checked += 1;
                let supported = mine["supportedProfile"].as_array().into_iter().flatten();
                let current = |address: &str| address.split('|').next().unwrap_or_default().to_owned();
                if !supported.filter_map(|own| own.as_str()).any(|own| own == current(&profile)) {
                    lacks(format!("{kind} {profile}"));
                }
            }
            let parameters = names(mine, "searchParam", "name");
            for parameter in resource["searchParam"].as_array().into_iter().flatten().filter(|item| is_shall(item)) {
                checked += 1;
                let name = parameter["name"].as_str().unwrap();
                if !parameters.contains(name) {
                    lacks(format!("{kind}?{name}"));
                }
            }
            for (list, query) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
                let own: BTreeSet<String> =
                    mine[list].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect();
                for include in shall_texts(resource, list) {
                    checked += 1;
                    // The formulary guide leaves out the type.
                    let include = if include.contains(':') { include } else { format!("{kind}:{include}") };
                    let answer = server.get(&format!("/{base}/{kind}?{query}={include}"), Some(&token)).await;
                    // A guide may name the type that the reference leads to; we list the reference.
                    let plain = include.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
                    if answer.status != 200 || !(own.contains(&include) || own.contains(&plain)) {
                        lacks(format!("{kind}?{query}={include}"));
                    }
                }
            }
            for combination in extensions(resource, COMBINATION).filter(|item| is_shall(item)) {
                checked += 1;
                let required = combination["extension"].as_array().into_iter().flatten();
                let required =
                    required.filter(|part| part["url"] == "required").filter_map(|part| part["valueString"].as_str());
                let query: Vec<String> = required.map(|name| format!("{name}={}", value_for(resource, name))).collect();
                let answer = server.get(&format!("/{base}/{kind}?{}", query.join("&")), Some(&token)).await;
                if answer.status != 200 {
                    lacks(format!("{kind}?{}: {}", query.join("&"), answer.text()));
                }
            }
            let operations = names(mine, "operation", "name");
            for operation in resource["operation"].as_array().into_iter().flatten().filter(|item| is_shall(item)) {
                checked += 1;
                let name = operation["name"].as_str().unwrap().trim_start_matches('$');
                if !operations.contains(name) {
                    lacks(format!("{kind} ${name}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{} of {checked} are missing:\n{}", missing.len(), missing.join("\n"));
    assert!(checked > 300, "{checked}");
}

fn value_for(resource: &Value, name: &str) -> &'static str {
    let parameters = resource["searchParam"].as_array().into_iter().flatten();
    match parameters.filter(|parameter| parameter["name"] == name).find_map(|parameter| parameter["type"].as_str()) {
        Some("date") => "ge2026-01-01",
        Some("reference") => "Patient/ana",
        _ => "x",
    }
}
