//! `GET` and `POST {base}/DocumentReference/$docref`.

use poem::http::Method;

use crate::server::{TestServer, request};

#[tokio::test(flavor = "multi_thread")]
async fn finds_documents_by_dates_of_care_and_type() {
    let mut builder =
        TestServer::builder().member("M1", "ana", "ana@example.com").member("M2", "bob", "bob@example.com");
    for (id, patient, code, start, end) in [
        ("d1", "ana", "34133-9", "2025-01-10", "2025-01-12"),
        ("d2", "ana", "18842-5", "2025-06-01", "2025-06-01"),
        ("d3", "ana", "34133-9", "2026-01-05", "2026-01-05"),
        ("d4", "bob", "34133-9", "2026-02-05", "2026-02-05"),
    ] {
        builder = builder.resource(&format!(
            r#"{{"resourceType":"DocumentReference","id":"{id}","status":"current","subject":{{"reference":"Patient/{patient}"}},
            "type":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"date":"{end}T12:00:00Z",
            "context":{{"period":{{"start":"{start}","end":"{end}"}}}}}}"#
        ));
    }
    let server = builder.start().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for (query, expected) in [
        ("patient=ana", "d3"),
        ("patient=ana&start=2025-01-11&end=2025-12-31", "d1 d2"),
        ("patient=ana&start=2025-01-13", "d2 d3"),
        ("patient=ana&end=2025-05-31", "d1"),
        ("patient=ana&start=2020&type=http://loinc.org|34133-9", "d1 d3"),
        ("patient=ana&start=2020&on-demand=false", "d1 d2 d3"),
        ("patient=bob&start=2020", ""),
    ] {
        let answer = server.get(&format!("/fhir/DocumentReference/$docref?{query}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{query}");
    }
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"patient","valueId":"ana"},{"name":"start","valueDate":"2026-01-01"}]}"#;
    let post = request(Method::POST, "/fhir/DocumentReference/$docref", Some(&token));
    assert_eq!(server.send(post.content_type("application/fhir+json").body(body)).await.ids("match"), ["d3"]);

    let first =
        server.get("/fhir/DocumentReference/$docref?patient=ana&start=2020&_count=2", Some(&token)).await.json();
    let next = first["link"][1]["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap();
    assert_eq!(server.get(next, Some(&token)).await.ids("match"), ["d3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_is_wrong() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for (path, status, words) in [
        ("/fhir/DocumentReference/$docref", 400, "'patient' is missing"),
        ("/fhir/DocumentReference/$docref?patient=ana&on-demand=true", 400, "'on-demand' is not supported"),
        ("/fhir/DocumentReference/$docref?patient=ana&start=soon", 400, "a date such as"),
        ("/fhir/Condition/$docref?patient=ana", 404, "nothing at this address"),
    ] {
        let answer = server.get(path, Some(&token)).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.issue().1.contains(words), "{path}: {}", answer.text());
    }
    for (body, words) in [
        ("{", "cannot be read"),
        (r#"{"resourceType":"Patient"}"#, "not a 'Parameters' resource"),
        (r#"{"resourceType":"Parameters","parameter":[{"name":"patient"}]}"#, "needs a 'name'"),
    ] {
        let post = request(Method::POST, "/fhir/DocumentReference/$docref", Some(&token));
        let answer = server.send(post.content_type("application/fhir+json").body(body)).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.issue().1.contains(words), "{body}: {}", answer.text());
    }
    let other = server.tokens("M1", "patient/Patient.rs").await.access_token;
    assert_eq!(server.get("/fhir/DocumentReference/$docref?patient=ana", Some(&other)).await.status, 403);
}
