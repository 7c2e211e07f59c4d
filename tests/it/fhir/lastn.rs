//! `Observation/$lastn`, and searches by words and by lists.

use crate::server::TestServer;

fn observation(id: &str, patient: &str, code: &str, date: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","subject":{{"reference":"Patient/{patient}"}},
        "category":[{{"coding":[{{"code":"laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}],
        "text":"Über Glucose in blood"}},"effectiveDateTime":"{date}",
        "text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Fasting</p>sample</div>"}}}}"#
    )
}

async fn server() -> (TestServer, String) {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(&observation("a1", "ana", "1-8", "2026-01-01"))
        .resource(&observation("a2", "ana", "1-8", "2026-02-01"))
        .resource(&observation("a3", "ana", "1-8", "2025-02-01"))
        .resource(&observation("a4", "ana", "2-6", "2024-02-01"))
        .resource(&observation("b1", "bob", "1-8", "2026-02-27"))
        .resource(r#"{"resourceType":"Coverage","id":"cov","status":"active","beneficiary":{"reference":"Patient/ana"}}"#)
        .resource(r#"{"resourceType":"List","id":"l1","status":"current","mode":"working","subject":{"reference":"Patient/ana"},
            "entry":[{"item":{"reference":"Observation/a4"}},{"item":{"reference":"Observation/b1"}},
            {"deleted":true,"item":{"reference":"Observation/a1"}},{"item":{"reference":"Patient/ana"}}]}"#)
        .start()
        .await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    (server, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_each_code_are_kept() {
    let (server, token) = server().await;
    let ask = async |query: &str| server.get(&format!("/fhir/Observation/$lastn?{query}"), Some(&token)).await;
    assert_eq!(ask("patient=ana&category=laboratory").await.ids("match"), ["a2", "a4"]);
    assert_eq!(ask("patient=ana&max=2").await.ids("match"), ["a2", "a1", "a4"]);
    assert_eq!(ask("patient=ana&date=lt2026&code=1-8").await.ids("match"), ["a3"]);
    // Somebody else's are not there.
    assert!(ask("patient=bob").await.ids("match").is_empty());
    for wrong in ["", "patient=ana&max=0", "patient=ana&max=1000", "patient=ana&_sort=date", "patient=ana&colour=red"] {
        assert_eq!(ask(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(server.get("/fhir/Observation/$lastn?patient=ana", None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_and_lists_select() {
    let (server, token) = server().await;
    let found = async |query: &str| {
        server.get(&format!("/fhir/Observation?_sort=_id&{query}"), Some(&token)).await.ids("match")
    };
    assert_eq!(found("_content=glucose%20uber").await.len(), 4);
    assert_eq!(found("_content=gluc*&code=2-6").await, ["a4"]);
    assert!(found("_content=gluc").await.is_empty());
    assert_eq!(found("_text=fasting,nothing&code=2-6").await, ["a4"]);
    assert!(found("_text=glucose").await.is_empty());
    assert_eq!(found("_list=l1").await, ["a4"], "not what is another member's or was taken off");
    assert!(found("_list=none").await.is_empty());
    assert_eq!(found("_contained=false&code=2-6").await, ["a4"]);
    for wrong in ["_text=%20", "_list=a%20b", "_contained=maybe", "_filter=code%20eq%201"] {
        assert_eq!(server.get(&format!("/fhir/Observation?{wrong}"), Some(&token)).await.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_some_days() {
    let (server, token) = server().await;
    let found = async |query: &str| {
        let answer = server.get(&format!("/fhir/Patient/ana/$everything?{query}"), Some(&token)).await;
        let mut ids = answer.ids("match");
        ids.sort();
        ids
    };
    assert_eq!(found("start=2026-01-15").await, ["a2", "ana", "cov", "l1"]);
    assert_eq!(found("start=2025&end=2026-01-01").await, ["a1", "a3", "ana", "cov", "l1"]);
    assert_eq!(found("start=2025&end=2026-01-01&_type=Observation&_count=1").await.len(), 1);
    assert_eq!(server.get("/fhir/Patient/ana/$everything?end=spring", Some(&token)).await.status, 400);
}
