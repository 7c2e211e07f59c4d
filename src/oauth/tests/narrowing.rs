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
async fn appended_facts_and_rules_grant_nothing() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    let forged = attenuate(
        &token,
        r#"granted_patient("pat-M3"); granted_scope("system/*.cruds"); shared_category("hiv");
           access("plan", "t", "app-x", "M3", "pat-M3", "g", "f", 0, 99999999999);
           granted_patient($p) <- patient($p); resource_type("Coverage");
           check if true"#,
    );
    let (plain, tried) = (room.oauth.verify(&token).unwrap(), room.oauth.verify(&forged).unwrap());
    assert_eq!((&tried.patients, &tried.client_id, &tried.scopes), (&plain.patients, &plain.client_id, &plain.scopes));
    assert_eq!((tried.withheld, tried.expires), (plain.withheld, plain.expires));
    let lying = attenuate(&types_only(&token), r#"resource_type("Coverage")"#);
    assert!(!allows(&room, &lying, "Patient", Operation::Read, "pat-M1"));
}

fn types_only(token: &str) -> String {
    attenuate(token, r#"check if resource_type("Coverage")"#)
}

#[tokio::test]
async fn a_token_cannot_keep_the_server_busy() {
    let room = room().await;
    let token = room.tokens(&room.web).await.access_token;
    let mut many = token.clone();
    for _ in 0..limits::MAX_BLOCKS {
        many = attenuate(&many, "check if true");
    }
    assert!(room.oauth.verify(&many).is_err(), "too many blocks");
    let numbers: Vec<String> = (0..20).map(|n| format!("n({n});")).collect();
    let numbers = numbers.concat();
    let grower =
        attenuate(&token, &format!("{numbers} p($a, $b, $c, $d) <- n($a), n($b), n($c), n($d); check if true"));
    assert!(room.oauth.verify(&grower).is_err(), "160,000 facts");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever an app appends, what the token grants stays the same or the token is refused.
    #[test]
    fn random_blocks_never_widen(facts in proptest::collection::vec("(granted_patient|granted_scope|shared_category|patient|resource_type)\\(\"[a-zA-Z*./-]{1,12}\"\\)", 0..5)) {
        let keys = Keys::in_memory_once();
        let claims = token::Claims {
            token: "t".into(), client_id: "app-1".into(), member: Some("M1".into()), fhir_user: "p".into(),
            patients: vec!["pat-1".into()], scopes: "patient/*.rs".into(), shared: vec![], grant: Some("g".into()),
            family: "f".into(), issued: 1, expires: 2,
        };
        let plain = token::mint(keys, "plan", "ing_", &claims).unwrap();
        let code = facts.iter().flat_map(|fact| [fact.as_str(), ";"]).collect::<String>();
        let changed = attenuate(&plain, &code);
        if let Some(read) = token::read(keys, "plan", "ing_", &changed) {
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
