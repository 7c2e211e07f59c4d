//! The exchange's own samples, and known faults of real files.

use serde_json::Value;

use super::*;
use crate::formats::qhp::cut::{cut, looks_like};
use crate::map::fixtures_tests::{assert_valid, resources, sample};

fn of(text: &str) -> (Vec<Value>, Vec<String>) {
    let read = read(&Arc::from("q.json"), 1, text.as_bytes());
    let reasons = read.rejects.iter().map(|(_, reject)| format!("{} {}", reject.line, reject.reason)).collect();
    (resources(&read), reasons)
}

#[test]
fn files_are_told_from_fhir() {
    assert!(looks_like(br#"[{"npi": null, "type": "INDIVIDUAL", "name": {}}]"#));
    assert!(looks_like(br#"{"provider_urls": []}"#));
    assert!(looks_like(br#" [ {"rxnorm_id": "1"}"#));
    assert!(!looks_like(br#"[{"resourceType": "Patient", "name": [], "npi": 1}]"#));
    assert!(!looks_like(br#"{"$schema": "", "properties": {"provider_urls": {}}}"#));
}

#[test]
fn what_is_wrong_in_real_files_is_survived() {
    let (out, reasons) = of(r#"[
        {"npi": null, "type": "INDIVIDUAL", "name": {"first": "Ruth", "last": "Albee"}, "speciality": "Dermatology",
         "addresses": [{"address": "1 Main St", "address_2": " ", "city": "Hartford", "state": "CT", "zip": 6105,
                        "phone": 8605550100, "lat": 41.5, "lng": -72.5}],
         "plans": [{"plan_id": "12345CT0010001", "network_tier": "PREFERRED"}]},
        {"npi": "1234567892", "name": {"last": "Albee"}},
        7, {"npi": "1234567893", "name": {"last": }}]"#);
    out.iter().for_each(assert_valid);
    let role = out.iter().find(|one| one["resourceType"] == "PractitionerRole").unwrap();
    assert_eq!(role["specialty"][0]["coding"][0]["code"], "207N00000X");
    let place = out.iter().find(|one| one["resourceType"] == "Location").unwrap();
    assert_eq!((&place["position"]["latitude"], &place["address"]["postalCode"]), (&41.5.into(), &"06105".into()));
    assert_eq!(
        reasons,
        [
            "6 the check digit of the NPI is wrong",
            "7 the element is no provider, plan or drug of an exchange's files",
            "7 the element is not valid JSON"
        ]
    );
}

#[test]
fn years_say_from_when_until_when() {
    let plan = |number: u8, years: &str| {
        format!(r#"{{"plan_id": "P{number}", "network_tier": "A", "drug_tier": "GENERIC", "years": {years}}}"#)
    };
    let plans =
        [plan(1, "[2024]"), plan(2, "[2024, 2026]"), plan(3, "[2027]"), plan(4, "[]"), plan(5, "2025")].join(",");
    let (out, reasons) = of(&format!(
        r#"[{{"npi": "1234567893", "name": {{"last": "Albee"}}, "plans": [{plans}]}},
            {{"npi": "1000158380", "facility_name": "F", "addresses": [{{"city": "A", "state": "CT"}}], "plans": [{plans}]}},
            {{"rxnorm_id": "209459", "drug_name": "One", "plans": [{plans}]}}]"#
    ));
    assert_eq!(reasons, [""; 0]);
    out.iter().for_each(assert_valid);
    for kind in ["PractitionerRole", "OrganizationAffiliation"] {
        let of_kind: Vec<&Value> = out.iter().filter(|one| one["resourceType"] == kind).collect();
        let active: Vec<bool> = of_kind.iter().map(|one| one["active"].as_bool().unwrap()).collect();
        assert_eq!(active, [false, true, true, true, false], "{kind}");
        let future = serde_json::json!({"start": "2027-01-01", "end": "2027-12-31"});
        assert_eq!((&of_kind[2]["period"], &of_kind[3]["period"]), (&future, &Value::Null), "{kind}");
    }
    let items = out.iter().filter(|one| one["resourceType"] == "Basic");
    let retired: Vec<bool> = items.map(|one| one.to_string().contains("\"retired\"")).collect();
    assert_eq!(retired, [true, false, false, false, true]);
}

#[test]
fn one_code_for_two_drugs_keeps_both() {
    let drug = |name: &str| {
        format!(
            r#"{{"rxnorm_id": "209459", "drug_name": "{name}", "plans": [{{"plan_id": "P", "drug_tier": "GENERIC"}}]}}"#
        )
    };
    let (out, reasons) = of(&format!("[{}, {}, {}]", drug("One"), drug("Two"), drug("one")));
    assert_eq!(reasons, [""; 0]);
    assert_eq!(out.iter().filter(|one| one["resourceType"] == "MedicationKnowledge").count(), 2);
}

#[test]
fn the_public_samples_go_through() {
    let digit = Rule::CheckDigit;
    for (name, looks, kept, rules, made) in [
        // An index only holds addresses, and a schema is not data.
        ("cms-data-index.json", true, 0, vec![Rule::OtherMessage], 0),
        ("index_document_schema.json", false, 0, vec![Rule::UnknownFile], 0),
        ("drugs-1.json", true, 2, vec![], 10),
        ("drugs-2.json", true, 2, vec![], 10),
        ("plans.json", true, 3, vec![], 15),
        // Two of the three providers have made-up numbers.
        ("providers.json", true, 1, vec![digit, digit], 13),
    ] {
        let Some(bytes) = sample(&format!("qhp-json/qhp-provider-formulary-apis/{name}")) else { return };
        assert_eq!(looks_like(&bytes), looks, "{name}");
        let read = read(&Arc::from(name), 1, &bytes);
        let out = resources(&read);
        out.iter().for_each(assert_valid);
        let found: Vec<Rule> = read.rejects.iter().map(|(rule, _)| *rule).collect();
        assert_eq!((read.records.len(), found, out.len()), (kept, rules, made), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::sample::select(br#"[]{},:"\ n1a"#.to_vec()), 0..60)) {
        let _ = (cut(&bytes), looks_like(&bytes), read(&Arc::from("q"), 1, &bytes));
    }

    #[test]
    fn no_values_make_it_panic(cells in proptest::collection::vec("\\PC{0,12}", 12)) {
        let [npi, first, last, line, zip, words, plan, tier, day, lat, phone, year] = &cells[..] else { return Ok(()) };
        let value = serde_json::json!([
            {"npi": npi, "name": {"first": first, "last": last}, "specialty": [words], "last_updated_on": day,
             "addresses": [{"address": line, "zip": zip, "phone": phone, "lat": lat, "lng": lat}],
             "plans": [{"plan_id": plan, "network_tier": tier, "years": [year]}]},
            {"rxnorm_id": npi, "drug_name": words, "plans": [{"plan_id": plan, "drug_tier": tier, "years": year}]},
            {"plan_id": plan, "formulary": {"drug_tier": tier, "cost_sharing": {"copay_amount": lat, "coinsurance_rate": lat}}},
        ]);
        resources(&read(&Arc::from("q"), 1, value.to_string().as_bytes())).iter().for_each(assert_valid);
    }
}
