//! One gate in: a resource gets the same labels whatever door it came in by, and is withheld by them alike.

use std::collections::BTreeSet;

use ingle::access::Category;
use ingle::apps::Kind;
use poem::http::Method;
use serde_json::{Value, json};

use crate::server::{TestServer, request};

fn condition(id: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/ana"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F11.20"}]}})
}

/// A record written over REST carried no label, and so went to every connected app (house.md 1.2).
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_by_any_door_is_labelled() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let system = server.system("system/*.cruds").await;
    let send = |method: Method, path: String, body: Value, media: &'static str| {
        let request = request(method, &path, Some(&system)).content_type(media).body(body.to_string());
        let server = &server;
        async move {
            let answer = server.send(request).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.text());
            answer
        }
    };
    let fhir = "application/fhir+json";
    server.load("loaded.ndjson", &condition("loaded").to_string());
    send(Method::PUT, "/fhir/Condition/put".into(), condition("put"), fhir).await;
    send(
        Method::PUT,
        "/fhir/Condition/large".into(),
        {
            // Large enough to be planned in the pool.
            let mut large = condition("large");
            large["note"] = json!([{"text": "long ".repeat(20_000)}]);
            large
        },
        fhir,
    )
    .await;
    let posted = send(Method::POST, "/fhir/Condition".into(), condition("x"), fhir).await;
    let posted = posted.json()["id"].as_str().unwrap().to_owned();
    for kind in ["batch", "transaction"] {
        let entry =
            json!([{"resource": condition(kind), "request": {"method": "PUT", "url": format!("Condition/{kind}")}}]);
        send(Method::POST, "/fhir".into(), json!({"resourceType": "Bundle", "type": kind, "entry": entry}), fhir).await;
    }
    let mut plain = condition("patched");
    plain["code"]["coding"][0]["code"] = json!("I10");
    send(Method::PUT, "/fhir/Condition/patched".into(), plain, fhir).await;
    let patch = json!([{"op": "replace", "path": "/code/coding/0/code", "value": "F11.20"}]);
    send(Method::PATCH, "/fhir/Condition/patched".into(), patch, "application/json-patch+json").await;
    let unlabel = json!({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "ETH"}]}}]});
    send(Method::POST, "/fhir/Condition/put/$meta-delete".into(), unlabel, fhir).await;

    let shared = server.tokens("M1", "patient/*.rs").await.access_token;
    let withheld = server.tokens_withholding("M1", "patient/*.rs").await;
    for id in ["loaded", "put", "large", &posted, "batch", "transaction", "patched"] {
        let path = format!("/fhir/Condition/{id}");
        let seen = server.get(&path, Some(&shared)).await;
        assert_eq!(seen.status, 200, "{id}");
        assert_eq!(seen.json()["meta"]["security"][0]["code"], "ETH", "{id}: {}", seen.text());
        assert_eq!(server.get(&path, Some(&withheld)).await.status, 404, "{id} is withheld unless she shares it");
    }
    assert!(server.get("/fhir/Condition", Some(&withheld)).await.ids("match").is_empty());
}

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// For each topic, codes of each system that its list has.
const LISTED: [(&str, &[(&str, &str)]); 6] = [
    (
        "substance-use",
        &[
            ("http://hl7.org/fhir/sid/icd-10-cm", "T40.1X1A"),
            ("http://hl7.org/fhir/sid/icd-9-cm", "304.00"),
            ("http://snomed.info/sct", "75544000"),
            ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "H2036"),
            ("http://www.ama-assn.org/go/cpt", "99408"),
            ("http://www.cms.gov/Medicare/Coding/ICD10", "HZ2ZZZZ"),
            ("http://www.nlm.nih.gov/research/umls/rxnorm", "351267"),
            ("http://hl7.org/fhir/sid/ndc", "12496120803"),
            ("https://www.nubc.org/CodeSystem/RevenueCodes", "0906"),
        ],
    ),
    (
        "mental-health",
        &[
            ("http://hl7.org/fhir/sid/icd-10-cm", "F32.1"),
            ("http://hl7.org/fhir/sid/icd-10-cm", "T14.91XA"),
            ("http://snomed.info/sct", "370143000"),
            ("http://www.ama-assn.org/go/cpt", "90834"),
            ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "H0031"),
            ("http://www.nlm.nih.gov/research/umls/rxnorm", "36437"),
            ("http://loinc.org", "44249-1"),
            ("https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set", "51"),
        ],
    ),
    (
        "reproductive-health",
        &[
            ("http://hl7.org/fhir/sid/icd-10-cm", "Z33.2"),
            ("http://hl7.org/fhir/sid/icd-10-cm", "A54.00"),
            ("http://www.ama-assn.org/go/cpt", "59840"),
            ("http://www.nlm.nih.gov/research/umls/rxnorm", "330381"),
            ("http://hl7.org/fhir/sid/ndc", "64875-001-01"),
            ("http://loinc.org", "92684-0"),
        ],
    ),
    (
        "hiv",
        &[
            ("http://hl7.org/fhir/sid/icd-10-cm", "B20"),
            ("http://snomed.info/sct", "86406008"),
            ("http://www.nlm.nih.gov/research/umls/rxnorm", "1999667"),
            ("http://loinc.org", "20447-9"),
            ("http://www.ama-assn.org/go/cpt", "87536"),
        ],
    ),
    (
        "violence",
        &[
            ("http://hl7.org/fhir/sid/icd-10-cm", "T74.11XA"),
            ("http://hl7.org/fhir/sid/icd-9-cm", "995.81"),
            ("http://www.ama-assn.org/go/cpt", "99170"),
        ],
    ),
    (
        "genetic",
        &[
            ("http://hl7.org/fhir/sid/icd-10-cm", "Z15.01"),
            ("http://www.ama-assn.org/go/cpt", "81162"),
            ("http://loinc.org", "51969-4"),
        ],
    ),
];

/// Resources with listed codes, with labels that are not a topic's own, and one with neither: what each is, and the topics that
/// must all be chosen before it is shown; nothing if no choice shows it.
fn cases() -> Vec<(Value, Option<Vec<&'static str>>)> {
    let all = || Some(Category::ALL.map(Category::name).to_vec());
    let whose = json!({"reference": "Patient/ana"});
    let mut out = Vec::new();
    for (topic, codes) in LISTED {
        for (system, code) in codes {
            let concept = json!({"coding": [{"system": system, "code": code}]});
            let resource = match *system {
                "http://loinc.org" => {
                    json!({"resourceType": "Observation", "status": "final", "code": concept, "subject": whose})
                }
                "http://hl7.org/fhir/sid/ndc" | "http://www.nlm.nih.gov/research/umls/rxnorm" => {
                    json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order",
                        "medicationCodeableConcept": concept, "subject": whose})
                }
                _ => json!({"resourceType": "Procedure", "status": "completed", "code": concept, "subject": whose}),
            };
            out.push((resource, Some(vec![topic])));
        }
    }
    let plain = json!({"resourceType": "Procedure", "status": "completed", "subject": whose});
    let marked = |labels: Value| {
        let mut resource = plain.clone();
        resource["meta"] = json!({"security": labels});
        resource
    };
    out.push((plain.clone(), Some(vec![])));
    // (b) Set and not known, or known to mean one of several.
    for label in ["CEL", "TBOO", "DRGIS", "LOCIS", "NEWERTHANTHIS"] {
        out.push((marked(json!([{"system": ACT, "code": label}])), None));
    }
    out.push((marked(json!([{"system": ACT, "code": "SPI"}])), all()));
    for label in ["BH", "COGN", "DVD"] {
        out.push((marked(json!([{"system": ACT, "code": label}])), Some(vec!["substance-use", "mental-health"])));
    }
    for (label, topic) in
        [("EMOTDIS", "mental-health"), ("MST", "violence"), ("ABUSE", "violence"), ("SICKLE", "genetic")]
    {
        out.push((marked(json!([{"system": ACT, "code": label}])), Some(vec![topic])));
    }
    // (c) Confidentiality alone, and beside the label that explains it.
    out.push((marked(json!([{"system": CONFIDENTIALITY, "code": "R"}])), all()));
    out.push((marked(json!([{"system": CONFIDENTIALITY, "code": "V"}])), all()));
    out.push((marked(json!([{"system": CONFIDENTIALITY, "code": "N"}])), Some(vec![])));
    let both = json!([{"system": CONFIDENTIALITY, "code": "R"}, {"system": ACT, "code": "HIV"}]);
    out.push((marked(both), Some(vec!["hiv"])));
    // (d) A contained resource's label, and its code.
    let inside = |medication: Value| {
        json!({"resourceType": "MedicationRequest", "contained": [medication], "status": "active", "intent": "order",
            "medicationReference": {"reference": "#m"}, "subject": whose})
    };
    let label = json!({"security": [{"system": ACT, "code": "HIV"}]});
    out.push((inside(json!({"resourceType": "Medication", "id": "m", "meta": label})), Some(vec!["hiv"])));
    let code = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1819"}]});
    out.push((inside(json!({"resourceType": "Medication", "id": "m", "code": code})), Some(vec!["substance-use"])));
    out
}

/// Of 31 sensitive records 28 were shown with nothing ticked, and over REST nothing was labelled at all (access.md B3).
#[tokio::test(flavor = "multi_thread")]
async fn threat_92_withheld_is_the_same_by_every_door() {
    const DOORS: [&str; 5] = ["load", "put", "post", "batch", "transaction"];
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let system = server.system("system/*.cruds").await;
    let cases = cases();
    let mut loaded = String::new();
    // What was given which id by which door.
    let mut known: Vec<(String, usize, &str)> = Vec::new();
    for door in DOORS {
        let mut entries = Vec::new();
        for (at, (resource, _)) in cases.iter().enumerate() {
            let (kind, id) = (resource["resourceType"].as_str().unwrap(), format!("{door}-{at}"));
            let mut named = resource.clone();
            named["id"] = json!(id);
            let path = format!("/fhir/{kind}/{id}");
            let send = |method: Method, path: &str, body: &Value| {
                let request = request(method, path, Some(&system)).content_type("application/fhir+json");
                server.send(request.body(body.to_string()))
            };
            match door {
                "load" => loaded.extend([named.to_string(), "\n".into()]),
                "put" => assert!(send(Method::PUT, &path, &named).await.status.is_success(), "{named}"),
                "post" => {
                    let answer = send(Method::POST, &format!("/fhir/{kind}"), resource).await;
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    known.push((answer.json()["id"].as_str().unwrap().to_owned(), at, door));
                    continue;
                }
                _ => entries.push(json!({"resource": named, "request": {"method": "PUT", "url": &path[6..]}})),
            }
            known.push((id, at, door));
        }
        if !entries.is_empty() {
            let bundle = json!({"resourceType": "Bundle", "type": door, "entry": entries});
            let request = request(Method::POST, "/fhir", Some(&system)).content_type("application/fhir+json");
            let answer = server.send(request.body(bundle.to_string())).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    // FHIR forbids labels on contained resources, but senders set them.
    server.load_unchecked("loaded.ndjson", &loaded);

    let (app, _) = server.app(Kind::Browser, "patient/*.rs").await;
    let none_one_or_all =
        std::iter::once(Vec::new()).chain(Category::ALL.map(|topic| vec![topic])).chain([Category::ALL.to_vec()]);
    let pair = [vec![Category::SubstanceUse, Category::MentalHealth]];
    for shared in none_one_or_all.chain(pair) {
        let token = server.tokens_sharing(&app, "M1", "patient/*.rs", shared.clone()).await.access_token;
        let mut seen = BTreeSet::new();
        for kind in ["Procedure", "Observation", "MedicationRequest"] {
            let found = server.get(&format!("/fhir/{kind}?_count=500"), Some(&token)).await;
            assert_eq!(found.json()["total"].as_u64().unwrap() as usize, found.ids("match").len(), "{kind}");
            seen.extend(found.ids("match"));
        }
        let names: Vec<&str> = shared.iter().map(|topic| topic.name()).collect();
        for (id, at, door) in &known {
            let (resource, needs) = &cases[*at];
            let is_shown = needs.as_ref().is_some_and(|needs| needs.iter().all(|topic| names.contains(topic)));
            assert_eq!(seen.contains(id), is_shown, "by {door}, sharing {names:?}: {resource}");
            let path = format!("/fhir/{}/{id}", resource["resourceType"].as_str().unwrap());
            if shared.len() < 2 && at % 5 == 0 {
                let status = server.get(&path, Some(&token)).await.status;
                assert_eq!(status, if is_shown { 200 } else { 404 }, "by {door}, sharing {names:?}: {resource}");
            }
        }
    }
}
