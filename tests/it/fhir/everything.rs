//! `GET` and `POST {base}/Patient/{id}/$everything`.

use poem::http::Method;

use crate::server::{TestServer, request};

async fn server() -> TestServer {
    let builder = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(r#"{"resourceType":"Organization","id":"clinic","name":"Clinic","partOf":{"reference":"Organization/chain"}}"#)
        .resource(r#"{"resourceType":"Organization","id":"chain","name":"Chain"}"#)
        .resource(r#"{"resourceType":"Organization","id":"other","name":"Not hers"}"#);
    ["ana", "bob"].into_iter().fold(builder, |builder, patient| {
        (0..4).fold(builder, |builder, n| {
            builder
                .resource(&format!(
                    r#"{{"resourceType":"Condition","id":"{patient}-c{n}","subject":{{"reference":"Patient/{patient}"}}}}"#
                ))
                .resource(&format!(
                    r#"{{"resourceType":"Encounter","id":"{patient}-e{n}","subject":{{"reference":"Patient/{patient}"}},"serviceProvider":{{"reference":"Organization/clinic"}}}}"#
                ))
        })
    })
    .start()
    .await
}

const ALL: [&str; 9] = ["ana", "ana-c0", "ana-c1", "ana-c2", "ana-c3", "ana-e0", "ana-e1", "ana-e2", "ana-e3"];

#[tokio::test(flavor = "multi_thread")]
async fn brings_the_patient_her_records_and_what_they_refer_to() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let answer = server.get("/fhir/Patient/ana/$everything", Some(&token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let bundle = answer.json();
    assert_eq!((&bundle["type"], &bundle["total"]), (&"searchset".into(), &9.into()));
    assert_eq!(bundle["link"][0]["url"], "https://plan.example/fhir/Patient/ana/$everything");
    assert_eq!(bundle["entry"][0]["fullUrl"], "https://plan.example/fhir/Patient/ana");
    assert_eq!(answer.ids("match"), ALL);
    assert_eq!(answer.ids("include"), ["clinic", "chain"]);

    let typed = server.get("/fhir/Patient/ana/$everything?_type=Condition,Organization", Some(&token)).await;
    assert_eq!(typed.ids("match"), ALL[1..5]);
    assert_eq!(typed.ids("include"), Vec::<String>::new(), "no condition refers to an organization");

    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Encounter"}]}"#;
    let post =
        request(Method::POST, "/fhir/Patient/ana/$everything", Some(&token)).content_type("application/fhir+json");
    assert_eq!(server.send(post.body(body)).await.ids("match"), ALL[5..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn since_leaves_out_what_is_old() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    server.hand.advance(std::time::Duration::from_mins(10));
    server.put(&[r#"{"resourceType":"Condition","id":"ana-c2","recordedDate":"2026-01-01","subject":{"reference":"Patient/ana"}}"#]);
    let answer = server.get("/fhir/Patient/ana/$everything?_since=2026-03-02T09:05:00Z", Some(&token)).await;
    assert_eq!(answer.ids("match"), ["ana-c2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_everything_once() {
    let server = server().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for count in [1, 2, 3, 8, 9, 10] {
        let mut next = Some(format!("/fhir/Patient/ana/$everything?_count={count}"));
        let mut found = Vec::new();
        while let Some(path) = next {
            let answer = server.get(&path, Some(&token)).await;
            let ids = answer.ids("match");
            assert!(ids.len() <= count && !ids.is_empty(), "{path}: {ids:?}");
            found.extend(ids);
            let bundle = answer.json();
            let links = bundle["link"].as_array().unwrap();
            let link = links.iter().find(|link| link["relation"] == "next");
            next =
                link.map(|link| link["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned());
            assert!(found.len() <= ALL.len(), "{found:?}");
        }
        assert_eq!(found, ALL, "{count} a page");
    }
    let forged = server.get("/fhir/Patient/ana/$everything?_cursor=AAAA", Some(&token)).await;
    assert_eq!(forged.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_owners_limit_it() {
    let server = server().await;
    let narrow = server.tokens("M1", "patient/Patient.r patient/Condition.rs").await.access_token;
    let answer = server.get("/fhir/Patient/ana/$everything", Some(&narrow)).await;
    assert_eq!(answer.ids("match"), ALL[..5]);
    assert_eq!(answer.ids("include"), Vec::<String>::new());
    // Types outside the scopes make no page either.
    let page = server.get("/fhir/Patient/ana/$everything?_count=5", Some(&narrow)).await.json();
    assert_eq!(page["link"].as_array().unwrap().len(), 1, "{page}");

    let foreign = server.get("/fhir/Patient/bob/$everything", Some(&narrow)).await;
    let absent = server.get("/fhir/Patient/zed/$everything", Some(&narrow)).await;
    assert_eq!((foreign.status.as_u16(), &foreign.body), (404, &absent.body));
    let conditions = server.tokens("M1", "patient/Condition.rs").await.access_token;
    assert_eq!(server.get("/fhir/Patient/ana/$everything", Some(&conditions)).await.status, 403);
    for (path, status) in [
        ("/fhir/Patient/ana/$everything?start=spring", 400),
        ("/fhir/Condition/ana-c1/$everything", 404),
        ("/directory/Organization/clinic/$everything", 404),
    ] {
        let token = server.tokens("M1", "patient/*.rs").await.access_token;
        assert_eq!(server.get(path, Some(&token)).await.status, status, "{path}");
    }
}

fn document(id: &str, n: usize) -> String {
    let text = "A".repeat(1 << 20);
    format!(
        r#"{{"resourceType":"DocumentReference","id":"{id}","description":"{n}","subject":{{"reference":"Patient/ana"}},"content":[{{"attachment":{{"data":"{text}"}}}}]}}"#
    )
}

/// Twelve documents of a megabyte each, or twelve versions of one, are more than one page of anything holds.
#[tokio::test(flavor = "multi_thread")]
async fn large_resources_make_short_pages() {
    let server = (0..12)
        .fold(TestServer::builder().member("M1", "ana", "ana@example.com"), |builder, n| {
            builder.resource(&document(&format!("d{n:02}"), n))
        })
        .start()
        .await;
    for n in 1..12 {
        server.put(&[&document("d00", n)]);
    }
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for path in [
        "/fhir/Patient/ana/$everything?_type=DocumentReference",
        "/fhir/DocumentReference?patient=ana",
        "/fhir/DocumentReference?patient=ana&_sort=_id",
        "/fhir/DocumentReference/d00/_history",
    ] {
        let mut next = Some(path.to_owned());
        let mut found = Vec::new();
        while let Some(path) = next {
            let answer = server.get(&path, Some(&token)).await;
            assert_eq!(answer.status, 200, "{path}");
            let bundle = answer.json();
            let page = bundle["entry"].as_array().unwrap();
            assert!((1..=9).contains(&page.len()), "{path}: {}", page.len());
            found.extend(page.iter().map(|entry| {
                let resource = &entry["resource"];
                format!("{} {}", resource["id"], resource["meta"]["versionId"])
            }));
            let links = bundle["link"].as_array().unwrap();
            let link = links.iter().find(|link| link["relation"] == "next");
            next =
                link.map(|link| link["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned());
        }
        assert_eq!(found.len(), 12, "{path}: {found:?}");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 12, "{path}: {found:?}");
    }
    let along = server.get("/fhir/Patient?_id=ana&_revinclude=DocumentReference:subject", Some(&token)).await;
    assert_eq!(along.ids("include").len(), 8);
    assert!(along.text().contains("more resources would be included than one page may hold"));
}

/// A record that is larger than what one answer may hold comes in pages, though nobody asked for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_record_comes_in_pages() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let entries: Vec<serde_json::Value> = (0..1_200)
        .map(|n| {
            serde_json::json!({"request": {"method": "PUT", "url": format!("Condition/c{n}")},
                "resource": {"resourceType": "Condition", "id": format!("c{n}"), "subject": {"reference": "Patient/ana"}}})
        })
        .collect();
    let bundle = serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    let system = server.system("system/*.cruds").await;
    let post = request(Method::POST, "/fhir", Some(&system)).content_type("application/fhir+json");
    assert_eq!(server.send(post.body(bundle.to_string())).await.status, 200);
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let first = server.get("/fhir/Patient/ana/$everything", Some(&token)).await;
    let mut ids = first.ids("match");
    assert_eq!(ids.len(), 1_000);
    let bundle = first.json();
    assert_eq!((&bundle["link"][1]["relation"], bundle.get("total")), (&"next".into(), None));
    let next = bundle["link"][1]["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap();
    let second = server.get(next, Some(&token)).await;
    assert_eq!(second.json()["link"].as_array().unwrap().len(), 1);
    ids.extend(second.ids("match"));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_201);
    let few = server.get("/fhir/Patient/ana/$everything?_type=Patient&_count=5000", Some(&token)).await;
    assert_eq!(few.ids("match"), ["ana"]);
}
