//! What a code means and which codes a set has.

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer, request};

const GENDER: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";

async fn post(server: &TestServer, path: &str, parameters: Value) -> Answer {
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    let request = request(Method::POST, path, None).content_type("application/fhir+json");
    server.send(request.body(body.to_string())).await
}

fn result(answer: &Answer) -> bool {
    answer.json()["parameter"][0]["valueBoolean"].as_bool().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_may_ask_what_the_guides_enumerate() {
    let server = TestServer::builder().start().await;
    let all = server.get(&format!("/fhir/ValueSet/$expand?url={GENDER}"), None).await.json();
    assert_eq!(all["expansion"]["total"], 4);
    assert_eq!(
        all["expansion"]["contains"][0],
        json!({"system": "http://hl7.org/fhir/administrative-gender", "code": "female", "display": "Female"})
    );
    let some = server
        .get(&format!("/directory/ValueSet/$expand?url={GENDER}&filter=MALE&offset=1&count=1"), None)
        .await
        .json();
    assert_eq!((&some["expansion"]["total"], &some["expansion"]["contains"][0]["code"]), (&json!(2), &json!("male")));

    let valid = |rest: &str| format!("/fhir/ValueSet/$validate-code?url={GENDER}&{rest}");
    assert!(result(&server.get(&valid("code=male&system=http://hl7.org/fhir/administrative-gender"), None).await));
    assert!(!result(&server.get(&valid("code=male&system=http://other.example"), None).await));
    let named = server.get(&valid("code=male&display=Man"), None).await;
    assert!(!result(&named) && named.text().contains("known by another name: Male"));
    let concept = json!({"coding": [{"system": "http://x.example", "code": "m"},
        {"system": "http://hl7.org/fhir/administrative-gender", "code": "other"}]});
    let given =
        json!([{"name": "url", "valueUri": GENDER}, {"name": "codeableConcept", "valueCodeableConcept": concept}]);
    assert!(result(&post(&server, "/fhir/ValueSet/$validate-code", given).await));

    let system = "http://terminology.hl7.org/CodeSystem/claim-type";
    let found = server.get(&format!("/fhir/CodeSystem/$lookup?system={system}&code=oral"), None).await.json();
    assert_eq!(found["parameter"][1], json!({"name": "display", "valueString": "Oral"}));
    let coding = json!([{"name": "coding", "valueCoding": {"system": system, "code": "vision"}}]);
    assert_eq!(post(&server, "/fhir/CodeSystem/$lookup", coding).await.status, 200);
    assert!(result(&server.get(&format!("/fhir/CodeSystem/$validate-code?url={system}&code=oral"), None).await));

    for (path, status) in [
        ("/fhir/ValueSet/$expand", 400),
        ("/fhir/ValueSet/$expand?url=http://nowhere.example", 404),
        ("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&count=x", 400),
        ("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&colour=red", 400),
        ("/fhir/CodeSystem/$lookup?system=http://snomed.info/sct&code=1", 404),
        ("/fhir/CodeSystem/$lookup?system=http://terminology.hl7.org/CodeSystem/claim-type&code=none", 404),
        ("/fhir/CodeSystem/$lookup?system=http://terminology.hl7.org/CodeSystem/claim-type", 400),
    ] {
        assert_eq!(server.get(path, None).await.status, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_take_value_sets() {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .resource(r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/ana"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}"#)
        .resource(r#"{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/ana"},"clinicalStatus":{"coding":[{"system":"http://other.example","code":"active"}]}}"#)
        .start()
        .await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let set = "http://hl7.org/fhir/ValueSet/condition-clinical";
    let found = |modifier: &str| format!("/fhir/Condition?clinical-status:{modifier}={set}");
    assert_eq!(server.get(&found("in"), Some(&token)).await.ids("match"), ["c1"]);
    assert_eq!(server.get(&found("not-in"), Some(&token)).await.ids("match"), ["c2"]);
    let unknown = server.get("/fhir/Condition?clinical-status:in=http://nowhere.example", Some(&token)).await;
    assert_eq!((unknown.status.as_u16(), unknown.issue().0.as_str()), (400, "value"));
}
