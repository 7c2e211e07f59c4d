//! `_sort` by every form of parameter, both ways, with ties, missing values and pages.

use crate::server::TestServer;

/// Observations whose numbers, words and codes are in no order, with two that say nothing and some that say the same.
async fn server() -> (TestServer, String) {
    let mut builder = TestServer::builder();
    let ucum = "http://unitsofmeasure.org";
    for (n, value, unit, code, date, subject) in [
        (0, Some("900"), "mg", "B", "2026-02-01", "p2"),
        (1, Some("1.5"), "g", "a", "2026-01-01", "p1"),
        (2, None, "", "c", "2026-01-15", "p1"),
        (3, Some("-2"), "g", "a", "2026-02-01", "p3"),
        (4, Some("1500"), "mg", "b", "2025-12-31", "p1"),
        (5, Some("0.0000004"), "g", "d", "2026-02-01", "p2"),
        (6, None, "", "a", "2026-02-01", "p1"),
        (7, Some("0.0000001"), "g", "b", "2026-01-01", "p3"),
    ] {
        let quantity = value.map_or(String::new(), |value| {
            format!(r#","valueQuantity":{{"value":{value},"system":"{ucum}","code":"{unit}"}}"#)
        });
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Observation","id":"o{n}","status":"final","code":{{"coding":[{{"code":"{code}"}}]}},
            "subject":{{"reference":"Patient/{subject}"}},"effectiveDateTime":"{date}"{quantity}}}"#
        ));
        let probability =
            value.map_or(String::new(), |value| format!(r#","prediction":[{{"probabilityDecimal":{value}}}]"#));
        builder = builder.resource(&format!(
            r#"{{"resourceType":"RiskAssessment","id":"r{n}","status":"final","subject":{{"reference":"Patient/{subject}"}}{probability}}}"#
        ));
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Questionnaire","id":"q{n}","status":"active","url":"http://x/{subject}/{}","title":"Tïtle {code}"}}"#,
            9 - n
        ));
    }
    let server = builder.start().await;
    let token = server.system("system/*.rs").await;
    (server, token)
}

/// Every page of a search, followed by its links.
async fn walk(server: &TestServer, token: &str, path: &str) -> String {
    let mut path = path.to_owned();
    let mut found = Vec::new();
    for _ in 0..20 {
        let answer = server.get(&path, Some(token)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        found.extend(answer.ids("match"));
        let bundle = answer.json();
        let next = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").cloned();
        let Some(next) = next else { return found.join(" ") };
        path = next["url"].as_str().unwrap().replace("https://plan.example", "");
    }
    panic!("the pages of {path} do not end")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_parameter_has_an_order() {
    let (server, token) = server().await;
    let mut late = String::new();
    for (search, expected) in [
        // A quantity counts in its unit: 1.5 g is as much as 1500 mg, and what has none comes last either way.
        ("Observation?_sort=value-quantity", "o3 o7 o5 o0 o1 o4 o2 o6"),
        ("Observation?_sort=-value-quantity", "o1 o4 o0 o5 o7 o3 o2 o6"),
        ("Observation?_sort=-value-quantity,-_id", "o4 o1 o0 o5 o7 o3 o6 o2"),
        ("Observation?_sort=code,value-quantity", "o3 o1 o6 o7 o0 o4 o2 o5"),
        ("Observation?_sort=-date,-code", "o5 o0 o3 o6 o2 o7 o1 o4"),
        ("Observation?_sort=subject,date,_id", "o4 o1 o2 o6 o0 o5 o7 o3"),
        ("Observation?_sort=-subject", "o3 o7 o0 o5 o1 o2 o4 o6"),
        ("Observation?_sort=date", "o4 o1 o7 o2 o0 o3 o5 o6"),
        ("Observation?_sort=_lastUpdated,code", "o1 o3 o6 o0 o4 o7 o2 o5"),
        ("Observation?_sort=-_id&value-quantity:missing=false", "o7 o5 o4 o3 o1 o0"),
        ("Observation?_sort=value-quantity&code=a,b", "o3 o7 o0 o1 o4 o6"),
        ("RiskAssessment?_sort=probability", "r3 r7 r5 r1 r0 r4 r2 r6"),
        ("RiskAssessment?_sort=-probability&subject=Patient/p1", "r4 r1 r2 r6"),
        ("Questionnaire?_sort=url", "q6 q4 q2 q1 q5 q0 q7 q3"),
        ("Questionnaire?_sort=-url", "q3 q7 q0 q5 q1 q2 q4 q6"),
        ("Questionnaire?_sort=title,-url", "q3 q1 q6 q7 q0 q4 q2 q5"),
        ("Questionnaire?_sort=-title,url", "q5 q2 q4 q0 q7 q6 q1 q3"),
    ] {
        let whole = server.get(&format!("/fhir/{search}"), Some(&token)).await;
        assert_eq!(whole.status, 200, "{search}: {}", whole.text());
        assert_eq!(whole.ids("match").join(" "), expected, "{search}");
        for count in [1, 3] {
            assert_eq!(walk(&server, &token, &format!("/fhir/{search}&_count={count}")).await, expected, "{search}");
        }
        late = search.to_owned();
    }
    // The same when the index has it all and nothing is left beside it.
    server.plan.index.settle().unwrap();
    assert_eq!(walk(&server, &token, &format!("/fhir/{late}&_count=2")).await, "q5 q2 q4 q0 q7 q6 q1 q3");
    assert_eq!(
        walk(&server, &token, "/fhir/Observation?_sort=-date,value-quantity&_count=1").await,
        "o3 o5 o0 o6 o2 o7 o1 o4"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_fit_into_a_page_link() {
    let mut builder = TestServer::builder();
    for n in 0..3 {
        let long = format!("{}{n}", "\u{10348}".repeat(400));
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Questionnaire","id":"q{n}","status":"active","url":"http://x/{long}","title":"{long}","publisher":"{long}","name":"{long}"}}"#
        ));
    }
    let server = builder.start().await;
    let token = server.system("system/*.rs").await;
    for sort in ["url", "title,-publisher,name", "-url,title,name"] {
        let path = format!("/fhir/Questionnaire?_count=1&_sort={sort}");
        assert_eq!(walk(&server, &token, &path).await.split(' ').count(), 3, "{sort}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_order_is_refused_in_words() {
    let (server, token) = server().await;
    for (sort, words) in [
        ("code-value-quantity", "one of _lastUpdated"),
        ("_score", "one of _lastUpdated"),
        ("date,code,subject,status", "at most three keys"),
        ("date&_sort=code", "given twice"),
    ] {
        let answer = server.get(&format!("/fhir/Observation?_sort={sort}"), Some(&token)).await;
        assert_eq!(answer.status, 400, "{sort}");
        assert!(answer.issue().1.contains(words), "{sort}: {}", answer.text());
    }
}
