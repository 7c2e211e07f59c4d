use super::*;
use crate::fhir::json::parse;

fn issues(json: &str) -> Vec<String> {
    let node = parse(json.as_bytes()).unwrap();
    validate(&node, &[]).iter().map(|issue| format!("{} {}", issue.path, issue.code)).collect()
}

#[test]
fn what_r4_says_is_checked_to_the_element() {
    for (json, expected) in [
        (r#"{"resourceType":"Patient","name":[{"family":"Alder","given":["Ana"]}],"birthDate":"1950-02-03"}"#, vec![]),
        (r#"{"resourceType":"Patient","surname":"Alder"}"#, vec!["Patient.surname structure"]),
        (r#"{"resourceType":"Patient","name":{"family":"Alder"}}"#, vec!["Patient.name structure"]),
        (r#"{"resourceType":"Patient","birthDate":["1950-02-03"]}"#, vec!["Patient.birthDate structure"]),
        (r#"{"resourceType":"Patient","birthDate":"03.02.1950"}"#, vec!["Patient.birthDate value"]),
        (r#"{"resourceType":"Patient","gender":"woman"}"#, vec!["Patient.gender code-invalid"]),
        (r#"{"resourceType":"Patient","active":"true"}"#, vec!["Patient.active value"]),
        (r#"{"resourceType":"Patient","deceasedDateTime":"2026"}"#, vec![]),
        (r#"{"resourceType":"Patient","deceasedString":"yes"}"#, vec!["Patient.deceasedString structure"]),
        (r#"{"resourceType":"Patient","multipleBirthInteger":2.5}"#, vec!["Patient.multipleBirthInteger value"]),
        (
            r#"{"resourceType":"Patient","name":[{"family":"A"},{"famly":"B"}]}"#,
            vec!["Patient.name[1].famly structure"],
        ),
        (
            r#"{"resourceType":"Patient","contact":[{"name":{"use":"sometimes"}}]}"#,
            vec!["Patient.contact[0].name.use code-invalid"],
        ),
        (
            r#"{"resourceType":"Patient","link":[{"other":{"reference":"Patient/1"}}]}"#,
            vec!["Patient.link[0].type required"],
        ),
        (
            r#"{"resourceType":"Patient","generalPractitioner":[{"reference":"Location/1"}]}"#,
            vec!["Patient.generalPractitioner[0] value"],
        ),
        (r#"{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://x","valueString":"y"}]}}"#, vec![]),
        (r#"{"resourceType":"Patient","_name":{"id":"x"}}"#, vec!["Patient.name structure"]),
        (r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div>x</div>"}}"#, vec![]),
        (r#"{"resourceType":"Observation"}"#, vec!["Observation.status required", "Observation.code required"]),
        (
            r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":"5"}}"#,
            vec!["Observation.valueQuantity.value value"],
        ),
        (
            r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"y"},"referenceRange":[{"low":{"value":1}}]}]}"#,
            vec![],
        ),
        (
            r#"{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1","type":"group","item":[{"linkId":"2","type":"sometimes"}]}]}"#,
            vec!["Questionnaire.item[0].item[0].type code-invalid"],
        ),
        (
            r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","x":1}}]}"#,
            vec!["Bundle.entry[0].resource.x structure"],
        ),
        (
            r#"{"resourceType":"Patient","contained":[{"resourceType":"Organization","name":5}]}"#,
            vec!["Patient.contained[0].name value"],
        ),
        (r#"{"resourceType":"Cat"}"#, vec!["Cat structure"]),
        (r#"{"name":"x"}"#, vec!["Resource structure"]),
    ] {
        assert_eq!(issues(json), expected, "{json}");
    }
}

#[test]
fn a_choice_has_one_type() {
    let observation = |rest: &str| {
        issues(&format!(r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},{rest}}}"#))
    };
    assert_eq!(observation(r#""valueString":"a","valueBoolean":true"#), ["Observation.valueBoolean structure"]);
    let extension = r#"{"extension":[{"url":"http://x","valueString":"y"}]}"#;
    assert_eq!(
        observation(&format!(r#""valueString":"a","_valueBoolean":{extension}"#)),
        ["Observation.valueBoolean structure"]
    );
    assert_eq!(observation(&format!(r#""valueString":"a","_valueString":{extension}"#)), Vec::<String>::new());
    assert_eq!(observation(r#""valueString":"a","effectiveDateTime":"2026""#), Vec::<String>::new());
    assert_eq!(
        observation(r#""component":[{"code":{"text":"y"},"valueInteger":1,"valueTime":"09:00:00"}]"#),
        ["Observation.component[0].valueTime structure"]
    );
    assert_eq!(
        issues(r#"{"resourceType":"Patient","extension":[{"url":"http://x","valueCode":"a","valueUri":"b"}]}"#),
        ["Patient.extension[0].valueUri structure"]
    );
    assert_eq!(
        issues(
            r#"{"resourceType":"Patient","contained":[{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2026"}]}"#
        ),
        ["Patient.contained[0].deceasedDateTime structure"]
    );
}

#[test]
fn the_status_of_a_study_is_one_of_r4() {
    let study = |status: &str| issues(&format!(r#"{{"resourceType":"ResearchStudy","status":"{status}"}}"#));
    for status in ["active", "closed-to-accrual", "in-review", "withdrawn"] {
        assert_eq!(study(status), Vec::<String>::new(), "{status}");
    }
    assert_eq!(study("draft"), ["ResearchStudy.status code-invalid"]);
}

#[test]
fn ids_and_addresses_have_their_form() {
    let long = "x".repeat(65);
    for (json, expected) in [
        (r#"{"resourceType":"Patient","id":"a-1.B"}"#.to_owned(), vec![]),
        (r#"{"resourceType":"Patient","id":"a_1"}"#.to_owned(), vec!["Patient.id value"]),
        (r#"{"resourceType":"Patient","id":5}"#.to_owned(), vec!["Patient.id value"]),
        (r#"{"resourceType":"Patient","id":["a"]}"#.to_owned(), vec!["Patient.id value"]),
        (format!(r#"{{"resourceType":"Patient","id":"{long}"}}"#), vec!["Patient.id value"]),
        (
            format!(r#"{{"resourceType":"Patient","contained":[{{"resourceType":"Group","id":"{long}"}}]}}"#),
            vec![
                "Patient.contained[0].id value",
                "Patient.contained[0].type required",
                "Patient.contained[0].actual required",
            ],
        ),
        // The id of an element may be any text.
        (r#"{"resourceType":"Patient","name":[{"id":"a_1","family":"A"}]}"#.to_owned(), vec![]),
        (
            r#"{"resourceType":"Patient","extension":[{"url":"http://x y","valueString":"z"}]}"#.to_owned(),
            vec!["Patient.extension[0].url value"],
        ),
    ] {
        assert_eq!(issues(&json), expected, "{json}");
    }
}

#[test]
fn the_ends_of_a_range_are_in_order() {
    let range = |low: &str, high: &str| {
        issues(&format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"valueRange":{{"low":{{{low}}},"high":{{{high}}}}}}}"#
        ))
    };
    let ucum = |value: &str, code: &str| {
        format!(r#""value":{value},"unit":"{code}","system":"http://unitsofmeasure.org","code":"{code}""#)
    };
    let wrong = ["Observation.valueRange invariant"];
    assert_eq!(range(r#""value":1"#, r#""value":2"#), Vec::<String>::new());
    assert_eq!(range(r#""value":10"#, r#""value":9.5"#), wrong);
    assert_eq!(range(&ucum("1", "mg"), &ucum("1.0", "mg")), Vec::<String>::new());
    assert_eq!(range(&ucum("3", "mg"), &ucum("2", "mg")), wrong);
    assert_eq!(range(&ucum("900", "mg"), &ucum("1", "g")), Vec::<String>::new());
    assert_eq!(range(&ucum("1000", "mg"), &ucum("1", "g")), Vec::<String>::new());
    assert_eq!(range(&ucum("2", "g"), &ucum("900", "mg")), wrong);
    // What has no common unit is not compared.
    assert_eq!(range(&ucum("3", "mg"), &ucum("2", "m")), Vec::<String>::new());
    assert_eq!(range(r#""value":3,"unit":"boxes""#, r#""value":2"#), Vec::<String>::new());
    assert_eq!(range(r#""value":3,"unit":"boxes""#, r#""value":2,"unit":"boxes""#), wrong);
}

#[test]
fn times_are_compared_across_zones() {
    let period = |start: &str, end: &str| {
        issues(&format!(
            r#"{{"resourceType":"Patient","name":[{{"family":"A","period":{{"start":"{start}","end":"{end}"}}}}]}}"#
        ))
    };
    let wrong = ["Patient.name[0].period invariant"];
    assert_eq!(period("2026-01-01T10:00:00+02:00", "2026-01-01T09:00:00Z"), Vec::<String>::new());
    assert_eq!(period("2026-01-01T10:00:00+02:00", "2026-01-01T07:00:00Z"), wrong);
    assert_eq!(period("2026-01-01T10:00:00Z", "2026-01-01T11:00:00+05:00"), wrong);
    assert_eq!(period("2026-01-01T10:00:00.500Z", "2026-01-01T10:00:00Z"), Vec::<String>::new());
}

#[test]
fn profiles_add_what_they_add() {
    let core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    let patient = |rest: &str| format!(r#"{{"resourceType":"Patient","meta":{{"profile":["{core}"]}}{rest}}}"#);
    let whole = r#","identifier":[{"system":"http://x","value":"1"}],"name":[{"family":"A"}],"gender":"female""#;
    assert_eq!(issues(&patient(whole)), Vec::<String>::new());
    assert_eq!(
        issues(&patient("")),
        ["Patient.identifier required", "Patient.name required", "Patient.gender required"]
    );
    let lacking = whole.replace(r#""system":"http://x","#, "");
    assert_eq!(issues(&patient(&lacking)), ["Patient.identifier[0].system required"]);
    // An extension that the guide defines, complete and incomplete.
    let race = |inner: &str| {
        format!(
            r#"{whole},"extension":[{{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[{inner}]}}]"#
        )
    };
    assert_eq!(issues(&patient(&race(r#"{"url":"text","valueString":"x"}"#))), Vec::<String>::new());
    assert!(
        issues(&patient(&race(r#"{"url":"text","valueBoolean":true}"#)))
            .iter()
            .any(|issue| issue.starts_with("Patient.extension[0].extension[0]"))
    );
    assert!(
        issues(&patient(&race(r#"{"url":"detailed","valueCoding":{"code":"x"}}"#)))
            .iter()
            .any(|issue| issue.contains("required"))
    );
    let unknown = issues(r#"{"resourceType":"Patient","meta":{"profile":["http://nowhere.example/p"]}}"#);
    assert_eq!(unknown, ["Patient not-found"]);
    assert_eq!(
        issues(&patient(whole).replace("us-core-patient", "us-core-condition-problems-health-concerns")),
        ["Patient structure"]
    );
}

#[test]
fn the_shape_alone_is_less_than_all() {
    let places = |json: &str| {
        let node = parse(json.as_bytes()).unwrap();
        shape(&node).into_iter().map(|issue| issue.path).collect::<Vec<_>>()
    };
    let all = r#"{"resourceType":"Patient","gender":["male"],"name":"John","birthDate":"yesterday","nonsense":1,
        "contact":[{"telecom":{"value":"1"}}],"deceasedBoolean":true,"deceasedDateTime":"2026"}"#;
    assert_eq!(
        places(all),
        [
            "Patient.gender",
            "Patient.name",
            "Patient.birthDate",
            "Patient.nonsense",
            "Patient.contact[0].telecom",
            "Patient.deceasedDateTime"
        ]
    );
    // Codes, what is required, invariants, targets and profiles are for the plan to decide about.
    for json in [
        r#"{"resourceType":"Observation","status":"sometimes"}"#,
        r#"{"resourceType":"Patient","contact":[{"gender":"male"}],"generalPractitioner":[{"reference":"Location/1"}],
            "meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]}}"#,
    ] {
        assert_eq!(places(json), Vec::<String>::new(), "{json}");
    }
}

#[test]
fn issues_are_bounded_and_hold_no_values() {
    let names: Vec<String> = (0..500).map(|at| format!(r#"{{"wrong{at}":"secret"}}"#)).collect();
    let json = format!(r#"{{"resourceType":"Patient","name":[{}]}}"#, names.join(","));
    let node = parse(json.as_bytes()).unwrap();
    let issues = validate(&node, &[]);
    assert_eq!(issues.len(), MAX_ISSUES);
    assert!(!format!("{issues:?}").contains("secret"));
}

#[test]
fn invariants_are_kept() {
    for (json, expected) in [
        (
            r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"y","dataAbsentReason":{"text":"z"}}"#,
            vec!["Observation invariant"],
        ),
        (r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#, vec!["Patient.contact[0] invariant"]),
        (
            r##"{"resourceType":"Patient","managingOrganization":{"reference":"#nothing"}}"##,
            vec!["Patient.managingOrganization invariant"],
        ),
        (r#"{"resourceType":"Patient","telecom":[{"value":"555"}]}"#, vec!["Patient.telecom[0] invariant"]),
        (
            r#"{"resourceType":"Coverage","status":"active","beneficiary":{"reference":"Patient/1"},"payor":[{"display":"x"}],"period":{"start":"2026-02-01","end":"2026-01-01"}}"#,
            vec!["Coverage.period invariant"],
        ),
    ] {
        assert_eq!(issues(json), expected, "{json}");
    }
}
