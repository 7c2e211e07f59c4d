//! create, update, patch, delete and their conditions.

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer, request};

async fn server() -> (TestServer, String) {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let token = server.system("system/*.cruds").await;
    (server, token)
}

async fn send(
    server: &TestServer,
    token: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = request(method.parse().unwrap(), path, Some(token)).content_type("application/fhir+json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(if body.is_null() { request.finish() } else { request.body(body.to_string()) }).await
}

fn patient(family: &str) -> Value {
    json!({"resourceType": "Patient", "name": [{"family": family}],
        "identifier": [{"system": "http://plan.example/mrn", "value": family}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_goes_through_its_life() {
    let (server, token) = server().await;
    let created = send(&server, &token, "POST", "/fhir/Patient", &[], &patient("Birch")).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let location = created.header("location").unwrap().to_owned();
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("https://plan.example/fhir/Patient/{id}/_history/1"));
    assert_eq!((created.header("etag"), created.json()["meta"]["versionId"].as_str()), (Some("W/\"1\""), Some("1")));
    // Searches see it at once.
    assert_eq!(server.get("/fhir/Patient?family=birch", Some(&token)).await.ids("match"), [id.as_str()]);

    let path = format!("/fhir/Patient/{id}");
    let mut changed = patient("Birch");
    changed["id"] = json!(id);
    changed["gender"] = json!("female");
    let updated = send(&server, &token, "PUT", &path, &[("If-Match", "W/\"1\"")], &changed).await;
    assert_eq!((updated.status.as_u16(), updated.header("etag")), (200, Some("W/\"2\"")));
    let again = send(&server, &token, "PUT", &path, &[], &changed).await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (200, Some("W/\"2\"")), "nothing changed");
    let stale = send(&server, &token, "PUT", &path, &[("If-Match", "W/\"1\"")], &patient_with(&id)).await;
    assert_eq!((stale.status.as_u16(), stale.issue().0.as_str()), (412, "conflict"));

    let gone = send(&server, &token, "DELETE", &path, &[], &Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.header("etag"), gone.body.len()), (204, Some("W/\"3\""), 0));
    assert_eq!(send(&server, &token, "DELETE", &path, &[], &Value::Null).await.status, 204);
    assert_eq!(server.get(&path, Some(&token)).await.status, 410);
    assert!(server.get("/fhir/Patient?family=birch", Some(&token)).await.ids("match").is_empty());
    let back = send(&server, &token, "PUT", &path, &[], &patient_with(&id)).await;
    assert_eq!((back.status.as_u16(), back.header("etag")), (201, Some("W/\"4\"")));
    let history = server.get(&format!("{path}/_history"), Some(&token)).await.json();
    assert_eq!(history["entry"].as_array().unwrap().len(), 4);
}

fn patient_with(id: &str) -> Value {
    let mut patient = patient("Birch");
    patient["id"] = json!(id);
    patient
}

#[tokio::test(flavor = "multi_thread")]
async fn prefer_says_what_comes_back() {
    let (server, token) = server().await;
    for (prefer, has_body, kind) in [
        ("return=minimal", false, ""),
        ("return=representation", true, "Patient"),
        ("return=OperationOutcome", true, "OperationOutcome"),
    ] {
        let answer = send(&server, &token, "POST", "/fhir/Patient", &[("Prefer", prefer)], &patient("Birch")).await;
        assert_eq!((answer.status.as_u16(), !answer.body.is_empty()), (201, has_body), "{prefer}");
        assert!(answer.header("location").is_some());
        if has_body {
            assert_eq!(answer.json()["resourceType"], kind);
        }
    }
    let pretty = server.get("/fhir/Patient/ana?_pretty=true", Some(&token)).await.text();
    assert!(pretty.starts_with("{\n  \"resourceType\": \"Patient\",\n"), "{pretty}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_find_none_one_or_several() {
    let (server, token) = server().await;
    let query = "identifier=http://plan.example/mrn|Birch";
    let unless = [("If-None-Exist", query)];
    let first = send(&server, &token, "POST", "/fhir/Patient", &unless, &patient("Birch")).await;
    let second = send(&server, &token, "POST", "/fhir/Patient", &unless, &patient("Birch")).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 200));
    assert_eq!(first.header("location"), second.header("location"));

    let path = format!("/fhir/Patient?{}", query.replace('|', "%7C"));
    let mut changed = patient("Birch");
    changed["gender"] = json!("other");
    assert_eq!(send(&server, &token, "PUT", &path, &[], &changed).await.header("etag"), Some("W/\"2\""));
    changed["id"] = json!("another");
    assert_eq!(send(&server, &token, "PUT", &path, &[], &changed).await.status, 400);
    let none = "/fhir/Patient?identifier=http://plan.example/mrn%7CElm";
    let made = send(&server, &token, "PUT", none, &[], &patient("Elm")).await;
    assert_eq!(made.status, 201);

    send(&server, &token, "POST", "/fhir/Patient", &[], &patient("Birch")).await;
    for (method, body) in [("PUT", patient("Birch")), ("DELETE", Value::Null)] {
        let several = send(&server, &token, method, &path, &[], &body).await;
        assert_eq!((several.status.as_u16(), several.issue().0.as_str()), (412, "multiple-matches"), "{method}");
    }
    for path in ["/fhir/Patient", "/fhir/Patient?_count=1"] {
        let all = send(&server, &token, "DELETE", path, &[], &Value::Null).await;
        assert_eq!((all.status.as_u16(), all.issue().0.as_str()), (412, "incomplete"), "{path}");
    }
    assert_eq!(send(&server, &token, "DELETE", none, &[], &Value::Null).await.status, 204);
    assert_eq!(send(&server, &token, "DELETE", none, &[], &Value::Null).await.status, 204);
    assert_eq!(send(&server, &token, "DELETE", "/fhir/Patient?nothing=1", &[], &Value::Null).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_conditional_create_sent_at_once_creates_one() {
    let (server, token) = server().await;
    let unless = [("If-None-Exist", "identifier=http://plan.example/mrn|Birch")];
    let birch = patient("Birch");
    let all = (0..16).map(|_| send(&server, &token, "POST", "/fhir/Patient", &unless, &birch));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_patch_changes_a_part() {
    let (server, token) = server().await;
    let patch = |path: &'static str, patch: Value, if_match: Option<&'static str>| {
        let (server, token) = (&server, &token);
        async move {
            let mut request = request(Method::PATCH, path, Some(token)).content_type("application/json-patch+json");
            if let Some(tag) = if_match {
                request = request.header("If-Match", tag);
            }
            server.send(request.body(patch.to_string())).await
        }
    };
    let add = json!([{"op": "add", "path": "/gender", "value": "female"}]);
    let done = patch("/fhir/Patient/ana", add.clone(), Some("W/\"1\"")).await;
    assert_eq!((done.status.as_u16(), done.json()["gender"].as_str()), (200, Some("female")), "{}", done.text());
    for (path, body, tag, status) in [
        ("/fhir/Patient/ana", add.clone(), Some("W/\"1\""), 412),
        ("/fhir/Patient/ana", add.clone(), Some("three"), 400),
        ("/fhir/Patient/nobody", add.clone(), None, 404),
        ("/fhir/Patient?family=nobody", add.clone(), None, 404),
        ("/fhir/Patient?family=alder", add.clone(), None, 200),
        ("/fhir/Patient/ana", json!([{"op": "test", "path": "/gender", "value": "male"}]), None, 422),
        ("/fhir/Patient/ana", json!([{"op": "replace", "path": "/id", "value": "other"}]), None, 400),
        ("/fhir/Patient/ana", json!([{"op": "replace", "path": "/resourceType", "value": "Group"}]), None, 400),
        ("/fhir/Patient/ana", json!([{"op": "add", "path": "/name/0/given", "value": []}]), None, 400),
        ("/fhir/Patient/ana", json!({"op": "add"}), None, 400),
    ] {
        let answer = patch(path, body.clone(), tag).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
    let other = request(Method::PATCH, "/fhir/Patient/ana", Some(&token)).content_type("application/merge-patch+json");
    assert_eq!(server.send(other.body("{}")).await.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_named() {
    let (server, token) = server().await;
    let post = |body: &'static str| {
        let request = request(Method::POST, "/fhir/Patient", Some(&token)).content_type("application/fhir+json");
        server.send(request.body(body))
    };
    for (body, status, words) in [
        ("{", 400, "line 1, column 2"),
        ("{}", 400, "there is no 'resourceType'"),
        (r#"{"resourceType":"Group"}"#, 400, "another type"),
        (r#"{"resourceType":"Cat"}"#, 400, "not a resource type"),
        (r#"{"resourceType":"Patient","name":[]}"#, 400, "an array is empty"),
        (r#"{"resourceType":"Patient","a":1,"a":2}"#, 400, "already has"),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.issue().1.contains(words), "{body}: {}", answer.text());
    }
    assert_eq!(
        post(r#"{"resourceType":"Patient","name":[]}"#).await.json()["issue"][0]["expression"][0],
        "Patient.name"
    );
    for (method, path, body, status) in [
        ("PUT", "/fhir/Patient/ana", r#"{"resourceType":"Patient","id":"bob"}"#, 400),
        ("PUT", "/fhir/Patient/ana", r#"{"resourceType":"Patient"}"#, 400),
        ("PUT", "/fhir/Patient/a%20b", r#"{"resourceType":"Patient","id":"a b"}"#, 400),
        ("PUT", "/fhir/Cat/1", r#"{"resourceType":"Cat","id":"1"}"#, 404),
        ("PUT", "/directory/Location/1", r#"{"resourceType":"Location","id":"1"}"#, 405),
    ] {
        let answer = send(&server, &token, method, path, &[], &serde_json::from_str(body).unwrap()).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
    }
    let absent = [("If-None-Match", "*")];
    let there =
        send(&server, &token, "PUT", "/fhir/Patient/ana", &absent, &json!({"resourceType": "Patient", "id": "ana"}))
            .await;
    assert_eq!(there.status, 412);
    let text = request(Method::POST, "/fhir/Patient", Some(&token)).content_type("text/plain").body("{}");
    assert_eq!(server.send(text).await.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_bound_what_is_written_and_over_what() {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .resource(r#"{"resourceType":"Observation","id":"lab","status":"final","code":{"text":"x"},"category":[{"coding":[{"code":"laboratory"}]}]}"#)
        .resource(r#"{"resourceType":"Observation","id":"vital","status":"final","code":{"text":"x"},"category":[{"coding":[{"code":"vital-signs"}]}]}"#)
        .start()
        .await;
    let member = server.tokens("M1", "patient/*.rs").await.access_token;
    let labs = server.system("system/Observation.cruds?category=laboratory").await;
    let creates = server.system("system/Observation.c").await;
    let observation = |id: Option<&str>, category: &str| {
        let mut out = json!({"resourceType": "Observation", "status": "final", "code": {"text": "y"},
            "category": [{"coding": [{"code": category}]}]});
        if let Some(id) = id {
            out["id"] = json!(id);
        }
        out
    };
    for (token, method, path, body, status) in [
        (&member, "POST", "/fhir/Observation", observation(None, "laboratory"), 403),
        (&member, "DELETE", "/fhir/Patient/ana", Value::Null, 403),
        (&creates, "POST", "/fhir/Observation", observation(None, "vital-signs"), 201),
        (&creates, "PUT", "/fhir/Observation/lab", observation(Some("lab"), "laboratory"), 403),
        (&creates, "GET", "/fhir/Observation/lab", Value::Null, 403),
        (&labs, "POST", "/fhir/Observation", observation(None, "laboratory"), 201),
        (&labs, "POST", "/fhir/Observation", observation(None, "vital-signs"), 403),
        (&labs, "PUT", "/fhir/Observation/lab", observation(Some("lab"), "laboratory"), 200),
        // Neither out of the conditions nor into them.
        (&labs, "PUT", "/fhir/Observation/lab", observation(Some("lab"), "vital-signs"), 403),
        (&labs, "PUT", "/fhir/Observation/vital", observation(Some("vital"), "laboratory"), 403),
        (&labs, "DELETE", "/fhir/Observation/vital", Value::Null, 204),
        (&labs, "GET", "/fhir/Observation/lab", Value::Null, 200),
    ] {
        let answer = send(&server, token, method, path, &[], &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
    }
    // The deletion above was answered as if nothing were there, and nothing was done.
    let all = server.system("system/*.rs").await;
    assert_eq!(server.get("/fhir/Observation/vital", Some(&all)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_is_read_added_to_and_taken_from() {
    let (server, token) = server().await;
    let tag = json!({"resourceType": "Parameters", "parameter": [{"name": "meta",
        "valueMeta": {"tag": [{"system": "http://plan.example/tags", "code": "checked"}]}}]});
    let added = send(&server, &token, "POST", "/fhir/Patient/ana/$meta-add", &[], &tag).await;
    assert_eq!(added.json()["parameter"][0]["valueMeta"]["tag"][0]["code"], "checked", "{}", added.text());
    assert_eq!(server.get("/fhir/Patient?_tag=checked", Some(&token)).await.ids("match"), ["ana"]);
    let read = server.get("/fhir/Patient/ana/$meta", Some(&token)).await.json();
    assert_eq!(read["parameter"][0]["valueMeta"]["versionId"], "2");
    let removed = send(&server, &token, "POST", "/fhir/Patient/ana/$meta-delete", &[], &tag).await;
    assert!(removed.json()["parameter"][0]["valueMeta"].get("tag").is_none(), "{}", removed.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_a_back_end_client_what_changed() {
    let (server, token) = server().await;
    for family in ["Birch", "Cedar", "Dogwood"] {
        server.hand.advance(std::time::Duration::from_secs(10));
        send(&server, &token, "POST", "/fhir/Patient", &[], &patient(family)).await;
    }
    send(
        &server,
        &token,
        "POST",
        "/fhir/Organization",
        &[],
        &json!({"resourceType": "Organization", "name": "Clinic"}),
    )
    .await;
    send(&server, &token, "DELETE", "/fhir/Patient/ana", &[], &Value::Null).await;
    let entries = |answer: &Answer| answer.json()["entry"].as_array().cloned().unwrap_or_default();
    let all = server.get("/fhir/_history", Some(&token)).await;
    assert_eq!(all.status, 200, "{}", all.text());
    assert_eq!(entries(&all).len(), 6);
    assert_eq!(entries(&all)[0]["request"]["method"], "DELETE");
    let first = server.get("/fhir/Patient/_history?_count=2", Some(&token)).await;
    assert_eq!(entries(&first).len(), 2);
    let next = first.json()["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap().clone();
    let next = next["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned();
    let second = server.get(&next, Some(&token)).await;
    let names: Vec<String> =
        entries(&second).iter().map(|entry| entry["resource"]["name"][0]["family"].to_string()).collect();
    assert_eq!(names, ["\"Cedar\"", "\"Birch\""]);
    let since = server.get("/fhir/Patient/_history?_since=2026-03-02T09:00:20Z", Some(&token)).await;
    assert_eq!(entries(&since).len(), 3, "{}", since.text());
    let whole = entries(&all);
    for (times, from, to) in [
        // What was current at a moment: of each resource at most one version.
        ("_at=2026-03-02T09:00:20Z", 3, 6),
        ("_at=2027", 0, 5),
        ("_at=2026-03-02T08:00:00Z", 0, 0),
        ("_at=2026-03-02", 0, 6),
        ("_at=2026-03-02&_since=2026-03-02T09:00:20Z", 0, 4),
        ("_at=2027&_since=2026-03-03", 0, 0),
    ] {
        let answer = server.get(&format!("/fhir/_history?{times}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{times}: {}", answer.text());
        assert_eq!(entries(&answer), whole[from..to], "{times}");
    }
    let mut path = "/fhir/Patient/_history?_at=2026-03-02T09:00:20Z&_count=1".to_owned();
    let mut paged = Vec::new();
    for _ in 0..4 {
        let page = server.get(&path, Some(&token)).await;
        paged.extend(entries(&page));
        let bundle = page.json();
        let Some(next) = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next") else {
            break;
        };
        path = next["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned();
    }
    assert_eq!(paged, whole[3..6]);
    let member = server.plan.apps.all().unwrap().len();
    assert_eq!(member, 1, "no app of a member has been here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_app_does_not_get_everybodys_changes() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let member = server.tokens("M1", "patient/*.rs").await.access_token;
    for path in ["/fhir/_history", "/fhir/Patient/_history"] {
        let answer = server.get(path, Some(&member)).await;
        assert_eq!((answer.status.as_u16(), answer.issue().0.as_str()), (403, "forbidden"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_in_the_audit_under_the_patient() {
    let (server, token) = server().await;
    let condition =
        json!({"resourceType": "Condition", "subject": {"reference": "https://plan.example/fhir/Patient/ana"}});
    let made = send(&server, &token, "POST", "/fhir/Condition", &[], &condition).await;
    // An address of this server is kept as a relative reference.
    assert_eq!(made.json()["subject"]["reference"], "Patient/ana");
    assert_eq!(server.plan.audit.activity("ana").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_valid_is_refused_where_the_plan_says_so() {
    let bad = json!({"resourceType": "Patient", "gender": "woman", "link": [{"other": {"display": "x"}}]});
    for (policy, status) in [("off", 201), ("warn", 201), ("reject", 422)] {
        let server = TestServer::builder().setting("validation.writes", policy).start().await;
        let token = server.system("system/*.cruds").await;
        let wanted = [("Prefer", "return=OperationOutcome")];
        let answer = send(&server, &token, "POST", "/fhir/Patient", &wanted, &bad).await;
        assert_eq!(answer.status, status, "{policy}: {}", answer.text());
        let issues = answer.json()["issue"].as_array().unwrap().clone();
        let places: Vec<&str> = issues.iter().filter_map(|issue| issue["expression"][0].as_str()).collect();
        assert_eq!(
            places,
            if policy == "off" { vec![] } else { vec!["Patient.gender", "Patient.link[0].type"] },
            "{policy}"
        );
        let good = json!({"resourceType": "Patient", "gender": "female"});
        assert_eq!(send(&server, &token, "POST", "/fhir/Patient", &[], &good).await.status, 201);
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": bad, "request": {"method": "POST", "url": "Patient"}}]});
        let whole = send(&server, &token, "POST", "/fhir", &[], &bundle).await;
        assert_eq!(whole.status, if policy == "reject" { 422 } else { 200 }, "{policy}: {}", whole.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_the_shape_of_fhir_is_always_refused() {
    for policy in ["off", "warn", "reject"] {
        let server = TestServer::builder().setting("validation.writes", policy).start().await;
        let token = server.system("system/*.cruds").await;
        for (name, value) in [
            ("gender", json!(["male"])),
            ("name", json!("John")),
            ("name", json!({"family": "x"})),
            ("birthDate", json!("yesterday")),
            ("nonsense", json!(1)),
        ] {
            let mut body = json!({"resourceType": "Patient"});
            body[name] = value;
            let answer = send(&server, &token, "POST", "/fhir/Patient", &[], &body).await;
            let place = format!("Patient.{name}");
            assert_eq!(answer.status, 422, "{policy} {body}: {}", answer.text());
            assert_eq!(answer.json()["issue"][0]["expression"][0], place.as_str(), "{policy} {body}");
        }
        let put = json!({"resourceType": "Patient", "id": "p", "deceasedBoolean": true, "deceasedDateTime": "2026"});
        assert_eq!(send(&server, &token, "PUT", "/fhir/Patient/p", &[], &put).await.status, 422, "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fhirpath_patch_changes_a_part() {
    let (server, token) = server().await;
    let created = send(&server, &token, "POST", "/fhir/Patient", &[], &patient("Birch")).await;
    let address = format!("/fhir/Patient/{}", created.json()["id"].as_str().unwrap());
    let patch = |kind: &str, at: &str, rest: Value| {
        let mut parts = vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": at})];
        parts.extend(rest.as_array().unwrap().iter().cloned());
        json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]})
    };
    let added = patch(
        "add",
        "Patient",
        json!([{"name": "name", "valueString": "birthDate"}, {"name": "value", "valueDate": "1950-02-03"}]),
    );
    let answer = send(&server, &token, "PATCH", &address, &[("If-Match", "W/\"1\"")], &added).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["birthDate"]), (200, &json!("1950-02-03")), "{}", answer.text());
    // Twice does not fit, and changes nothing.
    let again = send(&server, &token, "PATCH", &address, &[], &added).await;
    assert_eq!((again.status.as_u16(), again.issue().0.as_str()), (422, "processing"));
    let unread = send(&server, &token, "PATCH", &address, &[], &patch("delete", "Patient.(", json!([]))).await;
    assert_eq!((unread.status.as_u16(), unread.issue().0.as_str()), (400, "invalid"));
    // The id is not a part that can be changed.
    let id = patch("replace", "Patient.id", json!([{"name": "value", "valueId": "other"}]));
    assert_eq!(send(&server, &token, "PATCH", &address, &[], &id).await.status, 400);
    // In a Bundle, the Parameters stand as they are.
    let entry = json!({"request": {"method": "PATCH", "url": address.trim_start_matches("/fhir/")},
        "resource": patch("delete", "Patient.birthDate", json!([]))});
    for kind in ["transaction", "batch"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
        let answer = send(&server, &token, "POST", "/fhir", &[], &bundle).await;
        assert_eq!(
            answer.json()["entry"][0]["response"]["status"].as_str().map(|status| &status[..3]),
            Some("200"),
            "{}",
            answer.text()
        );
    }
    assert!(server.get(&address, Some(&token)).await.json().get("birthDate").is_none());
}
