//! The OAuth endpoints over HTTP.

use crate::pages::*;

#[tokio::test]
async fn token_answers_and_errors_have_their_headers() {
    let house = house().await;
    let (app, secret) = house.register(&house.plan, "Try").await;
    let response = house
        .client
        .post("/oauth/token")
        .form(&[("grant_type", "authorization_code"), ("client_id", &app), ("client_secret", "wrong")])
        .send()
        .await;
    response.assert_status(poem::http::StatusCode::UNAUTHORIZED);
    response.assert_header("cache-control", "no-store");
    response.assert_header("pragma", "no-cache");
    response.assert_header("www-authenticate", "Basic");
    assert_eq!(json(response).await["error"], "invalid_client");
    for (grant, error) in [("password", "unsupported_grant_type"), ("", "invalid_request")] {
        let form = [("grant_type", grant), ("client_id", &app), ("client_secret", &secret)];
        let response = house.client.post("/oauth/token").form(&form).send().await;
        response.assert_status(poem::http::StatusCode::BAD_REQUEST);
        assert_eq!(json(response).await["error"], error);
    }
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
        let response = house.client.get(path).header("accept", "text/html").send().await;
        response.assert_status_is_ok();
        response.assert_header("content-type", "application/json");
        response.assert_header("access-control-allow-origin", "*");
        let document = json(response).await;
        assert_eq!(document["issuer"], issuer.as_str(), "{path}");
        assert_eq!(document["token_endpoint"], format!("{issuer}/oauth/token"));
    }
    let (plan, sandbox) = (json(house.client.get("/oauth/jwks").send().await).await, "/sandbox/oauth/jwks");
    let sandbox = json(house.client.get(sandbox).send().await).await;
    assert_ne!(plan["keys"][0]["n"], sandbox["keys"][0]["n"]);
}

#[tokio::test]
async fn the_authorization_endpoint_takes_forms_of_apps() {
    let house = house().await;
    let (app, _) = house.register(&house.plan, "Try").await;
    let query = authorize("", &app, BASE);
    let body = query.split_once('?').unwrap().1.to_owned();
    let response = house
        .client
        .post("/oauth/authorize")
        .content_type("application/x-www-form-urlencoded")
        .header("origin", "https://app.example")
        .body(body)
        .send()
        .await;
    response.assert_status(poem::http::StatusCode::SEE_OTHER);
    assert!(response.0.headers().get("set-cookie").is_none());
}
