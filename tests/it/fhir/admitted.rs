//! One gate in: a resource gets the same labels whatever door it came in by.

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{TestServer, request};

fn condition(id: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/ana"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F11.20"}]}})
}

/// A record written over REST carried no label, and so went to every connected app (house.md 1.2).
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_by_any_door_is_labelled() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let system = server.system("system/*.cruds").await;
    let send = |method: Method, path: String, body: Value, media: &'static str| {
        let request = request(method, &path, Some(&system)).content_type(media).body(body.to_string());
        let server = &server;
        async move {
            let answer = server.send(request).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.text());
            answer
        }
    };
    let fhir = "application/fhir+json";
    server.load("loaded.ndjson", &condition("loaded").to_string());
    send(Method::PUT, "/fhir/Condition/put".into(), condition("put"), fhir).await;
    send(
        Method::PUT,
        "/fhir/Condition/large".into(),
        {
            // Large enough to be planned in the pool.
            let mut large = condition("large");
            large["note"] = json!([{"text": "long ".repeat(20_000)}]);
            large
        },
        fhir,
    )
    .await;
    let posted = send(Method::POST, "/fhir/Condition".into(), condition("x"), fhir).await;
    let posted = posted.json()["id"].as_str().unwrap().to_owned();
    for kind in ["batch", "transaction"] {
        let entry =
            json!([{"resource": condition(kind), "request": {"method": "PUT", "url": format!("Condition/{kind}")}}]);
        send(Method::POST, "/fhir".into(), json!({"resourceType": "Bundle", "type": kind, "entry": entry}), fhir).await;
    }
    let mut plain = condition("patched");
    plain["code"]["coding"][0]["code"] = json!("I10");
    send(Method::PUT, "/fhir/Condition/patched".into(), plain, fhir).await;
    let patch = json!([{"op": "replace", "path": "/code/coding/0/code", "value": "F11.20"}]);
    send(Method::PATCH, "/fhir/Condition/patched".into(), patch, "application/json-patch+json").await;
    let unlabel = json!({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "ETH"}]}}]});
    send(Method::POST, "/fhir/Condition/put/$meta-delete".into(), unlabel, fhir).await;

    let shared = server.tokens("M1", "patient/*.rs").await.access_token;
    let withheld = server.tokens_withholding("M1", "patient/*.rs").await;
    for id in ["loaded", "put", "large", &posted, "batch", "transaction", "patched"] {
        let path = format!("/fhir/Condition/{id}");
        let seen = server.get(&path, Some(&shared)).await;
        assert_eq!(seen.status, 200, "{id}");
        assert_eq!(seen.json()["meta"]["security"][0]["code"], "ETH", "{id}: {}", seen.text());
        assert_eq!(server.get(&path, Some(&withheld)).await.status, 404, "{id} is withheld unless she shares it");
    }
    assert!(server.get("/fhir/Condition", Some(&withheld)).await.ids("match").is_empty());
}
