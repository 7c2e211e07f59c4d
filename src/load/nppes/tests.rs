//! The registry's real files, and headers of several years.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::load::fixtures_tests::{assert_valid, resources, rows};

fn record(cells: &[&str]) -> csv::StringRecord {
    cells.iter().collect()
}

#[test]
fn columns_are_found_by_name_wherever_they_stand() {
    let header = record(&[
        "Certification Date",
        "Provider Sex Code",
        "Provider Last Name (Legal Name)",
        "npi",
        "Entity Type Code",
        "Provider Organization Name (Legal Business Name)",
    ]);
    assert!(looks_like(&header.iter().collect::<Vec<_>>()));
    assert!(!looks_like(&["npi", "name"]));
    let row = record(&["", "F", "Albee", "1234567893", "1", ""]);
    let read = read(&Arc::from("n.csv"), &Header::new(&header), &[(2, row)]);
    let out = resources(&read);
    assert_eq!((&out[0]["gender"], &out[0]["id"]), (&"female".into(), &"npi-1234567893".into()));
    out.iter().for_each(assert_valid);
}

#[test]
fn the_public_samples_go_through() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/nppes/pdex-plan-net-sample-data");
    if !folder.is_dir() {
        eprintln!("the_public_samples_go_through did not run: ../shared/data is not here");
        return;
    }
    for (name, kept, made) in [
        ("sample-nppes-practitioner_20181204-data.csv.gz", 1000, 2710),
        ("sample-nppes-organization-data.csv", 20, 40),
        ("practitioner.csv", 1, 3),
        ("organization.csv", 1, 2),
    ] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let mut text = Vec::new();
        if name.ends_with(".gz") {
            flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap();
        } else {
            text = bytes;
        }
        let (header, rows) = rows(&text);
        assert!(looks_like(&header.iter().collect::<Vec<_>>()), "{name}");
        let read = read(&Arc::from(name), &Header::new(&header), &rows);
        let out = resources(&read);
        out.iter().for_each(assert_valid);
        assert_eq!((read.records.len(), out.len()), (kept, made), "{name}");
        assert!(read.rejects.is_empty(), "{name} {:?}", read.rejects);
    }
}
