//! Providers and drugs over whole runs: what ends, ends everywhere, and what comes back is there again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::access::View;
use crate::config::Policy;

const REGISTRY: &str = "NPI,Entity Type Code,Provider Organization Name (Legal Business Name),\
    Provider Last Name (Legal Name),Provider First Name,NPI Deactivation Date,NPI Reactivation Date\n";
const TABLE: &str = "npi,last_name,first_name,specialty,group_name,group_npi,address,city,state,zip,network\n";

/// Everything in the store, by type and id.
fn resources(bench: &Bench) -> BTreeMap<String, Value> {
    let snapshot = bench.store.snapshot().unwrap();
    let view = View::operator("2026-11-24T00:00:00Z".parse().unwrap());
    let versions = snapshot.feed(&view, None, u64::MAX, &crate::store::Times::default(), 10_000).unwrap().versions;
    let body = |body: &[u8]| serde_json::from_slice(body).unwrap_or_default();
    versions.iter().rev().map(|one| (format!("{}/{}", one.kind.name(), one.id), body(&one.body))).collect()
}

/// What the public sees of these types.
fn public(bench: &Bench, kinds: &[&str]) -> Vec<Value> {
    let is =
        |one: &Value| kinds.iter().any(|kind| one["resourceType"] == *kind) && one["meta"].get("profile").is_some();
    resources(bench).into_values().filter(is).collect()
}

fn request(bench: &Bench) -> Request {
    Request { validation: Policy::Reject, ..bench.request() }
}

/// The registry deactivated a doctor and a group; their roles, places and affiliations stayed in the directory and referred to
/// nobody who was there.
#[test]
fn what_a_deactivated_provider_had_goes_with_her() {
    let bench = Bench::new();
    let roles = ["PractitionerRole"];
    let tied = ["PractitionerRole", "OrganizationAffiliation", "HealthcareService", "Location", "Endpoint"];
    bench.put(
        "t.csv",
        format!(
            "{TABLE}1234567893,Albee,Ruth,207Q00000X,,,1 A St,Hartford,CT,06103,N\n\
             1000000004,Quill,Rosa,207Q00000X,Elm Group,1000871099,2 A St,Hartford,CT,06103,N\n"
        ),
    );
    bench.put(
        "f.csv",
        "facility_name,npi,address,city,state,zip,network,endpoint\n\
         Elm Hospital,1000158380,3 A St,Hartford,CT,06103,N,https://elm.example/fhir\n",
    );
    bench.run(&request(&bench));
    assert_eq!(public(&bench, &tied).len(), 2 + 1 + 1 + 3 + 1);

    bench.put("n.csv", format!("{REGISTRY}1234567893,,,,,05/01/2026,\n"));
    bench.run(&request(&bench));
    let left = public(&bench, &roles);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["practitioner"]["reference"], "Practitioner/npi-1000000004");
    // The table still lists her; that says nothing against the registry, and changes nothing.
    let changes = bench.changes();
    assert_eq!(bench.run(&request(&bench)).changed, 0);
    assert_eq!(bench.changes(), changes);

    bench.put("n2.csv", format!("{REGISTRY}1000158380,2,,,,05/01/2026,\n1000871099,2,,,,05/01/2026,\n"));
    bench.run(&request(&bench));
    let left = public(&bench, &tied);
    // An address that is nobody's own stays.
    let kinds: Vec<&str> = left.iter().map(|one| one["resourceType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Location"], "{left:#?}");
    let changes = bench.changes();
    bench.run(&request(&bench));
    assert_eq!(bench.changes(), changes);

    // She is back, and with her what the table says of her.
    std::fs::remove_file(bench.folder.path().join("in/n2.csv")).unwrap();
    bench.put("n.csv", format!("{REGISTRY}1234567893,1,,ALBEE,RUTH,05/01/2026,06/01/2026\n"));
    bench.run(&request(&bench));
    let back = public(&bench, &roles);
    assert!(back.iter().any(|one| one["network"].is_null() && one["location"].is_array()), "{back:#?}");
    assert!(back.iter().all(|one| one["practitioner"]["reference"] == "Practitioner/npi-1234567893"));
}

#[test]
fn a_run_that_was_killed_before_it_ended_them_is_made_good() {
    let bench = Bench::new();
    bench.put("t.csv", format!("{TABLE}1234567893,Albee,Ruth,207Q00000X,,,1 A St,Hartford,CT,06103,N\n"));
    bench.run(&request(&bench));
    std::fs::remove_file(bench.folder.path().join("in/t.csv")).unwrap();
    bench.put("n.csv", format!("{REGISTRY}1234567893,,,,,05/01/2026,\n"));
    // As if the run had come no further than the registry's own rows.
    let before = bench.changes();
    bench.run(&request(&bench));
    let role = public(&bench, &["PractitionerRole"]);
    assert!(role.is_empty() && bench.changes() > before);
    let active = resources(&bench).into_iter().find(|(key, _)| key.starts_with("PractitionerRole/")).unwrap().1;
    let mut active = active;
    active["active"] = true.into();
    let text = active.to_string();
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let again: Result<_, store::Error> = bench.store.transact_blocking(move |txn| {
        txn.put_resource(&crate::fhir::prepare(text.as_bytes()).unwrap(), now, None)?;
        txn.put(store::Table::new("load.retire"), b"begun", Vec::new())
    });
    again.unwrap();
    bench.run(&request(&bench));
    let role = resources(&bench).into_iter().find(|(key, _)| key.starts_with("PractitionerRole/")).unwrap().1;
    assert_eq!(role["active"], false);
}
