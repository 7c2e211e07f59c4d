use biscuit_auth::UnverifiedBiscuit;
use biscuit_auth::builder::BlockBuilder;
use proptest::prelude::*;

use super::*;
use crate::access::Operation;

/// What an app does with its token, without asking anybody.
fn attenuate(token: &str, code: &str) -> String {
    let body = token.strip_prefix("ing_").unwrap();
    let padded = format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4));
    let block = BlockBuilder::new().code(code).unwrap();
    let narrowed = UnverifiedBiscuit::from_base64(padded).unwrap().append(block).unwrap();
    format!("ing_{}", narrowed.to_base64().unwrap().trim_end_matches('='))
}

fn allows(room: &Room, token: &str, kind: &str, operation: Operation, patient: &str) -> bool {
    let access = room.oauth.verify(token).unwrap();
    access.narrowing.as_ref().is_none_or(|limits| limits.allows(room.clock.now(), kind, operation, Some(patient)))
}

#[tokio::test]
async fn an_app_can_narrow_its_token_offline() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    assert!(room.oauth.verify(&token).unwrap().narrowing.is_none());
    let types = attenuate(&token, r#"check if resource_type($t), ["Coverage", "Patient"].contains($t)"#);
    assert!(allows(&room, &types, "Coverage", Operation::Read, "pat-M1"));
    assert!(!allows(&room, &types, "ExplanationOfBenefit", Operation::Read, "pat-M1"));
    let both = attenuate(&types, r#"check if operation("read"); check if patient("pat-M2")"#);
    assert!(allows(&room, &both, "Coverage", Operation::Read, "pat-M2"));
    assert!(!allows(&room, &both, "Coverage", Operation::Search, "pat-M2"));
    assert!(!allows(&room, &both, "Coverage", Operation::Read, "pat-M1"));
    assert!(!allows(&room, &both, "ExplanationOfBenefit", Operation::Read, "pat-M2"));
    let until = attenuate(&token, "check if time($now), $now <= 2026-03-02T09:10:00Z");
    assert!(allows(&room, &until, "Coverage", Operation::Read, "pat-M1"));
    room.hand.advance(Duration::from_secs(601));
    assert!(!allows(&room, &until, "Coverage", Operation::Read, "pat-M1"));
    room.stop("M1", &room.web).await;
    assert!(room.oauth.verify(&types).is_err(), "stopping reaches every narrowed copy");
}

#[tokio::test]
async fn appended_facts_and_rules_are_refused() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    for code in [
        r#"granted_patient("pat-M3")"#,
        r#"granted_scope("system/*.cruds"); check if true"#,
        r#"access("plan", "t", "app-x", "M3", "pat-M3", "g", "f", 0, 99999999999)"#,
        "granted_patient($p) <- patient($p)",
        r#"resource_type("Coverage"); check if resource_type("Coverage")"#,
    ] {
        assert!(room.oauth.verify(&attenuate(&token, code)).is_err(), "{code}");
    }
}

#[tokio::test]
async fn threat_88_a_token_cannot_keep_the_server_busy() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    let mut many = token.clone();
    for _ in 0..limits::MAX_BLOCKS {
        many = attenuate(&many, "check if true");
    }
    assert!(room.oauth.verify(&many).is_err(), "too many blocks");
    let numbers = (0..10).fold(String::new(), |numbers, n| numbers + &format!("n({n});"));
    let join = "n($a), n($b), n($c), n($d), n($e), n($f), n($g), $a+$b+$c+$d+$e+$f+$g > 100000";
    let long: String = (0..=limits::MAX_PREDICATES).map(|_| "check if operation(\"read\");").collect();
    let sums = format!("check if 1{} > 0", "+1".repeat(limits::MAX_OPERATIONS));
    for code in [
        format!("{numbers} check if {join}"),
        format!("{numbers} p($a, $b, $c, $d) <- n($a), n($b), n($c), n($d); check if true"),
        "check if granted_scope($a), granted_scope($b), granted_scope($c), $a == $b".to_owned(),
        "check all access($r, $t, $c, $m, $u, $g, $f, $i, $e), $i > $e".to_owned(),
        "reject if granted_patient($p), patient($q), $p != $q".to_owned(),
        r#"check if resource_type($t), $t.matches("(a|a)*b")"#.to_owned(),
        "check if [1, 2, 3].any($x -> [1, 2, 3].all($y -> $x < $y))".to_owned(),
        "check if true trusting previous".to_owned(),
        long,
        sums,
    ] {
        let started = Clock::system().monotonic();
        assert!(room.oauth.verify(&attenuate(&token, &code)).is_err(), "{code}");
        assert!(Clock::system().monotonic().saturating_sub(started) < Duration::from_secs(1), "{code}");
    }
}

/// A biscuit is signed, not sealed: an app that may only sign her in could read the number on her card (access.md S6).
#[tokio::test]
async fn threat_96_a_token_names_nobody() {
    let room = room().await;
    for scope in ["openid", "openid fhirUser launch/patient offline_access patient/*.rs"] {
        let id = room.pending(&room.web, &[("scope", scope)]).await;
        let address = room.approve(&id, "M1", "M2").await.unwrap();
        let tokens = room.redeem(&room.web, query(&address).get("code").unwrap()).await.unwrap();
        let body = tokens.access_token.strip_prefix("ing_").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for planted in ["M1", "M2", "pat-"] {
            assert!(!text.contains(planted), "{planted}");
        }
    }
}

#[tokio::test]
async fn checks_over_the_request_are_taken_in_every_form() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    for code in [
        r#"check if resource_type($t), $t == "Coverage" && operation == "x" || true"#.replace("operation", "$t"),
        r#"check if resource_type("Coverage") or resource_type("Patient")"#.to_owned(),
        r#"check all patient($p), ["pat-M1", "pat-M2"].contains($p)"#.to_owned(),
        r#"reject if operation($o), $o.starts_with("c")"#.to_owned(),
        "check if time($now), $now <= 2036-03-02T09:10:00Z, $now >= 2020-01-01T00:00:00Z".to_owned(),
    ] {
        assert!(allows(&room, &attenuate(&token, &code), "Coverage", Operation::Read, "pat-M1"), "{code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever an app appends, what the token grants stays the same or the token is refused.
    #[test]
    fn random_blocks_never_widen(facts in proptest::collection::vec("(granted_patient|granted_scope|shared_category|patient|resource_type)\\(\"[a-zA-Z*./-]{1,12}\"\\)", 0..5)) {
        let keys = Keys::in_memory_once();
        let claims = token::Claims {
            token: "t".into(), client_id: "app-1".into(), scopes: "patient/*.rs".into(), shared: vec![], grant: Some("g".into()),
            family: "f".into(), issued: 1, expires: 2,
        };
        let granted = std::sync::Arc::new(crate::consent::LiveGrant::of("M1", "pat-1"));
        let plain = token::mint(keys, "plan", "ing_", &claims).unwrap();
        let code = facts.iter().flat_map(|fact| [fact.as_str(), ";"]).collect::<String>();
        let changed = attenuate(&plain, &code);
        let live = |_: &str| Some(std::sync::Arc::clone(&granted));
        if let Some(read) = token::read(keys, "plan", "ing_", &changed, live) {
            prop_assert_eq!(&read.access.patients, &["pat-1".to_owned()]);
            prop_assert_eq!(&read.scope_text, "patient/*.rs");
            prop_assert!(read.access.withheld.contains(Category::Hiv));
        }
    }
}

impl Keys {
    /// RSA keys take a while to make: one set serves all cases of a property.
    fn in_memory_once() -> &'static Self {
        static KEYS: std::sync::OnceLock<Keys> = std::sync::OnceLock::new();
        KEYS.get_or_init(|| Self::in_memory(&Chance::seeded(1)).unwrap())
    }
}

/// Measured, not asserted to the microsecond: a shared machine is no place for that. See `ingle bench`.
#[tokio::test]
async fn a_token_seen_before_is_checked_much_faster() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    let clock = Clock::system();
    let time = |times: u32, work: &dyn Fn()| {
        let start = clock.monotonic();
        (0..times).for_each(|_| work());
        clock.monotonic().saturating_sub(start) / times
    };
    let cold = time(50, &|| {
        room.oauth.0.verified.clear();
        room.oauth.verify(&token).unwrap();
    });
    let warm = time(1_000, &|| drop(room.oauth.verify(&token).unwrap()));
    println!("token check: cold {cold:?}, seen before {warm:?}");
    assert!(warm * 3 < cold);
}

/// The library passes over protobuf fields that it does not know, so one grant had any number of token texts.
#[tokio::test]
async fn a_token_has_one_text() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    let narrowed = attenuate(&token, r#"check if operation("read")"#);
    for good in [&token, &narrowed] {
        assert!(room.oauth.verify(good).is_ok());
        let bytes = URL_SAFE_NO_PAD.decode(good.strip_prefix("ing_").unwrap()).unwrap();
        // Fields 5 and 7, each with a number.
        for more in [&[0x28, 0x8e, 0x6f][..], &[0x38, 0xed, 0x2b]] {
            let longer = format!("ing_{}", URL_SAFE_NO_PAD.encode([bytes.as_slice(), more].concat()));
            assert!(room.oauth.verify(&longer).is_err());
        }
        assert!(room.oauth.verify(&format!("{good}=")).is_err());
    }
}
