//! `GET {base}/{type}?…` and `POST {base}/{type}/_search`.

use poem::http::Method;

use crate::server::{TestServer, request};

fn claim(id: &str, patient: &str, start: &str, kind: &str) -> String {
    format!(
        r#"{{"resourceType":"ExplanationOfBenefit","id":"{id}","status":"active",
        "identifier":[{{"system":"http://x/claims","value":"{id}"}}],
        "type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"{kind}"}}]}},
        "patient":{{"reference":"Patient/{patient}"}},"provider":{{"reference":"Organization/clinic"}},
        "insurance":[{{"focal":true,"coverage":{{"reference":"Coverage/cov-{patient}"}}}}],
        "billablePeriod":{{"start":"{start}","end":"{start}"}},"item":[{{"sequence":1,"servicedDate":"{start}"}}]}}"#
    )
}

async fn server() -> (TestServer, String) {
    let mut builder = TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .member("M2", "bob", "bob@example.com")
        .resource(r#"{"resourceType":"Organization","id":"clinic","name":"Clínica Alder"}"#)
        .resource(r#"{"resourceType":"Organization","id":"payer","name":"Payer"}"#);
    for patient in ["ana", "bob"] {
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Coverage","id":"cov-{patient}","beneficiary":{{"reference":"Patient/{patient}"}},"payor":[{{"reference":"Organization/payer"}}]}}"#
        ));
    }
    for (n, start) in ["2026-01-05", "2026-01-20", "2026-02-11", "2025-12-31", "2026-02-28"].iter().enumerate() {
        let kind = if n % 2 == 0 { "professional" } else { "pharmacy" };
        builder = builder.resource(&claim(&format!("a{n}"), "ana", start, kind));
        builder = builder.resource(&claim(&format!("b{n}"), "bob", start, kind));
    }
    let server = builder.start().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    (server, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_by_every_form_of_parameter() {
    let (server, token) = server().await;
    for (query, expected) in [
        ("", "a0 a1 a2 a3 a4"),
        ("patient=ana", "a0 a1 a2 a3 a4"),
        ("patient=Patient/ana", "a0 a1 a2 a3 a4"),
        ("patient:Patient=ana", "a0 a1 a2 a3 a4"),
        ("patient=https://plan.example/fhir/Patient/ana", "a0 a1 a2 a3 a4"),
        ("patient=ana,bob", "a0 a1 a2 a3 a4"),
        ("patient=bob", ""),
        ("_id=a1,a3,b1", "a1 a3"),
        ("type=pharmacy", "a1 a3"),
        ("type=http://terminology.hl7.org/CodeSystem/claim-type|pharmacy", "a1 a3"),
        ("type=http://terminology.hl7.org/CodeSystem/claim-type|", "a0 a1 a2 a3 a4"),
        ("type:not=pharmacy", "a0 a2 a4"),
        ("type=|pharmacy", ""),
        ("identifier=http://x/claims|a2", "a2"),
        ("service-date=2026-01", "a0 a1"),
        ("service-date=ge2026-01-20", "a1 a2 a4"),
        ("service-date=ge2026-01-06&service-date=lt2026-02-20", "a1 a2"),
        ("service-date=eb2026", "a3"),
        ("service-start-date=2025-12-31", "a3"),
        ("billable-period-start=sa2026-02-11", "a4"),
        ("provider=Organization/clinic&type=professional", "a0 a2 a4"),
        ("coverage=cov-ana", "a0 a1 a2 a3 a4"),
        ("created:missing=true&type=pharmacy", "a1 a3"),
        ("_lastUpdated=2026-03-02", "a0 a1 a2 a3 a4"),
        ("_lastUpdated=gt2026-03-02", ""),
        ("status=ACTIVE&type=", "a0 a1 a2 a3 a4"),
    ] {
        let answer = server.get(&format!("/fhir/ExplanationOfBenefit?{query}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{query}");
        assert_eq!(answer.json()["total"], expected.split_whitespace().count(), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn post_is_get_with_the_parameters_joined() {
    let (server, token) = server().await;
    let path = "/fhir/ExplanationOfBenefit/_search?service-date=2026-01";
    let answer = server.post_form(path, Some(&token), &[("patient", "ana"), ("type", "pharmacy")]).await;
    assert_eq!(answer.ids("match"), ["a1"]);
    let wrong = request(Method::POST, path, Some(&token)).content_type("application/json").body("{}");
    assert_eq!(server.send(wrong).await.status, 415);
    let large = "x=".to_owned() + &"y".repeat(1 << 20);
    let request = request(Method::POST, path, Some(&token)).content_type("application/x-www-form-urlencoded");
    assert_eq!(server.send(request.body(large)).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn includes_stay_inside_the_view() {
    let (server, token) = server().await;
    // A planted reference to the other member's coverage brings nothing.
    server.put(&[&claim("a9", "ana", "2026-03-01", "oral").replace("cov-ana", "cov-bob")]);
    let search = |query: &str| format!("/fhir/ExplanationOfBenefit?patient=ana&_count=9&{query}");
    for (query, expected) in [
        ("_include=ExplanationOfBenefit:provider", "clinic"),
        ("_include=ExplanationOfBenefit:coverage", "cov-ana"),
        ("_include=ExplanationOfBenefit:*", "ana clinic cov-ana"),
        ("_include=ExplanationOfBenefit:coverage&_include:iterate=Coverage:payor", "cov-ana payer"),
        ("_include=ExplanationOfBenefit:patient:Patient", "ana"),
    ] {
        let answer = server.get(&search(query), Some(&token)).await;
        let mut included = answer.ids("include");
        included.sort();
        assert_eq!(included.join(" "), expected, "{query}");
        assert_eq!(answer.json()["total"], 6);
    }
    let back = server.get("/fhir/Patient?_id=ana&_revinclude=Coverage:beneficiary", Some(&token)).await;
    assert_eq!(back.ids("include"), ["cov-ana"]);
    let narrow = server.tokens("M1", "patient/ExplanationOfBenefit.rs").await.access_token;
    let answer = server.get(&search("_include=ExplanationOfBenefit:*"), Some(&narrow)).await;
    assert!(answer.ids("include").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_and_belong_to_one_caller() {
    let (server, token) = server().await;
    for query in ["", "&_sort=-service-date", "&_sort=service-start-date,-_lastUpdated", "&type:not=oral"] {
        let mut path = format!("/fhir/ExplanationOfBenefit?patient=ana&_count=2{query}");
        let mut ids = Vec::new();
        for _ in 0..5 {
            let answer = server.get(&path, Some(&token)).await;
            assert_eq!(answer.json()["total"], 5, "{path}");
            ids.extend(answer.ids("match"));
            let bundle = answer.json();
            let next = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
            let Some(next) = next else { break };
            path = next["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned();
        }
        let whole = server.get(&format!("/fhir/ExplanationOfBenefit?patient=ana{query}"), Some(&token)).await;
        assert_eq!(ids, whole.ids("match"), "{query}");
    }
    let first = server.get("/fhir/ExplanationOfBenefit?_count=2", Some(&token)).await.json();
    let next = first["link"][1]["url"].as_str().unwrap().strip_prefix("https://plan.example").unwrap().to_owned();
    let other = server.tokens("M2", "patient/*.rs").await.access_token;
    assert_eq!(server.get(&next, Some(&other)).await.status, 410);
    let moved = next.replace("ExplanationOfBenefit", "Coverage");
    assert_eq!(server.get(&moved, Some(&token)).await.status, 410);
    server.hand.advance(std::time::Duration::from_secs(901));
    assert_eq!(server.get(&next, Some(&token)).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn sorts_by_dates_and_strings() {
    let (server, token) = server().await;
    let ids = |query: &'static str| {
        let (server, token) = (&server, &token);
        async move { server.get(query, Some(token)).await.ids("match").join(" ") }
    };
    assert_eq!(ids("/fhir/ExplanationOfBenefit?_sort=service-date").await, "a3 a0 a1 a2 a4");
    assert_eq!(ids("/fhir/ExplanationOfBenefit?_sort=-service-date&_count=2").await, "a4 a2");
    assert_eq!(ids("/fhir/Organization?_sort=name").await, "clinic payer");
    assert_eq!(ids("/fhir/Organization?_sort=-name").await, "payer clinic");
}

#[tokio::test(flavor = "multi_thread")]
async fn strings_fold_case_and_accents() {
    let (server, token) = server().await;
    for (query, expected) in [
        ("name=clinica", "clinic"),
        ("name=CLÍNICA%20ALD", "clinic"),
        ("name:contains=alder", "clinic"),
        ("name:exact=Cl%C3%ADnica%20Alder", "clinic"),
        ("name:exact=clinica%20alder", ""),
        ("name=alder", ""),
    ] {
        let answer = server.get(&format!("/fhir/Organization?{query}"), Some(&token)).await;
        assert_eq!(answer.ids("match").join(" "), expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_queries_are_refused_in_words() {
    let (server, token) = server().await;
    for (query, code, words) in [
        ("pateint=ana", "not-supported", "did you mean 'patient'"),
        ("service-date=yesterday", "value", "a date such as"),
        ("service-date=xx2026", "value", "a date such as"),
        ("type:below=x", "value", "name the codes themselves"),
        ("type:in=http://x/codes", "value", "not the address of a value set that this server carries"),
        ("created:above=2026", "not-supported", "':above' cannot be used with 'created'"),
        ("patient:Organization=x", "not-supported", "':Organization'"),
        ("_sort=nothing", "value", "_lastUpdated"),
        ("_count=many", "value", "whole number"),
        ("_include=Nothing:at-all", "value", "Coverage:payor:Organization"),
        ("_has:Coverage:beneficiary:status=x", "value", "_has"),
        ("_filter=x", "not-supported", "_filter"),
        ("_cursor=forged", "expired", "start the search again"),
        ("_elements=Cat.name", "value", "a list of element names"),
        ("_summary=some", "value", "'true', 'text', 'data'"),
        ("_summary=text&_include=ExplanationOfBenefit:provider", "value", "'_include'"),
        ("_summary=data&_elements=status", "value", "'_summary'"),
    ] {
        let answer = server.get(&format!("/fhir/ExplanationOfBenefit?{query}"), Some(&token)).await;
        let (issue, text) = answer.issue();
        assert_eq!(answer.status.as_u16(), if query.starts_with("_cursor") { 410 } else { 400 }, "{query}");
        assert_eq!(issue, code, "{query}: {text}");
        assert!(text.contains(words), "{query}: {text}");
    }
    let lenient = request(Method::GET, "/fhir/ExplanationOfBenefit?pateint=ana&type=pharmacy", Some(&token))
        .header("Prefer", "handling=lenient")
        .finish();
    let answer = server.send(lenient).await;
    assert_eq!(answer.ids("match"), ["a1", "a3"]);
    let bundle = answer.json();
    assert_eq!(bundle["link"][0]["url"], "https://plan.example/fhir/ExplanationOfBenefit?type=pharmacy");
    assert!(bundle.to_string().contains("did you mean 'patient'"));
    // Leniency is for what is not known, not for a known parameter with a value that cannot be read.
    let wrong = request(Method::GET, "/fhir/ExplanationOfBenefit?service-date=soon", Some(&token))
        .header("Prefer", "handling=lenient")
        .finish();
    assert_eq!(server.send(wrong).await.status, 400);
    // Along a link only content can be asked for, not the form of the answer.
    let linked = server.get("/fhir/ExplanationOfBenefit?patient._id=ana&type=pharmacy", Some(&token)).await;
    assert_eq!(linked.ids("match"), ["a1", "a3"]);
    let formed = server.get("/fhir/ExplanationOfBenefit?patient._count=2", Some(&token)).await;
    assert_eq!(formed.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_is_found_by_the_next_search() {
    let (server, token) = server().await;
    for n in 0..200 {
        let id = format!("new{n}");
        server.put(&[&claim(&id, "ana", "2026-03-01", "vision")]);
        let by_token =
            server.get(&format!("/fhir/ExplanationOfBenefit?identifier=http://x/claims|{id}"), Some(&token)).await;
        assert_eq!(by_token.ids("match"), std::slice::from_ref(&id));
        let by_patient = server.get("/fhir/ExplanationOfBenefit?patient=ana&_count=0", Some(&token)).await.json();
        assert_eq!(by_patient["total"], 6 + n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_on_request() {
    let (server, token) = server().await;
    let request =
        request(Method::GET, "/fhir/ExplanationOfBenefit", Some(&token)).header("Accept-Encoding", "br, gzip");
    let answer = server.send(request.finish()).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*answer.body), &mut text).unwrap();
    assert!(text.starts_with(r#"{"resourceType":"Bundle""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_searched_by_anyone() {
    let server = TestServer::builder().demo_data().start().await;
    let roles = server.get("/directory/PractitionerRole?_count=500", None).await;
    assert!(roles.ids("match").len() >= 60);
    let first = server.get("/directory/PractitionerRole?_count=20", None).await.json();
    assert_eq!(first["entry"].as_array().unwrap().len(), 20);
    let one = &first["entry"][0]["resource"];
    let practitioner = one["practitioner"]["reference"].as_str().unwrap();
    let answer = server
        .get(
            &format!("/directory/PractitionerRole?practitioner={practitioner}&_include=PractitionerRole:practitioner"),
            None,
        )
        .await;
    assert_eq!(answer.ids("include"), [practitioner.strip_prefix("Practitioner/").unwrap()]);
    for kind in ["Practitioner", "Organization", "Location", "HealthcareService", "InsurancePlan", "Endpoint"] {
        assert!(server.get(&format!("/directory/{kind}"), None).await.json()["total"].as_u64().unwrap() > 0, "{kind}");
    }
    assert_eq!(server.get("/directory/Patient", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_each_resource_says_that_it_is_one() {
    let (server, token) = server().await;
    let path = "/fhir/ExplanationOfBenefit?patient=ana&_include=ExplanationOfBenefit:provider&_elements=billablePeriod";
    let bundle = server.get(path, Some(&token)).await.json();
    assert_eq!(bundle["link"][0]["url"].as_str().unwrap().matches("_elements=billablePeriod").count(), 1);
    for entry in bundle["entry"].as_array().unwrap() {
        let resource = &entry["resource"];
        assert_eq!(resource["meta"]["tag"][0]["code"], "SUBSETTED", "{resource}");
        let claim = resource["resourceType"] == "ExplanationOfBenefit";
        assert_eq!((resource["billablePeriod"].is_object(), resource["item"].is_null()), (claim, true), "{resource}");
        assert_eq!(resource["insurance"].is_array(), claim, "required elements stay");
        assert!(resource["identifier"].is_null(), "{resource}");
    }
    let one = server.get("/fhir/ExplanationOfBenefit/a0?_summary=true", Some(&token)).await.json();
    assert!(one["item"].is_null() && one["status"] == "active" && one["meta"]["versionId"] == "1", "{one}");
    assert_eq!(server.get("/fhir/ExplanationOfBenefit/a0?_elements=", Some(&token)).await.status, 400);
    let whole = server.get("/fhir/ExplanationOfBenefit/a0?_summary=false", Some(&token)).await.json();
    assert!(whole["meta"]["tag"].is_null() && whole["item"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_formulary_is_searched_by_plan_and_tier() {
    let guide = "http://hl7.org/fhir/us/davinci-drug-formulary/StructureDefinition";
    let item = |id: &str, tier: &str| {
        format!(
            r#"{{"resourceType":"Basic","id":"{id}","meta":{{"profile":["{guide}/usdf-FormularyItem"]}},"code":{{"text":"item"}},
            "subject":{{"reference":"MedicationKnowledge/drug"}},"extension":[
            {{"url":"{guide}/usdf-FormularyReference-extension","valueReference":{{"reference":"InsurancePlan/gold"}}}},
            {{"url":"{guide}/usdf-DrugTierID-extension","valueCodeableConcept":{{"coding":[{{"system":"http://x/tiers","code":"{tier}"}}]}}}}]}}"#
        )
    };
    let drug = format!(
        r#"{{"resourceType":"MedicationKnowledge","id":"drug","meta":{{"profile":["{guide}/usdf-FormularyDrug"]}},
        "code":{{"coding":[{{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"1049640","display":"Acetaminophen 325 MG"}}]}}}}"#
    );
    let server = TestServer::builder()
        .resource(&item("i1", "generic"))
        .resource(&item("i2", "brand"))
        .resource(&drug)
        .start()
        .await;
    for (path, expected) in [
        ("Basic?drug-tier=generic", "i1"),
        ("Basic?formulary=InsurancePlan/gold", "i1 i2"),
        ("Basic?formulary=InsurancePlan/gold&drug-tier=http://x/tiers|brand", "i2"),
        ("Basic?formulary=InsurancePlan/silver", ""),
        ("MedicationKnowledge?drug-name=acetamin", "drug"),
        ("MedicationKnowledge?code=1049640", "drug"),
    ] {
        let answer = server.get(&format!("/formulary/{path}"), None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.ids("match").join(" "), expected, "{path}");
    }
}
