//! What tables of drugs look like, and what is refused.

use std::sync::Arc;

use super::*;
use crate::load::fixtures_tests::{resources, rows};
use crate::load::members::Mapping;

#[test]
fn drug_lists_are_told_from_other_tables() {
    for (line, is) in [
        ("rxcui,drug_name,tier,pa,st,ql,plan_id", true),
        ("NDC,Label Name,Tier Level", true),
        ("member_id,ndc,days_supply,tier", false),
        ("npi,name,specialty", false),
    ] {
        assert_eq!(looks_like(&line.split(',').collect::<Vec<_>>(), &Mapping::default()), is, "{line}");
    }
}

#[test]
fn a_mapping_names_columns() {
    let mapping = Mapping::parse("[formulary]\ntier = \"Stufe\"").unwrap();
    assert!(looks_like(&["rxcui", "Stufe"], &mapping));
    let (header, rows) = rows(b"rxcui,drug,Stufe\n209459,Headache-Ex,2\n");
    let read = read(&Arc::from("f.csv"), &Header::new(&header, &mapping), &rows);
    let out = resources(&read);
    assert_eq!(out.len(), 3, "{:?}", read.rejects);
    assert!(out[2].to_string().contains("Tier 2"));
}
