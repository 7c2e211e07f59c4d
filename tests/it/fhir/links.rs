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

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[usize::try_from(self.roll(list.len() as u64)).unwrap()]
    }
}

/// A resource of one of the two members; references may lead to the other's.
fn some_resource(dice: &mut Dice, whose: &str, at: u64) -> String {
    let any = |dice: &mut Dice| format!("{}{}", dice.one_of(&["ana", "bob"]), dice.roll(6));
    let subject = format!(r#""subject":{{"reference":"Patient/{whose}"}}"#);
    let (to, code) = (any(dice), dice.one_of(&["E11.9", "I10", "J45"]));
    let day = 1 + dice.roll(28);
    match dice.roll(3) {
        0 => format!(
            r#"{{"resourceType":"Encounter","id":"{whose}{at}",{subject},"class":{{"code":"{}"}},"period":{{"start":"2026-03-{day:02}"}},"partOf":{{"reference":"Encounter/{to}"}}}}"#,
            dice.one_of(&["AMB", "EMER"])
        ),
        1 if dice.roll(2) == 0 => format!(
            r##"{{"resourceType":"Condition","id":"{whose}{at}","contained":[{{"resourceType":"Encounter","id":"in","class":{{"code":"{}"}}}}],
            {subject},"code":{{"coding":[{{"code":"{code}"}}]}},"encounter":{{"reference":"#in"}}}}"##,
            dice.one_of(&["AMB", "EMER"])
        ),
        1 => format!(
            r#"{{"resourceType":"Condition","id":"{whose}{at}",{subject},"code":{{"coding":[{{"code":"{code}"}}]}},"recordedDate":"2026-03-{day:02}","encounter":{{"reference":"Encounter/{to}"}}}}"#
        ),
        _ => format!(
            r#"{{"resourceType":"Observation","id":"{whose}{at}",{subject},"code":{{"coding":[{{"code":"{code}"}}]}},"valueQuantity":{{"value":{day}}},"encounter":{{"reference":"Encounter/{to}"}},"hasMember":[{{"reference":"Observation/{}"}}]}}"#,
            any(dice)
        ),
    }
}

fn some_query(dice: &mut Dice) -> String {
    let kind = dice.one_of(&["Encounter", "Condition", "Observation"]);
    let condition = match kind {
        "Encounter" => dice.one_of(&[
            "class=AMB",
            "part-of.class=EMER",
            "_has:Condition:encounter:code=I10",
            "_has:Observation:encounter:value-quantity=gt10",
            "_has:Encounter:part-of:_has:Condition:encounter:code=J45",
            "part-of:missing=false",
        ]),
        "Condition" => dice.one_of(&[
            "code:not=I10",
            "encounter.class=AMB",
            "encounter.part-of.class=EMER",
            "encounter.date=ge2026-03-10",
        ]),
        _ => dice.one_of(&[
            "value-quantity=lt15",
            "has-member.code=E11.9",
            "encounter.class=EMER",
            "_has:Observation:has-member:code=I10",
        ]),
    };
    let rest =
        dice.one_of(&["", "&_sort=-_id", "&_sort=date", "&_count=2", "&_summary=count", "&_total=accurate&_count=1"]);
    let rest = if kind == "Condition" { rest.replace("=date", "=recorded-date") } else { rest.to_owned() };
    let follow = dice.one_of(&[
        "",
        "&_include=*",
        "&_revinclude=Condition:encounter",
        "&_revinclude=Observation:*",
        "&_include:iterate=Encounter:part-of",
    ]);
    let inside = dice.one_of(&["", "&_contained=both", "&_contained=true&_containedType=contained"]);
    if kind == "Encounter" && !condition.starts_with("_has") && !inside.is_empty() {
        return format!("{kind}?{condition}{rest}{inside}");
    }
    format!("{kind}?{condition}{rest}{follow}")
}

/// What an answer says apart from the addresses of its pages.
fn said(answer: &crate::server::Answer) -> (Vec<String>, Vec<String>, serde_json::Value) {
    (answer.ids("match"), answer.ids("include"), answer.json()["total"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_total_and_order_do_not_change_when_hidden_resources_do() {
    let server = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .start()
        .await;
    let dice = &mut Dice(7);
    // Both members' ids are of every type at some time, so that references do lead somewhere.
    let own: Vec<String> = (0..6).map(|at| some_resource(dice, "ana", at)).collect();
    server.put(&own.iter().map(String::as_str).collect::<Vec<_>>());
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let (mut found, queries) = (0, (0..120).map(|_| some_query(dice)).collect::<Vec<_>>());
    let mut before = Vec::new();
    for query in &queries {
        let answer = server.get(&format!("/fhir/{query}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        found += answer.ids("match").len();
        before.push(said(&answer));
    }
    assert!(found > 20, "the queries find too little to mean anything: {found}");
    for _ in 0..4 {
        let hidden: Vec<String> = (0..6).map(|at| some_resource(dice, "bob", at)).collect();
        server.put(&hidden.iter().map(String::as_str).collect::<Vec<_>>());
        for (query, expected) in queries.iter().zip(&before) {
            let answer = server.get(&format!("/fhir/{query}"), Some(&token)).await;
            assert_eq!(said(&answer), *expected, "{query}");
            assert!(!answer.text().contains("\"id\":\"bob"), "{query}");
        }
    }
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
