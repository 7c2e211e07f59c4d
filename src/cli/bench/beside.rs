//! What a page and the start of a sign-in take while others loop long searches: the searches run in the realm's pool of
//! readers, so the pages must not wait for them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::Figure;
use super::client::{get, once, whole};
use super::plan::Plan;
use crate::web;

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Clients that loop.
const LOOPING: usize = 8;
/// Every provider of the directory is read and asked for words that none of them has.
const LONG: &str = "/directory/Practitioner?_content=nothinglikeit";
/// Pages, and sign-ins begun.
const PAGES: usize = 400;
const SIGN_INS: usize = 50;

pub(super) fn measure(plan: &Plan) -> anyhow::Result<()> {
    plan.runtime.block_on(async {
        let stop = Arc::new(tokio::sync::Notify::new());
        let server = web::Server::bind(ANY_PORT, 256)?;
        let address = server.address();
        let told = {
            let stop = Arc::clone(&stop);
            async move { stop.notified().await }
        };
        tokio::spawn(server.serve(web::app(std::slice::from_ref(&plan.realm), false), told, Duration::ZERO));
        alone_and_beside(plan, address).await?;
        stop.notify_waiters();
        anyhow::Ok(())
    })
}

async fn alone_and_beside(plan: &Plan, address: SocketAddr) -> anyhow::Result<()> {
    figure(plan, "page, alone", pages(plan, address).await?);
    figure(plan, "sign-in begun, alone", sign_ins(plan, address, "a").await?);
    let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut looping = Vec::new();
    for _ in 0..LOOPING {
        let (ended, done) = (Arc::clone(&ended), Arc::clone(&done));
        looping.push(tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                // One that is refused for its budget comes again, as a stranger's loop does.
                once(address, &get(LONG, None)).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    figure(plan, "page, beside 8 clients that loop a long search", pages(plan, address).await?);
    figure(plan, "sign-in begun, beside 8 clients that loop a long search", sign_ins(plan, address, "b").await?);
    ended.store(true, Ordering::Relaxed);
    for task in looping {
        task.await??;
    }
    ensure!(done.load(Ordering::Relaxed) > 0, "no long search came to its end");
    Ok(())
}

fn figure(plan: &Plan, measure: &'static str, mut took: Vec<u64>) {
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len().saturating_sub(1) * percent / 100).copied();
    Figure {
        measure,
        value: at(99).unwrap_or_default() as f64 / 1_000.0,
        unit: "ms, 99th percentile",
        p50_us: at(50),
        p99_us: at(99),
        members: plan.members,
        ..Figure::default()
    }
    .print();
}

async fn pages(plan: &Plan, address: SocketAddr) -> anyhow::Result<Vec<u64>> {
    let mut took = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let sent = plan.clock.monotonic();
        let (status, _) = once(address, &get("/login", None)).await?;
        took.push(plan.clock.monotonic().saturating_sub(sent).as_micros() as u64);
        ensure!(status == 200, "the page answers {status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(took)
}

/// From the sent form with an address to the page that asks for the code, which is kept by then.
async fn sign_ins(plan: &Plan, address: SocketAddr, name: &str) -> anyhow::Result<Vec<u64>> {
    let mut took = Vec::with_capacity(SIGN_INS);
    for at in 0..SIGN_INS {
        let (_, head, page) = whole(address, &get("/login", None)).await?;
        let (head, page) = (String::from_utf8_lossy(&head), String::from_utf8_lossy(&page));
        let cookie = between(&head, "set-cookie: ", ";").context("a page without a cookie")?;
        let token = between(&page, "name=\"form\" value=\"", "\"").context("a form without a token")?;
        let body = format!("form={token}&address={name}{at}%40example.org");
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Cookie: {cookie}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = plan.clock.monotonic();
        let (status, _) = once(address, request.as_bytes()).await?;
        took.push(plan.clock.monotonic().saturating_sub(sent).as_micros() as u64);
        ensure!(status == 200, "the form with an address answers {status}");
    }
    Ok(took)
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}
