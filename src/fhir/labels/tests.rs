use super::*;
use crate::fhir::json;

fn labelled_by(text: &str, lists: &Lists) -> (String, Categories) {
    let mut node = json::parse(text.as_bytes()).unwrap();
    let topics = set_by(&mut node, lists);
    (node.to_string(), topics)
}

fn labelled(text: &str) -> (String, Vec<&'static str>) {
    let (text, topics) = labelled_by(text, lists());
    (text, topics.iter().map(Category::name).collect())
}

fn condition(system: &str, code: &str) -> String {
    format!(r#"{{"resourceType":"Condition","code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}"#)
}

const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const HCPCS: &str = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const SNOMED: &str = "http://snomed.info/sct";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const NDC: &str = "http://hl7.org/fhir/sid/ndc";
const LOINC: &str = "http://loinc.org";
const PCS: &str = "http://www.cms.gov/Medicare/Coding/ICD10";

#[test]
fn threat_92_our_list_is_read_to_its_end() {
    assert!(Lists::with("").is_ok_and(|read| read.hash() != 0));
    assert_eq!(Lists::with("").map(|read| read.of(ICD, "F11.20").bits()), Ok(1));
}

/// 28 of 31 records of this kind, loaded as a plan's files have them, came out with nothing ticked.
#[test]
fn threat_92_records_as_plans_have_them_are_found() {
    for (topic, system, codes) in [
        ("mental-health", ICD, "F32.1 F20.9 T14.91XA T39.1X2A R45.851 X78.8XXA"),
        ("mental-health", CPT, "90834 90837 90853 90791"),
        ("mental-health", HCPCS, "H0031 H2011 90834"),
        ("mental-health", RXNORM, "36437 312940 321988"),
        ("mental-health", SNOMED, "370143000 58214004"),
        ("mental-health", LOINC, "44249-1"),
        ("mental-health", PCS, "GZ3ZZZZ"),
        ("reproductive-health", ICD, "Z33.2 O04.5 A54.00 Z30.09"),
        ("reproductive-health", CPT, "59840 87491"),
        ("reproductive-health", RXNORM, "330381"),
        ("reproductive-health", HCPCS, "S0190"),
        ("reproductive-health", NDC, "64875-0001-01 64875-001-01 64875000101"),
        ("violence", ICD, "T74.11XA T76.21XA Y07.03"),
        ("genetic", ICD, "Z15.01 Z13.79"),
        ("genetic", CPT, "81162 96041"),
        ("genetic", LOINC, "51969-4"),
        ("hiv", ICD, "B20 Z21"),
        ("hiv", SNOMED, "86406008"),
        ("hiv", RXNORM, "1999667 195085"),
        ("hiv", LOINC, "20447-9"),
        ("hiv", CPT, "87536 86703"),
        ("substance-use", ICD, "F11.20 F10.10 T40.1X1A T40.2X4A"),
        ("substance-use", SNOMED, "75544000"),
        ("substance-use", RXNORM, "1819 351267 1010600"),
        ("substance-use", NDC, "12496-1208-03 12496120803 12496-120803"),
        ("substance-use", HCPCS, "H0015 H2036 T1006 J0571 G2067"),
        ("substance-use", CPT, "99408"),
        ("substance-use", PCS, "HZ2ZZZZ"),
        ("substance-use", "https://www.nubc.org/CodeSystem/RevenueCodes", "0906 906"),
    ] {
        for code in codes.split_ascii_whitespace() {
            let (text, topics) = labelled(&condition(system, code));
            assert!(topics.contains(&topic), "{topic} {system} {code}: {topics:?}");
            assert!(text.contains(r#""id":"listed-"#), "{text}");
        }
    }
}

#[test]
fn other_codes_are_not_found() {
    for (system, codes) in [
        (ICD, "F17.210 F03.90 I10 T40.2X5A T33.012A B2 F1 Z63.0"),
        ("http://example.org/rooms", "F10"),
        (CPT, "99213 80053"),
        (RXNORM, "197361 18"),
        (NDC, "00071-0155-23 0071015523"),
        (LOINC, "4548-4"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "305.1 250.00"),
    ] {
        for code in codes.split_ascii_whitespace() {
            let text = condition(system, code);
            assert_eq!(labelled(&text), (text, vec![]), "{system} {code}");
        }
    }
}

#[test]
fn ten_digits_of_a_drug_may_be_cut_in_three_ways() {
    let lists = Lists::with("hiv ndc 00003-3622-12 11111-0222-33 11111-2222-03").unwrap();
    for code in ["0003362212", "1111122233", "1111122223", "3-3622-12"] {
        assert!(lists.of(NDC, code).contains(Category::Hiv), "{code}");
    }
    assert!(lists.of(NDC, "1111122234").is_empty());
}

#[test]
fn it_does_not_matter_how_a_code_is_written() {
    for code in ["F32.1", "F321", "f32.1", " F32.1"] {
        assert_eq!(labelled(&condition(ICD, code)).1, ["mental-health"], "{code}");
    }
}

#[test]
fn threat_92_codes_count_wherever_they_stand() {
    let coding = format!(r#"{{"coding":[{{"system":"{ICD}","code":"B20"}}]}}"#);
    for (kind, rest) in [
        ("ExplanationOfBenefit", format!(r#""diagnosis":[{{"diagnosisCodeableConcept":{coding}}}]"#)),
        ("Claim", format!(r#""item":[{{"productOrService":{coding}}}]"#)),
        ("Claim", format!(r#""item":[{{"detail":[{{"revenue":{coding}}}]}}]"#)),
        ("ExplanationOfBenefit", format!(r#""supportingInfo":[{{"code":{coding}}}]"#)),
        ("ExplanationOfBenefit", format!(r#""addItem":[{{"modifier":[{coding}]}}]"#)),
        ("MedicationDispense", format!(r#""medicationCodeableConcept":{coding}"#)),
        ("MedicationRequest", format!(r#""contained":[{{"resourceType":"Medication","id":"m","code":{coding}}}]"#)),
        ("Medication", format!(r#""ingredient":[{{"itemCodeableConcept":{coding}}}]"#)),
        ("Observation", format!(r#""component":[{{"valueCodeableConcept":{coding}}}]"#)),
        ("Encounter", format!(r#""reasonCode":[{coding}]"#)),
        ("Patient", format!(r#""extension":[{{"url":"http://example.org/x","valueCodeableConcept":{coding}}}]"#)),
        ("ServiceRequest", format!(r#""meta":{{"tag":[{{"system":"{ICD}","code":"B20"}}]}}"#)),
    ] {
        let (text, topics) = labelled(&format!(r#"{{"resourceType":"{kind}",{rest}}}"#));
        assert_eq!(topics, ["hiv"], "{text}");
    }
}

#[test]
fn drugs_of_the_formulary_and_services_are_about_nobody() {
    let code = format!(r#""code":{{"coding":[{{"system":"{RXNORM}","code":"1819"}}]}}"#);
    for text in [
        format!(r#"{{"resourceType":"MedicationKnowledge",{code}}}"#),
        format!(
            r#"{{"resourceType":"Basic","meta":{{"profile":["http://hl7.org/fhir/us/davinci-drug-formulary/StructureDefinition/usdf-FormularyItem"]}},{code}}}"#
        ),
        format!(r#"{{"resourceType":"HealthcareService",{code}}}"#),
    ] {
        assert_eq!(labelled(&text), (text, vec![]));
    }
    assert_eq!(labelled(&format!(r#"{{"resourceType":"Basic",{code}}}"#)).1, ["substance-use"]);
}

#[test]
fn labels_are_set_once_and_those_of_others_stay() {
    let claim = format!(
        r#"{{"resourceType":"ExplanationOfBenefit","diagnosis":[{{"diagnosisCodeableConcept":{{"coding":[{{"system":"{ICD}","code":"F11.20"}}]}}}}],"item":[{{"productOrService":{{"coding":[{{"system":"{HCPCS}","code":"H0005"}}]}}}}]}}"#
    );
    let (once, topics) = labelled(&claim);
    let label = r#"{"id":"listed-ETH","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}"#;
    assert_eq!(once.matches(label).count(), 1, "{once}");
    assert_eq!(labelled(&once), (once, topics));
    // Said already, by somebody else.
    let said = format!(
        r#"{{"resourceType":"Condition","meta":{{"security":[{{"code":"HIV"}}]}},{}"#,
        &condition(ICD, "B20")[28..]
    );
    assert_eq!(labelled(&said), (said, vec!["hiv"]));
}

/// (d) A label on a contained resource, and (c) confidentiality alone.
#[test]
fn threat_92_labels_count_wherever_they_stand() {
    let act = sensitivity::ACT_CODE;
    let all: Vec<&str> = Category::ALL.map(Category::name).into();
    for (rest, topics) in [
        (r#""contained":[{"resourceType":"Medication","meta":{"security":[{"code":"HIV"}]}}]"#.to_owned(), vec!["hiv"]),
        (format!(r#""extension":[{{"valueCoding":{{"system":"{act}","code":"SEX"}}}}]"#), vec!["reproductive-health"]),
        (
            r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}"#
                .into(),
            all.clone(),
        ),
        (r#""securityLabel":[{"coding":[{"code":"N"}]}]"#.into(), vec![]),
        (r#""confidentiality":"V""#.into(), all),
        (
            format!(r#""meta":{{"security":[{{"system":"{act}","code":"BH"}}]}}"#),
            vec!["substance-use", "mental-health"],
        ),
    ] {
        let text = format!(r#"{{"resourceType":"Composition",{rest}}}"#);
        let (after, found) = labelled(&text);
        assert_eq!((&found, &after), (&topics, &text));
    }
    let document = format!(
        r#"{{"resourceType":"DocumentReference","securityLabel":[{{"coding":[{{"system":"{act}","code":"TBOO"}}]}}]}}"#
    );
    let node = json::parse(document.as_bytes()).unwrap();
    assert_eq!(of(&node), Categories::UNNAMED);
}

/// A label of ours does not explain why a sender restricts a record.
#[test]
fn what_is_restricted_stays_so_beside_a_listed_code() {
    let text = format!(
        r#"{{"resourceType":"Condition","meta":{{"security":[{{"code":"R"}}]}},{}"#,
        &condition(ICD, "B20")[28..]
    );
    let (once, topics) = labelled(&text);
    assert_eq!(topics.len(), Category::ALL.len());
    assert_eq!(labelled(&once), (once, topics));
}

#[test]
fn a_plans_own_list_adds_and_takes_away() {
    let own = "# ours\n\nviolence icd-10-cm Z99.8*\n- mental-health icd-10-cm F90*\nmental-health icd-10-cm F90.2\n- hiv icd-10-cm Z11.4\n";
    let lists = Lists::with(own).unwrap();
    let named = |code: &str| lists.of(ICD, code).iter().map(Category::name).collect::<Vec<_>>();
    assert_eq!(named("Z99.81"), ["violence"]);
    assert!(named("F90").is_empty() && named("F90.0").is_empty() && named("Z11.4").is_empty());
    assert_eq!((named("F90.2"), named("F91.0")), (vec!["mental-health"], vec!["mental-health"]));
    assert_ne!(lists.hash(), Lists::built_in().hash());

    // What the list takes away goes from what was labelled before; what a sender said stays.
    let (before, _) = labelled(&condition(ICD, "F90.0"));
    assert_eq!(labelled_by(&before, &lists), (condition(ICD, "F90.0"), Categories::NONE));
    let said = before.replace("listed-MH", "x");
    assert_eq!(labelled_by(&said, &lists), (said, Categories::NONE.with(Category::MentalHealth)));
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    for (own, line, why) in [
        ("hiv icd-10-cm B20\nhiw icd-10-cm B20", 2, "'hiw' is no topic"),
        ("hiv icd10 B20", 1, "'icd10' is no code system"),
        ("hiv icd-10-cm", 1, "there are no codes"),
        ("hiv icd-10-cm F20..A10*", 1, "is no range"),
        ("hiv icd-10-cm B20,B21", 1, "is no code"),
        ("hiv icd-10-cm *", 1, "is no code"),
        ("- hiv icd-10-cm T3??2*", 1, "cannot be taken away"),
    ] {
        let wrong = Lists::with(own).err().unwrap();
        assert!(wrong.line == line && wrong.why.contains(why), "{wrong}");
    }
}

#[test]
fn labels_have_the_topics_that_they_are_set_for() {
    for topic in Category::ALL {
        let mut said = Said::default();
        said.label(Some(ACT_CODE), sensitivity::label(topic));
        assert_eq!(said.topics(), Categories::NONE.with(topic));
    }
}
