use super::*;
use crate::access::Category;

#[tokio::test]
async fn the_whole_path() {
    let room = room().await;
    for app in [&room.web, &room.public] {
        let id = room.pending(app, &[]).await;
        let asking = room.oauth.asking(&id).unwrap();
        assert_eq!(asking.app.name, "Demo App");
        assert_eq!(asking.granted.types, ["*"]);
        let address = room.approve(&id, "M1", "M1").await.unwrap();
        let answer = query(&address);
        assert!(address.starts_with("https://app.example/cb?"));
        assert_eq!((answer.get("state"), answer.get("iss")), (Some("a state & more"), Some(ISSUER)));
        let tokens = room.redeem(app, answer.get("code").unwrap()).await.unwrap();
        assert!(tokens.access_token.starts_with("ing_"));
        assert_eq!((tokens.token_type.as_str(), tokens.expires_in), ("Bearer", 3_600));
        assert_eq!(tokens.patient, "pat-M1");
        let access = room.oauth.verify(&tokens.access_token).unwrap();
        assert_eq!(access.client_id, app.client_id);
        assert_eq!(access.patients, ["pat-M1"]);
        assert!(access.withheld.contains(Category::SubstanceUse), "sensitive records are off until chosen");
        let again = room.refresh(app, tokens.refresh_token.as_ref().unwrap(), "").await.unwrap();
        assert_ne!(again.refresh_token, tokens.refresh_token);
        room.stop("M1", app).await;
        assert!(room.oauth.verify(&again.access_token).is_err(), "stopping takes effect at once");
        assert_eq!(code_of(room.refresh(app, again.refresh_token.as_ref().unwrap(), "").await), Code::InvalidGrant);
    }
}

#[tokio::test]
async fn the_id_token_is_what_openid_says() {
    let room = room().await;
    let tokens = room.tokens(&room.web).await;
    let id_token = tokens.id_token.unwrap();
    let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_value(room.oauth.jwks()).unwrap();
    let header = jsonwebtoken::decode_header(&id_token).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(jwks.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&[&room.web.client_id]);
    rules.set_issuer(&[ISSUER]);
    // The test's clock stands in the past.
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<serde_json::Value>(&id_token, &key, &rules).unwrap().claims;
    assert_eq!(claims["fhirUser"], "https://plan.example/fhir/Patient/pat-M1");
    assert_eq!(claims["nonce"], "n-1");
    let subject = claims["sub"].as_str().unwrap();
    assert!(!subject.contains("M1") && subject != room.web.client_id);
}

#[tokio::test]
async fn a_bad_app_or_address_is_never_redirected_to() {
    let room = room().await;
    for (changes, unfit) in [
        (vec![("client_id", "app-nobody")], Unfit::UnknownApp),
        (vec![("client_id", "")], Unfit::UnknownApp),
        (
            vec![("redirect_uri", "https://app.example/cb/")],
            Unfit::Redirect { name: "Demo App".into(), sent: "https://app.example/cb/".into() },
        ),
        (vec![("redirect_uri", "")], Unfit::Redirect { name: "Demo App".into(), sent: String::new() }),
    ] {
        match room.oauth.begin(&request(&room.web, &changes), None).await.unwrap() {
            Begun::Unfit(found) => assert_eq!(found, unfit),
            other => panic!("{other:?}"),
        }
    }
    let twice = Form::new(vec![("client_id".into(), "a".into()), ("client_id".into(), "b".into())]);
    assert!(matches!(room.oauth.begin(&twice, None).await.unwrap(), Begun::Unfit(Unfit::Repeated)));
    room.apps.set_status(&room.web.client_id, crate::apps::Status::Suspended).await.unwrap();
    let stopped = room.oauth.begin(&request(&room.web, &[]), None).await.unwrap();
    assert!(matches!(stopped, Begun::Unfit(Unfit::Stopped { .. })));
}

#[tokio::test]
async fn other_problems_go_back_to_the_app() {
    let room = room().await;
    let long = "x".repeat(5_000);
    for (changes, code) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("state", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("aud", "https://plan.example/directory"), "invalid_request"),
        (("aud", "https://plan.example/sandbox/fhir"), "invalid_request"),
        (("aud", ""), "invalid_request"),
        (("scope", "system/*.rs"), "invalid_scope"),
        (("scope", "patient/Observation.rs?code:in=x"), "invalid_scope"),
        (("scope", ""), "invalid_request"),
        (("nonce", long.as_str()), "invalid_request"),
    ] {
        match room.oauth.begin(&request(&room.web, &[changes]), None).await.unwrap() {
            Begun::Answer { address, refusal, .. } => {
                assert_eq!(refusal.code.text(), code, "{changes:?}");
                let answer = query(&address);
                assert_eq!(answer.get("error"), Some(code));
                assert_eq!(answer.get("iss"), Some(ISSUER));
                assert!(answer.get("code").is_none());
            }
            other => panic!("{changes:?} {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_parameter_may_be_said_once_only() {
    let room = room().await;
    for name in ["response_type", "scope", "state", "aud", "code_challenge", "code_challenge_method", "nonce"] {
        let mut pairs = request(&room.web, &[]);
        let value = pairs.get(name).unwrap().to_owned();
        let more = format!("{name}={}", form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>());
        pairs = Form::parse(&format!("{}&{more}", encoded(&pairs)));
        let begun = room.oauth.begin(&pairs, None).await.unwrap();
        assert!(matches!(begun, Begun::Answer { ref refusal, .. } if refusal.code == Code::InvalidRequest), "{name}");
    }
    let code = room.code(&room.web).await;
    let mut pairs = room.credentials(&room.web);
    pairs.extend([("grant_type", "authorization_code"), ("code", &code), ("code", &code)]);
    assert_eq!(code_of(room.oauth.token(&form(&pairs), None).await), Code::InvalidRequest);
}

fn encoded(form: &Form) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "aud",
        "code_challenge",
        "code_challenge_method",
        "nonce",
    ] {
        out.append_pair(name, form.get(name).unwrap());
    }
    out.finish()
}

#[tokio::test]
async fn a_request_is_decided_once_and_by_who_may() {
    let room = room().await;
    let id = room.pending(&room.web, &[]).await;
    assert!(matches!(room.approve(&id, "M1", "M3").await, Err(Error::NotHers)));
    assert!(matches!(room.approve(&id, "M2", "M1").await, Err(Error::NotHers)));
    let address = room.approve(&id, "M1", "M2").await.unwrap();
    let tokens = room.redeem(&room.web, query(&address).get("code").unwrap()).await.unwrap();
    assert_eq!(tokens.patient, "pat-M2");
    assert!(matches!(room.approve(&id, "M1", "M1").await, Err(Error::NoRequest)));
    assert!(matches!(room.oauth.decline(&id).await, Err(Error::NoRequest)));

    let id = room.pending(&room.web, &[]).await;
    let refused = room.oauth.decline(&id).await.unwrap();
    assert_eq!(query(&refused).get("error"), Some("access_denied"));

    let id = room.pending(&room.web, &[]).await;
    room.hand.advance(Duration::from_mins(10));
    assert!(matches!(room.approve(&id, "M1", "M1").await, Err(Error::NoRequest)));
}

#[tokio::test]
async fn a_code_is_bound_to_app_address_and_verifier() {
    let room = room().await;
    let code = room.code(&room.web).await;
    assert_eq!(code_of(room.redeem(&room.public, &code).await), Code::InvalidGrant);
    for (name, value) in [("redirect_uri", "https://app.example/other"), ("code_verifier", &"x".repeat(43))] {
        let mut pairs = room.credentials(&room.web);
        pairs.extend([
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        pairs.retain(|(n, _)| *n != name);
        pairs.push((name, value));
        assert_eq!(code_of(room.oauth.token(&form(&pairs), None).await), Code::InvalidGrant, "{name}");
    }
    room.hand.advance(Duration::from_mins(1));
    assert_eq!(code_of(room.redeem(&room.web, &code).await), Code::InvalidGrant, "a code lives for a minute");
}

#[tokio::test]
async fn a_replayed_code_ends_what_the_first_use_gave() {
    let room = room().await;
    let code = room.code(&room.web).await;
    let tokens = room.redeem(&room.web, &code).await.unwrap();
    assert!(room.oauth.verify(&tokens.access_token).is_ok());
    assert_eq!(code_of(room.redeem(&room.web, &code).await), Code::InvalidGrant);
    assert!(room.oauth.verify(&tokens.access_token).is_err());
    assert_eq!(code_of(room.refresh(&room.web, &tokens.refresh_token.unwrap(), "").await), Code::InvalidGrant);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_parallel_redemptions_one_wins() {
    let room = std::sync::Arc::new(room().await);
    let code = room.code(&room.web).await;
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (room, code) = (std::sync::Arc::clone(&room), code.clone());
            tokio::spawn(async move { room.redeem(&room.web, &code).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for attempt in tries {
        won += usize::from(attempt.await.unwrap());
    }
    // The losers revoke the family, which may happen before the winner's tokens are minted or after.
    assert!(won <= 1, "{won}");
}

#[tokio::test]
async fn an_app_must_prove_who_it_is() {
    let room = room().await;
    let code = room.code(&room.web).await;
    let exchange = |more: Vec<(&'static str, String)>, header: Option<String>| {
        let mut pairs: Vec<(String, String)> = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec();
        pairs.extend(more.into_iter().map(|(n, v)| (n.to_owned(), v)));
        let oauth = room.oauth.clone();
        async move { oauth.token(&Form::new(pairs), header.as_deref()).await }
    };
    let basic = |id: &str, secret: &str| {
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"))))
    };
    let id = room.web.client_id.clone();
    assert_eq!(code_of(exchange(vec![], None).await), Code::InvalidClient);
    assert_eq!(code_of(exchange(vec![("client_id", id.to_string())], None).await), Code::InvalidClient);
    assert_eq!(code_of(exchange(vec![], basic(&id, "wrong")).await), Code::InvalidClient);
    assert_eq!(code_of(exchange(vec![], basic("app-nobody", &room.secret)).await), Code::InvalidClient);
    let both = exchange(vec![("client_secret", room.secret.clone())], basic(&id, &room.secret)).await;
    assert_eq!(code_of(both), Code::InvalidRequest);
    assert!(exchange(vec![], basic(&id, &room.secret)).await.is_ok());
}

#[tokio::test]
async fn tokens_of_another_realm_or_key_are_worthless() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    let other = room_with_keys(&room, "plan", "ing_");
    assert!(other.verify(&token).is_err(), "another key");
    let body = token.strip_prefix("ing_").unwrap();
    assert!(room.oauth.verify(body).is_err());
    assert!(room.oauth.verify(&format!("ings_{body}")).is_err());
    let mut changed = token.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    assert!(room.oauth.verify(&String::from_utf8(changed).unwrap()).is_err());
    for garbage in ["", "ing_", "ing_AAAA", &format!("ing_{}", "A".repeat(10_000))] {
        assert!(room.oauth.verify(garbage).is_err());
    }
    room.hand.advance(HOUR);
    assert!(room.oauth.verify(&token).is_err(), "an hour is over");
}

fn room_with_keys(room: &Room, realm: &'static str, prefix: &'static str) -> OAuth {
    let rooms = Rooms {
        store: room.store.clone(),
        clock: room.clock.clone(),
        chance: Chance::system(),
        apps: room.apps.clone(),
        consent: room.consent.clone(),
        representations: room.identity.representations().clone(),
    };
    let settings = Settings { realm, prefix, ..room.oauth.settings().clone() };
    OAuth::open(rooms, Keys::in_memory(&Chance::seeded(7)).unwrap(), settings).unwrap()
}

#[tokio::test]
async fn keys_rotate_with_overlap() {
    let room = room().await;
    let folder = room.dir.path().join("keys");
    let chance = Chance::seeded(3);
    let now = room.clock.now().as_second();
    room.oauth.use_keys(Keys::open(&folder, &chance, now).unwrap());
    let old = room.tokens(&room.web).await.access_token;
    Keys::rotate(&folder, now + 1).unwrap();
    room.oauth.use_keys(Keys::open(&folder, &chance, now).unwrap());
    let new = room.tokens(&room.web).await.access_token;
    assert!(room.oauth.verify(&old).is_ok() && room.oauth.verify(&new).is_ok());
    assert_eq!(room.oauth.jwks()["keys"].as_array().unwrap().len(), 2);
}

/// What an app holds outlives the process: keys, grants and refresh tokens are read again.
#[tokio::test]
async fn tokens_survive_a_restart() {
    let room = room().await;
    let (folder, chance) = (room.dir.path().join("keys"), Chance::system());
    let now = room.clock.now().as_second();
    room.oauth.use_keys(Keys::open(&folder, &chance, now).unwrap());
    let tokens = room.tokens(&room.web).await;
    let consent = Consent::open(room.store.clone(), room.clock.clone(), chance.clone()).unwrap();
    let keys = Keys::open(&folder, &chance, now).unwrap();
    let again = Room { oauth: open(&room.store, &room.clock, &room.apps, &consent, keys), consent, ..room };
    assert!(again.oauth.verify(&tokens.access_token).is_ok());
    let refreshed = again.refresh(&again.web, tokens.refresh_token.as_ref().unwrap(), "").await.unwrap();
    assert!(again.oauth.verify(&refreshed.access_token).is_ok());
}

#[tokio::test]
async fn introspection_and_revocation_know_only_ones_own_tokens() {
    let room = room().await;
    let (mine, other) = (room.tokens(&room.web).await, room.tokens(&room.public).await);
    let ask = |token: &str| {
        let mut pairs = room.credentials(&room.web);
        pairs.push(("token", token));
        room.oauth.introspect(&form(&pairs), None).unwrap()
    };
    let known = ask(&mine.access_token);
    assert_eq!((&known["active"], &known["patient"]), (&true.into(), &"pat-M1".into()));
    assert_eq!(known["fhirUser"], "https://plan.example/fhir/Patient/pat-M1");
    assert_eq!(ask(&other.access_token), serde_json::json!({ "active": false }));
    assert_eq!(ask("nonsense"), serde_json::json!({ "active": false }));
    let header = format!("Bearer {}", other.access_token);
    let own = room.oauth.introspect(&form(&[("token", &other.access_token)]), Some(&header)).unwrap();
    assert_eq!(own["active"], true);

    let revoke = |app: &App, token: &str| {
        let mut pairs = room.credentials(app);
        pairs.push(("token", token));
        let (form, oauth) = (form(&pairs), room.oauth.clone());
        async move { oauth.revoke(&form, None).await }
    };
    revoke(&room.public, &mine.access_token).await.unwrap();
    assert!(room.oauth.verify(&mine.access_token).is_ok(), "someone else's token stays");
    revoke(&room.web, &mine.access_token).await.unwrap();
    assert!(room.oauth.verify(&mine.access_token).is_err());
    let again = room.refresh(&room.web, mine.refresh_token.as_ref().unwrap(), "").await.unwrap();
    revoke(&room.web, again.refresh_token.as_ref().unwrap()).await.unwrap();
    assert!(room.oauth.verify(&again.access_token).is_err());

    let reopened =
        open(&room.store, &room.clock, &room.apps, &room.consent, Keys::in_memory(&Chance::seeded(1)).unwrap());
    assert!(reopened.0.revoked.contains(&token_family(&room, &again)), "ended tokens stay ended after a restart");
}

#[tokio::test]
async fn a_token_is_out_even_if_its_end_cannot_be_kept() {
    let room = room().await;
    let tokens = room.tokens(&room.web).await;
    assert!(room.oauth.verify(&tokens.access_token).is_ok());
    let family = token_family(&room, &tokens);
    room.store.close();
    assert!(room.oauth.end(family, i64::MAX).await.is_err());
    assert!(room.oauth.verify(&tokens.access_token).is_err());
}

fn token_family(room: &Room, answer: &TokenAnswer) -> String {
    let keys = std::sync::Arc::clone(&room.oauth.0.keys.read());
    let live = |_: &str| Some(std::sync::Arc::new(crate::consent::LiveGrant::of("M1", "pat-M1")));
    token::read(&keys, "plan", "ing_", &answer.access_token, live).unwrap().family
}

#[tokio::test]
async fn sweeping_forgets_what_is_over_and_nothing_else() {
    let room = room().await;
    let tokens = room.tokens(&room.web).await;
    room.pending(&room.web, &[]).await;
    room.hand.advance(Duration::from_hours(26));
    assert_eq!(room.store.sweep(room.clock.now()).await.unwrap(), 3, "two requests and a code");
    let refreshed = room.refresh(&room.web, tokens.refresh_token.as_ref().unwrap(), "").await.unwrap();
    assert!(room.oauth.verify(&refreshed.access_token).is_ok());
}

#[tokio::test]
async fn discovery_names_what_exists() {
    let room = room().await;
    let smart = room.oauth.smart_configuration();
    for field in
        ["issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "capabilities", "grant_types_supported"]
    {
        assert!(!smart[field].is_null(), "{field}");
    }
    assert_eq!(smart["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    let openid = room.oauth.openid_configuration();
    assert_eq!(openid["issuer"], ISSUER);
    assert_eq!(openid["id_token_signing_alg_values_supported"], serde_json::json!(["RS256"]));
}

/// Ending what lets somebody act for another did not end what she had shared: the grant was asked, never the representation
/// (house.md 1.4).
#[tokio::test]
async fn what_a_representative_shared_ends_with_her_right_to() {
    let room = room().await;
    let representations = room.identity.representations().clone();
    let share = async || {
        let id = room.pending(&room.web, &[]).await;
        query(&room.approve(&id, "M1", "M2").await.unwrap()).get("code").unwrap().to_owned()
    };
    let tokens = room.redeem(&room.web, &share().await).await.unwrap();
    assert_eq!(tokens.patient, "pat-M2");
    assert!(room.oauth.verify(&tokens.access_token).is_ok());
    let (unused, now) = (share().await, room.oauth.now());
    assert!(representations.end("M1", "M2", now).await.unwrap());
    assert!(room.oauth.verify(&tokens.access_token).is_err(), "from that second on");
    let refresh = tokens.refresh_token.as_deref().unwrap();
    assert_eq!(code_of(room.refresh(&room.web, refresh, "").await), Code::InvalidGrant);
    assert_eq!(code_of(room.redeem(&room.web, &unused).await), Code::InvalidGrant);
    let id = room.pending(&room.web, &[]).await;
    assert!(matches!(room.approve(&id, "M1", "M2").await, Err(Error::NotHers)));
    // Her own records are hers all the time.
    assert!(room.oauth.verify(&room.tokens(&room.public).await.access_token).is_ok());

    // When she may act again, she decides again.
    room.hand.advance(Duration::from_secs(10));
    let again = crate::identity::representation::Representation::new(
        "M1",
        "M2",
        crate::identity::representation::Basis::RepresentativesFile,
    );
    let ends = room.oauth.now() + 500;
    let again = crate::identity::Representation { until: Some(ends), ..again };
    let now = room.oauth.now();
    let establish = move |txn: &mut crate::store::Txn<'_>| crate::identity::representation::establish(txn, again, now);
    room.store.transact(establish).await.unwrap();
    assert!(room.oauth.verify(&tokens.access_token).is_err());
    assert_eq!(code_of(room.refresh(&room.web, refresh, "").await), Code::InvalidGrant);
    let fresh = room.redeem(&room.web, &share().await).await.unwrap();
    assert!(room.oauth.verify(&fresh.access_token).is_ok());
    assert_eq!(fresh.expires_in, 500, "what she shares ends when her right does");
    room.hand.advance(Duration::from_secs(501));
    assert_eq!(code_of(room.refresh(&room.web, fresh.refresh_token.as_deref().unwrap(), "").await), Code::InvalidGrant);
}
