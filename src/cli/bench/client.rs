//! A load generator that costs little itself: kept connections that send prepared bytes and read answers by their
//! length. Loopback only, bounded in time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::outbound::Clock;

/// Bytes of an answer at most.
const MAX_ANSWER: usize = 20 << 20;

/// What a run of requests showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// Answers per second.
    pub(super) rate: f64,
    /// Microseconds, sorted.
    pub(super) latencies: Vec<u64>,
}

/// A GET on a kept connection.
pub(super) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\n{authorization}\r\n")
        .into_bytes()
}

/// A POST of a resource on a kept connection.
pub(super) fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nPrefer: return=minimal\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends the requests in turn over so many connections for so long.
pub(super) async fn hammer(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    connections: usize,
    lasting: Duration,
    clock: &Clock,
) -> anyhow::Result<Run> {
    let started = clock.monotonic();
    let mut tasks = Vec::new();
    for first in 0..connections {
        let (requests, clock) = (Arc::clone(&requests), clock.clone());
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut latencies = Vec::new();
            let mut buffer = Vec::with_capacity(64 << 10);
            let mut at = first * 7;
            while clock.monotonic().saturating_sub(started) < lasting {
                let request = requests.get(at % requests.len()).context("no request")?;
                at += 1;
                let sent = clock.monotonic();
                stream.write_all(request).await?;
                let status = answer(&mut stream, &mut buffer).await?;
                ensure!((200..300).contains(&status), "an answer with status {status}");
                latencies.push(clock.monotonic().saturating_sub(sent).as_micros() as u64);
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut run = Run::default();
    for task in tasks {
        run.latencies.extend(task.await??);
    }
    run.rate = run.latencies.len() as f64 / clock.monotonic().saturating_sub(started).as_secs_f64();
    run.latencies.sort_unstable();
    Ok(run)
}

/// One request on a connection of its own: status and body.
pub(super) async fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    let (status, _, body) = whole(address, request).await?;
    Ok((status, body))
}

/// One request on a connection of its own: status, head and body.
pub(super) async fn whole(address: SocketAddr, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut head = Vec::new();
    let status = answer(&mut stream, &mut head).await?;
    let end = head_end(&head).unwrap_or(head.len());
    let body = head.split_off(end);
    Ok((status, head, body))
}

async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    buffer.clear();
    let end = loop {
        if let Some(end) = head_end(buffer) {
            break end;
        }
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended early");
    };
    let head = buffer.get(..end).unwrap_or_default();
    let status = head.get(9..12).and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
    let length = content_length(head).context("an answer without its length")?;
    ensure!(length <= MAX_ANSWER, "an answer of more than {MAX_ANSWER} bytes");
    while buffer.len() < end + length {
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended early");
    }
    status.context("an answer without a status")
}

fn head_end(buffer: &[u8]) -> Option<usize> {
    memchr::memmem::find(buffer, b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(head, b"content-length: ")? + "content-length: ".len();
    let digits = head.get(at..)?.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl Run {
    /// Microseconds that so many percent of the answers took at most.
    pub(super) fn percentile(&self, percent: usize) -> u64 {
        let at = self.latencies.len().saturating_sub(1) * percent / 100;
        self.latencies.get(at).copied().unwrap_or(0)
    }
}
