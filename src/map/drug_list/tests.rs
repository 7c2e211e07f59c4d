//! Every resource of these mappers is valid.

use serde_json::json;

use super::*;
use crate::map::drug_list::plan::tier;
use crate::map::fixtures_tests::{about, assert_valid, value};
use crate::map::plan_net::{DirectorySource, Plan};

#[test]
fn all_kinds_are_valid() {
    let drug = Drug {
        rxnorm: "209459".to_owned(),
        ndc: "50580044901".to_owned(),
        name: "Headache-Ex 500 mg".to_owned(),
        dose_form: "Tablet".to_owned(),
    };
    let item = Item {
        formulary: "S1".to_owned(),
        tier: "NON-PREFERRED BRAND".to_owned(),
        prior_authorization: Some(true),
        step_therapy: Some(false),
        new_starts_only: [true, true],
        quantity_limit: Some(true),
        limit: Limit { words: "30 per 30 days".to_owned(), count: Some((30, 30)) },
        note: "Only with a *specialist*.".to_owned(),
        pharmacies: vec!["3-month-in-mail"],
        from: "2026-01-01".to_owned(),
        until: String::new(),
        others: Vec::new(),
    };
    let formulary = Formulary { number: "S1".to_owned(), from: "2026-01-01".to_owned(), ..Formulary::default() };
    let item = item.resource(&drug, DirectorySource::Table, about());
    assert_eq!(value(&item)["extension"].as_array().unwrap().len(), 12);
    assert_valid(&item);
    assert_valid(&drug.resource(DirectorySource::Table, about()));
    assert_valid(&formulary.resource(DirectorySource::Table, about()));
    let cost = Cost {
        pharmacy: "1-month-in-retail",
        copay: Some((20.0, "BEFORE-DEDUCTIBLE".to_owned())),
        coinsurance: Some((0.125, "BEFORE-DEDUCTIBLE".to_owned())),
    };
    let drugs = DrugPlan {
        number: "S1".to_owned(),
        tiers: vec![
            TierCost { tier: "GENERIC".to_owned(), costs: vec![cost.clone()] },
            TierCost { tier: "Tier 7".to_owned(), costs: vec![Cost { pharmacy: "", copay: None, ..cost }] },
        ],
    };
    let plan = Plan { number: "S1".to_owned(), networks: vec!["N".to_owned()], ..Plan::default() };
    let mut plan = plan.resource(DirectorySource::Table, about());
    add_benefit(&mut plan, &drugs);
    assert_valid(&plan);
    let plan = value(&plan);
    assert_eq!(plan["meta"]["profile"].as_array().unwrap().len(), 2);
    let costs = &plan["plan"][0]["specificCost"][0]["benefit"][0]["cost"];
    assert_eq!((&costs[0]["value"]["value"], &costs[1]["value"]["value"]), (&json!(20), &json!(12.5)));
}

#[test]
fn tiers_are_codes_where_the_guide_has_one() {
    for (words, code) in [
        ("GENERIC", "generic"),
        ("Non-Preferred Brand Drugs", "non-preferred-brand"),
        ("ZERO-COST-SHARE-PREVENTIVE-DRUGS", "zero-cost-share-preventative"),
        ("Medical_Service_Drugs", "medical-service"),
    ] {
        assert_eq!(value(&tier(words))["coding"][0]["code"], code, "{words}");
    }
    assert_eq!(value(&tier("Tier 7")), json!({"text": "Tier 7"}));
}
