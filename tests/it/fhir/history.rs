//! `GET {base}/{type}/{id}/_history`.

use crate::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn lists_versions_newest_first() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    server.put(&[r#"{"resourceType":"Patient","id":"ana","active":true}"#]);
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let bundle = server.get("/fhir/Patient/ana/_history", Some(&token)).await.json();
    assert_eq!((&bundle["type"], &bundle["total"]), (&"history".into(), &2.into()));
    let entry = &bundle["entry"];
    assert_eq!(entry[0]["resource"]["active"], true);
    assert_eq!(entry[0]["request"]["method"], "PUT");
    assert_eq!(entry[0]["response"]["etag"], "W/\"2\"");
    assert_eq!(entry[1]["response"]["status"], "201");
    assert_eq!(entry[1]["fullUrl"], "https://plan.example/fhir/Patient/ana");
    let one = server.get("/fhir/Patient/ana/_history?_count=1", Some(&token)).await.json();
    assert_eq!(one["entry"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_and_pages_leave_the_right_versions() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    // Version n + 1 is written n hours after nine o'clock.
    for n in 1..5 {
        server.hand.advance(std::time::Duration::from_hours(1));
        server.put(&[&format!(r#"{{"resourceType":"Patient","id":"ana","multipleBirthInteger":{n}}}"#)]);
    }
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let versions = |bundle: &serde_json::Value| -> Vec<String> {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["resource"]["meta"]["versionId"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("", "5 4 3 2 1"),
        ("_since=2026-03-02T11:00:00Z", "5 4 3"),
        ("_since=2026-03-03", ""),
        ("_at=2026-03-02T10:30:00Z", "2"),
        ("_at=2026-03-01", ""),
        ("_at=2027", "5"),
        ("_count=2", "5 4"),
    ] {
        let answer = server.get(&format!("/fhir/Patient/ana/_history?{query}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(versions(&answer.json()).join(" "), expected, "{query}");
    }
    let mut next = Some("/fhir/Patient/ana/_history?_count=2".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let bundle = server.get(&path, Some(&token)).await.json();
        found.extend(versions(&bundle));
        let url = bundle["link"][1]["url"].as_str();
        next = url.map(|url| url.strip_prefix("https://plan.example").unwrap().to_owned());
        assert!(found.len() <= 5, "{found:?}");
    }
    assert_eq!(found.join(" "), "5 4 3 2 1");
    let first = server.get("/fhir/Patient/ana/_history?_at=2026-03-02&_count=3", Some(&token)).await.json();
    let next = first["link"][1]["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap();
    let second = server.get(next, Some(&token)).await.json();
    assert_eq!((versions(&first).join(" "), versions(&second).join(" ")), ("5 4 3".into(), "2 1".into()));
    for (query, status) in [("_since=soon", 400), ("_sort=date", 400), ("_cursor=AAAA", 410)] {
        assert_eq!(server.get(&format!("/fhir/Patient/ana/_history?{query}"), Some(&token)).await.status, status);
    }
}
