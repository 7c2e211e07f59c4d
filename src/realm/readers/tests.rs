use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;
use crate::outbound::ClockHand;

fn app(name: &str) -> Caller {
    Caller { app: Some(name.into()), network: None, is_of_the_plan: false }
}

fn pool(threads: usize, longest: Duration) -> (Arc<Readers>, ClockHand) {
    let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
    (Arc::new(Readers::start_with("test", clock, threads, longest).unwrap()), hand)
}

/// Work that holds its thread until the sender is dropped.
fn held() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (open, wait) = mpsc::channel::<()>();
    (open, move || {
        let _ = wait.recv();
    })
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it did not come to that");
}

#[tokio::test]
async fn one_caller_never_has_all_threads() {
    let (pool, _hand) = pool(4, LONGEST);
    let running = Arc::new(AtomicUsize::new(0));
    let mut gates = Vec::new();
    for _ in 0..8 {
        let (gate, work) = held();
        gates.push(gate);
        let (pool, running) = (Arc::clone(&pool), Arc::clone(&running));
        tokio::spawn(async move {
            let counted = move || {
                running.fetch_add(1, Ordering::SeqCst);
                work();
            };
            pool.run(&app("greedy"), &Effort::unlimited(), counted).await
        });
    }
    until(|| running.load(Ordering::SeqCst) == 2 && pool.load() == 8).await;
    // The other half of the threads is there for others, at once.
    assert_eq!(pool.run(&app("other"), &Effort::unlimited(), || 7).await, Ok(7));
    assert_eq!(running.load(Ordering::SeqCst), 2);
    drop(gates);
    until(|| pool.load() == 0).await;
    assert_eq!(running.load(Ordering::SeqCst), 8, "what waited was done");
}

#[tokio::test]
async fn work_that_takes_too_long_or_is_not_waited_for_is_ended() {
    let (pool, _hand) = pool(2, Duration::from_millis(40));
    let spin = |effort: Effort| move || while effort.spend(1).is_ok() {};
    let effort = Effort::unlimited();
    assert_eq!(pool.run(&app("a"), &effort, spin(effort.clone())).await, Err(Refused::Late));
    let effort = Effort::unlimited();
    {
        let gone = app("b");
        let mut asked = Box::pin(pool.run(&gone, &effort, spin(effort.clone())));
        assert!(futures_util::poll!(&mut asked).is_pending());
    }
    assert!(effort.is_over());
    until(|| pool.load() == 0).await;
}

#[tokio::test]
async fn who_waits_is_bounded_and_told_when_to_come_back() {
    let (pool, _hand) = pool(1, LONGEST);
    let mut gates = Vec::new();
    let mut ask = |name: String| {
        let (gate, work) = held();
        gates.push(gate);
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { pool.run(&app(&name), &Effort::unlimited(), work).await })
    };
    let first = ask("x".into());
    until(|| pool.load() == 1).await;
    for _ in 0..MAX_WAITING_EACH {
        ask("x".into());
    }
    until(|| pool.load() == 1 + MAX_WAITING_EACH).await;
    assert_eq!(ask("x".into()).await.unwrap(), Err(Refused::Budget(AGAIN)));
    for at in 0..MAX_WAITING - MAX_WAITING_EACH {
        ask(format!("app-{}", at / MAX_WAITING_EACH));
    }
    until(|| pool.load() == 1 + MAX_WAITING).await;
    assert_eq!(ask("late".into()).await.unwrap(), Err(Refused::Busy(AGAIN)));
    drop(gates);
    assert_eq!(first.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn long_work_uses_up_a_budget_that_recovers() {
    let (pool, hand) = pool(2, LONGEST);
    let network = Some(Network::of("2001:db8:1:2::3".parse().unwrap()));
    let stranger = Caller { app: None, network, is_of_the_plan: false };
    let neighbour = Caller { app: Some("app".into()), ..stranger.clone() };
    let plan = Caller { app: Some("plan".into()), network, is_of_the_plan: true };
    let long = |hand: ClockHand| move || hand.advance(BUDGET + Duration::from_secs(10));
    assert_eq!(pool.run(&plan, &Effort::unlimited(), long(hand.clone())).await, Ok(()));
    assert_eq!(pool.run(&stranger, &Effort::unlimited(), long(hand.clone())).await, Ok(()));
    until(|| pool.load() == 0).await;
    for caller in [&stranger, &neighbour] {
        let refused = pool.run(caller, &Effort::unlimited(), || ()).await;
        assert!(matches!(refused, Err(Refused::Budget(30..=45))), "{refused:?}");
    }
    assert_eq!(pool.run(&plan, &Effort::unlimited(), || ()).await, Ok(()));
    hand.advance(Duration::from_secs(45));
    assert_eq!(pool.run(&stranger, &Effort::unlimited(), || ()).await, Ok(()));
}

#[tokio::test]
async fn short_work_costs_nothing_and_a_panic_is_its_callers() {
    let (pool, hand) = pool(2, LONGEST);
    for _ in 0..200 {
        let hand = hand.clone();
        let work = move || hand.advance(FREE);
        assert_eq!(pool.run(&app("a"), &Effort::unlimited(), work).await, Ok(()));
    }
    let other = Arc::clone(&pool);
    let failed = tokio::spawn(async move { other.run(&app("a"), &Effort::unlimited(), || panic!("seen")).await });
    assert!(failed.await.unwrap_err().is_panic());
    assert_eq!(pool.run(&app("a"), &Effort::unlimited(), || 1).await, Ok(1));
}

#[test]
fn a_network_is_an_address_of_version_four_or_48_bits_of_version_six() {
    let of = |text: &str| Network::of(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::9"));
    assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
}
