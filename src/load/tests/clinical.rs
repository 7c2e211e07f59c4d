//! Messages and documents over whole runs: they find their member, change nothing the second time, and record where
//! they come from.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::access::View;
use crate::config::Policy;

const MESSAGE: &str = include_str!("../../../fixtures/load/hl7v2/results.hl7");
const OTHER: &str = include_str!("../../../fixtures/load/hl7v2/visit.hl7");
const DOCUMENT: &str = include_str!("../../../fixtures/load/ccda/summary.xml");

fn resources(bench: &Bench) -> BTreeMap<String, Value> {
    let snapshot = bench.store.snapshot().unwrap();
    let view = View::operator("2026-11-24T00:00:00Z".parse().unwrap());
    let versions = snapshot.feed(&view, None, u64::MAX, &crate::store::Times::default(), 10_000).unwrap().versions;
    // A deleted version has no body.
    let body = |body: &[u8]| serde_json::from_slice(body).unwrap_or_default();
    // The newest come first.
    versions.iter().rev().map(|one| (format!("{}/{}", one.kind.name(), one.id), body(&one.body))).collect()
}

#[test]
fn clinical_records_find_their_member() {
    let bench = Bench::new();
    bench.put("members.csv", "member_id,last_name,first_name,dob\nM100200300,Quintero,Ana,1980-02-14\n");
    bench.put("a.hl7", MESSAGE);
    bench.put("b.hl7", OTHER);
    bench.put("c.xml", DOCUMENT.replace("MRN-77", "M100200300"));
    bench.put("d.xml", "<section/>");
    let request = Request { validation: Policy::Reject, ..bench.request() };
    bench.run(&request);
    let report = bench.report();
    assert!(report.iter().filter(|line| line.contains("unknown-member")).count() == 2, "{report:#?}");
    let all = resources(&bench);
    let patient = all.keys().find(|key| key.starts_with("Patient/")).unwrap().clone();
    let subject =
        |one: &Value| one["subject"]["reference"].as_str().or(one["patient"]["reference"].as_str()).map(str::to_owned);
    for kind in
        ["Observation", "DiagnosticReport", "DocumentReference", "Condition", "Immunization", "MedicationRequest"]
    {
        let of_kind: Vec<&Value> =
            all.iter().filter(|(key, _)| key.starts_with(&format!("{kind}/"))).map(|(_, one)| one).collect();
        assert!(!of_kind.is_empty(), "{kind}");
        assert!(of_kind.iter().all(|one| subject(one).as_ref() == Some(&patient)), "{kind}");
    }
    assert_eq!(all.keys().filter(|key| key.starts_with("Provenance/")).count(), 2);
    // The feed says nothing about the member herself.
    assert_eq!(all[&patient]["name"][0]["given"], serde_json::json!(["Ana"]));

    let before = bench.changes();
    let again = bench.run(&request);
    assert_eq!(again.changed, 0);
    assert_eq!(bench.changes(), before);

    bench.put("e.hl7", MESSAGE.replace("||212|", "||221|").replace("R0001", "R0002"));
    bench.run(&request);
    let values = |all: &BTreeMap<String, Value>| -> Vec<Value> {
        all.values()
            .filter(|one| one["code"]["coding"][0]["code"] == "2093-3" && one["issued"] == "2026-03-10T09:00:00-05:00")
            .map(|one| one["valueQuantity"]["value"].clone())
            .collect()
    };
    assert_eq!(values(&resources(&bench)), [221]);
}

const MEMBERS: &str = "member_id,last_name,first_name,dob\nM100200300,Quintero,Ana,1980-02-14\n";

/// The store after files were loaded, one by one or all at once, without fields that depend on the time and the file.
fn state(files: &[(&str, &str)], at_once: bool) -> BTreeMap<String, Value> {
    let bench = Bench::new();
    bench.put("members.csv", MEMBERS);
    for (name, text) in files {
        bench.put(name, text);
        if !at_once {
            bench.load();
        }
    }
    bench.load();
    let before = bench.changes();
    assert_eq!(bench.load().changed, 0);
    assert_eq!(bench.changes(), before);
    let mut all = resources(&bench);
    all.retain(|key, _| !key.starts_with("Provenance/"));
    for one in all.values_mut() {
        let meta = one["meta"].as_object_mut().unwrap();
        meta.retain(|name, _| !matches!(name.as_str(), "lastUpdated" | "versionId"));
        crate::map::fixtures_tests::assert_valid_when_stored(one);
    }
    all
}

/// Asserts that the store is the same in whatever order and under whatever names the texts are loaded; returns its
/// content.
fn in_every_order(texts: &[String]) -> BTreeMap<String, Value> {
    let of = |order: &[usize], at_once| {
        let names: Vec<String> = (0..order.len()).map(|at| format!("file{at}.txt")).collect();
        let files: Vec<(&str, &str)> =
            order.iter().zip(&names).map(|(at, name)| (name.as_str(), texts[*at].as_str())).collect();
        state(&files, at_once)
    };
    let forth: Vec<usize> = (0..texts.len()).collect();
    let expected = of(&forth, false);
    let mut orders = vec![forth.iter().rev().copied().collect::<Vec<_>>(), forth];
    orders.push(orders[1].iter().skip(1).chain([&0]).copied().collect());
    for order in &orders {
        for at_once in [true, false] {
            let found = of(order, at_once);
            for (key, one) in &expected {
                assert_eq!(Some(one), found.get(key), "{key} {order:?} {at_once}");
            }
            assert_eq!(expected.len(), found.len());
        }
    }
    expected
}

fn result(sent: &str, control: &str, state: &str, lines: &str) -> String {
    format!(
        "MSH|^~\\&|L|LAB|||{sent}||ORU^R01|{control}|P|2.5.1\rPID|1||M100200300^^^PLAN^MB||Quintero^Ana||19800214|F\r\
         OBR|1||F1|24323-8^CMP^LN|||20260310070000-0500|||||||||||||||||CH|{state}\r{lines}"
    )
}

/// "10-results.hl7" comes before "9-results.hl7" in a folder, and a potassium of 7.2 that was an error stood in the record.
#[test]
fn what_was_written_last_holds_in_every_order() {
    let texts = [
        result(
            "20260311101500-0500",
            "A1",
            "F",
            "OBX|1|NM|2823-3^K^LN||7.2|mmol/L|||||F\rOBX|2|NM|2951-2^Na^LN||141|mmol/L|||||F\r",
        ),
        result("20260312101500-0500", "A2", "C", "OBX|1|NM|2823-3^K^LN||4.2|mmol/L|||||C\r"),
        result("20260312101500-0500", "A3", "C", "OBX|1|NM|2823-3^K^LN||4.3|mmol/L|||||C\r"),
    ];
    let all = in_every_order(&texts);
    let of_kind =
        |kind: &str| all.iter().filter(|(key, _)| key.starts_with(kind)).map(|(_, one)| one).collect::<Vec<_>>();
    let potassium: Vec<&Value> =
        of_kind("Observation/").into_iter().filter(|one| one["code"]["coding"][0]["code"] == "2823-3").collect();
    assert_eq!(potassium.len(), 1);
    assert_eq!(potassium[0]["valueQuantity"]["value"], 4.3);
    // A correction that holds only the corrected result does not shorten its report.
    let [report] = of_kind("DiagnosticReport/")[..] else { panic!() };
    assert_eq!((report["status"].as_str(), report["result"].as_array().unwrap().len()), (Some("corrected"), 2));
}

#[test]
fn versions_of_a_document_know_each_other_in_every_order() {
    let version = |number: u32, day: &str, related: &str| {
        let set = format!("<setId root=\"1.2.3\" extension=\"S\"/><versionNumber value=\"{number}\"/>{related}");
        let text = DOCUMENT.replace("MRN-77", "M100200300");
        let (from, to) = (text.find("<id ").unwrap(), text.find("<recordTarget").unwrap());
        let head = text.get(from..to).unwrap();
        let id = head.get(..head.find("/>").unwrap() + 2).unwrap();
        let head = head.replace(id, &format!("<id root=\"1.2.3.{number}\"/>"));
        let times = head.find("<effectiveTime").unwrap();
        let end = times + head.get(times..).unwrap().find("/>").unwrap() + 2;
        let head = format!("{}<effectiveTime value=\"{day}\"/>{set}", head.replace(&head[times..end], ""));
        format!("{}{head}{}", &text[..from], &text[to..])
    };
    let replaced =
        "<relatedDocument typeCode=\"RPLC\"><parentDocument><id root=\"1.2.3.2\"/></parentDocument></relatedDocument>";
    let texts = [
        version(1, "20260301103000-0400", ""),
        version(2, "20260415103000-0400", ""),
        version(3, "20260801103000-0400", replaced),
    ];
    let all = in_every_order(&texts);
    let documents: Vec<&Value> =
        all.iter().filter(|(key, _)| key.starts_with("DocumentReference/")).map(|(_, one)| one).collect();
    let mut found: Vec<(&str, usize)> = documents
        .iter()
        .map(|one| (one["status"].as_str().unwrap(), one["relatesTo"].as_array().map_or(0, Vec::len)))
        .collect();
    found.sort_unstable();
    // Each also replaces a document of another set, which never came.
    assert_eq!(found, [("current", 3), ("superseded", 1), ("superseded", 2)]);
}

/// A load that is taken back leaves no trace: the write times that it recorded are dropped too.
#[test]
fn taking_back_forgets_what_was_later() {
    let line = |value: &str| format!("OBX|1|NM|2823-3^K^LN||{value}|mmol/L|||||F\r");
    let bench = Bench::new();
    bench.put("members.csv", MEMBERS);
    bench.put("a.hl7", result("20260311101500-0500", "A1", "F", &line("7.2")));
    bench.load();
    bench.put("b.hl7", result("20261111101500-0500", "A2", "F", &line("4.2")));
    bench.load();
    let value = || {
        let all = resources(&bench);
        all.values().find(|one| one["resourceType"] == "Observation").unwrap()["valueQuantity"]["value"].clone()
    };
    assert_eq!(value(), 4.2);
    undo(&bench.target("2026-11-25T00:00:00Z")).unwrap();
    assert_eq!(value(), 7.2);
    fs::remove_file(bench.folder.path().join("in/b.hl7")).unwrap();
    bench.put("c.hl7", result("20260312101500-0500", "A3", "F", &line("5.2")));
    bench.load();
    assert_eq!(value(), 5.2);
}

#[test]
fn a_replaced_note_is_superseded_in_every_order() {
    let note = |event: &str, sent: &str, own: &str, parent: &str| {
        format!(
            "MSH|^~\\&|E|HHC|||{sent}||MDM^{event}|D{own}|P|2.4\rPID|1||M100200300^^^PLAN^MB||QUINTERO^ANA||19800214|F\r\
             TXA|1|11488-4^Note^LN|TX|||||||||DOC{own}^HHC|{parent}||||LA|U|AV\rOBX|1|TX|1-1^Note^LN||Text {own}||||||F\r"
        )
    };
    let texts = [note("T02", "202604021015-0400", "55", ""), note("T10", "202604031015-0400", "56", "DOC55^HHC")];
    let all = in_every_order(&texts);
    let mut found: Vec<(&str, bool)> = all
        .values()
        .filter(|one| one["resourceType"] == "DocumentReference")
        .map(|one| (one["status"].as_str().unwrap(), one["relatesTo"][0]["code"] == "replaces"))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("current", true), ("superseded", false)]);
}

/// A correction of one panel comes without the culture and the specimen, and keeps its links to both.
#[test]
fn a_correction_keeps_its_links_in_every_order() {
    let head = |sent: &str| {
        format!("MSH|^~\\&|L|LAB|||{sent}||ORU^R01|M1|P|2.5.1\rPID|1||M100200300^^^PLAN^MB||Quintero^Ana||19800214|F\r")
    };
    let panel = |state: &str, value: &str| {
        format!(
            "OBR|2|P7|F7|50545-3^Panel^LN|||20260309081500-0500|||||||||||||||||MB|{state}|630-4&Culture&LN^1^E. coli|||P7&H^F7&L\r\
             OBX|1|SN|18906-8^Ciprofloxacin^LN||<=^{value}|ug/mL||S|||{state}\r"
        )
    };
    let culture = "OBR|1|P7|F7|630-4^Culture^LN|||20260309081500-0500|||||||||||||||||MB|F\r\
                   OBX|1|CE|634-6^Organism^LN|1|112283007^Escherichia coli^SCT||||||F\r\
                   SPM|1|^05511S||122575003^Urine^SCT\r";
    let specimen = "SPM|1|^05511S||122575003^Urine^SCT\r";
    let texts = [
        format!("{}{}{}{specimen}", head("20260312101500-0500"), culture.replace("634-6", "630-4"), panel("F", "0.50")),
        format!("{}{}", head("20260313101500-0500"), panel("C", "0.25")),
    ];
    let all = in_every_order(&texts);
    let of_code = |code: &str| {
        all.values()
            .find(|one| one["code"]["coding"][0]["code"] == code && one["resourceType"] == "Observation")
            .unwrap()
    };
    let (organism, drug) = (of_code("630-4"), of_code("18906-8"));
    assert_eq!((&drug["status"], &drug["valueQuantity"]["value"]), (&"corrected".into(), &0.25.into()));
    assert_eq!(drug["derivedFrom"][0]["reference"], format!("Observation/{}", organism["id"].as_str().unwrap()));
    assert_eq!(organism["hasMember"][0]["reference"], format!("Observation/{}", drug["id"].as_str().unwrap()));
    assert_eq!(drug["specimen"], organism["specimen"]);
    let report =
        all.values().find(|one| one["status"] == "corrected" && one["resourceType"] == "DiagnosticReport").unwrap();
    assert_eq!(report["specimen"][0], drug["specimen"]);
}

/// A clock that is years ahead must not hold against every correction to come.
#[test]
fn a_time_in_years_to_come_does_not_count() {
    let line = |value: &str| format!("OBX|1|NM|2823-3^K^LN||{value}|mmol/L|||||F\r");
    let bench = Bench::new();
    bench.put("members.csv", MEMBERS);
    bench.put("a.hl7", result("20990311101500-0500", "A1", "F", &line("7.2")));
    bench.load();
    bench.put("b.hl7", result("20260311101500-0500", "A2", "F", &line("4.2")));
    bench.load();
    let all = resources(&bench);
    let seen = all.values().find(|one| one["resourceType"] == "Observation").unwrap();
    assert_eq!(seen["valueQuantity"]["value"], 4.2);
}

/// A result of 1970 stood on a woman born in 1980 without a finding.
#[test]
fn care_before_birth_is_told() {
    let bench = Bench::new();
    bench.put("members.csv", MEMBERS);
    bench.load();
    let text = result("20260311101500-0500", "A1", "F", "OBX|1|NM|2823-3^K^LN||7.2|mmol/L|||||F\r");
    let told = |summary: &Summary| summary.findings.iter().any(|one| one.rule == "before-birth");
    bench.put("a.hl7", &text);
    assert!(!told(&bench.load()));
    bench.put("b.hl7", text.replace("20260310070000", "19700310070000").replace("||F1|", "||F2|"));
    assert!(told(&bench.load()));
}

#[test]
fn provenance_names_who_wrote_it() {
    let bench = Bench::new();
    bench.put("members.csv", MEMBERS);
    bench.put("a.hl7", result("20260311101500-0500", "A1", "F", "OBX|1|NM|2823-3^K^LN||7.2|mmol/L|||||F\r"));
    bench.put("c.xml", DOCUMENT.replace("MRN-77", "M100200300"));
    bench.run(&Request { validation: Policy::Reject, ..bench.request() });
    let all = resources(&bench);
    let mut agents: Vec<Value> =
        all.values().filter(|one| one["resourceType"] == "Provenance").map(|one| one["agent"][1].clone()).collect();
    agents.sort_by_key(Value::to_string);
    assert_eq!(agents.len(), 2);
    assert!(agents.iter().all(|agent| agent["type"]["coding"][0]["code"] == "author"), "{agents:?}");
    assert!(agents.iter().any(|agent| agent["who"]["display"] == "LAB"), "{agents:?}");
    // A person acts on behalf of an organization.
    let person = agents.iter().find(|agent| agent["who"]["reference"] == "Practitioner/npi-1245319599").unwrap();
    assert!(person["onBehalfOf"].is_object());
    let provenance: Vec<&Value> = all.values().filter(|one| one["resourceType"] == "Provenance").collect();
    provenance.into_iter().for_each(crate::map::fixtures_tests::assert_valid_when_stored);
}

/// 7.20 was measured to a hundredth, and is stored and served so.
#[test]
fn digits_reach_the_store() {
    let bench = Bench::new();
    bench.put("members.csv", MEMBERS);
    bench.put("a.hl7", result("20260311101500-0500", "A1", "F", "OBX|1|NM|2823-3^K^LN||7.20|mmol/L|||||F\r"));
    bench.load();
    let snapshot = bench.store.snapshot().unwrap();
    let view = View::operator("2026-11-24T00:00:00Z".parse().unwrap());
    let versions = snapshot.feed(&view, None, u64::MAX, &crate::store::Times::default(), 10_000).unwrap().versions;
    let texts: Vec<String> = versions.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    assert!(texts.iter().any(|text| text.contains("\"value\":7.20")), "{texts:#?}");
}
