//! The OAuth endpoints over HTTP.

use biscuit_auth::UnverifiedBiscuit;
use biscuit_auth::builder::BlockBuilder;

mod backend;

use crate::pages::*;
use crate::server::request;
use ingle::apps::Kind;
use poem::http::Method;

#[tokio::test]
async fn token_answers_and_errors_have_their_headers() {
    let house = house().await;
    let (app, secret) = house.register(&house.plan, "Try").await;
    let form = [("grant_type", "authorization_code"), ("client_id", &app), ("client_secret", "wrong")];
    let answer = house.post_form("/oauth/token", None, &form).await;
    assert_eq!(answer.status.as_u16(), 401);
    for (name, value) in [("cache-control", "no-store"), ("pragma", "no-cache"), ("www-authenticate", "Basic")] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert_eq!(answer.json()["error"], "invalid_client");
    for (grant, error) in [("password", "unsupported_grant_type"), ("", "invalid_request")] {
        let form = [("grant_type", grant), ("client_id", &app), ("client_secret", &secret)];
        let answer = house.post_form("/oauth/token", None, &form).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some(error)));
    }
    let json = request(Method::POST, "/oauth/token", None).content_type("application/json").body("{}");
    let answer = house.send(json).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some("invalid_request")));
}

#[tokio::test]
async fn discovery_is_json_for_everyone_in_both_realms() {
    let house = house().await;
    for (path, issuer) in [
        ("/fhir/.well-known/smart-configuration", BASE.to_owned()),
        ("/sandbox/fhir/.well-known/smart-configuration", format!("{BASE}/sandbox")),
        ("/.well-known/openid-configuration", BASE.to_owned()),
        ("/.well-known/oauth-authorization-server", BASE.to_owned()),
        ("/sandbox/.well-known/openid-configuration", format!("{BASE}/sandbox")),
    ] {
        let answer = house.send(request(Method::GET, path, None).header("accept", "text/html").finish()).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        let document = answer.json();
        assert_eq!(document["issuer"], issuer.as_str(), "{path}");
        assert_eq!(document["token_endpoint"], format!("{issuer}/oauth/token"));
    }
    let plan = house.get("/oauth/jwks", None).await.json();
    let sandbox = house.get("/sandbox/oauth/jwks", None).await.json();
    assert_ne!(plan["keys"][0]["n"], sandbox["keys"][0]["n"]);
}

#[tokio::test]
async fn the_authorization_endpoint_takes_forms_of_apps() {
    let house = house().await;
    let (app, _) = house.register(&house.plan, "Try").await;
    let query = authorize("", &app, BASE);
    let body = query.split_once('?').unwrap().1.to_owned();
    let asked = request(Method::POST, "/oauth/authorize", None)
        .content_type("application/x-www-form-urlencoded")
        .header("origin", "https://app.example");
    let answer = house.send(asked.body(body)).await;
    assert_eq!(answer.status.as_u16(), 303);
    assert!(answer.header("location").unwrap().starts_with("/login?request="));
    assert_eq!(answer.header("set-cookie"), None, "the cookie that stayed at home is not replaced");
}

#[tokio::test]
async fn a_token_that_its_app_narrowed_is_narrower_at_the_fhir_base() {
    let house = TestServer::builder().member("M1", "pat-1", "ana@example.org").start().await;
    house
        .put(&[r#"{"resourceType":"Coverage","id":"c1","status":"active","beneficiary":{"reference":"Patient/pat-1"},
        "payor":[{"display":"Plan"}]}"#]);
    let (app, _) = house.app(Kind::Browser, "patient/*.rs").await;
    let token = house.tokens_for(&app, "M1", "patient/*.rs").await.access_token;
    let narrow = attenuate(&token, r#"check if resource_type("Coverage"); check if operation("read")"#);
    for (path, whole, narrowed) in
        [("/fhir/Coverage/c1", 200, 200), ("/fhir/Patient/pat-1", 200, 404), ("/fhir/Coverage?_count=5", 200, 200)]
    {
        assert_eq!(house.get(path, Some(&token)).await.status.as_u16(), whole, "{path}");
        let answer = house.get(path, Some(&narrow)).await;
        assert!(answer.status.as_u16() == narrowed || answer.status.as_u16() == 403, "{path} {}", answer.text());
    }
    let found = house.get("/fhir/Coverage", Some(&narrow)).await;
    assert!(found.status.as_u16() == 403 || found.ids("match").is_empty(), "searching was given up");
}

/// What an app does with its token, without asking anybody (`docs`: narrowing a token).
fn attenuate(token: &str, code: &str) -> String {
    let body = token.strip_prefix("ing_").unwrap();
    let padded = format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4));
    let block = BlockBuilder::new().code(code).unwrap();
    let narrowed = UnverifiedBiscuit::from_base64(padded).unwrap().append(block).unwrap();
    format!("ing_{}", narrowed.to_base64().unwrap().trim_end_matches('='))
}
