//! Messages and documents over whole runs: they find their member, change nothing the second time, and say where they are from.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::access::View;
use crate::config::Policy;

const MESSAGE: &str = include_str!("../../../fixtures/load/hl7v2/results.hl7");
const OTHER: &str = include_str!("../../../fixtures/load/hl7v2/visit.hl7");
const DOCUMENT: &str = include_str!("../../../fixtures/load/ccda/summary.xml");

fn resources(bench: &Bench) -> BTreeMap<String, Value> {
    let snapshot = bench.store.snapshot().unwrap();
    let view = View::operator("2026-11-24T00:00:00Z".parse().unwrap());
    let versions = snapshot.feed(&view, None, u64::MAX, &crate::store::Times::default(), 10_000).unwrap().versions;
    let body = |body: &[u8]| serde_json::from_slice(body).unwrap();
    // The newest come first.
    versions.iter().rev().map(|one| (format!("{}/{}", one.kind.name(), one.id), body(&one.body))).collect()
}

#[test]
fn clinical_records_find_their_member() {
    let bench = Bench::new();
    bench.put("members.csv", "member_id,last_name,first_name,dob\nM100200300,Quintero,Ana,1980-02-14\n");
    bench.put("a.hl7", MESSAGE);
    bench.put("b.hl7", OTHER);
    bench.put("c.xml", DOCUMENT.replace("MRN-77", "M100200300"));
    bench.put("d.xml", "<section/>");
    let request = Request { validation: Policy::Reject, ..bench.request() };
    bench.run(&request);
    let report = bench.report();
    assert!(report.iter().filter(|line| line.contains("unknown-member")).count() == 2, "{report:#?}");
    let all = resources(&bench);
    let patient = all.keys().find(|key| key.starts_with("Patient/")).unwrap().clone();
    let subject =
        |one: &Value| one["subject"]["reference"].as_str().or(one["patient"]["reference"].as_str()).map(str::to_owned);
    for kind in
        ["Observation", "DiagnosticReport", "DocumentReference", "Condition", "Immunization", "MedicationRequest"]
    {
        let of_kind: Vec<&Value> =
            all.iter().filter(|(key, _)| key.starts_with(&format!("{kind}/"))).map(|(_, one)| one).collect();
        assert!(!of_kind.is_empty(), "{kind}");
        assert!(of_kind.iter().all(|one| subject(one).as_ref() == Some(&patient)), "{kind}");
    }
    assert_eq!(all.keys().filter(|key| key.starts_with("Provenance/")).count(), 2);
    // The feed says nothing of the member herself.
    assert_eq!(all[&patient]["name"][0]["given"], serde_json::json!(["Ana"]));

    let before = bench.changes();
    let again = bench.run(&request);
    assert_eq!(again.changed, 0);
    assert_eq!(bench.changes(), before);

    bench.put("e.hl7", MESSAGE.replace("||212|", "||221|").replace("R0001", "R0002"));
    bench.run(&request);
    let values = |all: &BTreeMap<String, Value>| -> Vec<Value> {
        all.values()
            .filter(|one| one["code"]["coding"][0]["code"] == "2093-3" && one["issued"] == "2026-03-10T09:00:00-05:00")
            .map(|one| one["valueQuantity"]["value"].clone())
            .collect()
    };
    assert_eq!(values(&resources(&bench)), [221]);
}
