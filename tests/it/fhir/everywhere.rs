//! Searches of a compartment and of several types.

use crate::server::{Answer, TestServer};

async fn server() -> TestServer {
    let mut server =
        TestServer::builder().member("M1", "ana", "ana@example.com").member("M2", "bob", "bob@example.com");
    for (at, patient) in [(1, "ana"), (2, "bob"), (3, "ana")] {
        for kind in ["Condition", "Encounter"] {
            server = server.resource(&format!(
                r#"{{"resourceType":"{kind}","id":"{}{at}","subject":{{"reference":"Patient/{patient}"}}}}"#,
                &kind[..1].to_lowercase()
            ));
        }
    }
    server.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compartment_is_one_patients() {
    let server = server().await;
    let ana = server.tokens("M1", "patient/*.rs").await.access_token;
    let system = server.system("system/*.rs").await;
    for (token, path, expected) in [
        (&ana, "Patient/ana/Condition", vec!["c1", "c3"]),
        (&ana, "Patient/bob/Condition", vec![]),
        (&ana, "Patient/nobody/Condition", vec![]),
        (&system, "Patient/bob/Condition", vec!["c2"]),
        (&system, "Patient/ana/Encounter?_sort=-_id", vec!["e3", "e1"]),
        (&system, "Patient/ana/Encounter?subject=Patient/bob", vec![]),
    ] {
        let answer = server.get(&format!("/fhir/{path}"), Some(token)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.ids("match")),
            (200, expected.iter().map(|id| (*id).to_owned()).collect()),
            "{path}"
        );
        let posted = path.split_once('?').map_or((path, ""), |(path, query)| (path, query));
        let form: Vec<(&str, &str)> = posted.1.split_once('=').into_iter().collect();
        let answer = server.post_form(&format!("/fhir/{}/_search", posted.0), Some(token), &form).await;
        assert_eq!(answer.ids("match"), expected, "POST {path}");
    }
    for path in ["Patient/ana/Organization", "Patient/ana/Cat", "Condition/c1/Encounter"] {
        assert_eq!(server.get(&format!("/fhir/{path}"), Some(&ana)).await.status, 404, "{path}");
    }
    assert_eq!(server.get("/fhir/Patient/ana/Condition", None).await.status, 401);
}

fn next(answer: &Answer) -> Option<String> {
    let bundle = answer.json();
    let link = bundle["link"].as_array()?.iter().find(|link| link["relation"] == "next")?.clone();
    Some(link["url"].as_str()?.strip_prefix("https://plan.example")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_types_are_searched_page_by_page() {
    let server = server().await;
    let ana = server.tokens("M1", "patient/*.rs").await.access_token;
    let whole = server.get("/fhir?_type=Condition,Encounter,Patient", Some(&ana)).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    assert_eq!(whole.ids("match"), ["c1", "c3", "e1", "e3", "ana"]);
    assert_eq!((whole.json()["total"].as_u64(), next(&whole)), (Some(5), None));
    for count in 1..=4 {
        let mut path = Some(format!("/fhir?_type=Condition,Encounter,Patient&_count={count}"));
        let (mut seen, mut pages) = (Vec::new(), 0);
        while let Some(at) = path {
            let page = server.get(&at, Some(&ana)).await;
            assert_eq!(page.status, 200, "{at}: {}", page.text());
            assert!(page.ids("match").len() <= count);
            seen.extend(page.ids("match"));
            path = next(&page);
            pages += 1;
            assert!(pages < 12, "paging does not end");
        }
        assert_eq!(seen, ["c1", "c3", "e1", "e3", "ana"], "_count={count}");
    }
    let counted = server.get("/fhir?_type=Condition,Encounter&_summary=count", Some(&ana)).await;
    assert_eq!((counted.json()["total"].as_u64(), counted.ids("match").len()), (Some(4), 0));
    let posted = server.post_form("/fhir/_search", Some(&ana), &[("_type", "Condition"), ("_id", "c3")]).await;
    assert_eq!(posted.ids("match"), ["c3"]);
    for query in [
        "",
        "?_type=",
        "?_type=Cat",
        "?_type=Condition&nothing=1",
        "?_type=Condition,Patient&clinical-status=x",
        "?_id=c1",
    ] {
        assert_eq!(server.get(&format!("/fhir{query}"), Some(&ana)).await.status, 400, "{query}");
    }
    assert_eq!(server.get("/fhir?_type=Group", Some(&ana)).await.status, 404);
    assert_eq!(server.get("/fhir?_type=Condition&_cursor=7-x", Some(&ana)).await.status, 200);
    assert_eq!(server.get("/fhir?_type=Condition&_cursor=0-x", Some(&ana)).await.status, 410);
    let narrow = server.tokens("M1", "patient/Condition.rs").await.access_token;
    assert_eq!(server.get("/fhir?_type=Condition,Encounter", Some(&narrow)).await.status, 403);
    assert_eq!(server.get("/fhir?_type=Condition", None).await.status, 401);
}
