//! Loads into a whole server: what was kept is found over HTTP, and the public samples all load.

use std::path::PathBuf;

use ingle::load::{Mapping, Request, Summary, Target, run};

use super::server::TestServer;
use crate::beside::beside;

mod cases;

fn load(server: &TestServer, paths: Vec<PathBuf>) -> Summary {
    load_with(server, paths, Mapping::default())
}

fn load_with(server: &TestServer, paths: Vec<PathBuf>, mapping: Mapping) -> Summary {
    let realm = &server.plan;
    let report = server.folder.path().join("report.ndjson");
    let request = Request {
        paths,
        format: None,
        mapping,
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
    let Some(shared) = beside("public_samples_load", "data") else { return };
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

#[tokio::test(flavor = "multi_thread")]
async fn representatives_begin_and_end_on_their_days() {
    let server = crate::server::TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .member("M3", "cyd", "cyd@example.com")
        .start()
        .await;
    let table = |rows: &str| {
        server.load(
            "representatives.csv",
            &format!("representative_member_id,member_id,relationship,start_date,end_date\n{rows}"),
        );
    };
    let may = |patient: &str, day: &str| {
        let now = format!("{day}T12:00:00Z").parse::<jiff::Timestamp>().unwrap().as_second();
        server.plan.identity.representations().may_act("M1", patient, now).unwrap().is_some()
    };
    table("M1,M2,Power of Attorney,2026-02-01,2026-03-31\nM1,M3,,,\n");
    assert_eq!(
        ["2026-01-31", "2026-02-01", "2026-03-31", "2026-04-01"].map(|day| may("bob", day)),
        [false, true, true, false]
    );
    assert!(may("cyd", "2030-01-01"), "without an end until it is ended");
    let known = server.plan.identity.representations().of_represented("M2").unwrap();
    assert_eq!(known[0].kind, ingle::identity::representation::Kind::PowerOfAttorney);
    // The file says that it has ended, and so it has.
    table("M1,M3,,,2026-01-01\n");
    assert!(!may("cyd", "2026-03-02"));
    for wrong in ["M1,M2,aunt,,", "M1,M2,parent,,soon", "M1,M2,parent,2026-03-01,2026-02-01", "M1,M1,,,", "M1,M9,,,"] {
        let rejected = server.load_partly(
            "representatives.csv",
            &format!("representative_member_id,member_id,relationship,start_date,end_date\n{wrong}\n"),
        );
        assert_eq!(rejected, 1, "{wrong}");
    }
    assert!(may("bob", "2026-03-31"), "what was refused changed nothing");
}
