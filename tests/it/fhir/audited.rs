//! One gate out: whatever goes out of `/fhir` is in the audit first, with who, whose, what and how many.

use ingle::audit::Recorded;
use ingle::web::{Guard, table};
use poem::http::Method;
use serde_json::json;

use crate::server::{TestServer, request};

async fn server() -> TestServer {
    TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/ana"}}"#)
        .resource(r#"{"resourceType":"Condition","id":"c3","subject":{"reference":"Patient/ana"}}"#)
        .resource(r#"{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/bob"}}"#)
        .resource(r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ana"}}"#)
        .resource(r#"{"resourceType":"DocumentReference","id":"d1","status":"current","subject":{"reference":"Patient/ana"},"content":[{"attachment":{"title":"x"}}]}"#)
        .resource(r#"{"resourceType":"Organization","id":"org"}"#)
        .start()
        .await
}

/// A request that each route to records answers well.
struct Call {
    method: Method,
    path: String,
    body: Option<(&'static str, String)>,
}

/// The kinds of records of a route, with one that is there.
fn calls() -> Vec<Call> {
    let fhir = "application/fhir+json";
    let condition = json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/ana"}});
    let mut out = Vec::new();
    for route in table().into_iter().filter(|route| route.guard == Guard::Fhir(ingle::access::Base::Fhir)) {
        let path = route.path.to_string();
        let kind = match () {
            () if path.ends_with("$docref") => "DocumentReference",
            () if path.ends_with("$lastn") => "Observation",
            () if path.contains("$everything") || path.contains(":type") => "Patient",
            () => "Condition",
        };
        let id = if kind == "Patient" { "ana" } else { "c1" };
        let mut path =
            path.replace(":kind", kind).replace(":id", id).replace(":type", "Condition").replace(":version", "1");
        let form = || Some(("application/x-www-form-urlencoded", String::new()));
        let body = match (&route.method, &*route.path) {
            (&Method::GET | &Method::DELETE, _) => None,
            (&Method::PATCH, _) => Some((
                "application/json-patch+json",
                r#"[{"op":"add","path":"/recordedDate","value":"2026-01-01"}]"#.into(),
            )),
            (_, "/fhir" | "/fhir/") => Some((
                fhir,
                json!({"resourceType": "Bundle", "type": "batch", "entry": [
                {"request": {"method": "GET", "url": "Condition/c1"}}]})
                .to_string(),
            )),
            (&Method::PUT, _) | (_, "/fhir/:kind") => Some((fhir, condition.to_string())),
            (_, text) if text.contains("$meta-") => Some((
                fhir,
                json!({"resourceType": "Parameters", "parameter": [
                {"name": "meta", "valueMeta": {"tag": [{"code": "t"}]}}]})
                .to_string(),
            )),
            (_, text) if text.ends_with(":id/$validate") => None,
            (_, text) if text.ends_with("$validate") => Some((fhir, condition.to_string())),
            _ => form(),
        };
        let query = match kind {
            _ if path.ends_with("$docref") || path.ends_with("$lastn") => "patient=ana",
            _ if path == "/fhir" || path == "/fhir/" || path == "/fhir/_search" => "_type=Condition",
            // A conditional change names what it is about.
            _ if path.contains("c1") => "",
            _ if route.method == Method::DELETE => "_id=c3",
            _ if matches!(route.method, Method::PUT | Method::PATCH) => "_id=c1",
            _ => "",
        };
        let in_body =
            route.method == Method::POST && &*route.path != "/fhir/_search" && path.starts_with("/fhir/Condition");
        if !query.is_empty() && !in_body {
            path = format!("{path}?{query}");
        }
        // Deletions last: the others need what they delete.
        let at = if route.method == Method::DELETE { out.len() } else { 0 };
        out.insert(at, Call { method: route.method.clone(), path, body });
    }
    out
}

fn entries(server: &TestServer) -> Vec<Recorded> {
    let mut all = Vec::new();
    let folder = server.folder.path().join("plan/audit");
    ingle::audit::entries(&folder, &mut |entry| all.push(entry.clone())).unwrap();
    all.retain(Recorded::is_entry);
    all
}

/// From ten handlers the entry could be taken away, each alone, and no test failed (house.md 1.3).
#[tokio::test(flavor = "multi_thread")]
async fn every_route_to_records_is_in_the_audit() {
    let server = server().await;
    let token = server.system("system/*.cruds").await;
    let calls = calls();
    assert!(calls.len() > 30, "{}", calls.len());
    let mut seen = std::collections::BTreeSet::new();
    for Call { method, path, body } in calls {
        let before = entries(&server).len();
        let build = request(method.clone(), &path, Some(&token));
        let answer = match body {
            Some((media, body)) => server.send(build.content_type(media).body(body)).await,
            None => server.send(build.finish()).await,
        };
        assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.text());
        let fresh = entries(&server).split_off(before);
        // What was sent to be validated is not from the store.
        if path.ends_with("/fhir/Condition/$validate") {
            assert!(fresh.is_empty(), "{path}");
            continue;
        }
        let [entry] = fresh.as_slice() else { panic!("{method} {path}: {} entries", fresh.len()) };
        assert!(entry.who.starts_with("app:"), "{path}");
        assert!(!entry.interaction.is_empty() && (200..300).contains(&entry.status), "{path}: {entry:?}");
        assert!(!entry.types.is_empty(), "{method} {path}: {entry:?}");
        let about_created = entry.interaction == "create" || entry.interaction == "history-system";
        assert!(about_created || entry.patients.contains(&"ana".to_owned()), "{method} {path}: {entry:?}");
        assert_eq!(answer.header("x-request-id"), Some(&*entry.request), "{path}");
        seen.insert(entry.interaction.clone());
    }
    let expected = [
        "create",
        "delete",
        "history-instance",
        "history-system",
        "history-type",
        "operation-docref",
        "operation-everything",
        "operation-lastn",
        "operation-meta",
        "operation-validate",
        "patch",
        "read",
        "search-compartment",
        "search-system",
        "search-type",
        "update",
        "vread",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_records_says_something_of_somebody_too() {
    let server = server().await;
    let system = server.system("system/*.rs").await;
    let member = server.tokens("M1", "patient/*.rs").await.access_token;
    for (token, path, patients, count) in [
        (&system, "/fhir/Condition?patient=bob&_summary=count", vec!["bob"], 1),
        (&system, "/fhir/Condition?patient=bob&code=nothing", vec!["bob"], 0),
        (&system, "/fhir/Patient?_id=bob&_summary=count", vec!["bob"], 1),
        (&member, "/fhir/Condition?_summary=count", vec!["ana"], 2),
        (&member, "/fhir/Condition?code=nothing", vec!["ana"], 0),
        (&member, "/fhir/Condition?_count=0", vec!["ana"], 2),
        (&member, "/fhir/Organization?name=nobody", vec![], 0),
    ] {
        let answer = server.get(path, Some(token)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let entry = entries(&server).pop().unwrap();
        assert_eq!(entry.patients, patients, "{path}");
        assert_eq!(entry.types[0].1, count, "{path}: {:?}", entry.types);
        assert_eq!(answer.header("x-request-id"), Some(&*entry.request), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_by_any_route_when_the_audit_cannot_be_written() {
    let server = server().await;
    let token = server.system("system/*.cruds").await;
    server.plan.audit.lose_disk();
    for Call { method, path, body } in calls().into_iter().filter(|call| call.path != "/fhir/Condition/$validate") {
        let build = request(method.clone(), &path, Some(&token));
        let answer = match body {
            Some((media, body)) => server.send(build.content_type(media).body(body)).await,
            None => server.send(build.finish()).await,
        };
        if path.contains("_type=") && method == Method::POST && answer.status == 200 {
            // Each entry of a batch has an answer of its own.
            assert!(answer.text().contains("503 Service Unavailable"), "{}", answer.text());
        } else {
            assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
            assert_eq!(answer.issue().0, "transient", "{method} {path}");
        }
        assert!(!answer.text().contains("\"Patient/ana\""), "{method} {path}");
    }
    // The public bases keep no record, and go on.
    assert_eq!(server.get("/directory/Organization?name=x", None).await.status, 200);
}
