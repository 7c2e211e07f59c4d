//! Start-up and idle memory of a server process of its own, on the data that was loaded.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::Figure;
use super::client::{get, hammer, once};
use super::http::Mixed;
use super::plan::{About, memory_of};
use crate::cli::runtime;
use crate::outbound::Clock;

/// A server that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(2);
/// How long the process is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(3);
const STARTS: usize = 3;
/// Clients and length of the mixed load.
const READERS: usize = 24;
const WRITERS: usize = 8;
const LOAD: Duration = Duration::from_secs(15);

pub(super) fn measure(folder: &Path, about: &About, clock: &Clock) -> anyhow::Result<()> {
    let mut times = Vec::new();
    let mut memory = 0.0;
    for _ in 0..STARTS {
        let (time, idle) = start(folder, about, clock)?;
        times.push(time);
        memory = idle;
    }
    times.sort_by(f64::total_cmp);
    let figure = |measure, value, unit| Figure { measure, value, unit, members: about.members, ..Figure::default() };
    figure("start to first answer, median of 3", times.get(STARTS / 2).copied().unwrap_or(0.0), "s").print();
    figure("idle memory", memory, "MB").print();
    let binary = std::env::current_exe().and_then(std::fs::metadata)?.len();
    figure("binary", binary as f64 / 1e6, "MB").print();
    Ok(())
}

fn start(folder: &Path, about: &About, clock: &Clock) -> anyhow::Result<(f64, f64)> {
    let (mut child, address, started) = spawn(folder, about, clock)?;
    let outcome = wait(address, started, clock, &mut child);
    let idle = outcome.as_ref().ok().and_then(|_| {
        std::thread::sleep(SETTLE);
        memory_of(&child.id().to_string(), "VmRSS")
    });
    child.kill()?;
    child.wait()?;
    Ok((outcome?, idle.unwrap_or(0.0)))
}

fn spawn(folder: &Path, about: &About, clock: &Clock) -> anyhow::Result<(Child, SocketAddr, Duration)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let started = clock.monotonic();
    let child = Command::new(std::env::current_exe()?)
        .arg("--config")
        .arg(&about.config)
        .arg("serve")
        .env("INGLE_SERVER__LISTEN", address.to_string())
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("the server could not be started")?;
    Ok((child, address, started))
}

/// Reads, searches and creations of every sort at once; then the process is killed in the midst of them and started again.
pub(super) fn under_load(folder: &Path, about: &About, mixed: Mixed, clock: &Clock) -> anyhow::Result<()> {
    let (mut child, address, started) = spawn(folder, about, clock)?;
    let outcome = wait(address, started, clock, &mut child).and_then(|_| load(address, mixed, clock, &mut child));
    child.kill()?;
    child.wait()?;
    let (peak, reads, writes) = outcome?;
    let figure = |measure, value, unit| Figure { measure, value, unit, members: about.members, ..Figure::default() };
    figure("mixed load, reads and searches of every sort, 24 clients", reads, "requests/s").print();
    figure("mixed load, creations meanwhile, 8 clients", writes, "creates/s").print();
    figure("peak memory under mixed load", peak, "MB").print();
    figure("start to first answer after kill -9 under load", start(folder, about, clock)?.0, "s").print();
    Ok(())
}

/// Peak megabytes, reads and writes a second. The process is killed while both still go on.
fn load(address: SocketAddr, mixed: Mixed, clock: &Clock, child: &mut Child) -> anyhow::Result<(f64, f64, f64)> {
    let (reads, writes) = (Arc::new(mixed.reads), Arc::new(mixed.writes));
    runtime()?.block_on(async {
        let (read, written) = tokio::join!(
            hammer(address, Arc::clone(&reads), READERS, LOAD, clock),
            hammer(address, Arc::clone(&writes), WRITERS, LOAD, clock)
        );
        let peak = memory_of(&child.id().to_string(), "VmHWM").context("the server has gone")?;
        let still = tokio::spawn({
            let clock = clock.clone();
            async move {
                tokio::join!(
                    hammer(address, reads, READERS, LOAD, &clock),
                    hammer(address, writes, WRITERS, LOAD, &clock)
                )
            }
        });
        tokio::time::sleep(SETTLE).await;
        child.kill()?;
        child.wait()?;
        // Both end with an error, as they should.
        let _ = still.await;
        Ok((peak, read?.rate, written?.rate))
    })
}

fn wait(address: SocketAddr, started: Duration, clock: &Clock, child: &mut Child) -> anyhow::Result<f64> {
    let runtime = runtime()?;
    loop {
        let since = clock.monotonic().saturating_sub(started);
        let asked = runtime.block_on(once(address, &get("/directory/Practitioner/prac-1", None)));
        if matches!(asked, Ok((200, _))) {
            return Ok(clock.monotonic().saturating_sub(started).as_secs_f64());
        }
        if since > PATIENCE || child.try_wait()?.is_some() {
            bail!("the server did not answer within {PATIENCE:?}");
        }
        std::thread::sleep(ASK_EVERY);
    }
}
