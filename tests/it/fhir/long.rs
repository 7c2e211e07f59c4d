//! Long work stays off the threads of the sockets, takes turns, and ends with those who wait for it.

use std::time::Duration;

use futures_util::future::{join_all, select};
use ingle::realm::Readers;

use crate::server::TestServer;

/// Enough for a search by content to be longer than the allowance of a socket's thread.
const PEOPLE: usize = 900;
const DEAR: &str = "/directory/Practitioner?_content=nothinglikeit";

async fn directory() -> TestServer {
    let profile = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/plannet-Practitioner";
    let words = "he has been seen in many towns and speaks of them at length ".repeat(20);
    let mut builder = TestServer::builder().member("M1", "ana", "ana@example.com");
    for at in 0..PEOPLE {
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Practitioner","id":"p{at}","meta":{{"profile":["{profile}"]}},"active":true,
                "name":[{{"family":"Alder","text":"{words}"}}]}}"#
        ));
    }
    let server = builder.start().await;
    server.plan.index.settle().unwrap();
    server
}

fn busy(readers: &Readers) -> bool {
    readers.load() > 0
}

/// The test has one thread, which is the socket's: it answers the page while the search goes on elsewhere.
#[tokio::test]
async fn a_page_is_answered_while_dear_searches_run() {
    let server = directory().await;
    let searches = join_all((0..4).map(|_| server.get(DEAR, None)));
    let page = async {
        while !busy(&server.plan.readers) {
            tokio::task::yield_now().await;
        }
        let page = server.get("/login", None).await;
        assert_eq!(page.status, 200);
        assert!(busy(&server.plan.readers), "the page came while the searches ran");
    };
    let (found, ()) = tokio::join!(searches, page);
    for answer in found {
        assert_eq!((answer.status.as_u16(), answer.json()["total"].as_u64()), (200, Some(0)));
    }
}

#[tokio::test]
async fn who_asks_for_too_much_at_once_is_told_when_to_come_back() {
    let server = directory().await;
    let asked = join_all((0..160).map(|_| server.get(DEAR, None)));
    let answers = asked.await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty() && refused.len() < answers.len(), "{} refused", refused.len());
    for answer in refused {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.issue().0, "throttled");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
    }
}

#[tokio::test]
async fn a_client_that_left_ends_its_work() {
    let server = directory().await;
    let gone = Box::pin(server.get(DEAR, None));
    let started = Box::pin(async {
        while !busy(&server.plan.readers) {
            tokio::task::yield_now().await;
        }
    });
    // The first to come to an end drops the other.
    drop(select(gone, started).await);
    let ended = async {
        while busy(&server.plan.readers) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
}

/// Whatever is longer than the allowance gives the same answer in the pool as it gives here.
#[tokio::test]
async fn long_work_answers_as_short_work_does() {
    let server = directory().await;
    let one = server.get("/directory/Practitioner?_content=towns&_count=1&_total=accurate", None).await;
    assert_eq!((one.status.as_u16(), one.json()["total"].as_u64()), (200, Some(PEOPLE as u64)), "{}", one.text());
    let system = server.system("system/*.cruds").await;
    let entries: Vec<_> = (0..12)
        .map(|at| serde_json::json!({"request": {"method": "GET", "url": format!("Practitioner/p{at}")}}))
        .collect();
    let batch = serde_json::json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string();
    let request = crate::server::request(poem::http::Method::POST, "/fhir", Some(&system));
    let answer = server.send(request.content_type("application/fhir+json").body(batch)).await;
    let ids: Vec<_> = answer.json()["entry"].as_array().unwrap().iter().map(|e| e["resource"]["id"].clone()).collect();
    assert_eq!(ids.len(), 12);
    assert!(ids.iter().enumerate().all(|(at, id)| *id == format!("p{at}")), "{}", answer.text());
}
