//! Figures over HTTP, each beside a bare route of the same HTTP library that returns the same bytes. Product and
//! ceiling take turns in short slices and the medians are compared, so that a machine that slows down slows both.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;

use super::Figure;
use super::client::{Run, get, hammer, once, post};
use super::generate::{Dice, PRACTITIONERS};
use super::plan::{Plan, SIGNED_IN};
use crate::access::{Base, Operation, Principal, decide};
use crate::fhir::Kind;
use crate::search::{Query, Searched};
use crate::web;

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Connections at a time, more than there are clients.
const CONNECTIONS: u32 = 1_024;
const CLIENTS: usize = 32;
/// Clients of the searches whose 99th percentile is asked for.
const FEW_CLIENTS: usize = 8;
/// The far page.
const PAGE: usize = 200;
const PAGE_ROUNDS: u32 = 500;
/// Turns of product and ceiling.
const TURNS: usize = 5;
const REQUESTS: usize = 512;

/// One measure: the requests, and the figure's name.
struct Case {
    measure: &'static str,
    requests: Vec<Vec<u8>>,
    connections: usize,
}

pub(super) fn measure(plan: &Plan, slice: Duration) -> anyhow::Result<()> {
    compare_all(plan, cases(plan)?, slice)?;
    pages(plan)
}

/// Only the cases whose name contains `text`.
pub(super) fn some(plan: &Plan, slice: Duration, text: &str) -> anyhow::Result<()> {
    let cases = cases(plan)?.into_iter().filter(|case| case.measure.contains(text)).collect();
    compare_all(plan, cases, slice)
}

fn compare_all(plan: &Plan, cases: Vec<Case>, slice: Duration) -> anyhow::Result<()> {
    plan.runtime.block_on(async {
        let stop = Arc::new(tokio::sync::Notify::new());
        let server = web::Server::bind(ANY_PORT, CONNECTIONS)?;
        let product = server.address();
        let app = web::app(std::slice::from_ref(&plan.realm), false);
        tokio::spawn(server.serve(app, told(&stop), Duration::ZERO));
        for case in cases {
            compare(plan, product, case, slice, &stop).await?;
        }
        stop.notify_waiters();
        anyhow::Ok(())
    })
}

fn told(stop: &Arc<tokio::sync::Notify>) -> impl Future<Output = ()> + use<> {
    let stop = Arc::clone(stop);
    async move { stop.notified().await }
}

async fn compare(
    plan: &Plan,
    product: SocketAddr,
    case: Case,
    slice: Duration,
    stop: &Arc<tokio::sync::Notify>,
) -> anyhow::Result<()> {
    let first = case.requests.first().context("no request")?;
    let (status, body) = once(product, first).await?;
    ensure!(status == 200, "{} answers {status}", case.measure);
    let server = web::Bare::bind(ANY_PORT, Bytes::from(body)).await?;
    let bare = server.address();
    tokio::spawn(server.serve(told(stop)));
    let requests = Arc::new(case.requests);
    let same_bytes = Arc::new(vec![get("/bare", None)]);
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..TURNS {
        ours.push(hammer(product, Arc::clone(&requests), case.connections, slice, &plan.clock).await?);
        theirs.push(hammer(bare, Arc::clone(&same_bytes), case.connections, slice, &plan.clock).await?);
    }
    let (ours, theirs) = (middle(ours), middle(theirs));
    Figure {
        measure: case.measure,
        value: ours.rate,
        unit: "requests/s",
        ceiling: Some(theirs.rate),
        of: Some("bare poem route, same bytes"),
        p50_us: Some(ours.percentile(50)),
        p99_us: Some(ours.percentile(99)),
        members: plan.members,
        ..Figure::default()
    }
    .print();
    Ok(())
}

/// The run with the median rate.
fn middle(mut runs: Vec<Run>) -> Run {
    runs.sort_by(|left, right| left.rate.total_cmp(&right.rate));
    let at = runs.len() / 2;
    runs.into_iter().nth(at).unwrap_or_default()
}

fn cases(plan: &Plan) -> anyhow::Result<Vec<Case>> {
    let members = SIGNED_IN.min(plan.members);
    let tokens = plan.tokens(members)?;
    let mut dice = Dice::new(9);
    let mut make = |path: &dyn Fn(usize, &mut Dice) -> String, signed: bool| -> Vec<Vec<u8>> {
        (0..REQUESTS)
            .map(|at| {
                let member = at % members;
                let token = tokens.get(member).filter(|_| signed).map(String::as_str);
                get(&path(member, &mut dice), token)
            })
            .collect()
    };
    let read = make(&|member, dice| format!("/fhir/ExplanationOfBenefit/p{member}-eob{}", dice.roll(60)), true);
    let open = make(&|_, dice| format!("/directory/Practitioner/prac-{}", dice.roll(PRACTITIONERS)), false);
    let claims = make(&|member, _| format!("/fhir/ExplanationOfBenefit?patient=p{member}&_count=50"), true);
    let everything = make(&|member, _| format!("/fhir/Patient/p{member}/$everything"), true);
    let name = make(&|_, dice| format!("/fhir/Patient?name={}", dice.pick(&["al", "bir", "del"])), true);
    let directory =
        make(&|_, dice| format!("/directory/Practitioner?family={}&_count=20", dice.pick(&["alder", "haddad"])), false);
    let token =
        make(&|member, _| format!("/fhir/ExplanationOfBenefit?patient=p{member}&type=professional&_count=20"), true);
    let date = make(
        &|member, dice| {
            format!("/fhir/ExplanationOfBenefit?patient=p{member}&service-date=ge2025-0{}&_count=20", 1 + dice.roll(9))
        },
        true,
    );
    let sorted =
        make(&|member, _| format!("/fhir/ExplanationOfBenefit?patient=p{member}&_sort=-created&_count=20"), true);
    let chain = make(&|_, _| "/fhir/Observation?patient.family=a&status=final&_count=20".to_owned(), true);
    let has = make(&|_, _| "/fhir/Patient?_has:ExplanationOfBenefit:patient:type=professional".to_owned(), true);
    let include = make(
        &|member, _| {
            format!("/fhir/ExplanationOfBenefit?patient=p{member}&_include=ExplanationOfBenefit:patient&_count=20")
        },
        true,
    );
    let roles = make(
        &|_, dice| {
            format!("/directory/PractitionerRole?practitioner.family={}&_count=20", dice.pick(&["alder", "haddad"]))
        },
        false,
    );
    let case = |measure, requests, connections| Case { measure, requests, connections };
    Ok(vec![
        case("claims of a patient by type (token), 8 clients", token, FEW_CLIENTS),
        case("claims of a patient by service-date, 8 clients", date, FEW_CLIENTS),
        case("claims of a patient, newest first, 8 clients", sorted, FEW_CLIENTS),
        case("Observation?patient.family= (chain), 8 clients", chain, FEW_CLIENTS),
        case("Patient?_has:ExplanationOfBenefit (reverse chain), 8 clients", has, FEW_CLIENTS),
        case("claims of a patient with _include, 8 clients", include, FEW_CLIENTS),
        case("directory PractitionerRole?practitioner.family= (chain), 8 clients", roles, FEW_CLIENTS),
        case("read by id, member's token, audited, 32 clients", read, CLIENTS),
        case("read by id in the directory, 32 clients", open, CLIENTS),
        case("ExplanationOfBenefit?patient=…&_count=50, 32 clients", claims.clone(), CLIENTS),
        case("ExplanationOfBenefit?patient=…&_count=50, 1 client", claims, 1),
        case("Patient/$everything of 145 resources, 32 clients", everything.clone(), CLIENTS),
        case("Patient/$everything of 145 resources, 1 client", everything, 1),
        case("Patient?name=, member's token, 32 clients", name, CLIENTS),
        case("directory Practitioner?family=&_count=20, 32 clients", directory, CLIENTS),
    ])
}

/// Requests of every sort for a server process of its own: reads and searches, and creations.
pub(super) struct Mixed {
    pub(super) reads: Vec<Vec<u8>>,
    pub(super) writes: Vec<Vec<u8>>,
}

pub(super) fn mixed(plan: &Plan) -> anyhow::Result<Mixed> {
    let mut reads = Vec::new();
    for case in cases(plan)? {
        reads.extend(case.requests);
    }
    // Neighbours are of different sorts.
    let mut dice = Dice::new(11);
    for at in (1..reads.len()).rev() {
        reads.swap(at, dice.roll(at + 1));
    }
    let token = super::writer::token(plan)?;
    let write = |n: usize| {
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"mixed {n}"}},"subject":{{"reference":"Patient/p{}"}}}}"#,
            n % plan.members
        );
        post("/fhir/Observation", &token, &body)
    };
    Ok(Mixed { reads, writes: (0..REQUESTS).map(write).collect() })
}

/// Page 200 of a large result beside page 1, inside the process.
fn pages(plan: &Plan) -> anyhow::Result<()> {
    let now = plan.clock.now();
    let kind = Kind::named("PractitionerRole");
    let view = decide(&Principal::Anyone, Base::Directory, kind, Operation::Search, now)?;
    let realm = &plan.realm;
    let searched = Searched { store: &realm.store, index: &realm.index, cursors: &realm.cursors, caller: "bench", now };
    let read = |cursor: Option<String>| -> anyhow::Result<_> {
        let mut query =
            Query::read(realm.definitions.now(), kind, &[("_count".to_owned(), "10".to_owned())], false, now, "")?;
        query.cursor = cursor;
        Ok(searched.page(&view, &query)?)
    };
    let time = |cursor: Option<String>| -> anyhow::Result<f64> {
        let started = plan.clock.monotonic();
        for _ in 0..PAGE_ROUNDS {
            std::hint::black_box(read(cursor.clone())?);
        }
        Ok(plan.clock.monotonic().saturating_sub(started).as_secs_f64() * 1e6 / f64::from(PAGE_ROUNDS))
    };
    let mut cursor = None;
    for _ in 1..PAGE {
        cursor = read(cursor)?.next;
        ensure!(cursor.is_some(), "the directory has fewer than {PAGE} pages");
    }
    let first = time(None)?;
    Figure {
        measure: "page 200 of the roles of the directory, 10 each",
        value: time(cursor)?,
        unit: "us",
        ceiling: Some(first),
        of: Some("page 1"),
        members: plan.members,
        ..Figure::default()
    }
    .print();
    Ok(())
}
