//! Sockets: at most so many connections, deadlines for each, and an end that lets running requests finish.
//!
//! Invariant: silence, trickles and readers who take nothing never hold a connection for longer than its deadlines. hyper
//! is driven directly, since poem's own loop has no deadline for the head of a request, wakes a second task at every
//! read and write, and hides that a socket takes several buffers at once.
//!
//! Absent: TLS, which a proxy in front brings, and upgraded connections.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use poem::http::Version;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::server::App;

/// Connections that the system holds until they are accepted; it makes clients of more wait for a second.
const BACKLOG: u32 = 1_024;
/// Streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Streams of one HTTP/2 connection that were reset and not yet taken (rapid reset).
const MAX_RESETS: usize = 20;
/// Bytes of an HTTP/2 header list.
const MAX_HEADERS: u32 = 32 << 10;
/// What a connection that is overdue may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long no connection is accepted after the system refused one, which it does for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long a connection may keep the server waiting. A handler's own time is not counted.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the first byte of a request, or from the start of the connection, to the end of the request's head.
    pub head: Duration,
    /// From one request to the next.
    pub idle: Duration,
    /// While a client takes nothing of its answer. The system takes some megabytes for it and comes back when a third of
    /// that has gone out, so for a slow reader this is effectively a minimum rate: some five kilobytes a second.
    pub answer: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), idle: Duration::from_mins(1), answer: Duration::from_mins(5) }
    }
}

/// A server that listens and is not yet serving.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    permits: Arc<Semaphore>,
    deadlines: Deadlines,
}

impl Server {
    /// Takes the address of `[server] listen`; called where tokio runs.
    ///
    /// # Errors
    /// What the operating system says, such as an address in use.
    pub fn bind(listen: SocketAddr, connections: u32) -> std::io::Result<Self> {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A server that starts again need not wait until the system has forgotten its last connections.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let permits = Arc::new(Semaphore::new(connections as usize));
        Ok(Self { listener, address, permits, deadlines: Deadlines::default() })
    }

    /// The same with other deadlines.
    #[must_use]
    pub const fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves, then lets running requests finish for `grace`.
    pub async fn serve(self, app: impl App, stop: impl Future<Output = ()>, grace: Duration) {
        let app = Arc::new(app);
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http2()
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS)
            .max_pending_accept_reset_streams(MAX_RESETS);
        let http = Arc::new(http);
        let (ending, _) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, remote, permit)) => {
                    let line = Line { app: Arc::clone(&app), local: self.address, remote, deadlines: self.deadlines };
                    let (http, ending) = (Arc::clone(&http), ending.subscribe());
                    connections.spawn(async move {
                        line.converse(&http, stream, ending).await;
                        drop(permit);
                    });
                }
                // This client has gone; the next one is welcome.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        drop((self.listener, ending));
        // What is left after that is cut off when the set goes.
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(grace, all).await;
    }

    /// The next connection, when there is room for one. Small answers leave at once: waiting for more to send (Nagle) costs
    /// 40 ms on kept connections.
    async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr, Option<OwnedSemaphorePermit>)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (stream, remote) = self.listener.accept().await?;
        // It fails where the client has gone already, which is no reason to make the next one wait.
        let _ = stream.set_nodelay(true);
        Ok((stream, remote, permit))
    }
}

/// One connection.
struct Line<A> {
    app: Arc<A>,
    local: SocketAddr,
    remote: SocketAddr,
    deadlines: Deadlines,
}

impl<A: App> Line<A> {
    async fn converse(self, http: &auto::Builder<TokioExecutor>, stream: TcpStream, mut ending: watch::Receiver<()>) {
        let pulse = Arc::new(Pulse::new());
        let (local, remote) = (LocalAddr(self.local.into()), RemoteAddr(self.remote.into()));
        let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| {
            let turn = Turn::begin(&pulse, request.version());
            let app = Arc::clone(&self.app);
            let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
            async move {
                let response: hyper::Response<_> = app.get_response(request).await.into();
                Ok::<_, Infallible>(response.map(|body| Answer { body, _sending: turn.answered() }))
            }
        });
        let socket = TokioIo::new(Socket { stream, pulse: Arc::clone(&pulse) });
        let mut conversation = pin!(http.serve_connection(socket, service));
        let mut overdue = pin!(pulse.overdue(self.deadlines));
        // Errors are the client's: it went away, or does not speak HTTP.
        tokio::select! {
            biased;
            _ = conversation.as_mut() => return,
            () = overdue.as_mut() => {}
            _ = ending.changed() => {
                conversation.as_mut().graceful_shutdown();
                tokio::select! {
                    _ = conversation.as_mut() => return,
                    () = overdue => {}
                }
            }
        }
        conversation.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(FAREWELL, conversation).await;
    }
}

/// What a connection is doing, written where it happens and read by whoever watches its deadlines. Times are milliseconds
/// since the connection was accepted.
struct Pulse {
    accepted: Instant,
    /// HTTP/2, where bytes come for many reasons and are the start of no request.
    several: AtomicBool,
    /// Requests so far.
    requests: AtomicU64,
    /// Handlers at work.
    running: AtomicUsize,
    /// Answers that were not yet handed over.
    sending: AtomicUsize,
    /// Writes so far.
    writes: AtomicU64,
    /// When the first byte came of a head that is not complete, or [`NEVER`].
    head: AtomicU64,
    /// When the last answer was handed over.
    answered: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Pulse {
    fn new() -> Self {
        Self {
            accepted: Instant::now(),
            several: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            sending: AtomicUsize::new(0),
            writes: AtomicU64::new(0),
            head: AtomicU64::new(NEVER),
            answered: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        self.accepted.elapsed().as_millis() as u64
    }

    fn heard(&self) {
        if self.running.load(Ordering::Relaxed) == 0 && self.head.load(Ordering::Relaxed) == NEVER {
            self.head.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Resolves when the connection has kept the server waiting for too long.
    async fn overdue(&self, deadlines: Deadlines) {
        let mut writes = 0;
        let mut active = self.accepted;
        loop {
            let now = Instant::now();
            let written = self.writes.load(Ordering::Relaxed);
            let moves = self.sending.load(Ordering::Relaxed) > 0 && written != writes;
            if moves || self.running.load(Ordering::Relaxed) > 0 {
                active = now;
            }
            writes = written;
            let deadline = self.deadline(active, deadlines);
            if deadline <= now {
                return;
            }
            // A head can begin at any time, and is not overdue before that.
            tokio::time::sleep_until(deadline.min(now + deadlines.head)).await;
        }
    }

    fn deadline(&self, active: Instant, deadlines: Deadlines) -> Instant {
        if self.requests.load(Ordering::Relaxed) == 0 {
            return self.accepted + deadlines.head;
        }
        if self.sending.load(Ordering::Relaxed) > 0 {
            return active + deadlines.answer;
        }
        let head = self.head.load(Ordering::Relaxed);
        if head != NEVER && !self.several.load(Ordering::Relaxed) {
            return self.accepted + Duration::from_millis(head) + deadlines.head;
        }
        let answered = self.accepted + Duration::from_millis(self.answered.load(Ordering::Relaxed));
        active.max(answered) + deadlines.idle
    }
}

/// A request whose handler is at work.
struct Turn(Arc<Pulse>);

impl Turn {
    fn begin(pulse: &Arc<Pulse>, version: Version) -> Self {
        if version == Version::HTTP_2 {
            pulse.several.store(true, Ordering::Relaxed);
        }
        pulse.requests.fetch_add(1, Ordering::Relaxed);
        pulse.running.fetch_add(1, Ordering::Relaxed);
        pulse.head.store(NEVER, Ordering::Relaxed);
        Self(Arc::clone(pulse))
    }

    fn answered(self) -> Sending {
        self.0.sending.fetch_add(1, Ordering::Relaxed);
        Sending(Arc::clone(&self.0))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer on its way.
struct Sending(Arc<Pulse>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.answered.store(self.0.now(), Ordering::Relaxed);
        self.0.sending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which is on its way until hyper lets go of it.
struct Answer<B> {
    body: B,
    _sending: Sending,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells the pulse.
struct Socket {
    stream: TcpStream,
    pulse: Arc<Pulse>,
}

impl Socket {
    fn wrote(&self, outcome: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        if outcome.is_ready() {
            self.pulse.writes.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.heard();
        }
        outcome
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
