//! HTTP as hostile and careless clients speak it, over a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingle::web::Deadlines;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::server::{TestServer, form};

/// Longer than any answer takes; a connection that hangs fails the test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Listening {
    house: TestServer,
    address: SocketAddr,
    token: String,
}

impl Listening {
    async fn start() -> Self {
        Self::with(Deadlines::default()).await
    }

    async fn with(deadlines: Deadlines) -> Self {
        let house = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
        let token = house.tokens("M1", "patient/*.rs").await.access_token;
        let server = ingle::web::Server::bind("127.0.0.1:0".parse().unwrap(), 64).unwrap().with_deadlines(deadlines);
        let address = server.address();
        let app = ingle::web::app(&[Arc::clone(&house.plan), Arc::clone(&house.sandbox)], false);
        tokio::spawn(server.serve(app, std::future::pending(), Duration::from_secs(1)));
        Self { house, address, token }
    }

    /// Sends bytes and reads until the other side closes.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses early may close before everything was sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "no end of the answer to {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn ask(&self, line: &str) -> String {
        let token = &self.token;
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        self.raw(head.as_bytes()).await
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_the_body() {
    let server = Listening::start().await;
    for path in ["/fhir/Patient/ana", "/fhir/metadata", "/fhir/Patient?_id=ana", "/"] {
        let (get, head) = (server.ask(&format!("GET {path}")).await, server.ask(&format!("HEAD {path}")).await);
        assert_eq!((status(&get), status(&head)), (200, 200), "{path}");
        let (_, body) = head.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
        if path != "/" {
            assert_eq!(length(&get), length(&head), "{path}");
        }
    }
}

/// Short ones, so that the tests need not wait long; far enough apart to tell which one it was.
const HURRIED: Deadlines = Deadlines {
    head: Duration::from_millis(300),
    idle: Duration::from_millis(1_500),
    answer: Duration::from_millis(1_500),
};

/// How long until the other side closes.
async fn until_closed(stream: &mut TcpStream) -> Duration {
    let started = tokio::time::Instant::now();
    let mut answer = [0; 4_096];
    let closed = async { while !matches!(stream.read(&mut answer).await, Ok(0) | Err(_)) {} };
    assert!(tokio::time::timeout(PATIENCE, closed).await.is_ok(), "the connection stays open");
    started.elapsed()
}

/// THREATS 65: a byte now and then does not move the deadline, neither on a new connection nor on one that was used.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_is_cut_off() {
    let server = Listening::with(HURRIED).await;
    for used in [false, true] {
        // The server may begin to count before this side knows that it is connected.
        let started = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        if used {
            stream.write_all(b"HEAD /fhir/metadata HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = [0; 4_096];
            assert!(stream.read(&mut answer).await.unwrap() > 0);
        }
        let (mut reading, mut writing) = stream.into_split();
        let trickle = tokio::spawn(async move {
            for byte in "GET /fhir/metadata HTTP/1.1\r\nX-Long: ".bytes().chain(std::iter::repeat_n(b'x', 400)) {
                if writing.write_all(&[byte]).await.is_err() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            false
        });
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut rest)).await;
        assert!(closed.is_ok() && started.elapsed() >= HURRIED.head, "{closed:?} after {:?}", started.elapsed());
        assert!(trickle.await.unwrap(), "the other side took everything");
        assert_eq!(status(&server.ask("GET /fhir/Patient/ana").await), 200, "others are served");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_connection() {
    let server = Listening::with(HURRIED).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(until_closed(&mut silent).await < HURRIED.idle, "nothing was asked, so the first deadline holds");
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        kept.write_all(b"HEAD /fhir/metadata HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 4_096];
        assert!(kept.read(&mut answer).await.unwrap() > 0, "a connection is kept for longer than a head may take");
        tokio::time::sleep(HURRIED.head * 2).await;
    }
    // It was idle for that long already.
    assert!(until_closed(&mut kept).await + HURRIED.head * 3 > HURRIED.idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_of_the_answer_is_cut_off_and_who_is_slow_is_not() {
    let server = Listening::with(HURRIED).await;
    for n in 0..7 {
        let text = "A".repeat(1_000_000);
        server.house.put(&[&format!(
            r#"{{"resourceType":"DocumentReference","id":"d{n}","subject":{{"reference":"Patient/ana"}},"content":[{{"attachment":{{"data":"{text}"}}}}]}}"#
        )]);
    }
    let head = format!(
        "GET /fhir/DocumentReference?patient=ana HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        server.token
    );
    for wait in [Duration::ZERO, HURRIED.answer * 2] {
        let socket = TcpSocket::new_v4().unwrap();
        // The system would keep all of it for the client.
        socket.set_recv_buffer_size(16_384).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let mut piece = vec![0; 200_000];
        if wait.is_zero() {
            // For longer than the deadline.
            for pause in 1..=8 {
                while answer.len() < pause * 600_000 {
                    let length = stream.read(&mut piece).await.unwrap();
                    answer.extend_from_slice(&piece[..length]);
                }
                tokio::time::sleep(HURRIED.answer / 4).await;
            }
        } else {
            tokio::time::sleep(wait + HURRIED.head * 2 + Duration::from_secs(2)).await;
        }
        let all = async {
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                answer.extend_from_slice(&piece[..read]);
                let text = String::from_utf8_lossy(&answer[..answer.len().min(2_000)]).into_owned();
                if let Some((head, _)) = text.split_once("\r\n\r\n")
                    && length(head).is_some_and(|length| answer.len() == head.len() + 4 + length)
                {
                    return true;
                }
            }
            false
        };
        let whole = tokio::time::timeout(PATIENCE, all).await.unwrap();
        assert_eq!(whole, wait.is_zero(), "{} bytes came", answer.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_no_idle_connection() {
    let house = TestServer::builder().start().await;
    let server = ingle::web::Server::bind("127.0.0.1:0".parse().unwrap(), 64).unwrap();
    let address = server.address();
    let app = ingle::web::app(&[Arc::clone(&house.plan)], false);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let serving = tokio::spawn(server.serve(app, stopped, PATIENCE * 3));
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"HEAD /fhir/metadata HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 4_096];
    assert!(kept.read(&mut answer).await.unwrap() > 0);
    drop(stop);
    tokio::time::timeout(PATIENCE, serving).await.expect("it waits for an idle connection").unwrap();
    until_closed(&mut kept).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// More than a little goes out while it is made, and yet its length is known before.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_bundle_comes_in_pieces_and_says_its_length() {
    let server = Listening::start().await;
    for n in 0..3 {
        let text = "A".repeat(600_000);
        server.house.put(&[&format!(
            r#"{{"resourceType":"DocumentReference","id":"d{n}","subject":{{"reference":"Patient/ana"}},"content":[{{"attachment":{{"data":"{text}"}}}}]}}"#
        )]);
    }
    for path in [
        "/fhir/Patient/ana/$everything",
        "/fhir/DocumentReference?patient=ana&_sort=_id",
        "/fhir/DocumentReference?patient=ana&_count=2",
        "/fhir/DocumentReference?patient=ana&_include=DocumentReference:patient",
    ] {
        let answer = server.ask(&format!("GET {path}")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(length(head), Some(body.len()), "{path}: {head}");
        let bundle: serde_json::Value = serde_json::from_str(body).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        let documents = entries.iter().filter(|entry| entry["resource"]["content"].is_array()).count();
        assert_eq!(documents, if path.contains("_count") { 2 } else { 3 }, "{path}");
        let answer = server.ask(&format!("HEAD {path}")).await;
        let (again, nothing) = answer.split_once("\r\n\r\n").unwrap();
        // A page that is not the last has a cursor of its own, of the same length.
        assert_eq!((status(&answer), length(again), nothing), (200, Some(body.len()), ""), "{path}");
    }
}

fn length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_paths_find_nothing_and_break_nothing() {
    let server = Listening::start().await;
    for path in [
        "/fhir/Patient/..%2fPatient%2fana",
        "/fhir/Patient/%2e%2e/ana",
        "/fhir/../fhir/Patient/ana",
        "/fhir//Patient/ana",
        "/fhir/Patient/ana%00",
        "/fhir/Patient/ana%0d%0aX-Evil:%201",
        "/fhir/Patient/%ff%fe",
        "/fhir/Patient/ana/",
        "/fhir/patient/ana",
        "/fhir/Patient/ana/_history/0",
        "/fhir/Patient/ana/_history/99999999999999999999",
        "/fhir/Patient/ana/_history/-1",
        "/static/..%2f..%2ffhir.toml",
        "/static/%2e%2e/Cargo.toml",
        "/directory/Patient/ana",
        "/sandbox/../fhir/Patient/ana",
    ] {
        let answer = server.ask(&format!("GET {path}")).await;
        assert_eq!(status(&answer), 404, "{path}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("\r\nx-evil"), "{path}");
    }
    let long = server.ask(&format!("GET /fhir/Patient?name={}", "a".repeat(100_000))).await;
    assert!((400..500).contains(&status(&long)), "{}", &long[..200]);
    assert_eq!(status(&server.ask("GET /fhir/Patient/ana").await), 200, "still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn extreme_counts_stay_within_their_limits() {
    let server = Listening::start().await;
    for (count, expected) in [
        ("0", 200),
        ("1", 200),
        ("500", 200),
        ("4294967296", 200),
        ("99999999999999999999999", 400),
        ("-1", 400),
        ("1.5", 400),
        ("%00", 400),
    ] {
        let answer = server.ask(&format!("GET /fhir/Patient?_count={count}")).await;
        assert_eq!(status(&answer), expected, "{count}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_gets_a_refusal_or_a_closed_door() {
    let server = Listening::start().await;
    let many_headers = "X-More: y\r\n".repeat(2_000);
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /fhir/Patient/ana HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!".to_vec(),
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many_headers}\r\n").into_bytes(),
    ] {
        let answer = server.raw(&bytes).await;
        assert!(answer.is_empty() || (400..=505).contains(&status(&answer)), "{answer}");
    }
    assert_eq!(status(&server.ask("GET /fhir/Patient/ana").await), 200, "still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_does_not_end_is_cut_off_at_its_limit() {
    let server = Listening::start().await;
    for path in ["/oauth/token", "/login", "/fhir/Patient/_search"] {
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://plan.example\r\nAuthorization: Bearer \
             {}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n",
            server.token
        )
        .into_bytes();
        for _ in 0..40 {
            bytes.extend_from_slice(b"10000\r\n");
            bytes.extend(std::iter::repeat_n(b'a', 0x10000));
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        let answer = server.raw(&bytes).await;
        assert!(answer.is_empty() || matches!(status(&answer), 400 | 403 | 413), "{path}: {answer}");
    }
    assert_eq!(status(&server.ask("GET /fhir/Patient/ana").await), 200, "still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_names_what_may_be_sent() {
    let server = Listening::start().await;
    let head = "OPTIONS /fhir/Patient/ana HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://app.example\r\n\
                Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n\r\n";
    let answer = server.raw(head.as_bytes()).await.to_ascii_lowercase();
    assert_eq!(status(&answer), 204);
    for part in ["access-control-allow-origin: *", "authorization", "access-control-max-age"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert!(!answer.contains("allow-credentials"), "cookies of other sites are never looked at");
}

/// An app with two tabs open refreshes twice at once: both get the one successor. Once that was used, the same token means
/// that two parties hold it.
#[tokio::test(flavor = "multi_thread")]
async fn refreshing_at_once_gives_one_successor_and_later_reuse_ends_the_family() {
    let house = TestServer::builder().member("M1", "ana", "ana@example.com").start().await;
    let scopes = "patient/*.rs offline_access";
    let (app, _) = house.app(ingle::apps::Kind::Native, scopes).await;
    let first = house.tokens_for(&app, "M1", scopes).await.refresh_token.unwrap();
    let refresh = |token: String| {
        let (realm, client) = (Arc::clone(&house.plan), app.client_id.clone());
        tokio::spawn(async move {
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("client_id", &client)];
            realm.oauth.token(&form(&pairs), None).await
        })
    };
    let tries: Vec<_> = (0..8).map(|_| refresh(first.clone())).collect();
    let mut successors = std::collections::BTreeSet::new();
    let mut access = String::new();
    for outcome in tries {
        let answer = outcome.await.unwrap().unwrap();
        successors.insert(answer.refresh_token.unwrap());
        access = answer.access_token;
    }
    assert_eq!(successors.len(), 1, "the successor of a refresh token is one");
    assert_eq!(house.get("/fhir/Patient/ana", Some(&access)).await.status, 200);
    let successor = successors.pop_first().unwrap();
    let last = refresh(successor).await.unwrap().unwrap().refresh_token.unwrap();
    assert!(refresh(first).await.unwrap().is_err());
    assert_eq!(house.get("/fhir/Patient/ana", Some(&access)).await.status, 401, "the family has ended");
    assert!(refresh(last).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_reads_nothing_more() {
    let server = Listening::start().await;
    assert_eq!(status(&server.ask("GET /fhir/Patient/ana").await), 200);
    let claims = server.house.plan.oauth.verify(&server.token).unwrap();
    let pairs = [("token", server.token.as_str()), ("client_id", &claims.client_id)];
    let answer = server.house.post_form("/oauth/revoke", None, &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(status(&server.ask("GET /fhir/Patient/ana").await), 401);
}

/// A body that came after an early refusal broke the connection of whoever sent it: "401, refresh, try again" failed at the
/// second request (access.md S13).
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lives_on_after_an_early_refusal() {
    let server = Listening::start().await;
    for (head, status) in [
        (
            "POST /fhir/Patient HTTP/1.1\r\nHost: plan.example\r\nAuthorization: Bearer ing_old\r\nContent-Type: application/fhir+json\r\n",
            "401",
        ),
        ("POST /oauth/token HTTP/1.1\r\nHost: plan.example\r\nContent-Type: text/plain\r\n", "4"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        for _ in 0..3 {
            stream.write_all(format!("{head}Content-Length: 5000\r\n\r\n").as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.write_all(&[b' '; 5_000]).await.unwrap();
            let mut answer = vec![0; 16 << 10];
            let length = stream.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
        }
    }
    let long = format!("POST /fhir/Patient HTTP/1.1\r\nHost: plan.example\r\nContent-Length: {}\r\n\r\n", 10 << 20);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(long.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4 << 10];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).to_ascii_lowercase();
    assert!(answer.contains("connection: close"), "what is not read is said to end: {answer}");
}
