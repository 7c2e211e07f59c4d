//! What client developers send, right and wrong: each request gets an answer that one can act on.

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer, request};

async fn server() -> (TestServer, String, String) {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .resource(
            r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},
            "subject":{"reference":"Patient/ana"},"focus":[{"reference":"Patient/ana"}],"effectiveDateTime":"2026-03-01T10:00:00+05:00"}"#,
        )
        .start()
        .await;
    let member = server.tokens("M1", "patient/*.rs").await.access_token;
    let system = server.system("system/*.cruds").await;
    (server, member, system)
}

async fn send(server: &TestServer, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = request(Method::from_bytes(method.as_bytes()).unwrap(), path, Some(token));
    if body.is_null() {
        return server.send(request.finish()).await;
    }
    server.send(request.content_type("application/fhir+json").body(body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_words() {
    let (server, member, system) = server().await;
    let nothing = Value::Null;
    let patient = json!({"resourceType": "Patient"});
    for (token, method, path, body, status, words) in [
        (&system, "PUT", "/fhir/Patient/ana", &json!([1]), 400, "resourceType"),
        (&system, "PUT", "/fhir/Patient/ana", &json!({"resourceType": "Group", "id": "x"}), 400, "another type"),
        (&member, "DELETE", "/fhir/Patient/ana", &nothing, 403, "system/Patient.cruds"),
        (&member, "GET", "/fhir/Patient/ana/$nothing", &nothing, 404, "no such operation"),
        (&member, "GET", "/fhir/Patient/$nothing", &nothing, 404, "no such operation"),
        (&member, "GET", "/fhir/$nothing", &nothing, 404, "no such operation"),
        (&member, "POST", "/fhir/Patient/$nothing", &patient, 404, "no such operation"),
        (&member, "GET", "/fhir/Patient/ana/*", &nothing, 400, "$everything"),
        (&member, "GET", "/fhir/metadata?mode=terminology", &nothing, 400, "'full' or 'normative'"),
        (&member, "GET", "/fhir/Observation?_count=1&_count=2", &nothing, 400, "given twice"),
        (&member, "GET", "/fhir/Patient/ana/_history?_count=0", &nothing, 400, "a whole number"),
        (&member, "GET", "/fhir/Patient/ana/_history?_since=2026&_since=2027", &nothing, 400, "given twice"),
        (
            &member,
            "GET",
            "/fhir/DocumentReference/$docref?patient=ana&start=soon",
            &nothing,
            400,
            "'start' is not a date",
        ),
        (&member, "GET", "/fhir/DocumentReference/$docref", &nothing, 400, "the parameter 'patient' is missing"),
        (
            &member,
            "POST",
            "/fhir/Patient/$validate?mode=bogus",
            &patient,
            400,
            "'create', 'update', 'delete' or 'profile'",
        ),
        (&member, "POST", "/fhir/Patient/$validate?mode=profile", &patient, 400, "needs a parameter 'profile'"),
        (&member, "POST", "/fhir/Patient/$validate?strict=1", &patient, 400, "'strict' is not supported"),
        (
            &member,
            "POST",
            "/fhir/Patient/$validate?profile=http://x",
            &patient,
            400,
            "the profile 'http://x' is not known",
        ),
        (&member, "POST", "/fhir/Patient/$validate", &nothing, 400, "there is no resource"),
    ] {
        let answer = send(&server, token, method, path, body).await;
        let (_, text) = answer.issue();
        assert_eq!(answer.status, status, "{method} {path}: {text}");
        assert!(text.contains(words) && !text.starts_with("the body cannot be read"), "{method} {path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_is_understood() {
    let (server, member, _) = server().await;
    for (path, expected) in [
        // A plus sign that was not encoded, and codes of elements that name no system.
        ("Observation?date=2026-03-01T10:00:00+05:00", "o1"),
        ("Observation?date=ge2026-03-01T09:00:00+05:00", "o1"),
        ("Observation?status:in=http://hl7.org/fhir/ValueSet/observation-status", "o1"),
        ("Observation?status:not-in=http://hl7.org/fhir/ValueSet/observation-status", ""),
        ("Observation?status=http://hl7.org/fhir/observation-status|final", "o1"),
        ("Observation?status=http://hl7.org/fhir/observation-status|amended,preliminary", ""),
        ("Observation?status:not=http://hl7.org/fhir/observation-status|final", ""),
        ("Observation?status=http://hl7.org/fhir/administrative-gender|final", ""),
        ("Observation?_count=5&_count=5&_sort=", "o1"),
    ] {
        let answer = server.get(&format!("/fhir/{path}"), Some(&member)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{path}");
    }
    // Everything that points here, by any of its references.
    let back = server.get("/fhir/Patient?_revinclude=Observation:*", Some(&member)).await;
    assert_eq!(back.ids("include"), ["o1"]);
    // A search by POST may have all of it in the address.
    let bare = request(Method::POST, "/fhir/Observation/_search?code=1-8", Some(&member)).finish();
    assert_eq!(server.send(bare).await.ids("match"), ["o1"]);
    let count = json!({"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 1}]});
    let page = send(&server, &member, "POST", "/fhir/Patient/ana/$everything", &count).await;
    assert_eq!((page.status.as_u16(), page.ids("match").len()), (200, 1), "{}", page.text());
    // What is stored is checked against a profile that comes alone.
    let profile = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    let asked = json!({"resourceType": "Parameters", "parameter": [{"name": "profile", "valueUri": profile}]});
    let checked = send(&server, &member, "POST", "/fhir/Patient/ana/$validate", &asked).await;
    assert_eq!(checked.issue().0, "required", "{}", checked.text());
    let patient = json!({"resourceType": "Patient", "gender": "woman"});
    let delete = send(&server, &member, "POST", "/fhir/Patient/$validate?mode=delete", &patient).await;
    assert_eq!(delete.issue().0, "informational", "{}", delete.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_a_batch_that_makes_no_sense_concerns_itself() {
    let (server, _, system) = server().await;
    let entries = json!([
        {"request": {"method": "FROB", "url": "Patient"}},
        {"request": {"method": "GET", "url": "Patient/ana"}},
        {"resource": {"resourceType": "Patient"}},
        {"request": {"method": "GET", "url": "?_type=Patient"}},
        {"request": {"method": "POST", "url": ""}},
    ]);
    let bundle = |kind: &str| json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    let answer = send(&server, &system, "POST", "/fhir", &bundle("batch")).await;
    let statuses: Vec<String> = answer.json()["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned())
        .collect();
    assert_eq!(statuses, ["400", "200", "400", "200", "404"], "{}", answer.text());
    let refused = send(&server, &system, "POST", "/fhir", &bundle("transaction")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.issue().1.starts_with("entry 0"), "{}", refused.text());
}
