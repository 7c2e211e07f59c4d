//! `$validate`, and the guides' own examples against their own profiles.

use crate::beside::beside;
use std::collections::BTreeMap;
use std::path::Path;

use ingle::fhir::json;
use ingle::fhir::validate::{Severity, validate};
use poem::http::Method;
use serde_json::{Value, json as value};

use super::examples::examples;
use crate::server::{Answer, TestServer, request};

async fn post(server: &TestServer, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let request = request(Method::POST, path, token).content_type("application/fhir+json");
    server.send(request.body(body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_is_wrong_and_where() {
    let server =
        TestServer::builder().member("M1", "ana", "ana@example.com").member("M2", "bob", "b@example.com").start().await;
    let token = server.tokens("M1", "patient/Patient.rs").await.access_token;
    let core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    let good = value!({"resourceType": "Patient", "name": [{"family": "Alder"}]});
    let answer = post(&server, "/fhir/Patient/$validate", Some(&token), &good).await;
    assert_eq!((answer.status.as_u16(), answer.json()["issue"][0]["severity"].as_str()), (200, Some("information")));
    let bad = value!({"resourceType": "Patient", "name": {"family": "Alder"}, "gender": "woman"});
    let answer = post(&server, "/fhir/Patient/$validate", Some(&token), &bad).await;
    let mut issues = answer.json()["issue"].as_array().unwrap().clone();
    issues.sort_by_key(|issue| issue["expression"][0] != "Patient.name");
    assert_eq!(answer.status, 200);
    assert_eq!(
        (issues[0]["expression"][0].as_str(), issues[0]["severity"].as_str()),
        (Some("Patient.name"), Some("error"))
    );
    assert_eq!(issues[1]["code"], "code-invalid");
    let called = value!({"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": good}, {"name": "profile", "valueUri": core}, {"name": "mode", "valueCode": "create"}]});
    let answer = post(&server, "/fhir/Patient/$validate", Some(&token), &called).await;
    assert_eq!(answer.json()["issue"][0]["expression"][0], "Patient.identifier");
    let by_query = post(&server, &format!("/fhir/Patient/$validate?profile={core}"), Some(&token), &good).await;
    assert_eq!(by_query.json(), answer.json());
    let other = post(&server, "/fhir/Patient/$validate", Some(&token), &value!({"resourceType": "Group"})).await;
    assert_eq!(other.json()["issue"][0]["code"], "invalid");

    let own = server.send(request(Method::POST, "/fhir/Patient/ana/$validate", Some(&token)).finish()).await;
    assert_eq!((own.status.as_u16(), own.json()["issue"][0]["code"].as_str()), (200, Some("informational")));
    let foreign = server.send(request(Method::POST, "/fhir/Patient/bob/$validate", Some(&token)).finish()).await;
    assert_eq!(foreign.status, 404);
    for (path, token, body, status) in [
        ("/fhir/Patient/$validate", None, good.clone(), 401),
        ("/fhir/Condition/$validate", Some(&token), good.clone(), 403),
        ("/fhir/Patient/$validate?profile=http://nowhere.example", Some(&token), good.clone(), 400),
        ("/fhir/Patient/$validate", Some(&token), value!({"resourceType": "Parameters"}), 400),
    ] {
        assert_eq!(post(&server, path, token.map(String::as_str), &body).await.status, status, "{path}");
    }
}

/// Examples that have errors, and what we make of them. All others must be valid.
const FAILING: [(&str, &str); 10] = [
    ("Observation-satO2-fiO2.json", "L/min is not in the value set that R4's vital signs require"),
    (
        "ExplanationOfBenefit-BB-EOBProfessionalTransportation1-nonfinancial.json",
        "a reason that the profile requires; we may be wrong",
    ),
    ("ExplanationOfBenefit-EOBProfessionalTransportation1.json", "a reason that the profile requires; we may be wrong"),
    ("Endpoint-diamond-mtls-endpoint1.json", "an inner extension without a value; we may be wrong"),
    ("Endpoint-diamond-mtls-endpoint2.json", "an inner extension without a value; we may be wrong"),
    ("devicemetric-example.json", "refers to a type that R4 does not allow there"),
    ("deviceusestatement-example.json", "refers to a type that R4 does not allow there"),
    ("medicationrequest0301.json", "refers to a type that R4 does not allow there"),
    ("observation-example-clinical-gender.json", "refers to a type that R4 does not allow there"),
    ("observation-example-genetics-brcapat.json", "an extension of another shape than US Core's of that address"),
];

#[test]
fn the_guides_own_examples_are_valid() {
    let Some(examples) = examples() else { return };
    let mut failed = BTreeMap::new();
    for (name, text) in &examples {
        let issues = validate(&json::parse(text).unwrap(), &[]);
        // CARIN 2.0 stands on US Core 3.1.1, which has no rule about the check digits of made-up NPIs; ours is 6.1.
        let is_npi = |text: &str| {
            name.starts_with("2.0.0/") && ["us-core-16", "us-core-17"].iter().any(|key| text.contains(key))
        };
        let is_error = |issue: &ingle::fhir::validate::Issue| issue.severity == Severity::Error && !is_npi(&issue.text);
        let errors: Vec<_> = issues.into_iter().filter(is_error).collect();
        if !errors.is_empty() {
            failed.insert(name.clone(), errors);
        }
    }
    for (name, _) in FAILING {
        assert!(failed.remove(name).is_some(), "{name} is valid now: take it off the list");
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(examples.len() > 1_000, "{}", examples.len());
}

/// The tables are what `ingle dev definitions` makes of the packages.
#[test]
fn the_tables_are_those_of_the_packages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(packages) = beside("the_tables_are_those_of_the_packages", "spec/packages") else { return };
    let tables = ingle::cli::definitions::generate(&packages).unwrap();
    let kept = |name: &str| std::fs::read_to_string(root.join("src/fhir/definitions").join(name)).unwrap();
    assert!(tables.structures == kept("structures.tsv"), "run `ingle dev definitions ../shared/spec/packages`");
    assert!(tables.displays == kept("displays.tsv"), "run `ingle dev definitions ../shared/spec/packages`");
    assert!(tables.hierarchies == kept("hierarchies.tsv"), "run `ingle dev definitions ../shared/spec/packages`");
    assert!(tables.codes == kept("codes.tsv"), "run `ingle dev definitions ../shared/spec/packages`");
}

/// Our own broken resources: beside each stands what must be found, one issue a line.
#[test]
fn broken_resources_fail_where_they_are_broken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/validate");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    assert!(paths.len() > 15, "{}", paths.len());
    for path in paths {
        let text = std::fs::read(&path).unwrap();
        let issues = validate(&json::parse(&text).unwrap(), &[]);
        let line = |issue: &ingle::fhir::validate::Issue| {
            format!("{} {} {}: {}\n", issue.severity.word(), issue.code, issue.path, issue.text)
        };
        let found = issues.iter().map(line).collect::<Vec<_>>().concat();
        let kept = path.with_extension("issues");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(&kept, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&kept).unwrap_or_default(), "{}", path.display());
        assert!(found.contains("error"), "{}", path.display());
    }
}
