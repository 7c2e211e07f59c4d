//! The registry's real files, and headers of several years.

use std::sync::Arc;

use super::*;
use crate::fhir::json::Node;
use crate::formats::nppes::{NppesHeader, looks_like};
use crate::map::fixtures_tests::{assert_valid, made, resources, rows, sample};

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
    let read = read(&Arc::from("n.csv"), &NppesHeader::new(&header), &[(2, row)]);
    let out = resources(&read);
    assert_eq!((&out[0]["gender"], &out[0]["id"]), (&"female".into(), &"npi-1234567893".into()));
    out.iter().for_each(assert_valid);
}

#[test]
fn the_public_samples_go_through() {
    for (name, kept, made) in [
        ("sample-nppes-practitioner_20181204-data.csv.gz", 1000, 2710),
        ("sample-nppes-organization-data.csv", 20, 40),
        ("practitioner.csv", 1, 3),
        ("organization.csv", 1, 2),
    ] {
        let Some(text) = sample(&format!("nppes/pdex-plan-net-sample-data/{name}")) else { return };
        let (header, rows) = rows(&text);
        assert!(looks_like(&header.iter().collect::<Vec<_>>()), "{name}");
        let read = read(&Arc::from(name), &NppesHeader::new(&header), &rows);
        let out = resources(&read);
        out.iter().for_each(assert_valid);
        assert_eq!((read.records.len(), out.len()), (kept, made), "{name}");
        assert!(read.rejects.is_empty(), "{name} {:?}", read.rejects);
    }
}

#[test]
#[ignore = "a measurement: CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test --lib nppes::tests::rows_a_second -- --ignored --nocapture"]
fn rows_a_second() {
    let name = "nppes/pdex-plan-net-sample-data/sample-nppes-practitioner_20181204-data.csv.gz";
    let Some(text) = sample(name) else { return };
    let (header, rows) = rows(&text);
    let header = NppesHeader::new(&header);
    let (mut count, mut bytes, times) = (0, 0, 50);
    resources(&read(&Arc::from(name), &header, &rows));
    let clock = crate::outbound::Clock::system();
    let mut spent = [0.0; 5];
    let mut last = clock.monotonic();
    let mut lap = |at: usize| {
        let now = clock.monotonic();
        spent[at] += now.saturating_sub(last).as_secs_f64();
        last = now;
        spent
    };
    for _ in 0..times {
        lap(4);
        let read = read(&Arc::from(name), &header, &rows);
        lap(0);
        let resources = made(&read);
        lap(1);
        let text = |resource: &Node<'_>| {
            let mut out = Vec::new();
            resource.write(&mut out);
            out
        };
        let texts: Vec<Vec<u8>> = resources.iter().map(text).collect();
        lap(2);
        for text in &texts {
            assert!(crate::fhir::prepare(text).is_ok());
        }
        lap(3);
        count += resources.len();
        bytes += texts.iter().map(Vec::len).sum::<usize>();
    }
    let spent = lap(4);
    let rows = f64::from(times) * rows.len() as f64;
    let [reading, mapping, writing, preparing, dropping] = spent.map(|seconds| 1e6 * seconds / rows);
    eprintln!(
        "us a row: {reading:.1} reading, {mapping:.1} mapping, {writing:.1} as text, {preparing:.1} preparing, \
         {dropping:.1} dropping; {count} resources, {bytes} bytes"
    );
}
