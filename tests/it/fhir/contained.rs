//! `_contained`, `_containedType`, and chains that lead into what is inside a resource.

use serde_json::{Value, json};

use crate::server::{TestServer, request};

const MEDICINES: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";

fn medicine(id: &str, code: &str) -> Value {
    json!({"resourceType": "Medication", "id": id, "status": "active",
        "code": {"coding": [{"system": MEDICINES, "code": code}], "text": format!("Medicine {code}")}})
}

/// A request for what is inside it, or for what stands for itself.
fn order(id: &str, patient: &str, inside: &[Value], refers: &str) -> String {
    let mut order = json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": {"reference": format!("Patient/{patient}")}, "medicationReference": {"reference": refers}});
    if !inside.is_empty() {
        order["contained"] = json!(inside);
    }
    order.to_string()
}

async fn server() -> (TestServer, String) {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(&medicine("own", "10").to_string())
        .resource(&order("r1", "ana", &[medicine("m1", "10")], "#m1"))
        .resource(&order("r2", "ana", &[medicine("m1", "20"), medicine("m2", "10")], "#m1"))
        .resource(&order("r3", "ana", &[], "Medication/own"))
        .resource(&order("r4", "bob", &[medicine("m1", "10")], "#m1"))
        .resource(&order("r5", "ana", &[], "Medication/own"))
        .resource(&order("r6", "ana", &[], "Medication/own"))
        .start()
        .await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    (server, token)
}

fn urls(bundle: &Value) -> String {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let short = |entry: &Value| {
        entry["fullUrl"].as_str().unwrap().strip_prefix("https://plan.example/fhir/").unwrap().to_owned()
    };
    entries.iter().map(short).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inside_is_found_where_it_is_asked_for() {
    let (server, token) = server().await;
    for settled in [false, true] {
        if settled {
            server.plan.index.settle().unwrap();
        }
        for (search, expected) in [
            ("Medication?code=10", "Medication/own"),
            ("Medication?code=10&_contained=false", "Medication/own"),
            ("Medication?code=10&_contained=true", "MedicationRequest/r1 MedicationRequest/r2"),
            (
                "Medication?code=10&_contained=true&_containedType=container",
                "MedicationRequest/r1 MedicationRequest/r2",
            ),
            (
                "Medication?code=10&_contained=true&_containedType=contained",
                "MedicationRequest/r1#m1 MedicationRequest/r2#m2",
            ),
            (
                "Medication?_contained=both&_containedType=contained&_sort=code",
                "Medication/own MedicationRequest/r1#m1 MedicationRequest/r2#m2 MedicationRequest/r2#m1",
            ),
            ("Medication?_contained=both&code=20", "MedicationRequest/r2"),
            ("Medication?_contained=true&_id=m2", "MedicationRequest/r2"),
            ("Medication?_contained=true&code:text=medicine%202", "MedicationRequest/r2"),
            ("Medication?_contained=true&_lastUpdated=gt2027", ""),
            ("Medication?_contained=true&status:missing=true", ""),
            ("MedicationRequest?_contained=true", ""),
        ] {
            let answer = server.get(&format!("/fhir/{search}"), Some(&token)).await;
            assert_eq!(answer.status, 200, "{search}: {}", answer.text());
            let bundle = answer.json();
            assert_eq!(urls(&bundle), expected, "{search}");
            assert_eq!(bundle["total"], expected.split_whitespace().count(), "{search}");
        }
    }
    let path = "/fhir/Medication?code=20&_contained=true&_containedType=contained&_elements=status";
    let one = &server.get(path, Some(&token)).await.json()["entry"][0];
    assert_eq!((&one["resource"]["resourceType"], &one["resource"]["id"]), (&json!("Medication"), &json!("m1")));
    assert_eq!(one["search"]["mode"], "match");
    let included = "/fhir/Medication?code=20&_contained=true&_include=MedicationRequest:subject";
    assert_eq!(server.get(included, Some(&token)).await.ids("include"), ["ana"]);
    let all = server.system("system/*.rs").await;
    let whole = server.get("/fhir/Medication?code=10&_contained=both", Some(&all)).await.json();
    assert_eq!(whole["total"], 4, "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_what_is_inside_follow_each_other() {
    let (server, token) = server().await;
    let mut path = "/fhir/Medication?_contained=both&_containedType=contained&_sort=-code&_count=1".to_owned();
    let mut found = Vec::new();
    for _ in 0..6 {
        let bundle = server.get(&path, Some(&token)).await.json();
        assert_eq!(bundle["total"], 4);
        found.push(urls(&bundle));
        let Some(next) = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next") else {
            break;
        };
        path = next["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned();
    }
    assert_eq!(
        found,
        ["MedicationRequest/r2#m1", "Medication/own", "MedicationRequest/r1#m1", "MedicationRequest/r2#m2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_leads_into_what_is_inside() {
    let (server, token) = server().await;
    for (search, expected) in [
        ("medication.code=20", "r2"),
        ("medication.code=10", "r1 r3 r5 r6"),
        // It is inside, and the reference does not lead to it.
        ("medication.code=10&_id=r2", ""),
        ("medication:Medication.code:text=medicine&status=active", "r1 r2 r3 r5 r6"),
        ("medication.code=30", ""),
    ] {
        let answer = server.get(&format!("/fhir/MedicationRequest?{search}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{search}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{search}");
    }
    let all = server.system("system/*.rs").await;
    let whole = server.get("/fhir/MedicationRequest?medication.code=10", Some(&all)).await;
    assert_eq!(whole.ids("match"), ["r1", "r3", "r4", "r5", "r6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inside_is_shown_to_those_who_may_see_both() {
    let (server, _) = server().await;
    let path = "/fhir/Medication?code=10&_contained=true";
    let only = server.tokens("M1", "patient/Medication.rs").await.access_token;
    assert_eq!(server.get(path, Some(&only)).await.json()["total"], 0);
    let narrow = server.tokens("M1", "patient/MedicationRequest.rs").await.access_token;
    assert_eq!(server.get(path, Some(&narrow)).await.status, 403);
    let chain = server.get("/fhir/MedicationRequest?medication.code=20", Some(&narrow)).await;
    assert_eq!(chain.json()["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_in_words() {
    let (server, token) = server().await;
    for (search, words) in [
        ("_contained=yes", "'true', 'false' or 'both'"),
        ("_contained=true&_containedType=inner", "'container' or 'contained'"),
        ("_contained=true&_has:MedicationRequest:medication:status=active", "'_has' and '_list'"),
        ("_contained=true&_containedType=contained&_include=Medication:manufacturer", "'container'"),
        ("_contained=true&_contained=both", "given twice"),
    ] {
        let answer = server.get(&format!("/fhir/Medication?{search}"), Some(&token)).await;
        assert_eq!(answer.status, 400, "{search}: {}", answer.text());
        assert!(answer.issue().1.contains(words), "{search}: {}", answer.text());
    }
    // A condition never means what is inside: the request around it must not be deleted in its place.
    let writer = server.system("system/*.cruds").await;
    let delete =
        request(poem::http::Method::DELETE, "/fhir/Medication?code=20&_contained=true", Some(&writer)).finish();
    assert_eq!(server.send(delete).await.status, 400);
    assert_eq!(server.get("/fhir/MedicationRequest/r2", Some(&token)).await.status, 200);
}
