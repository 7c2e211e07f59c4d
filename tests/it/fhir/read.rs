//! `GET {base}/{type}/{id}` and versions of it.

use poem::http::Method;

use crate::server::{TestServer, request};

async fn server() -> TestServer {
    TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/ana"}}"#)
        .resource(r#"{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/bob"}}"#)
        .resource(
            r#"{"resourceType":"Organization","id":"clinic","meta":{"profile":["http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/plannet-Organization"]},"name":"Clinic"}"#,
        )
        .resource(r#"{"resourceType":"Organization","id":"employer","name":"Not in the directory"}"#)
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_the_stored_bytes_with_version_headers() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let answer = server.get("/fhir/Condition/c1", Some(&token)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        r#"{"resourceType":"Condition","id":"c1","meta":{"versionId":"1","lastUpdated":"2026-03-02T09:00:00.000Z"},"subject":{"reference":"Patient/ana"}}"#
    );
    assert_eq!(answer.header("etag"), Some("W/\"1\""));
    assert_eq!(answer.header("last-modified"), Some("Mon, 02 Mar 2026 09:00:00 GMT"));
    assert_eq!(answer.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 26));
    let head = server.send(request(Method::HEAD, "/fhir/Condition/c1", Some(&token)).finish()).await;
    assert_eq!((head.status, head.header("etag")), (answer.status, Some("W/\"1\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_absent_and_random_ids_get_one_answer_to_the_byte() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let mut bodies = Vec::new();
    for path in [
        "/fhir/Condition/c2",
        "/fhir/Condition/nothing",
        "/fhir/Patient/bob",
        "/fhir/Condition/c2/_history/1",
        "/fhir/Condition/c2/_history",
        "/fhir/Condition/nothing/_history",
        "/fhir/Condition/c1/_history/9",
    ] {
        let answer = server.get(path, Some(&token)).await;
        assert_eq!(answer.status, 404, "{path}");
        bodies.push((answer.body, answer.headers.len()));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_is_decided_before_anything_is_looked_up() {
    let server = server().await;
    let token = server.tokens("M1", "patient/Patient.rs").await.access_token;
    let mut bodies = Vec::new();
    for path in ["/fhir/Condition/c1", "/fhir/Condition/c2", "/fhir/Condition/nothing"] {
        let answer = server.get(path, Some(&token)).await;
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_there_is_nothing() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let missing = server.get("/fhir/Condition/c1", None).await;
    assert_eq!((missing.status.as_u16(), missing.header("www-authenticate")), (401, Some("Bearer")));
    let (head, tail) = token.split_at(token.len() - 4);
    for bad in [format!("{head}AAAA"), format!("ings_{}", &token[4..]), "x".into(), format!("{token}{tail}")] {
        let answer = server.get("/fhir/Condition/c1", Some(&bad)).await;
        assert_eq!(answer.status, 401, "{bad}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    // Of two headers nobody can say which one counts.
    let twice =
        request(Method::GET, "/fhir/Condition/c1", Some(&token)).header("Authorization", format!("Bearer {token}"));
    assert_eq!(server.send(twice.finish()).await.status, 401);
    let basic = request(Method::GET, "/fhir/Condition/c1", None).header("Authorization", format!("Basic {token}"));
    assert_eq!(server.send(basic.finish()).await.status, 401);
    // The sandbox is another service: what the plan issued is worth nothing there.
    let sandbox = server.get("/sandbox/fhir/Condition/c1", Some(&token)).await;
    assert_eq!(sandbox.status, 401);
    server.hand.advance(std::time::Duration::from_secs(3_601));
    assert_eq!(server.get("/fhir/Condition/c1", Some(&token)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_reads_save_the_body() {
    let server = server().await;
    let path = "/directory/Organization/clinic";
    for (name, value, status) in [
        ("If-None-Match", "W/\"1\"", 304),
        ("If-None-Match", "\"0\", W/\"1\"", 304),
        ("If-None-Match", "W/\"2\"", 200),
        ("If-Modified-Since", "Mon, 02 Mar 2026 09:00:00 GMT", 304),
        ("If-Modified-Since", "Mon, 02 Mar 2026 08:59:59 GMT", 200),
        ("If-Modified-Since", "yesterday", 400),
    ] {
        let answer = server.send(request(Method::GET, path, None).header(name, value).finish()).await;
        assert_eq!(answer.status, status, "{name}: {value}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_open_and_shows_only_what_is_published() {
    let server = server().await;
    assert_eq!(server.get("/directory/Organization/clinic", None).await.status, 200);
    // A token changes nothing, not even a broken one.
    assert_eq!(server.get("/directory/Organization/clinic", Some("broken")).await.status, 200);
    for path in ["/directory/Organization/employer", "/directory/Patient/ana", "/directory/Condition/c1"] {
        assert_eq!(server.get(path, None).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_is_gone_for_its_owner_and_nothing_for_others() {
    let server = server().await;
    let (ana, bob) = (
        server.tokens("M1", "patient/*.rs").await.access_token,
        server.tokens("M2", "patient/*.rs").await.access_token,
    );
    let now = server.plan.clock.now();
    let kind = ingle::fhir::Kind::parse("Condition").unwrap();
    server.plan.store.transact(move |txn| txn.delete_resource(kind, "c1", now, None)).await.unwrap();
    assert_eq!(server.get("/fhir/Condition/c1", Some(&ana)).await.status, 410);
    assert_eq!(server.get("/fhir/Condition/c1/_history/1", Some(&ana)).await.status, 200);
    assert_eq!(server.get("/fhir/Condition/c1/_history/2", Some(&ana)).await.status, 410);
    assert_eq!(server.get("/fhir/Condition/c1", Some(&bob)).await.status, 404);
    assert!(server.get("/fhir/Condition", Some(&ana)).await.ids("match").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_an_operation_outcome_that_says_what_to_do() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for (path, status, code, words) in [
        ("/fhir/Cat/1", 404, "not-supported", "metadata"),
        ("/fhir/Group/1", 404, "not-supported", "metadata"),
        ("/fhir/Condition/a%20b", 404, "not-found", "not yours"),
        ("/fhir/Condition/c1?_format=ttl", 406, "not-supported", "application/fhir+json"),
        ("/fhir", 400, "value", "_type"),
        ("/nowhere", 404, "not-found", "nothing at this address"),
    ] {
        let answer = server.get(path, Some(&token)).await;
        assert_eq!(answer.status, status, "{path}");
        let (issue, text) = answer.issue();
        assert_eq!(issue, code, "{path}");
        assert!(text.contains(words), "{path}: {text}");
    }
    let delete = server.send(request(Method::DELETE, "/fhir/Condition/c1", Some(&token)).finish()).await;
    assert_eq!(delete.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_on_the_members_page_and_the_chain_holds() {
    let server = server().await;
    let tokens = server.tokens("M1", "patient/*.rs").await;
    server.get("/fhir/Condition/c1", Some(&tokens.access_token)).await;
    server.get("/fhir/Condition?_include=Condition:subject", Some(&tokens.access_token)).await;
    server.get("/fhir/Condition/c2", Some(&tokens.access_token)).await;
    let activity = server.plan.audit.activity("ana");
    assert_eq!(activity.len(), 1);
    assert!(server.plan.audit.activity("bob").is_empty());
    let report = ingle::audit::verify(&server.folder.path().join("plan/audit"), None).unwrap();
    assert!(report.broken.is_none());
}
