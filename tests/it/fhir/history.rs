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
