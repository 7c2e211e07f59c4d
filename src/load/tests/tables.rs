//! scratch
use std::path::PathBuf;
use super::*;
use crate::config::Policy;
#[test]
fn scratch() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    for folder in ["csv-claims/beneficiary-fhir-data/rif-synthea", "csv-claims/beneficiary-fhir-data/rif-static-samples", "csv-claims/etl-cms", "csv-claims/medicare_cclf_connector", "csv-claims/bcda-app", "csv-priorauth", "csv-members", "ncpdp"] {
        let bench = Bench::new();
        let request = Request { paths: vec![PathBuf::from(root.join(folder))], validation: Policy::Reject, ..bench.request() };
        let summary = bench.run(&request);
        println!("== {folder} {:?}\n", summary);
        let mut report = bench.report(); report.sort();
        let mut by: std::collections::BTreeMap<String, (usize, String)> = Default::default();
        for line in report { let key = line.split_once(' ').unwrap().1.to_owned(); let e = by.entry(key).or_insert((0, line.clone())); e.0 += 1; }
        for (k, (n, first)) in by { println!("   {n} {k}  ({first})"); }
    }
}
