//! `:above` and `:below`: codes of systems whose order is carried, addresses, and versions of canonical references.

use crate::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn codes_addresses_and_versions_have_an_order() {
    let clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    let mut builder = TestServer::builder().member("M1", "ana", "ana@example.com");
    for (n, code) in ["active", "relapse", "recurrence", "inactive", "remission"].iter().enumerate() {
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Condition","id":"c{n}","subject":{{"reference":"Patient/ana"}},
            "clinicalStatus":{{"coding":[{{"system":"{clinical}","code":"{code}"}}]}}}}"#
        ));
    }
    for (n, status) in ["final", "amended", "corrected"].iter().enumerate() {
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Observation","id":"o{n}","status":"{status}","code":{{"coding":[{{"system":"http://loinc.org","code":"1-8"}}]}},
            "subject":{{"reference":"Patient/ana"}}}}"#
        ));
    }
    for (n, version) in ["", "|1", "|1.2", "|1.2.3", "|1.20", "|2"].iter().enumerate() {
        builder = builder.resource(&format!(
            r#"{{"resourceType":"QuestionnaireResponse","id":"a{n}","meta":{{"profile":["http://x/guide/a{version}"]}},"status":"completed",
            "subject":{{"reference":"Patient/ana"}},"questionnaire":"http://x/fhir/Questionnaire/q{version}"}}"#
        ));
    }
    let server = builder.start().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for (search, expected) in [
        (format!("Condition?clinical-status:below={clinical}|active"), "c0 c1 c2"),
        ("Condition?clinical-status:below=active".into(), "c0 c1 c2"),
        (format!("Condition?clinical-status:above={clinical}|relapse"), "c0 c1"),
        (format!("Condition?clinical-status:below={clinical}|inactive,{clinical}|relapse"), "c1 c3 c4"),
        ("Observation?status:below=amended".into(), "o1 o2"),
        ("Observation?status:above=corrected".into(), "o1 o2"),
        ("QuestionnaireResponse?questionnaire=http://x/fhir/Questionnaire/q".into(), "a0 a1 a2 a3 a4 a5"),
        ("QuestionnaireResponse?questionnaire=http://x/fhir/Questionnaire/q|1.2".into(), "a2"),
        ("QuestionnaireResponse?questionnaire:below=http://x/fhir/Questionnaire/q|1.2".into(), "a2 a3"),
        ("QuestionnaireResponse?questionnaire:below=http://x/fhir/Questionnaire/q|1".into(), "a1 a2 a3 a4"),
        ("QuestionnaireResponse?questionnaire:below=http://x/fhir/Questionnaire/q".into(), "a0 a1 a2 a3 a4 a5"),
        ("QuestionnaireResponse?questionnaire:above=http://x/fhir/Questionnaire/q|1.2.3".into(), "a0 a1 a2 a3"),
        ("QuestionnaireResponse?questionnaire:below=http://x/fhir".into(), ""),
        ("QuestionnaireResponse?_profile:below=http://x/guide".into(), "a0 a1 a2 a3 a4 a5"),
        ("QuestionnaireResponse?_profile:below=http://x/guide/a|1.2".into(), "a2 a3"),
        ("QuestionnaireResponse?_profile:above=http://x/guide/a|1.2.3".into(), "a0 a1 a2 a3"),
    ] {
        let answer = server.get(&format!("/fhir/{}", search.replace('|', "%7C")), Some(&token)).await;
        assert_eq!(answer.status, 200, "{search}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{search}");
        assert_eq!(answer.json()["total"], expected.split_whitespace().count(), "{search}");
    }
    for search in [
        "Observation?code:below=http://loinc.org%7C1-8",
        "Observation?code:above=nothing-known",
        "Observation?code:below=%7Camended",
        "Observation?subject:below=Patient/ana",
    ] {
        let answer = server.get(&format!("/fhir/{search}"), Some(&token)).await;
        let (code, text) = answer.issue();
        assert_eq!((answer.status.as_u16(), code.as_str()), (400, "value"), "{search}");
        assert!(text.contains("joined by commas") || text.contains("canonical address"), "{search}: {text}");
    }
}
