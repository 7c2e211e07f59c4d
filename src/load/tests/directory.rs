//! Providers and drugs over whole runs: a retired resource is retired everywhere, and one that comes back is current
//! again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::access::View;
use crate::config::Policy;

const REGISTRY: &str = "NPI,Entity Type Code,Provider Organization Name (Legal Business Name),\
    Provider Last Name (Legal Name),Provider First Name,NPI Deactivation Date,NPI Reactivation Date\n";
const TABLE: &str =
    "npi,last_name,first_name,specialty,group_name,group_npi,address,city,state,zip,network,telehealth\n";

/// Everything in the store, by type and id.
fn resources(bench: &Bench) -> BTreeMap<String, Value> {
    let snapshot = bench.store.snapshot().unwrap();
    let view = View::operator("2026-11-24T00:00:00Z".parse().unwrap());
    let versions = snapshot.feed(&view, None, u64::MAX, &crate::store::Times::default(), 10_000).unwrap().versions;
    let body = |body: &[u8]| serde_json::from_slice(body).unwrap_or_default();
    versions.iter().rev().map(|one| (format!("{}/{}", one.kind.name(), one.id), body(&one.body))).collect()
}

/// The publicly visible resources of these types.
fn public(bench: &Bench, kinds: &[&str]) -> Vec<Value> {
    let is =
        |one: &Value| kinds.iter().any(|kind| one["resourceType"] == *kind) && one["meta"].get("profile").is_some();
    resources(bench).into_values().filter(is).collect()
}

fn request(bench: &Bench) -> Request {
    Request { validation: Policy::Reject, ..bench.request() }
}

/// The registry deactivated a doctor and a group; their roles, locations and affiliations stayed in the directory and
/// referred to retired providers.
#[test]
fn what_a_deactivated_provider_had_goes_with_her() {
    let bench = Bench::new();
    let roles = ["PractitionerRole"];
    let tied = ["PractitionerRole", "OrganizationAffiliation", "HealthcareService", "Location", "Endpoint"];
    bench.put(
        "t.csv",
        format!(
            "{TABLE}1234567893,Albee,Ruth,207Q00000X,,,1 A St,Hartford,CT,06103,N,Y\n\
             1000000004,Quill,Rosa,207Q00000X,Elm Group,1000871099,2 A St,Hartford,CT,06103,N,\n"
        ),
    );
    bench.put(
        "f.csv",
        "facility_name,npi,address,city,state,zip,network,endpoint\n\
         Elm Hospital,1000158380,3 A St,Hartford,CT,06103,N,https://elm.example/fhir\n",
    );
    bench.run(&request(&bench));
    assert_eq!(public(&bench, &tied).len(), 2 + 1 + 2 + 3 + 1);

    bench.put("n.csv", format!("{REGISTRY}1234567893,,,,,05/01/2026,\n"));
    bench.run(&request(&bench));
    assert_eq!(public(&bench, &["HealthcareService"]).len(), 1, "the visits by video are nobody's");
    let left = public(&bench, &roles);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["practitioner"]["reference"], "Practitioner/npi-1000000004");
    // The table still lists the doctor; that does not contradict the registry, and changes nothing.
    let changes = bench.changes();
    assert_eq!(bench.run(&request(&bench)).changed, 0);
    assert_eq!(bench.changes(), changes);

    bench.put("n2.csv", format!("{REGISTRY}1000158380,2,,,,05/01/2026,\n1000871099,2,,,,05/01/2026,\n"));
    bench.run(&request(&bench));
    let left = public(&bench, &tied);
    // A location that nobody owns stays.
    let kinds: Vec<&str> = left.iter().map(|one| one["resourceType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Location"], "{left:#?}");
    let changes = bench.changes();
    bench.run(&request(&bench));
    assert_eq!(bench.changes(), changes);

    // The doctor is back, and with her the resources that the table gives her.
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
    bench.put("t.csv", format!("{TABLE}1234567893,Albee,Ruth,207Q00000X,,,1 A St,Hartford,CT,06103,N,Y\n"));
    bench.run(&request(&bench));
    std::fs::remove_file(bench.folder.path().join("in/t.csv")).unwrap();
    bench.put("n.csv", format!("{REGISTRY}1234567893,,,,,05/01/2026,\n"));
    // As if the run had stopped after the registry's own rows.
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
        txn.put_resource(&crate::access::admit_text(text.as_bytes()).unwrap(), now, None)?;
        txn.put(store::Table::new("load.retire"), b"begun", Vec::new())
    });
    again.unwrap();
    bench.run(&request(&bench));
    let role = resources(&bench).into_iter().find(|(key, _)| key.starts_with("PractitionerRole/")).unwrap().1;
    assert_eq!(role["active"], false);
}

fn doctors(range: std::ops::Range<usize>) -> String {
    let rows = range.map(|n| format!(",Doctor{n},Ann,207Q00000X,,,{n} A St,Hartford,CT,06103,N,\n"));
    TABLE.to_owned() + &rows.collect::<String>()
}

fn drugs(range: std::ops::Range<usize>) -> String {
    let rows = range.map(|n| format!("{n},Drug {n},1,P100\n"));
    "rxcui,drug,tier,plan_id\n".to_owned() + &rows.collect::<String>()
}

/// How many roles are public, and how many drugs are available.
fn current(bench: &Bench) -> (usize, usize) {
    let items = public(bench, &["Basic"]);
    let is_active = |one: &&Value| one.to_string().contains(r#""valueCode":"active""#);
    (public(bench, &["PractitionerRole"]).len(), items.iter().filter(is_active).count())
}

fn count(summary: &Summary, rule: &str) -> u64 {
    summary.findings.iter().find(|finding| finding.rule == rule).map_or(0, |finding| finding.count)
}

fn with(bench: &Bench, complete: &[crate::config::Complete]) -> Request {
    Request { complete: complete.to_vec(), ..request(bench) }
}

fn undo_last(bench: &Bench) {
    let target = bench.target("2026-11-25T00:00:00Z");
    assert_eq!(undo(&target).unwrap().unwrap().stayed, 0);
}

/// A load, each a day after the one before.
fn run_on(day: u32, bench: &Bench, request: &Request) -> Summary {
    let target = Target {
        store: &bench.store,
        contacts: &bench.contacts,
        now: format!("2026-11-{day:02}T00:00:00Z").parse().unwrap(),
        find: &|_, _, _| None,
        ids: "https://plan.example/ids",
        plan: "Plan",
    };
    run(request, &target, &Clock::system(), &mut |_| {}).unwrap()
}

/// Doctors who had left the plan's table stayed in the directory for ever.
#[test]
fn what_a_complete_list_names_no_longer_is_retired() {
    use crate::config::Complete::Formulary;
    use crate::config::Complete::Providers;
    use crate::config::Complete::Qhp;
    let bench = Bench::new();
    bench.put("p.csv", doctors(0..30));
    bench.put("d.csv", drugs(1..31));
    let first = bench.run(&with(&bench, &[Providers, Qhp, Formulary]));
    assert_eq!((current(&bench), count(&first, "no-longer-listed")), ((30, 30), 0));

    bench.put("p.csv", doctors(5..31));
    bench.put("d.csv", drugs(11..31));
    // Nobody said that the lists are complete.
    assert_eq!(count(&bench.load(), "no-longer-listed"), 0);
    assert_eq!(current(&bench), (31, 30));
    let dry = bench.run(&Request { dry_run: true, ..with(&bench, &[Providers, Formulary]) });
    assert_eq!((current(&bench), count(&dry, "no-longer-listed")), ((31, 30), 15));
    let second = bench.run(&with(&bench, &[Providers, Formulary]));
    assert_eq!((current(&bench), count(&second, "no-longer-listed")), ((26, 20), 15));
    for one in resources(&bench).values().filter(|one| one["resourceType"] == "Basic") {
        crate::map::fixtures_tests::assert_valid_when_stored(one);
    }
    let changes = bench.changes();
    let again = bench.run(&with(&bench, &[Providers, Formulary]));
    assert_eq!((bench.changes(), count(&again, "no-longer-listed")), (changes, 0));

    // A load of one kind says nothing about the other.
    std::fs::remove_file(bench.folder.path().join("in/p.csv")).unwrap();
    bench.put("d.csv", drugs(12..31));
    assert_eq!(count(&bench.run(&with(&bench, &[Providers, Formulary])), "no-longer-listed"), 1);
    assert_eq!(current(&bench), (26, 19));
    undo_last(&bench);
    assert_eq!(current(&bench), (26, 20));
    // A provider who is listed again is current again.
    bench.put("p.csv", doctors(0..31));
    assert_eq!(count(&bench.run(&with(&bench, &[Providers, Formulary])), "no-longer-listed"), 1);
    assert_eq!(current(&bench), (31, 19));
}

#[test]
fn a_facility_that_is_listed_no_longer_offers_nothing() {
    let bench = Bench::new();
    let header = "facility_name,npi,address,city,state,zip,network,term_date\n";
    let (one, other) = ("Elm,1000158380,3 A St,Hartford,CT,06103,N,\n", "Oak,1000871099,4 A St,Hartford,CT,06103,N,");
    let request = with(&bench, &[crate::config::Complete::Providers]);
    let offered = || public(&bench, &["HealthcareService", "OrganizationAffiliation"]).len();
    bench.put("f.csv", format!("{header}{one}{other}\n"));
    bench.run(&request);
    assert_eq!(offered(), 4);
    bench.put("f.csv", format!("{header}{one}"));
    assert_eq!(count(&bench.run(&request), "no-longer-listed"), 2);
    assert_eq!(offered(), 2);
    bench.put("f.csv", format!("{header}{one}{other}\n"));
    bench.run(&request);
    assert_eq!(offered(), 4);
    bench.put("f.csv", format!("{header}{one}{other}12/31/2025\n"));
    assert_eq!((count(&bench.run(&request), "no-longer-listed"), offered()), (0, 2));
}

#[test]
fn a_list_that_was_cut_off_empties_nothing() {
    use crate::config::Complete::Providers;
    use crate::config::Complete::Qhp;
    let bench = Bench::new();
    bench.put("p.csv", doctors(0..50));
    run_on(1, &bench, &with(&bench, &[Providers]));
    bench.put("p.csv", doctors(40..60));
    let summary = run_on(2, &bench, &with(&bench, &[Providers]));
    assert_eq!((count(&summary, "no-longer-listed"), count(&summary, "list-too-short")), (0, 1));
    let finding = summary.findings.iter().find(|finding| finding.rule == "list-too-short").unwrap();
    assert_eq!(
        finding.examples[0].reason,
        "40 of 50 roles, affiliations and services of providers are not in the files of this load; none were taken out"
    );
    assert_eq!(current(&bench).0, 60);
    // A few may be retired in any case.
    let small = Bench::new();
    small.put("p.csv", doctors(0..10));
    run_on(3, &small, &with(&small, &[Providers]));
    small.put("p.csv", doctors(0..1));
    assert_eq!(count(&run_on(4, &small, &with(&small, &[Providers])), "no-longer-listed"), 9);

    let exchange = Bench::new();
    let drug = |n: usize| {
        format!(r#"{{"rxnorm_id":"{n}","drug_name":"D","plans":[{{"plan_id":"P","drug_tier":"GENERIC"}}]}}"#)
    };
    exchange.put("d.json", format!("[{},{}]", drug(1), drug(2)));
    run_on(5, &exchange, &with(&exchange, &[Qhp]));
    exchange.put("d.json", format!("[{},{}", drug(1), &drug(2)[..30]));
    let summary = run_on(6, &exchange, &with(&exchange, &[Qhp]));
    assert_eq!((count(&summary, "list-too-short"), current(&exchange).1), (1, 2), "{summary:?}");
    exchange.put("d.json", format!("[{}]", drug(1)));
    run_on(7, &exchange, &with(&exchange, &[Qhp]));
    assert_eq!(current(&exchange).1, 1);
}

/// A network was reported as empty because its providers had come the day before.
#[test]
fn a_network_has_the_providers_of_earlier_loads_too() {
    let bench = Bench::new();
    bench.put(
        "p.json",
        r#"[{"npi":"1234567893","name":{"last":"Albee"},"plans":[{"plan_id":"P1","network_tier":"A"}]}]"#,
    );
    assert_eq!(count(&bench.run(&request(&bench)), "network-without-providers"), 0);
    std::fs::remove_file(bench.folder.path().join("in/p.json")).unwrap();
    let plan = r#"[{"plan_id":"P1","marketing_name":"Choice","network":[{"network_tier":"A"},{"network_tier":"B"}]}]"#;
    bench.put("plans.json", plan);
    let summary = bench.run(&request(&bench));
    let finding = summary.findings.iter().find(|finding| finding.rule == "network-without-providers").unwrap();
    assert_eq!((finding.count, finding.examples.len()), (1, 1));
    assert_eq!(finding.examples[0].reason, "the network Choice, B network");
}

/// Tables of contracts have a row for each ended contract beside the current one, in any order and far apart.
#[test]
fn a_role_goes_on_if_any_row_says_so() {
    let header = "npi,last_name,first_name,specialty,network,term_date\n";
    let row = |until: &str| format!("1234567893,Albee,Ruth,207Q00000X,N,{until}\n");
    let others = (0..600).map(|n| format!(",Doctor{n},Ann,207Q00000X,N,\n")).collect::<Vec<_>>().concat();
    let (over, on) = (row("2025-12-31"), row(""));
    let is_there = |bench: &Bench| {
        let hers = |one: &&Value| one["practitioner"]["reference"] == "Practitioner/npi-1234567893";
        public(bench, &["PractitionerRole"]).iter().filter(hers).count()
    };
    for (first, second, there) in [(&over, &on, 1), (&on, &over, 1), (&over, &over, 0)] {
        let bench = Bench::new();
        bench.put("t.csv", format!("{header}{first}{others}{second}"));
        let summary = bench.run(&request(&bench));
        assert_eq!((is_there(&bench), summary.kept), (there, 602), "{first}{second}");
        let changes = bench.changes();
        assert_eq!((bench.run(&request(&bench)).changed, bench.changes()), (0, changes), "{first}{second}");
        // From now on the rows only end it.
        bench.put("t.csv", format!("{header}{over}"));
        let summary = bench.run(&request(&bench));
        assert_eq!((is_there(&bench), summary.kept, summary.changed), (0, 1, there as u64));
    }
}

/// A drug list with a row for each year retired drugs that are available now, since the first row of a drug counted.
#[test]
fn a_drug_is_available_if_any_row_says_so() {
    let header = "rxcui,drug,tier,plan_id,term_date\n";
    let others = (0..600).map(|n| format!("{},Drug {n},1,P,\n", n + 2)).collect::<Vec<_>>().concat();
    let (over, on) = ("1,One,1,P,12/31/2025\n", "1,One,2,P,\n");
    for rows in [[over, on, &others], [on, over, &others], [over, &others, on], [on, &others, over]] {
        let bench = Bench::new();
        bench.put("d.csv", format!("{header}{}", rows.concat()));
        let summary = bench.run(&request(&bench));
        assert_eq!((current(&bench).1, summary.kept), (601, 602), "{:?}", &rows[..2]);
        let changes = bench.changes();
        assert_eq!((bench.run(&request(&bench)).changed, bench.changes()), (0, changes));
    }
}
