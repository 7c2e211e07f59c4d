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
    assert_eq!(consent.stop("M1", "app-a").await.unwrap(), 1);
    assert!(!consent.is_live(&stopped.id, now));
    assert!(matches!(consent.stop("M1", "app-a").await, Err(Error::Unknown)));
    assert!(matches!(consent.stop("M2", "app-b").await, Err(Error::Unknown)));

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
                patients: vec!["p1".into()],
                scopes: "patient/*.rs".into(),
                shared: vec![],
                until: now + 1_000,
            };
            *id.lock() = room.put_new(txn, new)?.id;
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
