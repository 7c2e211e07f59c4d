//! batch and transaction.

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer, request};

const ONE: &str = "urn:uuid:0f8fad5b-d9cb-469f-a165-708677289501";
const TWO: &str = "urn:uuid:0f8fad5b-d9cb-469f-a165-708677289502";

async fn server() -> (TestServer, String) {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .resource(r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/ana"}}"#)
        .start()
        .await;
    let token = server.system("system/*.cruds").await;
    (server, token)
}

async fn send(server: &TestServer, token: &str, kind: &str, entries: Value) -> Answer {
    send_as(server, Some(token), &json!({"resourceType": "Bundle", "type": kind, "entry": entries}), "").await
}

async fn send_as(server: &TestServer, token: Option<&str>, bundle: &Value, prefer: &str) -> Answer {
    let request = request(Method::POST, "/fhir", token).content_type("application/fhir+json").header("prefer", prefer);
    server.send(request.body(bundle.to_string())).await
}

fn entry(method: &str, url: &str, full_url: &str, resource: Value) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if !full_url.is_empty() {
        entry["fullUrl"] = json!(full_url);
    }
    if !resource.is_null() {
        entry["resource"] = resource;
    }
    entry
}

fn statuses(answer: &Answer) -> Vec<String> {
    let entries = answer.json()["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_one_thing_and_its_references_hold() {
    let (server, token) = server().await;
    let entries = json!([
        // Refers to what comes later, and to somebody known by a condition.
        entry(
            "POST",
            "Condition",
            ONE,
            json!({"resourceType": "Condition", "subject": {"reference": TWO},
            "text": {"status": "generated", "div": format!("<div><a href=\"{TWO}\">she</a></div>")},
            "recorder": {"reference": "Patient?family=Alder"}})
        ),
        entry(
            "POST",
            "Patient",
            TWO,
            json!({"resourceType": "Patient", "name": [{"family": "Birch"}],
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": TWO}]})
        ),
        entry(
            "PUT",
            "Patient/given",
            "https://elsewhere.example/Patient/9",
            json!({"resourceType": "Patient", "id": "given",
            "link": [{"other": {"reference": TWO}, "type": "seealso"}]})
        ),
        entry("POST", "Condition", "", json!({"resourceType": "Condition", "subject": {"reference": "Patient/9"}})),
        entry("DELETE", "Condition/c1", "", Value::Null),
        entry("GET", "Patient?family=birch", "", Value::Null),
        entry("GET", "Condition/c1", "", Value::Null),
    ]);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    let answer = send_as(&server, Some(&token), &bundle, "return=representation").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["type"], "transaction-response");
    let expected = ["201 Created", "201 Created", "201 Created", "201 Created", "204 No Content", "200 OK", "410 Gone"];
    assert_eq!(statuses(&answer), expected);
    let made = answer.json()["entry"].clone();
    let patient = format!("Patient/{}", made[1]["resource"]["id"].as_str().unwrap());
    assert_eq!(made[0]["resource"]["subject"]["reference"], patient.as_str());
    assert_eq!(made[0]["resource"]["recorder"]["reference"], "Patient/ana");
    assert!(made[0]["resource"]["text"]["div"].as_str().unwrap().contains(&patient));
    assert_eq!(made[1]["resource"]["identifier"][0]["value"], TWO, "an identifier is no address");
    assert_eq!(made[2]["resource"]["link"][0]["other"]["reference"], patient.as_str());
    assert_eq!(made[3]["resource"]["subject"]["reference"], "Patient/given");
    assert!(made[1]["response"]["location"].as_str().unwrap().ends_with("/_history/1"));
    assert_eq!(made[5]["resource"]["total"], 1, "reads come after the changes: {}", made[5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_leaves_nothing() {
    let (server, token) = server().await;
    let birch = || json!({"resourceType": "Patient", "name": [{"family": "Birch"}]});
    let good = || entry("POST", "Patient", ONE, birch());
    for (bad, status, words) in [
        (entry("POST", "Patient", "", json!({"resourceType": "Patient", "name": []})), 400, "an array is empty"),
        (entry("PUT", "Patient/x", "", json!({"resourceType": "Patient", "id": "y"})), 400, "id in the body"),
        (entry("PUT", "Patient?family=nobody&nothing=1", "", birch()), 400, "nothing"),
        (
            entry(
                "POST",
                "Condition",
                "",
                json!({"resourceType": "Condition", "subject": {"reference": "Patient?family=Nobody"}}),
            ),
            412,
            "exactly one",
        ),
        (
            json!({"request": {"method": "PUT", "url": "Patient/ana", "ifMatch": "W/\"7\""}, "resource": {"resourceType": "Patient", "id": "ana"}}),
            412,
            "another version",
        ),
        (
            entry(
                "PATCH",
                "Patient/nobody",
                "",
                json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="}),
            ),
            404,
            "",
        ),
        (entry("PATCH", "Patient/ana", "", json!({"resourceType": "Binary"})), 400, "Binary"),
        (entry("POST", "Patient/$validate", "", birch()), 400, "holds creations"),
        (entry("BREW", "Patient", "", birch()), 400, "request.method"),
        (json!({"resource": birch()}), 400, "request"),
        (entry("POST", "Patient", "", Value::Null), 400, "resource"),
        (entry("POST", "Cat", "", birch()), 400, "resource type"),
    ] {
        let answer = send(&server, &token, "transaction", json!([good(), bad.clone()])).await;
        assert_eq!(answer.status, status, "{bad}: {}", answer.text());
        assert!(answer.issue().1.contains(words), "{bad}: {}", answer.text());
    }
    let twice = json!([
        entry("DELETE", "Patient/ana", "", Value::Null),
        entry("PUT", "Patient/ana", "", json!({"resourceType": "Patient", "id": "ana"}))
    ]);
    let answer = send(&server, &token, "transaction", twice).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["issue"][0]["expression"][0].as_str()),
        (400, Some("Bundle.entry[1]"))
    );
    assert!(server.get("/fhir/Patient?family=birch", Some(&token)).await.ids("match").is_empty());
    assert_eq!(server.get("/fhir/Patient/ana", Some(&token)).await.header("etag"), Some("W/\"1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_in_a_transaction_are_decided_before_it() {
    let (server, token) = server().await;
    let unless = |full_url: &str| {
        let mut entry =
            entry("POST", "Patient", full_url, json!({"resourceType": "Patient", "name": [{"family": "Alder"}]}));
        entry["request"]["ifNoneExist"] = json!("family=Alder");
        entry
    };
    let refers = entry("POST", "Condition", "", json!({"resourceType": "Condition", "subject": {"reference": ONE}}));
    let answer = send(&server, &token, "transaction", json!([unless(ONE), refers])).await;
    assert_eq!(statuses(&answer), ["200 OK", "201 Created"], "{}", answer.text());
    let found = server.get("/fhir/Condition?subject=Patient/ana", Some(&token)).await.ids("match");
    assert_eq!(found.len(), 2);
    let patch = {
        use base64::Engine;
        let text = r#"[{"op":"add","path":"/gender","value":"female"}]"#;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let patch = entry(
        "PATCH",
        "Patient/ana",
        "",
        json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}),
    );
    for (kind, version) in [("transaction", "W/\"2\""), ("batch", "W/\"2\"")] {
        let answer = send(&server, &token, kind, json!([patch])).await;
        assert_eq!(answer.json()["entry"][0]["response"]["etag"], version, "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_batch_each_entry_stands_alone() {
    let (server, token) = server().await;
    let entries = json!([
        entry("POST", "Patient", "", json!({"resourceType": "Patient", "name": [{"family": "Birch"}]})),
        entry("POST", "Patient", "", json!({"resourceType": "Patient", "name": []})),
        entry("GET", "Patient/ana", "", Value::Null),
        entry("GET", "Patient/nobody", "", Value::Null),
        entry("GET", "Patient?family=alder&_summary=count", "", Value::Null),
        entry("GET", "Patient/ana/_history", "", Value::Null),
        entry("GET", "/Condition/c1", "", Value::Null),
        entry("GET", "https://plan.example/fhir/metadata", "", Value::Null),
        entry("GET", "nothing/here/at/all", "", Value::Null),
        entry("DELETE", "Condition/c1", "", Value::Null),
    ]);
    let answer = send(&server, &token, "batch", entries).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let codes: Vec<u16> = statuses(&answer).iter().map(|line| line[..3].parse().unwrap()).collect();
    assert_eq!(codes, [201, 400, 200, 404, 200, 200, 200, 200, 404, 204]);
    let entries = answer.json()["entry"].clone();
    assert_eq!(entries[1]["response"]["outcome"]["resourceType"], "OperationOutcome");
    assert_eq!(entries[2]["resource"]["id"], "ana");
    assert_eq!(entries[2]["response"]["etag"], "W/\"1\"");
    assert_eq!(entries[2]["response"]["lastModified"], "2026-03-02T09:00:00.000Z");
    assert!(entries[0].get("resource").is_none(), "a Bundle's answers are short unless asked otherwise");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_app_may_read_in_a_batch_and_change_nothing() {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .start()
        .await;
    let token = server.tokens("M1", "patient/Patient.rs").await.access_token;
    let entries = json!([
        entry("GET", "Patient/ana", "", Value::Null),
        entry("GET", "Patient/bob", "", Value::Null),
        entry("GET", "Condition?code=x", "", Value::Null),
        entry("DELETE", "Patient/ana", "", Value::Null),
    ]);
    let answer = send(&server, &token, "batch", entries.clone()).await;
    assert_eq!(statuses(&answer), ["200 OK", "404 Not Found", "403 Forbidden", "403 Forbidden"]);
    assert_eq!(send(&server, &token, "transaction", entries).await.status, 403);
    let bundle = json!({"resourceType": "Bundle", "type": "batch"});
    assert_eq!(send_as(&server, None, &bundle, "").await.status, 401);
    assert_eq!(
        send_as(&server, Some(&token), &bundle, "").await.json(),
        json!({"resourceType": "Bundle", "type": "batch-response"})
    );
    for wrong in
        [json!({"resourceType": "Bundle", "type": "collection"}), json!({"resourceType": "Patient"}), json!([])]
    {
        assert_eq!(send_as(&server, Some(&token), &wrong, "").await.status, 400, "{wrong}");
    }
    let many = vec![entry("GET", "Patient/ana", "", Value::Null); 5_001];
    assert_eq!(send(&server, &token, "batch", json!(many)).await.status, 413);
}
