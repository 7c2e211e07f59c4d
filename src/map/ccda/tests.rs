//! The resources of documents: the public samples, hostile texts, arbitrary input.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fhir::json::Node;
use crate::map::ccda::read;
use crate::map::fixtures_tests::{about, assert_valid, value};
use crate::map::record::{KnownMember, ReadPiece};

const DOCUMENT: &str = include_str!("../../../fixtures/load/ccda/summary.xml");

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
    resources(&read(&"d.xml".into(), text.as_bytes()))
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, out) } else { out.push(path) }
    }
}

const TARGET: &str = "<recordTarget><patientRole><id root='1.2.3' extension='7'/></patientRole></recordTarget>";

/// A fragment within a test document, so that its entries are mapped.
fn wrapped(part: &str) -> String {
    let part = part.trim_start_matches('\u{feff}').trim_start();
    let part = if part.starts_with("<?xml") { part.split_once("?>").unwrap().1 } else { part };
    let inner = part.trim_start();
    let mut first = inner;
    while let Some(rest) = first.strip_prefix("<!--") {
        first = rest.split_once("-->").unwrap().1.trim_start();
    }
    let (header, body) = if first.starts_with("<section") {
        (String::new(), format!("<component>{inner}</component>"))
    } else if first.starts_with("<component") {
        (String::new(), inner.to_owned())
    } else if first.starts_with("<ClinicalDocument") {
        return part.to_owned();
    } else if first.starts_with("<documentationOf") {
        (format!("{TARGET}{inner}"), String::new())
    } else if first.starts_with("<recordTarget") {
        (inner.to_owned(), String::new())
    } else {
        (String::new(), format!("<component><section><entry>{inner}</entry></section></component>"))
    };
    let header = if header.is_empty() { TARGET.to_owned() } else { header };
    format!(
        "<ClinicalDocument xmlns='urn:hl7-org:v3'><id root='1.2.3.4' extension='d'/><code code='34133-9' codeSystem='2.16.840.1.113883.6.1'/>\
         <effectiveTime value='20260101120000-0500'/>{header}<component><structuredBody>{body}</structuredBody></component></ClinicalDocument>"
    )
}

#[derive(Default)]
struct Count {
    files: usize,
    records: usize,
    by_type: BTreeMap<String, usize>,
    profiles: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
}

impl Count {
    fn add(&mut self, file: &Arc<str>, text: &[u8]) {
        self.files += 1;
        let found = read(file, text);
        self.records += found.records.len();
        for (_, reject) in &found.rejects {
            *self.refused.entry(format!("{}: {}", reject.rule, reject.reason)).or_default() += 1;
        }
        let all = resources(&found);
        assert_eq!(all, resources(&read(file, text)), "{file}");
        for resource in &all {
            assert_valid(resource);
            *self.by_type.entry(resource["resourceType"].as_str().unwrap().to_owned()).or_default() += 1;
            for profile in resource["meta"]["profile"].as_array().into_iter().flatten() {
                *self.profiles.entry(profile.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).or_default() +=
                    1;
            }
        }
    }

    fn value(&self) -> Value {
        json!({
            "files": self.files,
            "records": self.records,
            "resources": self.by_type,
            "profiles": self.profiles,
            "refused": self.refused,
        })
    }
}

/// The resources of the 106 public files. 23 are whole documents (one of them among the 84 examples), and all are read.
/// The 83 fragments name no patient and are refused (`as they are`); within an envelope of the test's own (`in an
/// envelope`) their entries are mapped. Every document gives a `DocumentReference`. Twelve whole documents have entries
/// that are not read; among them are plans without orders.
#[test]
fn the_public_samples() {
    let Some(folder) = crate::beside::beside("the test of the public documents", "data/ccda") else { return };
    let mut paths = Vec::new();
    walk(&folder, &mut paths);
    let (mut whole, mut parts) = (Count::default(), Count::default());
    for path in &paths {
        let text = fs::read(path).unwrap();
        let file: Arc<str> = path.file_name().unwrap().to_str().unwrap().into();
        whole.add(&file, &text);
        if path.to_str().unwrap().contains("c-cda-examples") {
            parts.add(&file, wrapped(&String::from_utf8_lossy(&text)).as_bytes());
        }
    }
    insta::assert_json_snapshot!(json!({"as they are": whole.value(), "in an envelope": parts.value()}));
}

fn reason(text: &[u8]) -> String {
    let found = read(&"d.xml".into(), text);
    assert!(found.records.is_empty());
    found.rejects.first().unwrap().1.reason.clone()
}

#[test]
fn what_is_no_whole_document_is_refused() {
    let twice = DOCUMENT.replace("<author><time", "<recordTarget/><author><time");
    let nobody = DOCUMENT.replace("recordTarget", "recordTargets");
    let cut = &DOCUMENT[..DOCUMENT.len() / 2];
    for (text, words) in [
        ("", "not well-formed"),
        ("just words", "not well-formed"),
        ("<section/>", "a part of a document"),
        ("<Patient xmlns='http://hl7.org/fhir'/>", "no clinical document"),
        ("<ClinicalDocument/>", "names no patient"),
        ("<!DOCTYPE x><ClinicalDocument/>", "DTD"),
        ("<ClinicalDocument>&nbsp;</ClinicalDocument>", "entity"),
        ("<ClinicalDocument><x:y/></ClinicalDocument>", "prefix"),
        (&twice, "several patients"),
        (&nobody, "names no patient"),
        (cut, "cut off"),
    ] {
        assert!(reason(text.as_bytes()).contains(words), "{words}");
    }
    assert!(reason(b"<ClinicalDocument>\xff</ClinicalDocument>").contains("UTF-8"));
}

/// Sixty XML bombs: each is refused, or costs no more than its size.
#[test]
fn bombs_do_not_go_off() {
    for size in 1..=10_usize {
        let many = size * 1_000;
        let entities: String =
            (1..=size).map(|at| format!("<!ENTITY e{at} \"&e{};&e{};\">", at - 1, at - 1)).collect::<Vec<_>>().concat();
        let attributes: String = (0..many).map(|at| format!(" a{at}='1'")).collect::<Vec<_>>().concat();
        let spaces: String = (0..many).map(|at| format!("<a xmlns:n{at}='u{at}'/>")).collect::<Vec<_>>().concat();
        let nested = "<component>".repeat(64 + size * size * 100);
        for bomb in [
            format!("<!DOCTYPE a [<!ENTITY e0 \"x\">{entities}]><ClinicalDocument>&e{size};</ClinicalDocument>"),
            "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><ClinicalDocument/>".repeat(size),
            format!("<ClinicalDocument{attributes}/>"),
            format!("<ClinicalDocument>{spaces}</ClinicalDocument>"),
            format!("<ClinicalDocument>{nested}"),
            format!("<ClinicalDocument a='{}", "<".repeat(many)),
        ] {
            assert!(!reason(bomb.as_bytes()).is_empty());
        }
    }
}

#[test]
fn a_patient_has_many_numbers() {
    let payer = "<section xmlns='urn:hl7-org:v3'><code code='48768-6'/><entry><act><participant typeCode='COV'>\
                 <participantRole><id root='1.2.9' extension='M100200300'/></participantRole></participant></act></entry></section>";
    let text =
        DOCUMENT.replacen("<component><section>", &format!("<component>{payer}</component><component><section>"), 1);
    let found = read(&"d.xml".into(), text.as_bytes());
    let named_member = found.records[0].named_member().unwrap();
    assert_eq!(named_member.numbers, ["MRN-77", "M100200300"]);
    assert_eq!(
        (named_member.family.as_str(), named_member.given.as_str(), named_member.birth.as_str()),
        ("Quintero", "Ana", "1980-02-14")
    );
}

/// A label on a part is on the whole document; a restricted document restricts every part.
#[test]
fn labels_of_the_document() {
    let security = |resource: &Value| resource["meta"]["security"].clone();
    let plain = of(DOCUMENT);
    let original = plain.iter().find(|one| one["resourceType"] == "DocumentReference").unwrap();
    assert_eq!(security(original)[0]["code"], "ETH");
    let restricted = of(&DOCUMENT.replace("<confidentialityCode code=\"N\"", "<confidentialityCode code=\"R\""));
    for one in
        restricted.iter().filter(|one| !matches!(one["resourceType"].as_str(), Some("Practitioner" | "Organization")))
    {
        assert!(security(one).as_array().unwrap().iter().any(|label| label["code"] == "R"), "{one}");
    }
}

/// The next version of a document is a document of its own in the same set, and a document that replaces another names
/// it.
#[test]
fn versions_and_replacements() {
    let original = |text: &str| of(text).into_iter().find(|one| one["resourceType"] == "DocumentReference").unwrap();
    let first = original(DOCUMENT);
    let next =
        original(&DOCUMENT.replace("DOC-8", "DOC-9").replace("versionNumber value=\"2\"", "versionNumber value=\"3\""));
    assert_ne!(first["id"], next["id"]);
    let read = read(&"d.xml".into(), DOCUMENT.as_bytes());
    assert_eq!(read.records[0].set().as_deref(), Some("2.16.840.1.113883.3.9999.2|SET-8"));
    let alone = original(
        "<ClinicalDocument><id root='2.16.840.1.113883.3.9999.2' extension='DOC-5'/>\
         <recordTarget><patientRole><id root='1.2' extension='7'/></patientRole></recordTarget></ClinicalDocument>",
    );
    assert_eq!(
        first["relatesTo"][0]["target"]["reference"],
        format!("DocumentReference/{}", alone["id"].as_str().unwrap())
    );
}

#[test]
fn a_scanned_letter_is_kept_beside_its_envelope() {
    let text = "<ClinicalDocument><id root='1.2' extension='L'/><recordTarget><patientRole><id root='1.2' extension='7'/></patientRole></recordTarget>\
                <component><nonXMLBody><text mediaType='application/pdf' representation='B64'>JVBERi0x\nLjQK</text></nonXMLBody></component></ClinicalDocument>";
    let found = of(text);
    assert_valid(&found[0]);
    let forms = found[0]["content"].as_array().unwrap();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[1]["attachment"], json!({"contentType": "application/pdf", "data": "JVBERi0xLjQK"}));
}

/// A document with these sections.
fn with(header: &str, sections: &str) -> String {
    format!(
        "<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><id root='1.2.9' extension='D'/>\
         {TARGET}{header}<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"
    )
}

fn section(code: &str, entries: &str) -> String {
    format!("<component><section><code code='{code}'/>{entries}</section></component>")
}

fn of_kind(all: &[Value], kind: &str) -> Vec<Value> {
    all.iter().filter(|one| one["resourceType"] == kind).cloned().collect()
}

/// One encounter was in the record twice: from the document's header, and from its section.
#[test]
fn a_visit_of_header_and_section_is_one() {
    let header = "<componentOf><encompassingEncounter><id root='1.2.4' extension='V1'/><code code='AMB' codeSystem='2.16.840.1.113883.5.4'/>\
        <effectiveTime><low value='202603110930-0500'/><high value='202603111000-0500'/></effectiveTime>\
        <location><healthCareFacility><location><name>Room 4</name></location></healthCareFacility></location></encompassingEncounter></componentOf>";
    let visit = |extension: &str, day: &str| {
        format!(
            "<entry><encounter classCode='ENC' moodCode='EVN'><id root='1.2.4' extension='{extension}'/>\
             <code code='99213' codeSystem='2.16.840.1.113883.6.12'/><statusCode code='active'/><effectiveTime value='{day}'/></encounter></entry>"
        )
    };
    let entries = [visit("V1", "20260311"), visit("V2", "20260311"), visit("V1", "20260409")].concat();
    let all = of(&with(header, &section("46240-8", &entries)));
    all.iter().for_each(assert_valid);
    let found = of_kind(&all, "Encounter");
    assert_eq!(found.len(), 3);
    assert_eq!((&found[0]["class"]["code"], &found[0]["status"]), (&json!("AMB"), &json!("in-progress")));
    assert_eq!(found[0]["location"][0]["location"]["display"], "Room 4");
    assert_eq!(found[0]["type"].as_array().unwrap().len(), 2);
    let ids: std::collections::BTreeSet<&str> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    // Another document that has the encounter in its section only means the same one.
    let other = of(&with("", &section("46240-8", &visit("V1", "20260311"))));
    assert_eq!(of_kind(&other, "Encounter")[0]["id"], found[0]["id"]);
}

#[test]
fn what_she_does_not_have_is_not_active() {
    let entry = "<entry><act classCode='ACT' moodCode='EVN'><statusCode code='active'/><entryRelationship typeCode='SUBJ'>\
        <observation classCode='OBS' moodCode='EVN' negationInd='true'><value xsi:type='CD' code='73211009' codeSystem='2.16.840.1.113883.6.96'/>\
        </observation></entryRelationship></act></entry>";
    let all = of(&with("", &section("11450-4", entry)));
    all.iter().for_each(assert_valid);
    let found = &of_kind(&all, "Condition")[0];
    assert_eq!(found["clinicalStatus"]["coding"][0]["code"], "inactive");
    assert_eq!(found["verificationStatus"]["coding"][0]["code"], "refuted");
}

#[test]
fn a_section_without_a_code_is_known_by_its_template() {
    let entry = "<entry><observation classCode='OBS' moodCode='EVN'><code code='4548-4' codeSystem='2.16.840.1.113883.6.1'/>\
        <statusCode code='completed'/><effectiveTime value='20260311'/><value xsi:type='PQ' value='6.5' unit='%'/></observation></entry>";
    let template = "<templateId root='2.16.840.1.113883.10.20.22.2.3.1' extension='2015-08-01'/>";
    for code in ["", "<code nullFlavor='UNK'/>", "<code code='RES' codeSystem='1.2.3'/>"] {
        let all = of(&with("", &format!("<component><section>{template}{code}{entry}</section></component>")));
        assert_eq!(of_kind(&all, "Observation").len(), 1, "{code}");
    }
}

#[test]
fn goals_orders_and_what_was_handed_out() {
    let goal = |value: &str| {
        format!(
            "<entry><observation classCode='OBS' moodCode='GOL'><id root='1.2.5' extension='g'/><code code='4548-4' codeSystem='2.16.840.1.113883.6.1' displayName='A1c'/>\
             <statusCode code='active'/><effectiveTime><low value='20260415'/><high value='20261015'/></effectiveTime>{value}</observation></entry>"
        )
    };
    let target = |value: &str| {
        let all = of(&with("", &section("61146-7", &goal(value))));
        all.iter().for_each(assert_valid);
        of_kind(&all, "Goal")[0]["target"][0].clone()
    };
    let below = json!({"value": 7, "comparator": "<", "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"});
    assert_eq!(target("<value xsi:type='ST'>&lt;7 %</value>")["detailQuantity"], below);
    let most = target("<value xsi:type='IVL_PQ'><high value='7' unit='%'/></value>");
    assert_eq!((&most["detailQuantity"]["comparator"], &most["dueDate"]), (&json!("<="), &json!("2026-10-15")));
    assert_eq!(most["measure"]["coding"][0]["code"], "4548-4");
    assert_eq!(target("<value xsi:type='ST'>lower than last year</value>")["detailString"], "lower than last year");
    assert_eq!(target("").get("measure"), None);

    let medicine = "<consumable><manufacturedProduct><manufacturedMaterial><code code='860975' codeSystem='2.16.840.1.113883.6.88'/>\
        </manufacturedMaterial></manufacturedProduct></consumable>";
    let supply = "<entryRelationship typeCode='REFR'><supply classCode='SPLY' moodCode='EVN'><templateId root='2.16.840.1.113883.10.20.22.4.18'/>\
        <id root='1.2.6' extension='d1'/><statusCode code='completed'/><effectiveTime value='20260103'/><quantity value='60' unit='{tbl}'/></supply></entryRelationship>";
    let taken = format!(
        "<entry><substanceAdministration classCode='SBADM' moodCode='INT'><id root='1.2.6' extension='m1'/><statusCode code='active'/>{medicine}{supply}</substanceAdministration></entry>"
    );
    let planned = "<entry><observation classCode='OBS' moodCode='RQO'><id root='1.2.7' extension='o1'/><code code='4548-4' codeSystem='2.16.840.1.113883.6.1'/>\
        <statusCode code='active'/><effectiveTime value='20260715'/></observation></entry>\
        <entry><encounter classCode='ENC' moodCode='INT'><code code='99213' codeSystem='2.16.840.1.113883.6.12'/></encounter></entry>";
    let family = "<entry><organizer/></entry><entry><organizer/></entry>";
    let text =
        with("", &[section("10160-0", &taken), section("18776-5", planned), section("10157-6", family)].concat());
    let all = of(&text);
    all.iter().for_each(assert_valid);
    let request = &of_kind(&all, "MedicationRequest")[0];
    let dispense = &of_kind(&all, "MedicationDispense")[0];
    assert!(dispense["meta"]["profile"][0].as_str().unwrap().ends_with("us-core-medicationdispense"));
    assert_eq!(
        dispense["authorizingPrescription"][0]["reference"],
        format!("MedicationRequest/{}", request["id"].as_str().unwrap())
    );
    assert_eq!(dispense["whenHandedOver"], "2026-01-03");
    let order = &of_kind(&all, "ServiceRequest")[0];
    assert!(order["meta"]["profile"][0].as_str().unwrap().ends_with("us-core-servicerequest"));
    assert_eq!((&order["intent"], &order["occurrenceDateTime"]), (&json!("order"), &json!("2026-07-15")));
    let notes = read(&"d.xml".into(), text.as_bytes()).rejects;
    assert_eq!(notes[0].1.reason, "3 entries were not read: family history 2, plan 1");
}

#[test]
fn results_name_their_specimen() {
    let entry = "<entry><organizer classCode='BATTERY' moodCode='EVN'><code code='24323-8' codeSystem='2.16.840.1.113883.6.1'/><statusCode code='completed'/>\
        <specimen><specimenRole><specimenPlayingEntity><code code='119297000' codeSystem='2.16.840.1.113883.6.96' displayName='Blood specimen'/></specimenPlayingEntity></specimenRole></specimen>\
        <component><observation classCode='OBS' moodCode='EVN'><code code='4548-4' codeSystem='2.16.840.1.113883.6.1'/><statusCode code='completed'/>\
        <effectiveTime value='20260311'/><value xsi:type='PQ' value='6.5' unit='%'/></observation></component></organizer></entry>";
    let all = of(&with("", &section("30954-2", entry)));
    all.iter().for_each(assert_valid);
    let specimen = &of_kind(&all, "Specimen")[0];
    assert!(specimen["meta"]["profile"][0].as_str().unwrap().ends_with("us-core-specimen"));
    let reference = json!({"reference": format!("Specimen/{}", specimen["id"].as_str().unwrap())});
    assert_eq!(of_kind(&all, "Observation")[0]["specimen"], reference);
    assert_eq!(of_kind(&all, "DiagnosticReport")[0]["specimen"], json!([reference]));
}

/// Digits are carried in a text that begins with a character which no document may contain.
#[test]
fn no_document_can_say_what_marks_digits() {
    let with_id = |id: &str| {
        with(
            "",
            &section(
                "30954-2",
                &format!(
                    "<entry><observation classCode='OBS' moodCode='EVN'><id root='1.2' extension='{id}'/><code code='4548-4' codeSystem='2.16.840.1.113883.6.1'/>\
         <statusCode code='completed'/><effectiveTime value='20260311'/><value xsi:type='PQ' value='7.20' unit='%'/></observation></entry>"
                ),
            ),
        )
    };
    for id in ["&#1;7.20", "\u{1}7.20"] {
        let all = of(&with_id(id));
        let texts: Vec<String> =
            all.iter().filter_map(|one| one["identifier"][0]["value"].as_str()).map(str::to_owned).collect();
        assert!(texts.iter().all(|text| !text.starts_with('\u{1}')), "{texts:?}");
    }
    let all = made(&read(&"d.xml".into(), with_id("o1").as_bytes()));
    let texts: Vec<String> = all.iter().map(Node::to_string).collect();
    assert!(texts.iter().any(|text| text.contains("\"value\":7.20,")), "{texts:?}");
}

fn goes_through(text: &[u8]) {
    for resource in resources(&read(&"d.xml".into(), text)) {
        assert_valid(&resource);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_go_through(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        goes_through(&bytes);
        goes_through(&[b"<ClinicalDocument xmlns='urn:hl7-org:v3'>".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_changed_document_goes_through(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut text = DOCUMENT.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        goes_through(&text);
    }

    /// Values are changed and the XML structure is not, so that the mappers see the values.
    #[test]
    fn changed_values_go_through(changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12), 1..30)) {
        let odd = ["", "0", "-1", "NI", "99999999", "2026", "2.16.840.1.113883.6.1", "nullified", "true", "GOL", "\u{1F600}", "a b  c"];
        let mut parts: Vec<&str> = DOCUMENT.split('"').collect();
        for (at, with) in changes {
            // Every second part is a value.
            let at = at.index(parts.len() / 2) * 2 + 1;
            if !parts[at].starts_with("urn:") && !parts[at].starts_with("http") {
                parts[at] = odd[with];
            }
        }
        goes_through(parts.join("\"").as_bytes());
    }
}
