//! SMART Backend Services: `client_credentials` with `private_key_jwt`.

use serde_json::json;

use crate::server::{BackendKey, TestServer, backend_form};

async fn server() -> TestServer {
    TestServer::builder()
        .member("M1", "ana", "ana@example.com")
        .resource(r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/ana"}}"#)
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_client_reads_everybody_for_five_minutes_and_the_audit_knows_whom() {
    let server = server().await;
    let token = server.system("system/Condition.rs").await;
    assert_eq!(server.get("/fhir/Condition/c1", Some(&token)).await.status, 200);
    assert_eq!(server.get("/fhir/Patient/ana", Some(&token)).await.status, 403);
    assert_eq!(server.plan.audit.activity("ana").len(), 1);
    server.hand.advance(std::time::Duration::from_secs(301));
    assert_eq!(server.get("/fhir/Condition/c1", Some(&token)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_client_is_out_at_once() {
    let server = server().await;
    let token = server.system("system/*.rs").await;
    let app = server.plan.apps.all().unwrap().remove(0);
    server.plan.apps.set_status(&app.client_id, ingle::apps::Status::Suspended).await.unwrap();
    assert_eq!(server.get("/fhir/Condition/c1", Some(&token)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_works_once() {
    let server = server().await;
    let key = BackendKey::new();
    let app = server.plan.apps.register_backend("Claims", "system/*.rs", &key.jwks()).await.unwrap();
    let assertion = key.assertion(&app.client_id, server.plan.clock.now().as_second(), "j1");
    let form = backend_form(&assertion, "system/Condition.rs");
    let first = server.post_form("/oauth/token", None, &form).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let answer = first.json();
    assert_eq!((answer["scope"].as_str(), answer["expires_in"].as_i64()), (Some("system/Condition.rs"), Some(300)));
    assert!(answer.get("patient").is_none() && answer.get("refresh_token").is_none());
    let second = server.post_form("/oauth/token", None, &form).await;
    assert_eq!((second.status.as_u16(), second.json()["error"].as_str()), (401, Some("invalid_client")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_assertion_is_refused() {
    let server = server().await;
    let (key, other) = (BackendKey::new(), BackendKey::new());
    let app = server.plan.apps.register_backend("Claims", "system/*.rs", &key.jwks()).await.unwrap();
    let now = server.plan.clock.now().as_second();
    let header = json!({"alg": "ES384", "kid": "k1"});
    let good = json!({"iss": app.client_id, "sub": app.client_id, "aud": "https://plan.example/oauth/token",
        "exp": now + 100, "jti": "x"});
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let bad = [
        other.sign(&header, &good),
        key.sign(&json!({"alg": "none", "kid": "k1"}), &good),
        key.sign(&json!({"alg": "HS256", "kid": "k1"}), &good),
        key.sign(&json!({"alg": "RS384", "kid": "k1"}), &good),
        key.sign(&json!({"alg": "ES384", "kid": "k2"}), &good),
        key.sign(&json!({"alg": "ES384"}), &good),
        key.sign(&header, &with("sub", json!("someone"))),
        key.sign(&header, &with("iss", json!("someone"))),
        key.sign(&header, &with("aud", json!("https://elsewhere.example/oauth/token"))),
        key.sign(&header, &with("exp", json!(now - 60))),
        key.sign(&header, &with("exp", json!(now + 4_000))),
        key.sign(&header, &with("nbf", json!(now + 200))),
        key.sign(&header, &with("jti", json!(""))),
        key.sign(&header, &with("jti", json!(null))),
        "not.a.jwt".to_owned(),
        "x".repeat(20_000),
    ];
    for (at, assertion) in bad.iter().enumerate() {
        let answer = server.post_form("/oauth/token", None, &backend_form(assertion, "system/*.rs")).await;
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{at}: {}", answer.text());
    }
    // The id alone is not enough, and no other grant type is open to it.
    let alone = [("grant_type", "client_credentials"), ("client_id", app.client_id.as_str()), ("scope", "system/*.rs")];
    assert_eq!(server.post_form("/oauth/token", None, &alone).await.status, 401);
    let good = |jti: &str| key.sign(&header, &with("jti", json!(jti)));
    for (scope, error) in
        [("patient/*.rs", "invalid_scope"), ("system/*.cruds", "invalid_scope"), ("", "invalid_request")]
    {
        let assertion = good(&format!("s{scope}"));
        let answer = server.post_form("/oauth/token", None, &backend_form(&assertion, scope)).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some(error)), "{scope}");
    }
    let assertion = good("last");
    let mut form = backend_form(&assertion, "system/*.rs");
    assert_eq!(server.post_form("/oauth/token", None, &form).await.status, 200);
    form[0].1 = "refresh_token";
    let assertion = good("very last");
    form[3].1 = &assertion;
    let answer = server.post_form("/oauth/token", None, &form).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some("unauthorized_client")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_public_keys_and_system_scopes_are_registered() {
    let server = server().await;
    let good = BackendKey::new().jwks();
    let register = |scopes: &'static str, jwks: String| {
        let apps = server.plan.apps.clone();
        async move { apps.register_backend("Claims", scopes, &jwks).await }
    };
    assert!(register("system/*.rs", good.clone()).await.is_ok());
    for scopes in ["patient/*.rs", "system/*.rs openid patient/*.rs", "", "system/Cat.rs"] {
        assert!(register(scopes, good.clone()).await.is_err(), "{scopes}");
    }
    for jwks in [
        "{}".to_owned(),
        "x".to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"keys":[{"kty":"oct","k":"abc","kid":"1"}]}"#.to_owned(),
        good.replace("\"kty\"", "\"d\":\"secret\",\"kty\""),
        good.replace("\"kid\":\"k1\",", ""),
    ] {
        let error = register("system/*.rs", jwks).await.unwrap_err().to_string();
        assert!(error.contains("key set"), "{error}");
    }
}
