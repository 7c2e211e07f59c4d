//! `[validation] packages`: profiles of the plan's own.

use std::io::Write;
use std::path::Path;

use super::Install;

/// A package as the guides publish them.
fn package(path: &Path, files: &[(&str, serde_json::Value)]) {
    let file = std::fs::File::create(path).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    for (name, resource) in files {
        let text = resource.to_string();
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, format!("package/{name}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap().flush().unwrap();
}

#[test]
fn a_plans_own_profiles_are_checked() {
    let install = Install::bare();
    let at = |name: &str| install.path(name);
    std::fs::create_dir(at("packages")).unwrap();
    let profile = serde_json::json!({"resourceType": "StructureDefinition", "url": "https://plan.example/tier-patient",
        "version": "1.0", "name": "TierPatient", "status": "active", "kind": "resource", "abstract": false, "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "derivation": "constraint",
        "differential": {"element": [{"id": "Patient", "path": "Patient"},
            {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "min": 1,
             "binding": {"strength": "required", "valueSet": "https://plan.example/tiers"}}]}});
    let set = serde_json::json!({"resourceType": "ValueSet", "url": "https://plan.example/tiers", "status": "active",
        "compose": {"include": [{"system": "https://plan.example/t", "concept": [{"code": "gold"}]}]}});
    package(
        &at("packages/own.tgz"),
        &[
            ("StructureDefinition-tier.json", profile),
            ("ValueSet-tiers.json", set),
            (".index.json", serde_json::json!({"files": []})),
        ],
    );
    std::fs::write(
        at("fhir.toml"),
        "[plan]\nname = \"Plan\"\nurl = \"http://127.0.0.1:8080\"\n[storage]\npath = \"data\"\n[mail]\ntransport = \"file:mail\"\n\
         from = \"a@plan.example\"\n[validation]\nloads = \"reject\"\npackages = \"packages\"\n",
    )
    .unwrap();
    let patient = |id: &str, code: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"{id}","meta":{{"profile":["https://plan.example/tier-patient|1.0"]}},"maritalStatus":{{"coding":[{{"system":"https://plan.example/t","code":"{code}"}}]}}}}"#
        )
    };
    std::fs::write(at("in.ndjson"), format!("{}\n{}\n", patient("p1", "gold"), patient("p2", "tin"))).unwrap();
    let (code, said, talk) = install.run(&["load", "in.ndjson", "--json"]);
    let report: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_default();
    assert_eq!(report["rejected"], 1, "{code} {said} {talk}");

    // A folder that is not there is said before anything is done.
    std::fs::remove_dir_all(at("packages")).unwrap();
    let (code, _, talk) = install.run(&["load", "in.ndjson"]);
    assert_ne!(code, 0);
    assert!(talk.contains("[validation] packages"), "{talk}");
}
