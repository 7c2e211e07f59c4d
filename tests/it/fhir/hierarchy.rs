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

#[tokio::test(flavor = "multi_thread")]
async fn references_reach_parts_and_wholes() {
    let guide = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition";
    let place = |id: &str, of: &str| {
        let of = if of.is_empty() { String::new() } else { format!(r#","partOf":{{"reference":"Location/{of}"}}"#) };
        format!(
            r#"{{"resourceType":"Location","id":"{id}","meta":{{"profile":["{guide}/plannet-Location"]}},"name":"{id}"{of}}}"#
        )
    };
    let role = |id: &str, at: &str| {
        format!(
            r#"{{"resourceType":"PractitionerRole","id":"{id}","meta":{{"profile":["{guide}/plannet-PractitionerRole"]}},"location":[{{"reference":"Location/{at}"}}]}}"#
        )
    };
    let server = TestServer::builder()
        .resource(&place("hospital", ""))
        .resource(&place("wing", "hospital"))
        .resource(&place("room", "wing"))
        .resource(&place("clinic", ""))
        // A ring ends where it began; and what is not in the directory leads nowhere.
        .resource(&place("east", "west"))
        .resource(&place("west", "east"))
        .resource(&place("private", "hospital").replace(guide, "http://x"))
        .resource(&place("ward", "private"))
        .resource(&role("r1", "hospital"))
        .resource(&role("r2", "wing"))
        .resource(&role("r3", "room"))
        .resource(&role("r4", "clinic"))
        .resource(&role("r5", "ward"))
        .start()
        .await;
    for (search, expected) in [
        ("PractitionerRole?location:below=Location/hospital", "r1 r2 r3"),
        ("PractitionerRole?location:below=wing", "r2 r3"),
        ("PractitionerRole?location:below=https://plan.example/directory/Location/wing", "r2 r3"),
        ("PractitionerRole?location:below=wing,clinic", "r2 r3 r4"),
        ("PractitionerRole?location:above=room", "r1 r2 r3"),
        ("PractitionerRole?location:above=clinic", "r4"),
        ("PractitionerRole?location:below=nowhere", ""),
        ("Location?partof:below=hospital&_sort=_id", "room wing"),
        ("Location?partof:below=east&_sort=_id", "east west"),
        ("Location?_has:PractitionerRole:location:location:below=wing&_sort=_id", "room wing"),
    ] {
        let answer = server.get(&format!("/directory/{search}"), None).await;
        assert_eq!(answer.status, 200, "{search}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{search}");
    }
    let practitioner = server.get("/directory/PractitionerRole?practitioner:below=Practitioner/1", None).await;
    assert!(practitioner.issue().1.contains("something that has parts"), "{}", practitioner.text());
}
