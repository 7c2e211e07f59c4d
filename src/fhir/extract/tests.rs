use super::*;

fn values(json: &str, code: &str) -> Vec<String> {
    let extracted = crate::fhir::prepare(json.as_bytes()).unwrap().extracted;
    let (number, _) = extracted.kind.standard_parameter(code).unwrap();
    extracted
        .values_of(number)
        .map(|value| match value {
            Value::Token { system, code } => {
                format!("{}|{}", system.as_deref().unwrap_or(""), code.as_deref().unwrap_or(""))
            }
            Value::Text(text) => format!("~{text}"),
            Value::String { exact, .. } => exact.to_string(),
            Value::Reference { base, kind, id } => format!("{base}{kind}/{id}"),
            Value::Uri(uri) => uri.to_string(),
            Value::Logical { value, .. } => format!("#{value}"),
            Value::Date(span) => format!("{}..{}", span.lo, span.hi),
            Value::Typed(typed) => format!("{}:{}", typed.code, typed.value),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn names_and_addresses_give_every_part() {
    let json = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Núñez","given":["Ana","María"]}],
        "address":[{"line":["1 Ridge Rd"],"city":"Birchmont","country":"US"}],
        "telecom":[{"system":"phone","value":"555-0101"},{"system":"email","value":"a@x.example"}],
        "deceasedBoolean":false}"#;
    assert_eq!(values(json, "name"), ["Núñez", "Ana", "María"]);
    assert_eq!(values(json, "address"), ["1 Ridge Rd", "Birchmont", "US"]);
    assert_eq!(values(json, "email"), ["email|a@x.example"]);
    assert_eq!(values(json, "phone"), ["phone|555-0101"]);
    assert_eq!(values(json, "deceased"), ["|false"]);
}

#[test]
fn choice_elements_and_types_of_references() {
    let json = r#"{"resourceType":"ExplanationOfBenefit","id":"e","patient":{"reference":"Patient/p"},
        "provider":{"reference":"Organization/o"},"payee":{"party":{"reference":"Device/d"}},
        "billablePeriod":{"start":"1970-01-01","end":"1970-01-01"},
        "item":[{"servicedDate":"1970-01-02"},{"servicedDate":"1970-01-02"}]}"#;
    assert_eq!(values(json, "patient"), ["Patient/p"]);
    assert_eq!(values(json, "provider"), ["Organization/o"]);
    // A Device cannot be a payee, whatever the data claims.
    assert!(values(json, "payee").is_empty());
    assert_eq!(values(json, "service-date"), ["0..86400000000", "86400000000..172800000000"]);
}

#[test]
fn a_reference_to_a_contained_resource_is_a_value() {
    let json = |reference: &str| {
        format!(
            r#"{{"resourceType":"Condition","id":"c","contained":[{{"resourceType":"Patient","id":"p"}},{{"resourceType":"Group","id":"g"}}],
            "subject":{{"reference":"{reference}"}}}}"#
        )
    };
    assert_eq!(values(&json("#p"), "subject"), ["#p"]);
    assert_eq!(values(&json("#p"), "patient"), ["#p"]);
    // A path that asks for a type is followed by the type of what is contained.
    assert_eq!(values(&json("#g"), "subject"), ["#g"]);
    assert!(values(&json("#g"), "patient").is_empty());
    assert_eq!(values(&json("#nothing"), "subject"), ["#nothing"]);
    assert!(values(&json("#nothing"), "patient").is_empty());
    let canonical = r##"{"resourceType":"QuestionnaireResponse","id":"q","status":"completed","contained":[
        {"resourceType":"Questionnaire","id":"form","status":"active"}],"questionnaire":"#form"}"##;
    assert_eq!(values(canonical, "questionnaire"), ["#form"]);
    let part = r##"{"resourceType":"Provenance","id":"v","target":[{"reference":"#"}]}"##;
    assert_eq!(values(part, "target"), ["#"]);
}

#[test]
fn extensions_are_found_by_their_address() {
    let json = r#"{"resourceType":"PractitionerRole","id":"r","extension":[
        {"url":"http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/network-reference",
         "valueReference":{"reference":"Organization/net"}},
        {"url":"http://other","valueReference":{"reference":"Organization/no"}}]}"#;
    assert_eq!(values(json, "network"), ["Organization/net"]);
}

#[test]
fn whose_it_is() {
    let patients = |json: &str| {
        let extracted = crate::fhir::prepare(json.as_bytes()).unwrap().extracted;
        extracted.patients.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    for (json, expected) in [
        (r#"{"resourceType":"Patient","id":"p","link":[{"other":{"reference":"Patient/q"},"type":"seealso"}]}"#, "p"),
        (
            r#"{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/p"},"recorder":{"reference":"Patient/q"}}"#,
            "p",
        ),
        (
            r#"{"resourceType":"Coverage","id":"c","beneficiary":{"reference":"Patient/p"},"subscriber":{"reference":"Patient/q"}}"#,
            "p",
        ),
        (r#"{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/p"}}]}"#, ""),
        (r#"{"resourceType":"Condition","id":"c","subject":{"reference":"https://other/fhir/Patient/p"}}"#, ""),
        (r##"{"resourceType":"Condition","id":"c","subject":{"reference":"#p"}}"##, ""),
    ] {
        assert_eq!(patients(json), expected, "{json}");
    }
}

#[test]
fn folding() {
    assert_eq!(fold("  ÁLDER\t Street "), "alder street");
    assert_eq!(fold("straße"), "straße");
    assert!(fold(&"x".repeat(1_000)).len() <= MAX_TEXT);
}

#[test]
fn who_is_not_said_to_be_dead_is_alive() {
    let (number, _) = Kind::PATIENT.standard_parameter("deceased").unwrap();
    for (member, expected) in [
        ("", "false"),
        (r#","deceasedBoolean":false"#, "false"),
        (r#","deceasedBoolean":true"#, "true"),
        (r#","deceasedDateTime":"2020""#, "true"),
    ] {
        let text = format!(r#"{{"resourceType":"Patient","id":"p"{member}}}"#);
        let extracted = extract(Kind::PATIENT, "p", &crate::fhir::json::parse(text.as_bytes()).unwrap());
        let values: Vec<_> = extracted.values_of(number).cloned().collect();
        assert_eq!(values, [Value::Token { system: None, code: Some(expected.into()) }], "{text}");
    }
}
