//! Search parameters of the plan's own. Definitions are the install's: its sandbox has them, and another install in the
//! same process does not.

use std::time::Duration;

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer, request};

/// Looks at a condition until it holds.
const TRIES: usize = 200;
const WAIT: Duration = Duration::from_millis(20);

async fn send(server: &TestServer, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    let request = request(method, path, Some(token)).content_type("application/fhir+json");
    server.send(request.body(body.to_string())).await
}

fn definition(code: &str, kind: &str, expression: &str) -> Value {
    json!({"resourceType": "SearchParameter", "id": code, "url": format!("https://plan.example/{code}"), "name": code,
        "status": "active", "description": "A test", "code": code, "base": ["Patient"], "type": kind, "expression": expression})
}

async fn is_declared(server: &TestServer, code: &str) -> bool {
    server.get("/fhir/metadata", None).await.text().contains(&format!("\"name\":\"{code}\""))
}

async fn until_declared(server: &TestServer, code: &str, wanted: bool) {
    for _ in 0..TRIES {
        if is_declared(server, code).await == wanted {
            return;
        }
        tokio::time::sleep(WAIT).await;
    }
    panic!("{code} was never {}", if wanted { "declared" } else { "taken away" });
}

fn patient(id: &str, status: &str, shoe: u8) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","maritalStatus":{{"coding":[{{"system":"http://m","code":"{status}"}}]}},
        "extension":[{{"url":"http://plan.example/shoe-size","valueInteger":{shoe}}}]}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_defines_parameters_of_its_own() {
    let server =
        TestServer::builder().resource(&patient("p1", "M", 38)).resource(&patient("p2", "S", 42)).start().await;
    let token = server.system("system/*.cruds").await;
    let unknown = server.get("/fhir/Patient?x-marital=M", Some(&token)).await;
    assert_eq!(unknown.status, 400);

    let marital = definition("x-marital", "token", "Patient.maritalStatus");
    let kept = send(&server, &token, Method::PUT, "/fhir/SearchParameter/x-marital", &marital).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    until_declared(&server, "x-marital", true).await;
    let find = async |query: &str| server.get(&format!("/fhir/Patient?{query}"), Some(&token)).await;
    assert_eq!(find("x-marital=http://m|M").await.ids("match"), ["p1"]);
    assert_eq!(find("x-marital:not=M&_sort=-x-marital").await.ids("match"), ["p2"]);

    // What comes later is found at once, and what changes is found as it is.
    server.put(&[&patient("p3", "M", 40), &patient("p2", "M", 42)]);
    assert_eq!(find("x-marital=M&_sort=_id").await.ids("match"), ["p1", "p2", "p3"]);

    let shoe =
        definition("x-shoe", "number", "Patient.extension('http://plan.example/shoe-size').value.ofType(integer)");
    assert_eq!(send(&server, &token, Method::POST, "/fhir/SearchParameter", &shoe).await.status, 201);
    until_declared(&server, "x-shoe", true).await;
    assert_eq!(find("x-shoe=gt39&x-marital=M&_sort=_id").await.ids("match"), ["p2", "p3"]);

    // Another expression under the same name: searched by again when the index has it.
    let telecom = definition("x-marital", "string", "Patient.maritalStatus.text");
    assert_eq!(send(&server, &token, Method::PUT, "/fhir/SearchParameter/x-marital", &telecom).await.status, 200);
    for _ in 0..TRIES {
        if find("x-marital=M").await.ids("match").is_empty() && is_declared(&server, "x-marital").await {
            break;
        }
        tokio::time::sleep(WAIT).await;
    }
    assert!(find("x-marital=M").await.ids("match").is_empty());

    // The sandbox has the same definitions over its own data, and its index says what it was made with.
    let declared = server.get("/sandbox/fhir/metadata", None).await.text();
    assert!(declared.contains("\"name\":\"x-shoe\""), "{declared}");
    server.sandbox.index.settle().unwrap();
    assert_eq!(stamp(&server, "sandbox"), stamp(&server, "plan"));

    // What cannot be served is not kept.
    for (code, kind, expression) in [
        ("x-bad", "token", "Patient.colour"),
        ("gender", "token", "Patient.gender"),
        ("x-bad", "composite", "Patient.name"),
    ] {
        let answer =
            send(&server, &token, Method::POST, "/fhir/SearchParameter", &definition(code, kind, expression)).await;
        assert_eq!((answer.status.as_u16(), answer.issue().0.as_str()), (422, "not-supported"), "{}", answer.text());
    }

    for id in ["x-marital"] {
        let gone = send(&server, &token, Method::DELETE, &format!("/fhir/SearchParameter/{id}"), &Value::Null).await;
        assert_eq!(gone.status, 204);
    }
    until_declared(&server, "x-marital", false).await;
    assert_eq!(find("x-marital=M").await.status, 400);
    // The other goes on.
    assert_eq!(find("x-shoe=42").await.ids("match"), ["p2"]);
}

/// What an index says that it was made with, beside the last change that it has.
fn stamp(server: &TestServer, realm: &str) -> String {
    let metas = std::fs::read(server.folder.path().join(realm).join("index/meta.json")).unwrap();
    let metas: Value = serde_json::from_slice(&metas).unwrap();
    metas["payload"].as_str().unwrap().split_once(' ').unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_install_in_the_process_knows_nothing_of_it() {
    let start = async || TestServer::builder().resource(&patient("p1", "M", 38)).start().await;
    let (server, other) = (start().await, start().await);
    for realm in [&server.plan, &other.plan, &other.sandbox] {
        realm.index.settle().unwrap();
    }
    let before = stamp(&other, "plan");
    assert_eq!(stamp(&server, "plan"), before);
    let (token, theirs) = (server.system("system/*.cruds").await, other.system("system/*.cruds").await);
    let marital = definition("x-marital", "token", "Patient.maritalStatus");
    let kept = send(&server, &token, Method::PUT, "/fhir/SearchParameter/x-marital", &marital).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    until_declared(&server, "x-marital", true).await;
    let path = "/fhir/Patient?x-marital=M";
    assert_eq!(server.get(path, Some(&token)).await.ids("match"), ["p1"]);
    server.plan.index.settle().unwrap();
    assert_ne!(stamp(&server, "plan"), before);

    let refused = other.get(path, Some(&theirs)).await;
    assert_eq!((refused.status.as_u16(), is_declared(&other, "x-marital").await), (400, false), "{}", refused.text());
    // A write makes it commit, by which it would take on another stamp.
    other.put(&[&patient("p2", "M", 40)]);
    other.plan.index.settle().unwrap();
    assert_eq!((stamp(&other, "plan"), stamp(&other, "sandbox")), (before.clone(), before));
    // What a token opens does not hang on what is defined.
    assert!(ingle::access::ScopeSet::parse("system/Patient.rs?gender=male").is_ok());
    assert!(ingle::access::ScopeSet::parse("system/Patient.rs?x-marital=M").is_err());
}
