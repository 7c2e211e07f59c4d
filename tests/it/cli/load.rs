//! `ingle load` from the shell.

use std::sync::Arc;

use ingle::access::View;
use ingle::config::Config;
use ingle::fhir::Kind;
use ingle::fhir::definitions::Definitions;
use ingle::outbound::{Chance, Clock, Mail, Sms};
use ingle::realm::{Outside, Realm, RealmKind};
use ingle::store::Found;

use super::Install;

#[test]
fn the_summary_has_the_documented_shape() {
    let install = Install::new();
    install.write(
        "claims.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"a\"}\nnot json\n{\"resourceType\":\"Patient\",\"id\":\"b\"}\n",
    );
    let (code, summary) = install.json(&["load", "claims.ndjson"]);
    assert_eq!(code, 4);
    for (name, value) in [("files", 1), ("kept", 2), ("changed", 2), ("unchanged", 0), ("rejected", 1)] {
        assert_eq!(summary[name], value, "{name} in {summary}");
    }
    assert!(summary["seconds"].is_number());
    assert_eq!(summary["by_kind"], serde_json::json!({"fhir": 2}));
    let finding = &summary["findings"][0];
    assert_eq!((finding["rule"].as_str(), &finding["count"]), (Some("json"), &serde_json::json!(1)));
    assert!(finding["fix"].is_string());
    let report = std::fs::read_to_string(summary["report"].as_str().unwrap()).unwrap();
    let reject: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((reject["line"].as_u64(), reject["file"].as_str()), (Some(2), Some("claims.ndjson")));

    let (_, again) = install.json(&["load", "claims.ndjson", "--report", "again.ndjson"]);
    assert_eq!((again["changed"].as_u64(), again["report"].as_str()), (Some(0), Some("again.ndjson")));
    let (code, dry) = install.json(&["load", "claims.ndjson", "--dry-run"]);
    assert_eq!((code, dry["kept"].as_u64()), (4, Some(2)));
}

#[test]
fn a_later_load_finds_what_an_earlier_one_brought() {
    let install = Install::new();
    install.write(
        "doctors.ndjson",
        r#"{"resourceType":"Practitioner","id":"dr","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1999000015"}]}"#,
    );
    install.write(
        "visit.json",
        r#"{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"participant":[
        {"individual":{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1999000015"}},
        {"individual":{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1999000023"}}]}"#,
    );
    assert_eq!(install.run(&["load", "doctors.ndjson"]).0, 0);
    let (code, summary) = install.json(&["load", "visit.json"]);
    assert_eq!(code, 0, "{summary}");
    assert_eq!(summary["findings"][0]["rule"], "unresolved-reference");

    let body = read(&install, "Encounter", "e");
    assert_eq!(body["participant"][0]["individual"]["reference"], "Practitioner/dr");
    assert_eq!(body["participant"][1]["individual"]["identifier"]["value"], "1999000023");
    assert!(install.run(&["verify"]).1.starts_with("ok   plan: 2 resources"));
}

#[test]
fn a_mapping_names_the_plans_own_columns() {
    let install = Install::new();
    install.write("roster.csv", "MBR NO;Nachname;Vorname;Geb\nA1;Muster;Erika;1964-08-12\n");
    install.write(
        "map.toml",
        "member_id = \"MBR NO\"\nlast_name = \"Nachname\"\nfirst_name = \"Vorname\"\nbirth_date = \"Geb\"\n",
    );
    assert_eq!(install.run(&["load", "roster.csv"]).0, 4);
    let (code, summary) = install.json(&["load", "roster.csv", "--map", "map.toml"]);
    assert_eq!((code, &summary["by_kind"]), (0, &serde_json::json!({"members": 1})));
}

/// A resource of the plan's realm, read past the web.
fn read(install: &Install, kind: &str, id: &str) -> serde_json::Value {
    let config = Arc::new(Config::load(Some(&install.path("fhir.toml")), &[], &[]).unwrap());
    let outside = Outside { clock: Clock::system(), chance: Chance::system(), mail: Mail::memory().0, sms: Sms::off() };
    let realm = Realm::open(RealmKind::Plan, &config, &config.storage.path, &outside, &Definitions::default()).unwrap();
    let view = View::operator(realm.clock.now());
    let found = realm.store.snapshot().unwrap().read(&view, Kind::parse(kind).unwrap(), id).unwrap();
    let Found::Here(stored) = found else { panic!("{kind}/{id} is not there") };
    realm.store.close();
    serde_json::from_slice(&stored.body).unwrap()
}

#[test]
fn the_last_load_can_be_taken_back_once() {
    let install = Install::new();
    install.write("a.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
    install.json(&["load", "a.ndjson"]);
    let (code, undone) = install.json(&["load", "--undo"]);
    assert_eq!((code, undone["resources"].as_u64(), undone["stayed"].as_u64()), (0, Some(1), Some(0)), "{undone}");
    assert_eq!(install.json(&["load", "--undo"]), (0, serde_json::Value::Null));
    assert_eq!(install.run(&["load", "--undo", "a.ndjson"]).0, 2);
}
