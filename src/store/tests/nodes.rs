//! Two and more stores over one log in memory: what one writes the others hold, byte for byte, whatever fails between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::access::View;
use crate::fhir::Kind;
use crate::fhir::definitions::Definitions;
use crate::outbound::{Clock, ClockHand};
use crate::store::*;

const ROWS: Table = Table::new("test.rows");
const BEFORE: Table = Table::new("test.expiry");
const OTHER: Table = Table::new("test.other");

struct Cluster {
    folder: tempfile::TempDir,
    log: Arc<dyn Log>,
    clock: Clock,
    hand: ClockHand,
}

impl Cluster {
    fn new() -> Self {
        Self::over(Arc::new(MemoryLog::default()))
    }

    fn over(log: Arc<dyn Log>) -> Self {
        let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
        Self { folder: tempfile::tempdir().unwrap(), log, clock, hand }
    }

    fn path(&self, node: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{node}.redb"))
    }

    fn try_open(&self, node: &str) -> Result<Store, Error> {
        let membership = Membership { log: Arc::clone(&self.log), node: node.into(), clock: self.clock.clone() };
        Store::open_as_node(&self.path(node), &Definitions::default(), membership)
    }

    fn open(&self, node: &str) -> Store {
        self.try_open(node).unwrap()
    }

    /// What another node would do that finds the lead free, long after the leader was heard of last.
    fn depose(&self, by: &str) {
        let later = self.clock.now() + Duration::from_hours(1);
        self.log.lease(by, later, Duration::from_secs(5)).unwrap().unwrap();
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let clock = Clock::system();
    while !holds() {
        assert!(clock.monotonic() < Duration::from_secs(10), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn put_row(store: &Store, key: &str, value: &str) -> Result<(), Error> {
    let (key, value) = (key.to_owned(), value.to_owned());
    store.transact_blocking(move |txn| txn.put(ROWS, key.as_bytes(), value))
}

fn put(store: &Store, json: &str) {
    let prepared = crate::access::admit_text(json.as_bytes()).unwrap();
    store.transact_blocking(move |txn| txn.put_resource(&prepared, Timestamp::UNIX_EPOCH, None)).unwrap();
}

fn write_much(store: &Store) {
    for n in 0..60 {
        put(
            store,
            &format!(
                r#"{{"resourceType":"Condition","id":"c{n}","subject":{{"reference":"Patient/p{}"}},"code":{{"text":"{}"}}}}"#,
                n % 7,
                "the same words again and again ".repeat(8)
            ),
        );
        put_row(store, &format!("k{}", n % 13), &n.to_string()).unwrap();
    }
    put(store, r#"{"resourceType":"Patient","id":"p1","active":true}"#);
    put(store, r#"{"resourceType":"Patient","id":"p1","active":false}"#);
    store
        .transact_blocking(|txn| {
            txn.delete(ROWS, b"k3")?;
            txn.delete_resource(Kind::named("Condition"), "c5", Timestamp::UNIX_EPOCH, None)?;
            txn.note_end(7, ROWS, b"k1")
        })
        .unwrap();
}

fn equal(left: &Store, right: &Store) {
    until("the same position", || left.applied() == right.applied());
    let (left, right) = (left.snapshot().unwrap(), right.snapshot().unwrap());
    assert_eq!(left.fingerprints().unwrap(), right.fingerprints().unwrap());
}

/// What followers of changes were told.
fn told(store: &Store) -> Arc<Mutex<Vec<Change>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    store.follow(Box::new(move |changes| list.lock().extend_from_slice(changes)));
    told
}

type Sum = (Vec<(u64, u64, Kind, ChangeKind)>, BTreeMap<u64, String>);

/// The feed, and what each resource says in the end: who hears of two versions at once hears of the second.
fn sum(changes: &Mutex<Vec<Change>>) -> Sum {
    let changes = changes.lock();
    let feed = changes.iter().map(|change| (change.seq, change.rid, change.resource, change.kind)).collect();
    let last = changes.iter().map(|change| (change.rid, format!("{:?}", change.extracted))).collect();
    (feed, last)
}

#[test]
fn a_follower_holds_the_same_bytes_and_hears_the_same_changes() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    assert!(leader.leads() && !follower.leads());
    let (here, there) = (told(&leader), told(&follower));
    write_much(&leader);
    equal(&leader, &follower);
    assert!(leader.snapshot().unwrap().fingerprints().unwrap().contains_key("dictionaries"), "some were trained");
    assert_eq!(sum(&here), sum(&there));
    let read = |store: &Store| {
        let found = store.snapshot().unwrap().read(&View::operator(Timestamp::UNIX_EPOCH), Kind::PATIENT, "p1");
        let Ok(Found::Here(stored)) = found else { panic!("{found:?}") };
        stored.body.clone()
    };
    assert_eq!(read(&leader), read(&follower));
    // A node that comes later reads everything from the beginning, also one that was there before and went away.
    follower.close();
    drop(follower);
    write_much(&leader);
    equal(&leader, &cluster.open("c"));
    equal(&leader, &cluster.open("b"));
}

#[test]
fn a_follower_takes_no_writes_and_says_why() {
    let cluster = Cluster::new();
    let (_leader, follower) = (cluster.open("a"), cluster.open("b"));
    let error = put_row(&follower, "k", "v").unwrap_err();
    assert!(matches!(error, Error::NotLeading), "{error}");
    assert!(error.to_string().contains("the node that leads"));
    assert_eq!(follower.between_commits(|| 7).unwrap(), 7, "what writes nothing can be done there");
}

#[test]
fn a_deposed_leader_keeps_nothing_and_follows() {
    let cluster = Cluster::new();
    let (old, new) = (cluster.open("a"), cluster.open("b"));
    put_row(&old, "k", "before").unwrap();
    cluster.depose("b");
    assert!(matches!(put_row(&old, "k", "too late"), Err(Error::NotLeading)));
    assert!(!old.leads());
    until("b leads", || new.leads());
    assert_eq!(new.snapshot().unwrap().get(ROWS, b"k").unwrap().unwrap(), b"before");
    put_row(&new, "k", "after").unwrap();
    equal(&old, &new);
    assert_eq!(old.snapshot().unwrap().get(ROWS, b"k").unwrap().unwrap(), b"after");
}

#[test]
fn the_lead_passes_on_when_its_holder_is_gone_and_nothing_is_lost() {
    let cluster = Cluster::new();
    let (first, second) = (cluster.open("a"), cluster.open("b"));
    write_much(&first);
    let applied = first.applied();
    first.close();
    drop(first);
    assert!(matches!(put_row(&second, "k", "v"), Err(Error::NotLeading)), "the lease has not ended");
    cluster.hand.advance(Duration::from_secs(6));
    until("b leads", || second.leads());
    assert_eq!(second.applied(), applied);
    put_row(&second, "k", "v").unwrap();
    let first = cluster.open("a");
    assert!(!first.leads());
    equal(&first, &second);
}

#[test]
fn a_leader_keeps_the_lead_while_it_lives() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    for _ in 0..5 {
        cluster.hand.advance(Duration::from_secs(3));
        std::thread::sleep(Duration::from_millis(120));
        put_row(&leader, "k", "v").unwrap();
    }
    assert!(leader.leads() && !follower.leads());
}

/// A log that loses appends, or their answers.
#[derive(Default)]
struct Unreliable {
    log: MemoryLog,
    next: AtomicU8,
}

const LOSES: u8 = 1;
const LOSES_THE_ANSWER: u8 = 2;

impl Log for Unreliable {
    fn append(&self, epoch: u64, entry: LogEntry) -> Result<(), LogError> {
        match self.next.swap(0, Ordering::SeqCst) {
            LOSES => Err(LogError::Failed("the network is down".into())),
            LOSES_THE_ANSWER => {
                self.log.append(epoch, entry)?;
                Err(LogError::Failed("the network is down".into()))
            }
            _ => self.log.append(epoch, entry),
        }
    }

    fn read_after(&self, number: u64, limit: usize) -> Result<Vec<LogEntry>, LogError> {
        self.log.read_after(number, limit)
    }

    fn lease(&self, node: &str, now: Timestamp, lasts: Duration) -> Result<Option<Lease>, LogError> {
        self.log.lease(node, now, lasts)
    }

    fn trim(&self, before: u64) -> Result<(), LogError> {
        self.log.trim(before)
    }
}

#[test]
fn an_append_whose_answer_is_lost_is_kept_and_one_that_is_lost_is_not() {
    let log = Arc::new(Unreliable::default());
    let cluster = Cluster::over(Arc::clone(&log) as Arc<dyn Log>);
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    log.next.store(LOSES, Ordering::SeqCst);
    assert!(matches!(put_row(&leader, "lost", "v"), Err(Error::Log(_))));
    log.next.store(LOSES_THE_ANSWER, Ordering::SeqCst);
    assert!(matches!(put_row(&leader, "kept", "v"), Err(Error::Log(_))));
    put_row(&leader, "next", "v").unwrap();
    equal(&leader, &follower);
    let rows = leader.snapshot().unwrap().scan(ROWS, b"", 10).unwrap();
    let keys: Vec<_> = rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect();
    assert_eq!(keys, ["kept", "next"]);
}

#[test]
fn a_file_of_another_past_does_not_join() {
    let cluster = Cluster::new();
    let leader = cluster.open("a");
    put_row(&leader, "k", "v").unwrap();
    let stranger = Store::open(&cluster.path("x")).unwrap();
    put_row(&stranger, "k", "other").unwrap();
    stranger.close();
    drop(stranger);
    assert!(matches!(cluster.try_open("x"), Err(Error::Log(what)) if what.contains("backup")));
    // Who wrote without the log has a past of its own from then on.
    leader.close();
    drop(leader);
    let alone = Store::open(&cluster.path("a")).unwrap();
    put_row(&alone, "k", "alone").unwrap();
    alone.close();
    drop(alone);
    assert!(matches!(cluster.try_open("a"), Err(Error::Log(_))));
}

#[test]
fn a_store_that_was_alone_can_begin_a_log_and_its_copies_can_follow() {
    let cluster = Cluster::new();
    let alone = Store::open(&cluster.path("a")).unwrap();
    write_much(&alone);
    alone.close();
    drop(alone);
    std::fs::copy(cluster.path("a"), cluster.path("b")).unwrap();
    let (leader, copy) = (cluster.open("a"), cluster.open("b"));
    put_row(&leader, "k", "v").unwrap();
    equal(&leader, &copy);
    assert!(matches!(cluster.try_open("empty"), Err(Error::Log(_))), "the log does not begin with nothing");
}

#[test]
fn a_trimmed_log_sends_a_new_node_to_a_backup() {
    let cluster = Cluster::new();
    let leader = cluster.open("a");
    (0..9).for_each(|n| put_row(&leader, "k", &n.to_string()).unwrap());
    leader.close();
    drop(leader);
    std::fs::copy(cluster.path("a"), cluster.path("b")).unwrap();
    cluster.log.trim(8).unwrap();
    assert!(matches!(cluster.try_open("new"), Err(Error::Log(what)) if what.contains("backup")));
    equal(&cluster.open("a"), &cluster.open("b"));
}

#[test]
fn damage_in_the_log_stops_a_node_and_does_not_reach_its_file() {
    let cluster = Cluster::new();
    let leader = cluster.open("a");
    put_row(&leader, "k", "v").unwrap();
    let mut entry = cluster.log.read_after(0, 1).unwrap().remove(0);
    let middle = entry.body.len() / 2;
    entry.body[middle] ^= 1;
    let damaged = Cluster::new();
    let epoch = damaged.log.lease("z", damaged.clock.now(), Duration::from_secs(5)).unwrap().unwrap().epoch;
    damaged.log.append(epoch, entry).unwrap();
    assert!(matches!(damaged.try_open("b"), Err(Error::Log(what)) if what.contains("damaged")));
    let file = Store::open(&damaged.path("b")).unwrap();
    assert!(file.snapshot().unwrap().get(ROWS, b"k").unwrap().is_none());
}

/// Rows of [`ROWS`] in memory, as a room keeps them.
fn memory(store: &Store) -> Arc<Mutex<Vec<Row>>> {
    let rows: Arc<Mutex<Vec<Row>>> = Arc::default();
    let follows = Arc::clone(&rows);
    let watcher: Watcher = Box::new(move |changed| {
        let mut rows = follows.lock();
        for row in changed {
            assert_eq!(row.table, ROWS, "only what was asked for");
            rows.retain(|(key, _)| key != row.key);
            rows.extend(row.value.map(|value| (row.key.to_vec(), value.to_vec())));
            rows.sort();
        }
    });
    let read = |snapshot: &Snapshot| {
        *rows.lock() = snapshot.scan(ROWS, b"", 1_000)?;
        Ok::<_, Error>(())
    };
    store.watch(&[ROWS], watcher, read).unwrap();
    rows
}

#[test]
fn memory_follows_what_is_committed_here_and_elsewhere() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    let alone = Store::open(&cluster.path("alone")).unwrap();
    put_row(&leader, "before", "1").unwrap();
    put_row(&alone, "before", "1").unwrap();
    let (here, there, single) = (memory(&leader), memory(&follower), memory(&alone));
    for store in [&leader, &alone] {
        put_row(store, "k", "1").unwrap();
        put_row(store, "k", "2").unwrap();
        store.transact_blocking(|txn| txn.put(OTHER, b"x", b"y".to_vec())).unwrap();
        store.transact_blocking(|txn| txn.delete(ROWS, b"before")).unwrap();
        let refused: Result<(), Error> = store.transact_blocking(|txn| {
            txn.put(ROWS, b"refused", b"1".to_vec())?;
            Err(Error::VersionConflict)
        });
        assert!(refused.is_err());
    }
    // Told before the caller is answered.
    let rows = vec![(b"k".to_vec(), b"2".to_vec())];
    assert_eq!((here.lock().clone(), single.lock().clone()), (rows.clone(), rows.clone()));
    let clock = Clock::system();
    until("the follower's memory", || *there.lock() == rows);
    assert!(clock.monotonic() < Duration::from_secs(1), "a second is what a stop may take");
}

#[test]
fn nothing_is_missed_between_reading_and_watching() {
    let cluster = Cluster::new();
    let store = Store::open(&cluster.path("alone")).unwrap();
    let writer = store.clone();
    let thread = std::thread::spawn(move || (0..200).for_each(|n| put_row(&writer, &n.to_string(), "v").unwrap()));
    let memories: Vec<_> = (0..20)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(3));
            memory(&store)
        })
        .collect();
    thread.join().unwrap();
    let rows = store.snapshot().unwrap().scan(ROWS, b"", 1_000).unwrap();
    assert!(memories.iter().all(|memory| *memory.lock() == rows));
}

#[test]
fn what_ends_is_forgotten_unless_it_was_renewed() {
    let cluster = Cluster::new();
    let store = Store::open(&cluster.path("alone")).unwrap();
    // A row says when it is over.
    let is_over = |value: &[u8], now: i64| value.try_into().is_ok_and(|end| i64::from_be_bytes(end) <= now);
    store.forget_from(&[Ending { table: ROWS, is_over, noted_before: Some((BEFORE, b'r')) }]);
    store
        .transact_blocking(move |txn| {
            for (key, ends) in [("over", 10_i64), ("later", 30), ("renewed", 10)] {
                txn.put(ROWS, key.as_bytes(), ends.to_be_bytes().to_vec())?;
                txn.note_end(ends, ROWS, key.as_bytes())?;
            }
            txn.put(ROWS, b"renewed", 30_i64.to_be_bytes().to_vec())?;
            txn.note_end(30, ROWS, b"renewed")?;
            // As an earlier version noted it.
            txn.put(ROWS, b"old", 10_i64.to_be_bytes().to_vec())?;
            txn.put(BEFORE, &[10_i64.to_be_bytes().as_slice(), b"rold"].concat(), Vec::new())?;
            txn.note_end(10, OTHER, b"of a table that nobody named")
        })
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sweep = |second| runtime.block_on(store.sweep(Timestamp::from_second(second).unwrap())).unwrap();
    let keys = || {
        let rows = store.snapshot().unwrap().scan(ROWS, b"", 10).unwrap();
        rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sweep(9), 0);
    assert_eq!(keys(), ["later", "old", "over", "renewed"]);
    assert_eq!(sweep(10), 4);
    assert_eq!(keys(), ["later", "renewed"]);
    assert_eq!(sweep(30), 2);
    assert!(keys().is_empty() && sweep(i64::from(u32::MAX)) == 0);
}
