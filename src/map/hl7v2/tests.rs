//! Reading of messages, and the resources of the public samples.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fhir::json::Node;
use crate::formats::hl7v2::{Message, cut, messages};
use crate::map::fixtures_tests::{about, assert_valid, value};
use crate::map::hl7v2::read;
use crate::map::record::{KnownMember, ReadPiece};

const MESSAGE: &str = include_str!("../../../fixtures/load/hl7v2/results.hl7");

fn known_member() -> KnownMember {
    KnownMember { patient: "p1".into(), coverage: None, ..KnownMember::default() }
}

fn made(read: &ReadPiece) -> Vec<Node<'static>> {
    read.records.iter().flat_map(|record| record.resources(&known_member(), about()).unwrap()).collect()
}

fn resources(read: &ReadPiece) -> Vec<Value> {
    made(read).iter().map(value).collect()
}

fn of(text: &str) -> Vec<Value> {
    resources(&read(&"m.hl7".into(), 1, text.as_bytes()))
}

/// The resources of the 41 public files. Refused as other messages: orders, a referral, an appointment, a merge and a
/// change of numbers. Messages flagged as training are read: many systems set the flag (MSH-11) by mistake.
#[test]
fn the_public_samples() {
    let samples = crate::beside::beside("the test of the public messages", "data/hl7v2/fhir-converter");
    let Some(folder) = samples else { return };
    let entries = fs::read_dir(&folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut count, mut by_type, mut refused) = (0, BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    let mut profiles = BTreeMap::<String, usize>::new();
    for path in &paths {
        let text = fs::read(path).unwrap();
        let file: Arc<str> = path.file_name().unwrap().to_str().unwrap().into();
        let found = read(&file, 1, &text);
        count += found.records.len();
        for (_, reject) in &found.rejects {
            *refused.entry(format!("{}: {}", reject.rule, reject.reason)).or_default() += 1;
        }
        let all = resources(&found);
        assert_eq!(all, resources(&read(&file, 1, &text)), "{file}");
        for resource in &all {
            assert_valid(resource);
            *by_type.entry(resource["resourceType"].as_str().unwrap().to_owned()).or_default() += 1;
            for profile in resource["meta"]["profile"].as_array().into_iter().flatten() {
                *profiles.entry(profile.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).or_default() += 1;
            }
        }
        for record in &found.records {
            assert!(!record.named_member().unwrap().numbers.is_empty(), "{file}");
        }
        let message = String::from_utf8_lossy(&text);
        for (_, one) in messages(&message).0 {
            assert_eq!(Message::read(one).unwrap().print(), one, "{file}");
        }
    }
    insta::assert_json_snapshot!(
        json!({"files": paths.len(), "records": count, "resources": by_type, "profiles": profiles, "not loaded": refused})
    );
}

#[test]
fn blocks_hold_whole_messages() {
    let one = "MSH|^~\\&|A\rPID|1\r";
    assert_eq!(cut(one.as_bytes()), None);
    assert_eq!(cut(format!("BHS|^~\\&\r{one}").as_bytes()), None);
    let two = format!("{one}\u{b}{one}");
    assert_eq!(cut(two.as_bytes()), Some(one.len() + 1));
    assert_eq!(cut(b"MSH|^~\\&|A\rOBX|1|TX|||see MSH|7\r"), None);
    assert_eq!(cut(b"MSH$%~\\&$A\rMSH$%~\\&$A"), Some(11));
    assert_eq!(cut(b""), None);
}

#[test]
fn a_line_that_is_no_segment_goes_on() {
    let text = "MSH|^~\\&|A\r\nOBX|1|TX|N||one\ntwo & so on\n\nNTE|1\r\nEND";
    let message = Message::read(text).unwrap();
    let names: Vec<&str> = message.segments.iter().map(|segment| segment.name).collect();
    assert_eq!(names, ["MSH", "OBX", "NTE"]);
    assert_eq!(message.first("OBX").unwrap().field(5).whole(), "one\ntwo & so on");
    assert_eq!(message.print(), text);
}

#[test]
fn what_is_too_much_is_refused() {
    let many = format!("MSH|^~\\&|A\r{}", "OBX|1\r".repeat(20_001));
    let wide = format!("MSH|^~\\&|A{}", "|".repeat(1_000));
    for text in [many, wide] {
        let found = read(&"m".into(), 1, text.as_bytes());
        assert_eq!((found.records.len(), found.rejects.len()), (0, 1));
    }
    for start in ["MSH", "MSH|", "MSH||", "MSH|^^~\\&|", "MSH|^|~", "MSHA", "MSH|ab"] {
        assert!(read(&"m".into(), 1, start.as_bytes()).records.is_empty(), "{start}");
    }
}

/// A corrected result replaces the earlier one; sent again, it changes nothing.
#[test]
fn the_same_result_is_the_same_resource() {
    let text = |control: &str, value: &str, state: &str| {
        format!(
            "MSH|^~\\&|L|LAB|||20260101120000Z||ORU^R01|{control}|P|2.5\rPID|1||M\rOBR|1||F1|1-1^A^LN|||20260101\rOBX|1|NM|2-2^B^LN||{value}|mg|||||{state}\r"
        )
    };
    let of_kind = |text: &str| of(text).into_iter().find(|one| one["resourceType"] == "Observation").unwrap();
    let (first, second) = (of_kind(&text("1", "5", "P")), of_kind(&text("2", "6", "C")));
    assert_eq!(first["id"], second["id"]);
    assert_eq!((first["status"].as_str(), second["status"].as_str()), (Some("preliminary"), Some("corrected")));
    assert_eq!(of_kind(&text("2", "6", "C")), second);
    assert_eq!(of_kind(&text("3", "6", "W"))["status"], "entered-in-error");
}

const CULTURE: &str = "MSH|^~\\&|L|LAB|||20260312101500-0500||ORU^R01|M1|P|2.5.1\rPID|1||M\r\
    OBR|1|P7|F7|630-4^Urine culture^LN|||20260309081500-0500|||||||||||||||||MB|F\r\
    OBX|1|CE|630-4^Urine culture^LN|1|112283007^Escherichia coli^SCT||||||F\r\
    OBX|2|CE|630-4^Urine culture^LN|2|3092008^Staphylococcus aureus^SCT||||||F\r\
    OBR|2|P7|F7|50545-3^Panel^LN|||20260309081500-0500|||||||||||||||||MB|F|630-4&Urine culture&LN^1^Escherichia coli|||P7&HFP^F7&LAB\r\
    OBX|1|ST|18906-8^Ciprofloxacin^LN||<=0.25|ug/mL||S|||F\r\
    OBR|3|P7|F7|50545-3^Panel^LN|||20260309081500-0500|||||||||||||||||MB|F|630-4&Urine culture&LN^2^Staphylococcus aureus|||P7&HFP^F7&LAB\r\
    OBX|1|ST|18906-8^Ciprofloxacin^LN||>=4|ug/mL||R|||F\r";

/// Susceptibilities of two organisms share one filler order number. A correction of one panel replaced the other.
#[test]
fn what_organisms_resist_stays_apart() {
    let kinds = |all: &[Value], kind: &str| -> Vec<Value> {
        all.iter().filter(|one| one["resourceType"] == kind).cloned().collect()
    };
    let all = of(CULTURE);
    all.iter().for_each(assert_valid);
    let seen = kinds(&all, "Observation");
    let id = |at: usize| format!("Observation/{}", seen[at]["id"].as_str().unwrap());
    let links = |name: &str| -> Vec<Value> { seen.iter().map(|one| one[name][0]["reference"].clone()).collect() };
    assert_eq!(links("derivedFrom"), [Value::Null, Value::Null, json!(id(0)), json!(id(1))]);
    assert_eq!(links("hasMember"), [json!(id(2)), json!(id(3)), Value::Null, Value::Null]);
    assert_eq!(seen[2]["valueQuantity"]["comparator"], "<=");

    // The correction of the second alone, in a message of its own.
    let lines: Vec<&str> = CULTURE.split('\r').collect();
    let corrected = of(&[lines[0], lines[1], lines[7], &lines[8].replace(">=4", ">=8"), ""].join("\r"));
    let again = kinds(&corrected, "Observation");
    assert_eq!(again[0]["id"], seen[3]["id"]);
    assert_eq!(again[0]["derivedFrom"], json!([{"type": "Observation", "display": "Staphylococcus aureus"}]));
    assert_eq!(kinds(&corrected, "DiagnosticReport")[0]["id"], kinds(&all, "DiagnosticReport")[2]["id"]);
    corrected.iter().for_each(assert_valid);
}

#[test]
fn no_value_of_several_is_dropped() {
    let one = |fields: &str| {
        let text = format!(
            "MSH|^~\\&|L|LAB|||20260101120000Z||ORU^R01|1|P|2.5\rPID|1||M\rOBR|1||F1|1-1^A^LN|||20260101\rOBX|1|{fields}|||||F\r"
        );
        let all = of(&text);
        all.iter().for_each(assert_valid);
        all.into_iter().find(|one| one["resourceType"] == "Observation").unwrap()
    };
    let many = one("CE|630-4^Culture^LN|1|3092008^S. aureus^SCT~112283007^E. coli^SCT|");
    assert_eq!(many["component"][0]["valueCodeableConcept"]["text"], "S. aureus");
    assert_eq!(many["component"][1]["valueCodeableConcept"]["text"], "E. coli");
    assert_eq!(many.get("dataAbsentReason").or(many.get("valueCodeableConcept")), None);
    assert_eq!(one("ST|2-2^B^LN||a~b|")["valueString"], "a\nb");
    assert_eq!(one("ST|2-2^B^LN||< 5|mg/dL")["valueQuantity"]["comparator"], "<");
    assert_eq!(one("ST|2-2^B^LN||5-9|/HPF")["valueString"], "5-9 /HPF");
    assert_eq!(one("NM|2-2^B^LN||1,200|mg/dL")["valueString"], "1,200 mg/dL");
    assert_eq!(one("ST|2-2^B^LN||Negative|mg/dL")["valueString"], "Negative");
    assert_eq!(one("ST|2-2^B^LN||1.020|")["valueString"], "1.020");
}

/// Specimens, and the laboratory where only the header names it.
#[test]
fn specimens_and_who_measured_them() {
    let text = |source: &str, more: &str, producer: &str| {
        format!(
            "MSH|^~\\&|L|LABCORP^34D0655059^CLIA|||20260101120000Z||ORU^R01|1|P|2.5\rPID|1||M\rOBR|1||F1|1-1^A^LN|||20260101||||||||{source}\r\
             OBX|1|NM|2-2^B^LN||5|mg/dL|||||F||||{producer}\r{more}"
        )
    };
    let of_kind = |all: &[Value], kind: &str| -> Vec<Value> {
        all.iter().filter(|one| one["resourceType"] == kind).cloned().collect()
    };
    let segment = "SPM|1|^05511S||122575003^Urine specimen^SCT|||||||||||||20260101081500-0500|20260101200000-0500\r";
    for (source, more, name) in [
        ("", segment, "Urine specimen"),
        ("UR^Urine, clean catch", "", "Urine, clean catch"),
        ("BLD&Blood&HL70070", "", "Blood"),
    ] {
        let all = of(&text(source, more, ""));
        all.iter().for_each(assert_valid);
        let specimen = &of_kind(&all, "Specimen")[0];
        assert_eq!(specimen["type"]["text"], name);
        assert!(specimen["meta"]["profile"][0].as_str().unwrap().ends_with("us-core-specimen"));
        let reference = json!({"reference": format!("Specimen/{}", specimen["id"].as_str().unwrap())});
        assert_eq!(of_kind(&all, "Observation")[0]["specimen"], reference);
        assert_eq!(of_kind(&all, "DiagnosticReport")[0]["specimen"], json!([reference]));
        let sender = json!({
            "type": "Organization",
            "display": "LABCORP",
            "identifier": {"system": "urn:oid:2.16.840.1.113883.4.7", "value": "34D0655059"},
        });
        assert_eq!(of_kind(&all, "Observation")[0]["performer"], json!([sender]));
        assert_eq!(of_kind(&all, "DocumentReference")[0]["author"], json!([sender]));
    }
    let all = of(&text("", "", "BN^LabCorp Burlington"));
    assert_eq!(of_kind(&all, "Observation")[0]["performer"][0]["display"], "LabCorp Burlington");
    assert!(of_kind(&all, "Specimen").is_empty());
}

#[test]
fn digits_are_kept() {
    let text = "MSH|^~\\&|L|LAB|||20260101120000Z||ORU^R01|1|P|2.5\rPID|1||M\rOBR|1||\u{1}7.20|1-1^A^LN|||20260101\r\
                OBX|1|NM|2-2^B^LN||7.20|mg/dL|0.50-4.00||||F\rOBX|2|ST|2-3^C^LN||\\X01\\7.20|||||F\r";
    let all = made(&read(&"m.hl7".into(), 1, text.as_bytes()));
    all.iter().for_each(assert_valid);
    let texts = all.iter().map(Node::to_string).collect::<Vec<_>>().join("\n");
    for said in
        ["\"value\":7.20,", "\"value\":0.50,", "\"value\":4.00,", "\"value\":\"7.20\"", "\"valueString\":\"7.20\""]
    {
        assert!(texts.contains(said), "{said} {texts}");
    }
}

#[test]
fn whether_she_smokes_is_told_by_a_visit_too() {
    let all = of("MSH|^~\\&|E|H|||20260101120000Z||ADT^A04|1|P|2.5\rPID|1||M\rPV1|1|O|||||||||||||||||V1\r\
                  OBX|1|CWE|72166-2^Tobacco smoking status^LN||8517006^Former smoker^SCT||||||F|||20260101\r\
                  OBX|2|ST|99-9^Parking^L||yes||||||F\r");
    all.iter().for_each(assert_valid);
    let seen: Vec<&Value> = all.iter().filter(|one| one["resourceType"] == "Observation").collect();
    assert_eq!(seen.len(), 1);
    let profiles = seen[0]["meta"]["profile"].as_array().unwrap();
    assert!(profiles.iter().any(|one| one.as_str().unwrap().ends_with("us-core-smokingstatus")), "{profiles:?}");
}

/// The patient is identified by every number in the message, the insurer's first.
#[test]
fn all_numbers_of_the_patient() {
    let text = include_str!("../../../fixtures/load/hl7v2/visit.hl7");
    let found = read(&"m".into(), 1, text.as_bytes());
    let named_member = found.records[0].named_member().unwrap();
    assert_eq!(named_member.numbers, ["POL-123", "SUB-123", "H-5", "ACC-9"]);
    assert_eq!(
        (named_member.family.as_str(), named_member.given.as_str(), named_member.birth.as_str()),
        ("Brandt", "Theo", "1971-09-30")
    );
    let results = read(&"m".into(), 1, MESSAGE.as_bytes());
    assert_eq!(results.records[0].named_member().unwrap().numbers, ["M100200300", "MRN-77"]);
}

fn goes_through(text: &[u8]) {
    let found = read(&"m".into(), 1, text);
    for record in &found.records {
        let _ = record.named_member();
        for resource in record.resources(&known_member(), about()).unwrap() {
            assert_valid(&resource);
        }
    }
    let _ = cut(text);
    if let Ok(text) = std::str::from_utf8(text) {
        for (_, one) in messages(text).0 {
            if let Ok(message) = Message::read(one) {
                assert_eq!(message.print(), one);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_go_through(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        goes_through(&bytes);
        goes_through(&[b"MSH|^~\\&|A|B|||2026||ORU^R01|1|P|2\r".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_changed_message_goes_through(which in 0_usize..5, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..3), 1..12)) {
        let files = [
            MESSAGE,
            include_str!("../../../fixtures/load/hl7v2/visit.hl7"),
            include_str!("../../../fixtures/load/hl7v2/vaccines.hl7"),
            include_str!("../../../fixtures/load/hl7v2/notes.hl7"),
            include_str!("../../../fixtures/load/hl7v2/odd.hl7"),
        ];
        let mut text = files[which].as_bytes().to_vec();
        for (at, byte, act) in changes {
            let at = at.index(text.len());
            match act {
                0 => text[at] = byte,
                1 => drop(text.remove(at)),
                _ => text.insert(at, b"|^~\\&\r\n\"MO"[usize::from(byte) % 10]),
            }
        }
        goes_through(&text);
    }
}
