//! What a group commit costs: rows and resources through the one writer, from many callers at once.
//!
//! `cargo bench --bench commit` prints one JSON line per figure, the best of a few rounds. Where the temporary folder is in
//! memory (`TMPDIR=/dev/shm`) it is the work without the disk.

#![allow(clippy::expect_used, reason = "a bench stops at its first surprise")]

use std::path::Path;
use std::sync::Arc;

use ingle::fhir::definitions::Definitions;
use ingle::outbound::Clock;
use ingle::store::{Error, Membership, MemoryLog, Snapshot, Store, Table, Txn};

const ROUNDS: usize = 7;
const CALLERS: u32 = 32;
const WRITES: u32 = 400;
const RESOURCES: u32 = 20_000;
/// Resources in one closure, as a load has them.
const TOGETHER: u32 = 100;

const PLAIN: Table = Table::new("bench.plain");

fn alone(path: &Path) -> Store {
    Store::open(path).expect("the store opens")
}

/// With somebody who keeps the rows in memory.
fn watched(path: &Path) -> Store {
    let store = alone(path);
    let keep = move |rows: &[ingle::store::WatchedRow<'_>]| _ = std::hint::black_box(rows.len());
    store.watch(&[PLAIN], Box::new(keep), |_: &Snapshot| Ok::<_, Error>(())).expect("nothing is read");
    store
}

/// As the leader of a log in memory.
fn leading(path: &Path) -> Store {
    let log = Arc::new(MemoryLog::default());
    Store::open_as_node(path, &Definitions::default(), Membership { log, node: "a".into(), clock: Clock::system() })
        .expect("the store opens")
}

/// Runs the work on a fresh store, several times; prints the best rate.
fn figure(clock: &Clock, measure: &str, count: u32, open: fn(&Path) -> Store, work: impl Fn(&Store)) {
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let store = open(&folder.path().join("bench.redb"));
        let started = clock.monotonic();
        work(&store);
        best = best.max(f64::from(count) / clock.monotonic().saturating_sub(started).as_secs_f64());
        store.close();
    }
    println!(r#"{{"measure":"{measure}","value":{best:.0},"unit":"per second"}}"#);
}

/// Sixteen rows from one caller, many callers at once.
fn rows(store: &Store, table: Table) {
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            scope.spawn(move || {
                for n in 0..WRITES {
                    let put = move |txn: &mut Txn<'_>| {
                        for row in 0..16_u32 {
                            let key = [caller.to_be_bytes(), n.to_be_bytes(), row.to_be_bytes()].concat();
                            txn.put(table, &key, vec![7; 120])?;
                        }
                        Ok::<_, Error>(())
                    };
                    store.transact_blocking(put).expect("the disk is well");
                }
            });
        }
    });
}

fn resources(store: &Store) {
    for first in (0..RESOURCES).step_by(TOGETHER as usize) {
        let some: Vec<_> = (first..first + TOGETHER)
            .map(|n| {
                let text = format!(
                    r#"{{"resourceType":"Condition","id":"c{n}","subject":{{"reference":"Patient/p{}"}},"code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{n}"}}],"text":"a condition of the usual length"}}}}"#,
                    n / 50
                );
                ingle::access::admit_text(text.as_bytes()).expect("the resource is sound")
            })
            .collect();
        let put = move |txn: &mut Txn<'_>| {
            for resource in &some {
                txn.put_resource(resource, jiff::Timestamp::UNIX_EPOCH, None)?;
            }
            Ok::<_, Error>(())
        };
        store.transact_blocking(put).expect("the disk is well");
    }
}

fn main() {
    let clock = Clock::system();
    let closures = CALLERS * WRITES;
    figure(&clock, "closures of 16 rows", closures, alone, |store| rows(store, PLAIN));
    figure(&clock, "closures of 16 rows, watched", closures, watched, |store| rows(store, PLAIN));
    figure(&clock, "closures of 16 rows, with a log", closures, leading, |store| rows(store, PLAIN));
    figure(&clock, "resources", RESOURCES, alone, resources);
    figure(&clock, "resources, with a log", RESOURCES, leading, resources);
}
