//! Figures of single rooms, without HTTP: tokens, storage, durable writes, the overlay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::Figure;
use super::generate::{Dice, claim};
use super::plan::Plan;
use crate::access::admit_text;
use crate::access::{Base, Operation, Principal, View, decide};
use crate::fhir::{self, Kind};
use crate::search::{Query, Searched};
use crate::store::{Found, Table, Txn};

const COLD_TOKENS: usize = 200;
const WARM_CHECKS: usize = 200_000;
const VALIDATIONS: usize = 1_000;
const GETS: usize = 50_000;
const SEARCHES: usize = 1_000;
/// One write every two milliseconds is 500 a second.
const WRITE_EVERY: Duration = Duration::from_millis(2);
const EOB: Kind = Kind::named("ExplanationOfBenefit");

/// The token check: the first time a token is seen, and later.
pub(super) fn tokens(plan: &Plan) -> anyhow::Result<()> {
    let tokens = plan.tokens(COLD_TOKENS)?;
    let mut cold = Vec::with_capacity(tokens.len());
    for token in &tokens {
        let started = plan.clock.monotonic();
        plan.realm.oauth.verify(token)?;
        cold.push(plan.clock.monotonic().saturating_sub(started).as_nanos() as f64 / 1_000.0);
    }
    let started = plan.clock.monotonic();
    for at in 0..WARM_CHECKS {
        let token = tokens.get(at % tokens.len()).context("no token")?;
        std::hint::black_box(plan.realm.oauth.verify(token)?);
    }
    let warm = plan.clock.monotonic().saturating_sub(started).as_secs_f64() * 1e6 / WARM_CHECKS as f64;
    let figure = |measure, value| Figure { measure, value, unit: "us", members: plan.members, ..Figure::default() };
    figure("token check, seen before", warm).print();
    figure("token check, cold, median", median(&mut cold)).print();
    Ok(())
}

/// `$validate` of a claim, inside the process.
pub(super) fn validation(plan: &Plan) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(VALIDATIONS);
    for n in 0..VALIDATIONS {
        let text = claim("p0", n, &mut Dice::new(n as u64));
        let started = plan.clock.monotonic();
        let node = fhir::json::parse(text.as_bytes())?;
        std::hint::black_box(fhir::validate::validate(&node, &[]));
        times.push(plan.clock.monotonic().saturating_sub(started).as_nanos() as f64 / 1_000.0);
    }
    let value = median(&mut times);
    Figure { measure: "validation of a claim, median", value, unit: "us", members: plan.members, ..Figure::default() }
        .print();
    Ok(())
}

/// A read inside the process beside the bare get of the storage library.
pub(super) fn storage(plan: &Plan) -> anyhow::Result<()> {
    let view = View::operator(plan.clock.now());
    let mut dice = Dice::new(5);
    let ids: Vec<String> = (0..GETS).map(|_| format!("p{}-eob{}", dice.roll(plan.members), dice.roll(60))).collect();
    let mut rids = Vec::with_capacity(ids.len());
    for id in &ids {
        rids.push(plan.realm.store.snapshot()?.rid(EOB, id)?.context("a claim is missing")?);
    }
    let started = plan.clock.monotonic();
    for id in &ids {
        let found = plan.realm.store.snapshot()?.read(&view, EOB, id)?;
        ensure!(matches!(found, Found::Here(_)), "a claim is missing");
    }
    let ours = plan.clock.monotonic().saturating_sub(started).as_secs_f64();
    let started = plan.clock.monotonic();
    for rid in &rids {
        std::hint::black_box(plan.realm.store.snapshot()?.get(Table::new("current"), &rid.to_be_bytes())?);
    }
    let bare = plan.clock.monotonic().saturating_sub(started).as_secs_f64();
    Figure {
        measure: "read by id inside the process",
        value: GETS as f64 / ours,
        unit: "reads/s",
        ceiling: Some(GETS as f64 / bare),
        of: Some("bare redb get of the same record, still compressed"),
        members: plan.members,
        ..Figure::default()
    }
    .print();
    Ok(())
}

/// Durable creates: one client, then 64.
pub(super) fn creates(plan: &Plan, lasting: Duration) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let one = plan.runtime.block_on(create(plan, 1, lasting * 3, &next))?;
    let many = plan.runtime.block_on(create(plan, 64, lasting * 3, &next))?;
    let figure =
        |measure, value| Figure { measure, value, unit: "creates/s", members: plan.members, ..Figure::default() };
    figure("durable single creates, 1 client", one).print();
    Figure { ceiling: Some(one), of: Some("one client's rate"), ..figure("durable single creates, 64 clients", many) }
        .print();
    Ok(())
}

async fn create(plan: &Plan, clients: usize, lasting: Duration, next: &Arc<AtomicUsize>) -> anyhow::Result<f64> {
    let started = plan.clock.monotonic();
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let (realm, clock, next) = (Arc::clone(&plan.realm), plan.clock.clone(), Arc::clone(next));
        tasks.push(tokio::spawn(async move {
            let mut done = 0_usize;
            while clock.monotonic().saturating_sub(started) < lasting {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let text = claim("bench-writer", n, &mut Dice::new(n as u64));
                let prepared = admit_text(text.as_bytes())?;
                let now = clock.now();
                realm.store.transact(move |txn: &mut Txn<'_>| txn.put_resource(&prepared, now, None)).await?;
                done += 1;
            }
            anyhow::Ok(done)
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    Ok(done as f64 / plan.clock.monotonic().saturating_sub(started).as_secs_f64())
}

/// What a search costs while nothing is written and while 500 claims a second are, and whether a search that begins
/// after a write was acknowledged always finds it.
pub(super) fn overlay(plan: &Plan) -> anyhow::Result<()> {
    plan.realm.index.settle()?;
    let quiet = searches(plan, false)?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (realm, clock, stop) = (Arc::clone(&plan.realm), plan.clock.clone(), Arc::clone(&stop));
        plan.runtime.spawn(async move {
            let mut ticks = tokio::time::interval(WRITE_EVERY);
            let mut written = 0_usize;
            while !stop.load(Ordering::Relaxed) {
                ticks.tick().await;
                let text = claim("p1", 1_000 + written, &mut Dice::new(written as u64));
                let prepared = admit_text(text.as_bytes())?;
                let now = clock.now();
                realm.store.transact(move |txn: &mut Txn<'_>| txn.put_resource(&prepared, now, None)).await?;
                written += 1;
            }
            anyhow::Ok(written)
        })
    };
    let busy = searches(plan, true);
    stop.store(true, Ordering::Relaxed);
    let written = plan.runtime.block_on(writer)??;
    let figure = |measure, value, unit| Figure { measure, value, unit, members: plan.members, ..Figure::default() };
    let (busy, took) = busy?;
    figure("search by identifier, nothing written, median", quiet.0, "us").print();
    figure("search after an acknowledged write, while others write, median", busy, "us").print();
    figure("writes a second meanwhile", written as f64 / took, "creates/s").print();
    figure("added by the overlay and the writes, median", busy - quiet.0, "us").print();
    Ok(())
}

/// Median microseconds of a search, and seconds of the whole. With `write`, each search is for a claim written just
/// before it, and must find it.
fn searches(plan: &Plan, write: bool) -> anyhow::Result<(f64, f64)> {
    let token = plan.tokens(1)?.pop().context("no token")?;
    let access = Principal::App(plan.realm.oauth.verify(&token)?);
    let realm = &plan.realm;
    let mut times = Vec::with_capacity(SEARCHES);
    let started = plan.clock.monotonic();
    for n in 0..SEARCHES {
        let id = format!("p0-eob{}", if write { 2_000 + n } else { n % 60 });
        let text = claim("p0", if write { 2_000 + n } else { n % 60 }, &mut Dice::new(n as u64));
        let prepared = admit_text(text.as_bytes())?;
        let value = identifier(&prepared).context("a claim without identifier")?;
        if write {
            let now = plan.clock.now();
            realm.store.transact_blocking(move |txn: &mut Txn<'_>| txn.put_resource(&prepared, now, None))?;
        }
        let now = plan.clock.now();
        let begun = plan.clock.monotonic();
        let view = decide(&access, Base::Fhir, EOB, Operation::Search, now)?;
        let pair = if write { ("identifier".to_owned(), value) } else { ("_id".to_owned(), id.clone()) };
        let query = Query::read(realm.definitions.now(), EOB, &[pair], false, now, "")?;
        let searched =
            Searched { store: &realm.store, index: &realm.index, cursors: &realm.cursors, caller: "bench", now };
        let page = searched.page(&view, &query)?;
        times.push(plan.clock.monotonic().saturating_sub(begun).as_nanos() as f64 / 1_000.0);
        ensure!(page.matches.iter().any(|stored| stored.id == id), "the search did not find {id}");
    }
    let took = plan.clock.monotonic().saturating_sub(started).as_secs_f64();
    Ok((median(&mut times), took))
}

fn identifier(prepared: &crate::access::Admitted) -> Option<String> {
    let (number, _) = EOB.standard_parameter("identifier")?;
    prepared.extracted.values_of(number).find_map(|value| match value {
        fhir::Value::Token { system: Some(system), code: Some(code) } => Some(format!("{system}|{code}")),
        _ => None,
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
