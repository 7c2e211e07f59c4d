//! Tables of drugs in real forms, and refusals.

use std::sync::Arc;

use super::*;
use crate::formats::columns::Own;
use crate::formats::tables::drug_list::{DrugListHeader, looks_like};
use crate::formats::tables::mapping::Mapping;
use crate::map::fixtures_tests::{resources, rows};

#[test]
fn drug_lists_are_told_from_other_tables() {
    for (line, is) in [
        ("rxcui,drug_name,tier,pa,st,ql,plan_id", true),
        ("NDC,Label Name,Tier Level", true),
        ("member_id,ndc,days_supply,tier", false),
        ("npi,name,specialty", false),
    ] {
        assert_eq!(looks_like(line.split(','), &Own::default()), is, "{line}");
    }
}

#[test]
fn a_mapping_names_columns() {
    let mapping = Mapping::parse("[formulary]\ntier = \"Stufe\"").unwrap();
    assert!(looks_like(["rxcui", "Stufe"].into_iter(), &mapping.formulary));
    let (header, rows) = rows(b"rxcui,drug,Stufe\n209459,Headache-Ex,2\n");
    let read = read(&Arc::from("f.csv"), &DrugListHeader::new(&header, &mapping.formulary), &rows);
    let out = resources(&read);
    assert_eq!(out.len(), 3, "{:?}", read.rejects);
    assert!(out[2].to_string().contains("Tier 2"));
}

/// The extension of the first item of a drug list whose row has these cells.
fn said(header: &str, row: &str, name: &str) -> serde_json::Value {
    let (header, rows) = rows(format!("rxcui,drug,{header}\n209459,Headache-Ex,{row}\n").as_bytes());
    let read = read(&Arc::from("f.csv"), &DrugListHeader::new(&header, &Own::default()), &rows);
    let out = resources(&read);
    let item = out.iter().find(|one| one["resourceType"] == "Basic").unwrap();
    crate::map::fixtures_tests::assert_valid(item);
    let url = format!("usdf-{name}-extension");
    let mut extensions = item["extension"].as_array().unwrap().iter();
    extensions.find(|one| one["url"].as_str().unwrap().ends_with(&url)).cloned().unwrap_or_default()
}

/// A member was told that a drug needs no authorization because the cell used the words of Medicare's lists.
#[test]
fn a_cell_that_is_no_no_means_that_something_is_asked() {
    for cell in [
        "Y",
        "PA",
        "B/D",
        "PA NSO",
        "PA-BvD",
        "PA2",
        "STEP",
        "ST-2",
        "T",
        "✓",
        "•",
        "Required for age > 65",
        "Yes - metformin first",
        "?",
    ] {
        assert_eq!(said("tier,pa", &format!("1,{cell}"), "PriorAuthorization")["valueBoolean"], true, "{cell}");
        assert_eq!(said("tier,st", &format!("1,{cell}"), "StepTherapyLimit")["valueBoolean"], true, "{cell}");
    }
    for cell in ["", "N", "no", "None", "FALSE", "0", "-", "—", "na", "n/a", "N/A", "Not required", "No PA", "✗"] {
        assert_eq!(said("tier,pa", &format!("1,{cell}"), "PriorAuthorization")["valueBoolean"], false, "{cell}");
    }
    assert_eq!(said("tier,ql", "1,No limit", "QuantityLimit")["valueBoolean"], false);
    assert_eq!(said("tier,ql", "1,No limit", "QuantityLimitDetail"), serde_json::Value::Null);
    for (header, row) in [("tier,pa", "1,PA NSO"), ("tier,pa,pa type", "1,Y,New Starts Only")] {
        assert_eq!(said(header, row, "PriorAuthorizationNewStartsOnly")["valueBoolean"], true, "{row}");
    }
    assert_eq!(said("tier,st", "1,ST-NSO", "StepTherapyLimitNewStartsOnly")["valueBoolean"], true);
    assert_eq!(said("tier,pa", "1,PA", "PriorAuthorizationNewStartsOnly"), serde_json::Value::Null);
}

#[test]
fn what_the_plan_does_not_pay_for_is_not_available() {
    for (tier, status) in [
        ("2", "active"),
        ("Non-Preferred Brand", "active"),
        ("NF", "retired"),
        ("Not covered", "retired"),
        ("Excluded", "retired"),
        ("Non-formulary", "retired"),
        ("NC", "retired"),
        ("Tier NF", "retired"),
    ] {
        assert_eq!(said("tier", tier, "AvailabilityStatus")["valueCode"], status, "{tier}");
    }
}

#[test]
fn what_is_over_is_not_available() {
    for (last, status) in [("", "active"), ("2026-11-24", "active"), ("11/23/2026", "retired")] {
        assert_eq!(said("tier,term date", &format!("1,{last}"), "AvailabilityStatus")["valueCode"], status, "{last}");
    }
}
