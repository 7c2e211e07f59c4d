//! Chains and `_has`.

use crate::server::TestServer;

fn plan_net(kind: &str, id: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"{kind}","id":"{id}","meta":{{"profile":["http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/plannet-{kind}"]}}{rest}}}"#
    )
}

/// Two doctors with roles in the directory, and a third whose resource is not published.
async fn directory() -> TestServer {
    let role = |id: &str, doctor: &str, specialty: &str| {
        plan_net(
            "PractitionerRole",
            id,
            &format!(
                r#","practitioner":{{"reference":"Practitioner/{doctor}"}},"organization":{{"reference":"Organization/clinic"}},"specialty":[{{"coding":[{{"code":"{specialty}"}}]}}]"#
            ),
        )
    };
    TestServer::builder()
        .resource(&plan_net("Organization", "network", r#","name":"Network""#))
        .resource(&plan_net(
            "Organization",
            "clinic",
            r#","name":"Clinic","partOf":{"reference":"Organization/network"}"#,
        ))
        .resource(&plan_net("Practitioner", "haddad", r#","name":[{"family":"Haddad"}]"#))
        .resource(&plan_net("Practitioner", "alder", r#","name":[{"family":"Alder"}]"#))
        .resource(r#"{"resourceType":"Practitioner","id":"hidden","name":[{"family":"Hidden"}]}"#)
        .resource(&role("r1", "haddad", "207Q"))
        .resource(&role("r2", "alder", "208D"))
        .resource(&role("r3", "hidden", "207Q"))
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn links_go_both_ways_and_several_deep() {
    let server = directory().await;
    for (query, expected) in [
        ("PractitionerRole?practitioner.family=had", vec!["r1"]),
        ("PractitionerRole?practitioner:Practitioner.family=had,ald&_sort=_id", vec!["r1", "r2"]),
        ("PractitionerRole?practitioner.family:exact=haddad", vec![]),
        ("PractitionerRole?organization.partof.name=network&specialty=208D", vec!["r2"]),
        ("PractitionerRole?organization.name=nothing", vec![]),
        ("Practitioner?_has:PractitionerRole:practitioner:specialty=207Q", vec!["haddad"]),
        ("Practitioner?_has:PractitionerRole:practitioner:specialty=207Q,208D&_sort=family", vec!["alder", "haddad"]),
        (
            "Practitioner?_has:PractitionerRole:practitioner:organization.name=clinic&_sort=-family",
            vec!["haddad", "alder"],
        ),
        ("Organization?_has:Organization:partof:_has:PractitionerRole:organization:specialty=207Q", vec!["network"]),
        ("Practitioner?family=haddad&_has:PractitionerRole:practitioner:specialty=208D", vec![]),
        // An empty value is no condition.
        ("Practitioner?_has:PractitionerRole:practitioner:specialty=&_sort=_id", vec!["alder", "haddad"]),
    ] {
        let answer = server.get(&format!("/directory/{query}"), None).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(answer.ids("match"), expected, "{query}");
        assert_eq!(answer.json()["total"], expected.len(), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_makes_no_difference() {
    let server = directory().await;
    for query in ["practitioner.family=hidden", "practitioner:Practitioner.family=hidden"] {
        let answer = server.get(&format!("/directory/PractitionerRole?{query}"), None).await;
        assert!(answer.ids("match").is_empty(), "{query}: {}", answer.text());
    }
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(r#"{"resourceType":"Encounter","id":"e1","subject":{"reference":"Patient/ana"},"class":{"code":"AMB"}}"#)
        .resource(r#"{"resourceType":"Encounter","id":"e2","subject":{"reference":"Patient/bob"},"class":{"code":"EMER"}}"#)
        .resource(r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/ana"},"encounter":{"reference":"Encounter/e2"}}"#)
        .resource(r#"{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/bob"},"encounter":{"reference":"Encounter/e1"}}"#)
        .start()
        .await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    for (query, expected) in [
        // Ana's condition points to Bob's encounter, and his to hers: neither is followed.
        ("Condition?encounter.class=EMER", vec![]),
        ("Condition?encounter.class=AMB", vec![]),
        ("Encounter?_has:Condition:encounter:subject=Patient/bob", vec![]),
        ("Encounter?_has:Condition:encounter:subject=Patient/ana", vec![]),
        ("Condition?patient.family=alder", vec!["c1"]),
    ] {
        let answer = server.get(&format!("/fhir/{query}"), Some(&token)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.ids("match")),
            (200, expected.iter().map(|id| (*id).to_owned()).collect()),
            "{query}"
        );
    }
    // Scopes that do not cover the other type find nothing through it.
    let narrow = server.tokens("M1", "patient/Condition.rs").await.access_token;
    assert!(server.get("/fhir/Condition?patient.family=alder", Some(&narrow)).await.ids("match").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_not_understood_are_refused() {
    let server = directory().await;
    for query in [
        "PractitionerRole?practitioner.nothing=x",
        "PractitionerRole?nothing.family=x",
        "PractitionerRole?specialty.family=x",
        "PractitionerRole?practitioner:Organization.name=x",
        "PractitionerRole?practitioner:Cat.name=x",
        "PractitionerRole?practitioner._count=1",
        "Practitioner?_has:PractitionerRole=x",
        "Practitioner?_has:Cat:practitioner:specialty=x",
        "Practitioner?_has:PractitionerRole:specialty:specialty=x",
        "Practitioner?_has:PractitionerRole:organization:specialty=x",
        "Practitioner?_has:PractitionerRole:practitioner:nothing=x",
        "Organization?partof.partof.partof.partof.partof.name=x",
    ] {
        let answer = server.get(&format!("/directory/{query}"), None).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    assert_eq!(server.get("/directory/Organization?partof.partof.partof.partof.name=x", None).await.status, 200);
}
