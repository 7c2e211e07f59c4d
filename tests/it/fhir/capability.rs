//! `GET {base}/metadata`.

use crate::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn each_base_says_what_it_serves() {
    let server = TestServer::builder().start().await;
    for (base, has, lacks) in [
        ("fhir", "ExplanationOfBenefit", "Group"),
        ("directory", "PractitionerRole", "Patient"),
        ("formulary", "MedicationKnowledge", "Patient"),
        ("sandbox/fhir", "ExplanationOfBenefit", "Group"),
    ] {
        let answer = server.get(&format!("/{base}/metadata"), None).await;
        assert_eq!(answer.status, 200);
        let statement = answer.json();
        assert_eq!(statement["fhirVersion"], "4.0.1");
        assert_eq!(statement["implementation"]["url"], format!("https://plan.example/{base}"));
        let types: Vec<_> =
            statement["rest"][0]["resource"].as_array().unwrap().iter().map(|r| r["type"].as_str().unwrap()).collect();
        assert!(types.contains(&has), "{base}");
        assert!(!types.contains(&lacks), "{base}");
    }
}

/// A parameter that is promised and refused is a lie; this calls each one.
#[tokio::test(flavor = "multi_thread")]
async fn every_declared_search_is_answered() {
    let server = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let statement = server.get("/fhir/metadata", None).await.json();
    let mut called = 0;
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        // Some types have operations and no searches.
        let Some(parameters) = resource["searchParam"].as_array() else { continue };
        let mut query = Vec::new();
        for parameter in parameters {
            let value = match parameter["type"].as_str().unwrap() {
                "date" => "ge2026-01-01",
                "reference" => "Patient/ana",
                "number" | "quantity" => "gt5",
                "special" => "42.36|-71.06|10|km",
                // One value for each part; what the parts are, their own test knows.
                "composite" => continue,
                _ => "x",
            };
            query.push(format!("{}={value}", parameter["name"].as_str().unwrap()));
        }
        for chunk in query.chunks(40) {
            let answer = server.get(&format!("/fhir/{kind}?{}", chunk.join("&")), Some(&token)).await;
            assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
            called += chunk.len();
        }
        for include in resource["searchInclude"].as_array().into_iter().flatten() {
            let include = include.as_str().unwrap();
            let answer = server.get(&format!("/fhir/{kind}?_include={include}"), Some(&token)).await;
            assert_eq!(answer.status, 200, "{include}: {}", answer.text());
        }
    }
    assert!(called > 500, "{called}");
}

/// What the statement says of deleting by a condition is what happens: one, or none and 412.
#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_delete_takes_one_as_declared() {
    let named = |id: &str, family: &str| {
        format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}]}}"#)
    };
    let server = TestServer::builder()
        .resource(&named("a", "Alder"))
        .resource(&named("b", "Birch"))
        .resource(&named("c", "Birch"))
        .start()
        .await;
    let statement = server.get("/fhir/metadata", None).await.json();
    let resources = statement["rest"][0]["resource"].as_array().unwrap().clone();
    let patient = resources.into_iter().find(|resource| resource["type"] == "Patient").unwrap();
    assert_eq!(patient["conditionalDelete"], "single");
    let token = server.system("system/*.cruds").await;
    for (family, status) in [("birch", 412), ("alder", 204), ("alder", 204)] {
        let delete =
            crate::server::request(poem::http::Method::DELETE, &format!("/fhir/Patient?family={family}"), Some(&token));
        assert_eq!(server.send(delete.finish()).await.status, status, "{family}");
    }
    assert_eq!(server.get("/fhir/Patient", Some(&token)).await.ids("match"), ["b", "c"]);
    for base in ["directory", "formulary"] {
        let statement = server.get(&format!("/{base}/metadata"), None).await.json();
        assert!(!statement.to_string().contains("conditionalDelete"), "{base}");
    }
}
