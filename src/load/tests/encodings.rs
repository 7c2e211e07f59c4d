//! Windows-1252 in files of every kind: `O\x92Brien` is O’Brien wherever it is written, and no byte becomes a control
//! character.

use super::x12::state;
use super::*;

/// Everything that is stored, as one text.
fn stored(bench: &Bench) -> String {
    let resources: Vec<String> = state(bench).into_iter().map(|(key, body)| format!("{key} {body}")).collect();
    resources.join("\n")
}

fn assert_has(stored: &str, texts: &[&str]) {
    for text in texts {
        assert!(stored.contains(text), "{text} is missing in\n{stored}");
    }
    assert!(!stored.contains(|c: char| ('\u{80}'..='\u{9f}').contains(&c)), "a control character is in\n{stored}");
}

/// The text in Windows-1252.
fn old(text: &str) -> Vec<u8> {
    let (bytes, _, is_lossy) = encoding_rs::WINDOWS_1252.encode(text);
    assert!(!is_lossy);
    bytes.into_owned()
}

/// `O\x92Brien` was kept as a control character, which displays as nothing and matches no claim that spells the
/// apostrophe.
#[test]
fn an_apostrophe_of_windows_1252_is_one_in_every_format() {
    let bench = Bench::new();
    bench.put(
        "members.csv",
        old("member_id,last_name,first_name,dob\n1,O’Brien,Pat,1980-01-01\nM1,Quintero,Ana,1980-02-14\n"),
    );
    bench.put(
        "claims.csv",
        old("claim_number,member_id,first_name,last_name,dos,cpt,charge,billing_npi,billing_name\n\
             C1,1,Pat,O’Brien,2026-01-07,99213,100,1234567893,Children’s Clinic\n"),
    );
    bench.put(
        "providers.csv",
        old("npi,last_name,first_name,specialty,address,city,state,zip,network\n\
             1000004006,O’Hara,Mae,207Q00000X,1 A St – Rear,Hartford,CT,06105,Silver\n"),
    );
    bench.put("drugs.csv", old("rxcui,drug_name,tier,pa,plan_id\n920001,Children’s Syrup™,1,N,P1\n"));
    let document = include_str!("../../../fixtures/load/ccda/summary.xml").replace("MRN-77", "M1");
    let document = document.replacen("UTF-8", "windows-1252", 1).replacen("utf-8", "windows-1252", 1);
    let declared = document.replacen("<title>", "<title>Patient’s ", 1);
    assert!(declared.contains("windows-1252") && declared.contains('’'));
    bench.put("summary.xml", old(&declared));
    let message = include_str!("../../../fixtures/load/hl7v2/results.hl7");
    let note = "\rOBX|99|ST|x^X^L||patient’s “fine”||||||F";
    bench.put("results.hl7", old(&format!("{}{note}\r", message.trim_end())));
    bench.load();
    let stored = stored(&bench);
    assert_has(
        &stored,
        &[
            "\"O’Brien\"",
            "Children’s Clinic",
            "O’Hara",
            "1 A St – Rear",
            "Children’s Syrup™",
            "Patient’s ",
            "\"claim\"",
        ],
    );
}

/// The cases of public bug reports, which are not part of the source.
#[test]
fn the_cases_of_windows_1252_are_served_in_its_characters() {
    let test = "the_cases_of_windows_1252_are_served_in_its_characters";
    let Some(cases) = crate::beside::beside(test, "cases") else { return };
    let bench = Bench::new();
    let mut found = 0;
    for entry in fs::read_dir(&cases).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "00-members.csv" || name.starts_with("05-windows-1252") {
            bench.put(&name, fs::read(entry.path()).unwrap());
            found += 1;
        }
    }
    let summary = bench.load();
    assert_eq!((found, summary.rejected), (8, 0), "{:?}", bench.report());
    let stored = stored(&bench);
    assert_has(
        &stored,
        &[
            "O’Sample",
            "O’SAMPLE",
            "Children’s Clinic – North",
            "1 A St – Rear",
            "Children’s Syrup™",
            "patient’s “fine”",
        ],
    );
}
