//! Loads into a whole server: what was kept is found over HTTP, and the public samples all load.

use std::path::PathBuf;

use ingle::load::{Mapping, Request, Summary, Target, run};

use super::server::{TestServer, shared};

fn load(server: &TestServer, paths: Vec<PathBuf>) -> Summary {
    let realm = &server.plan;
    let report = server.folder.path().join("report.ndjson");
    let request = Request {
        paths,
        format: None,
        mapping: Mapping::default(),
        dry_run: false,
        report,
        validation: ingle::config::Policy::Off,
        claims_as_clinical: ingle::config::ClaimsAsClinical::Encounters,
        registry: ingle::config::Registry::All,
        complete: Vec::new(),
        stop: ingle::load::Stop::default(),
    };
    let target = Target {
        store: &realm.store,
        contacts: realm.identity.contact_key(),
        now: realm.clock.now(),
        find: &|_, _, _| None,
        ids: "https://plan.example/ids",
        plan: "Test Plan",
    };
    run(&request, &target, &realm.clock, &mut |_| {}).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_is_found_at_once() {
    let server = TestServer::builder().start().await;
    let file = server.folder.path().join("doctors.ndjson");
    let profile = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/plannet-Practitioner";
    let line = |n| {
        let name = format!(r#""name":[{{"family":"Berg{n}"}}]"#);
        format!(r#"{{"resourceType":"Practitioner","id":"d{n}","meta":{{"profile":["{profile}"]}},{name}}}"#)
    };
    let lines: Vec<String> = (0..5_000).map(line).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let summary = tokio::task::block_in_place(|| load(&server, vec![file]));
    assert_eq!((summary.kept, summary.changed), (5_000, 5_000));
    let found = server.get("/directory/Practitioner?family=berg4999", None).await;
    assert_eq!(found.ids("match"), ["d4999"]);
    assert_eq!(server.get("/directory/Practitioner?_count=0&_total=accurate", None).await.json()["total"], 5_000);
}

/// Every public sample must be kept or refused with a reason, without a panic, and be unchanged the second time.
#[tokio::test(flavor = "multi_thread")]
async fn public_samples_load() {
    let Some(shared) = shared() else {
        eprintln!("public_samples_load did not run: ../shared/data is not here");
        return;
    };
    for (name, kept, rejected) in
        [("fhir-carin", 111, 0), ("fhir-uscore", 28_997, 4), ("fhir-plannet", 59, 0), ("csv-members", 27, 45)]
    {
        let server = TestServer::builder().start().await;
        tokio::task::block_in_place(|| {
            let first = load(&server, vec![shared.join(name)]);
            assert!(first.kept >= kept && first.rejected <= rejected, "{name} {first:?}");
            let report = std::fs::read_to_string(server.folder.path().join("report.ndjson")).unwrap_or_default();
            assert_eq!(report.lines().count() as u64, first.rejected);
            for line in report.lines() {
                let reject: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(!reject["reason"].as_str().unwrap().is_empty() && reject["line"].is_u64(), "{reject}");
            }
            let second = load(&server, vec![shared.join(name)]);
            assert_eq!((second.changed, second.rejected, second.kept), (0, first.rejected, first.kept), "{name}");
        });
    }
}
