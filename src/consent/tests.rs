use std::time::Duration;

use super::*;
use crate::outbound::ClockHand;

fn room() -> (Consent, Store, Clock, ClockHand, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.redb")).unwrap();
    let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
    let consent = Consent::open(store.clone(), clock.clone(), Chance::seeded(1)).unwrap();
    (consent, store, clock, hand, dir)
}

async fn share(consent: &Consent, store: &Store, client: &str, until: i64) -> Grant {
    let new = NewGrant {
        client_id: client.into(),
        member: "M1".into(),
        fhir_user: "p1".into(),
        acts_since: None,
        patients: vec!["p1".into()],
        scopes: "patient/*.rs".into(),
        shared: vec![],
        until,
    };
    let room = consent.clone();
    store.transact(move |txn| room.put_new(txn, new)).await.unwrap()
}

#[tokio::test]
async fn stopping_takes_effect_at_once_and_survives_a_restart() {
    let (consent, store, clock, _hand, _dir) = room();
    let now = clock.now().as_second();
    let stopped = share(&consent, &store, "app-a", now + 1_000).await;
    let kept = share(&consent, &store, "app-b", now + 1_000).await;
    assert!(consent.is_live(&stopped.id, now) && consent.is_live(&kept.id, now));
    let ana = Asker { member: &"M1".into(), patient: &"p1".into() };
    assert_eq!(consent.stop(&stopped.id, ana).await.unwrap(), "app-a");
    assert!(!consent.is_live(&stopped.id, now));
    assert!(matches!(consent.stop(&stopped.id, ana).await, Err(Error::Unknown)));
    let other = Asker { member: &"M2".into(), patient: &"p2".into() };
    assert!(matches!(consent.stop(&kept.id, other).await, Err(Error::Unknown)));
    assert!(matches!(consent.stop("never-made", ana).await, Err(Error::Unknown)));

    let again = Consent::open(store, clock, Chance::seeded(2)).unwrap();
    assert!(!again.is_live(&stopped.id, now));
    assert!(again.is_live(&kept.id, now));
    assert!(!again.is_live("never-made", now));
}

#[tokio::test]
async fn a_grant_is_live_for_whoever_was_given_the_code_and_not_before_it_is_kept() {
    let (consent, store, clock, _hand, _dir) = room();
    let now = clock.now().as_second();
    let made = std::sync::Arc::new(parking_lot::Mutex::new(String::new()));
    let (room, id) = (consent.clone(), std::sync::Arc::clone(&made));
    let refused: Result<(), store::Error> = store
        .transact(move |txn| {
            let new = NewGrant {
                client_id: "app-a".into(),
                member: "M1".into(),
                fhir_user: "p1".into(),
                acts_since: None,
                patients: vec!["p1".into()],
                scopes: "patient/*.rs".into(),
                shared: vec![],
                until: now + 1_000,
            };
            *id.lock() = room.put_new(txn, new)?.id.into_string();
            Err(store::Error::VersionConflict)
        })
        .await;
    assert!(refused.is_err() && !consent.is_live(&made.lock(), now), "nothing was kept");
    let kept = share(&consent, &store, "app-a", now + 1_000).await;
    assert!(consent.is_live(&kept.id, now));
}

#[tokio::test]
async fn an_app_is_out_even_if_the_stop_cannot_be_kept() {
    let (consent, store, clock, _hand, _dir) = room();
    let now = clock.now().as_second();
    let grant = share(&consent, &store, "app-a", now + 1_000).await;
    store.close();
    assert!(matches!(consent.revoke(std::slice::from_ref(&grant.id)).await, Err(Error::Store(_))));
    assert!(!consent.is_live(&grant.id, now));
}

#[tokio::test]
async fn a_grant_ends_by_itself() {
    let (consent, store, clock, hand, _dir) = room();
    let grant = share(&consent, &store, "app-a", clock.now().as_second() + 60).await;
    hand.advance(Duration::from_mins(1));
    assert!(!consent.is_live(&grant.id, clock.now().as_second()));
}

#[test]
fn what_was_not_chosen_is_withheld_even_if_it_is_not_known_yet() {
    let kept_back = withheld(&[Category::Hiv]);
    assert!(!kept_back.contains(Category::Hiv) && kept_back.contains(Category::SubstanceUse));
    assert!(kept_back.overlaps(Categories::from_bits(1 << 15)));
    assert!(withheld(&[]).contains(Category::Hiv));
}

/// A represented adult could not see what her representative shared, nor stop it; and stopping for the child stopped for the
/// mother, unsaid (house.md 1.4).
#[tokio::test]
async fn whose_records_they_are_sees_and_stops_them_and_a_card_stops_what_it_shows() {
    let (consent, store, clock, _hand, _dir) = room();
    let now = clock.now().as_second();
    let put = |client: &str, member: &str, patient: &str| {
        let new = NewGrant {
            client_id: client.into(),
            member: member.into(),
            fhir_user: member.to_lowercase().into(),
            acts_since: None,
            patients: vec![patient.into()],
            scopes: "patient/*.rs".into(),
            shared: vec![],
            until: now + 1_000,
        };
        let (room, store) = (consent.clone(), store.clone());
        async move { store.transact(move |txn| room.put_new(txn, new)).await.unwrap().id }
    };
    let mothers = put("app-a", "MOTHER", "mother").await;
    let (phone, tablet) = (put("app-a", "MOTHER", "child").await, put("app-a", "MOTHER", "child").await);
    assert_eq!(phone, tablet, "the same decision again");
    let own = put("app-a", "CHILD", "child").await;
    let ids = |grants: Vec<Grant>| {
        let mut ids: Vec<GrantId> = grants.into_iter().map(|grant| grant.id).collect();
        ids.sort_unstable();
        ids
    };
    let sorted = |mut all: Vec<GrantId>| {
        all.sort_unstable();
        all
    };
    assert_eq!(ids(consent.of_patient("child").unwrap()), sorted(vec![phone.clone(), own.clone()]));
    let child = Asker { member: &"CHILD".into(), patient: &"child".into() };
    let mother = Asker { member: &"MOTHER".into(), patient: &"mother".into() };
    assert!(matches!(consent.stop(&mothers, child).await, Err(Error::Unknown)), "not hers");
    assert!(matches!(consent.stop(&own, mother).await, Err(Error::Unknown)), "not hers to stop");
    assert_eq!(consent.stop(&phone, child).await.unwrap(), "app-a");
    let live = [&mothers, &phone, &tablet, &own].map(|grant| consent.is_live(grant, now));
    assert_eq!(live, [true, false, false, true]);

    // Grants that an older version wrote are found by whose records too.
    store
        .transact_blocking(|txn| {
            for table in [BY_PATIENT, card::BY_CARD] {
                for (key, _) in txn.scan(table, b"", 100)? {
                    txn.delete(table, &key)?;
                }
            }
            Ok::<_, store::Error>(())
        })
        .unwrap();
    assert!(consent.of_patient("child").unwrap().is_empty());
    let again = Consent::open(store, clock, Chance::seeded(2)).unwrap();
    assert_eq!(again.of_patient("child").unwrap().len(), 2);
    assert_eq!(again.stop(&own, child).await.unwrap(), "app-a");
}

fn grant(id: usize, until: i64) -> Grant {
    Grant {
        id: format!("grant-{id}").into(),
        client_id: "app-a".into(),
        member: "M1".into(),
        fhir_user: "p1".into(),
        patients: vec!["p1".into()],
        scopes: if id.is_multiple_of(3) { "openid" } else { "patient/*.rs" }.into(),
        shared: vec![],
        created: 0,
        until,
        revoked: None,
        replaced: false,
    }
}

/// A member with many grants kept live tokens after she stopped an app: only the first thousand grants were read (access.md B4). Older
/// versions made one for each authorization.
#[tokio::test]
async fn threat_93_stopping_ends_every_grant_of_the_card() {
    let (consent, store, clock, _hand, _dir) = room();
    let now = clock.now().as_second();
    let mine = share(&consent, &store, "app-b", now + 1_000).await;
    store.transact(move |txn| (0..5_000).try_for_each(|id| card::put(txn, &grant(id, now + 1_000)))).await.unwrap();
    let ana = Asker { member: &"M1".into(), patient: &"p1".into() };
    consent.stop("grant-4321", ana).await.unwrap();
    assert!((0..5_000).all(|id| !consent.is_live(&format!("grant-{id}"), now)));
    assert!(consent.is_live(&mine.id, now), "another app's");
}

async fn decide(consent: &Consent, store: &Store, scopes: &str, shared: &[Category], until: i64) -> GrantId {
    let new = NewGrant {
        client_id: "app-a".into(),
        member: "M1".into(),
        fhir_user: "p1".into(),
        acts_since: None,
        patients: vec!["p1".into()],
        scopes: scopes.into(),
        shared: shared.to_vec(),
        until,
    };
    let room = consent.clone();
    store.transact(move |txn| room.put_new(txn, new)).await.unwrap().id
}

/// Connecting again with fewer ticks narrowed nothing: the earlier token read on (access.md S3).
#[tokio::test]
async fn threat_93_a_decision_with_less_ends_what_had_more() {
    let (consent, store, clock, _hand, _dir) = room();
    let now = clock.now().as_second();
    let until = now + 1_000;
    let more = decide(&consent, &store, "openid patient/*.rs", &[Category::Hiv], until).await;
    let fewer_topics = decide(&consent, &store, "openid patient/*.rs", &[], until).await;
    assert_ne!(more, fewer_topics);
    assert_eq!([&more, &fewer_topics].map(|id| consent.is_live(id, now)), [false, true]);
    let fewer_types = decide(&consent, &store, "openid patient/Coverage.rs", &[], until).await;
    assert_eq!([&fewer_topics, &fewer_types].map(|id| consent.is_live(id, now)), [false, true]);
    let wider = decide(&consent, &store, "openid patient/Coverage.rs patient/Patient.r", &[Category::Hiv], until).await;
    assert_eq!(wider, fewer_types, "what takes nothing away extends the grant, and its tokens go on");
    let sign_in = decide(&consent, &store, "openid fhirUser", &[], until).await;
    assert!(sign_in != wider && consent.is_live(&wider, now), "signing in decides nothing about records");
    let listed: Vec<GrantId> = consent.of_member("M1").unwrap().into_iter().map(|grant| grant.id).collect();
    assert_eq!(listed.len(), 2, "what was replaced is not listed");
}

#[tokio::test]
async fn what_a_representative_shared_before_she_was_one_again_is_not_extended() {
    let (consent, store, clock, hand, _dir) = room();
    let now = clock.now().as_second();
    let new = |acts_since| NewGrant {
        client_id: "app-a".into(),
        member: "MOTHER".into(),
        fhir_user: "mother".into(),
        acts_since: Some(acts_since),
        patients: vec!["child".into()],
        scopes: "patient/*.rs".into(),
        shared: vec![],
        until: now + 1_000_000,
    };
    let (room, first) = (consent.clone(), new(now - 10));
    let before = store.transact(move |txn| room.put_new(txn, first)).await.unwrap();
    hand.advance(Duration::from_mins(2));
    let (room, second) = (consent.clone(), new(now + 60));
    let after = store.transact(move |txn| room.put_new(txn, second)).await.unwrap();
    assert_ne!(before.id, after.id);
    assert!(!consent.is_live(&before.id, now + 120) && consent.is_live(&after.id, now + 120));
}

#[tokio::test]
async fn grants_are_forgotten_with_every_way_to_them() {
    let (consent, store, clock, hand, _dir) = room();
    let now = clock.now().as_second();
    decide(&consent, &store, "patient/*.rs", &[Category::Hiv], now + 1_000).await;
    decide(&consent, &store, "patient/*.rs", &[], now + 1_000).await;
    let rows = || {
        let snapshot = store.snapshot().unwrap();
        [GRANTS, BY_MEMBER, BY_PATIENT, card::BY_CARD].map(|table| snapshot.scan(table, b"", 100).unwrap().len())
    };
    assert_eq!(rows(), [2, 2, 2, 2], "the card has a mark of its own, and one live grant");
    hand.advance(Duration::from_secs(KEPT_REPLACED.unsigned_abs() + 1));
    store.sweep(clock.now()).await.unwrap();
    assert_eq!(rows(), [1, 1, 1, 2]);
    hand.advance(Duration::from_secs(KEPT_ENDED.unsigned_abs()));
    store.sweep(clock.now()).await.unwrap();
    assert_eq!(rows(), [0, 0, 0, 1]);
}
