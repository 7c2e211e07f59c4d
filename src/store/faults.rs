//! Disks that fail, and proof that our own transactions survive them.
//!
//! Three shapes: *count-down* (the nth operation and all after it fail while the process lives on), *amnesia* (a power
//! cut after which only what was synced is there), *torn shuffle* (a power cut after which any subset of the unsynced
//! writes is there, each torn at sectors). redb's own fuzzer leaves out the last two for its default commit.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use redb::StorageBackend;

use super::engine::Engine;
use super::{Error, Log, Membership, MemoryLog, Store, Table, Txn};
use crate::access::{Operation, View};
use crate::fhir;
use crate::fhir::definitions::Definitions;
use crate::outbound::{Chance, Clock};

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Done {
    Write(usize, Vec<u8>),
    SetLen(usize),
    Sync,
    /// The transaction with that number was answered.
    Acknowledged(u32),
}

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    log: Vec<Done>,
    operations: u64,
    /// Operations after which everything fails; once, if `heals`.
    fail_at: Option<u64>,
    heals: bool,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Disk>>);

impl Disk {
    fn step(&mut self) -> Result<(), io::Error> {
        self.operations += 1;
        let fails = self.fail_at.is_some_and(|at| self.operations >= at);
        if fails && self.heals {
            self.fail_at = None;
        }
        if fails { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let mut disk = self.0.lock();
        disk.step()?;
        let from = offset as usize;
        let bytes = disk.bytes.get(from..from + out.len()).ok_or_else(|| io::Error::other("beyond the end"))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut disk = self.0.lock();
        disk.step()?;
        disk.bytes.resize(len as usize, 0);
        disk.log.push(Done::SetLen(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut disk = self.0.lock();
        disk.step()?;
        disk.log.push(Done::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut disk = self.0.lock();
        disk.step()?;
        let from = offset as usize;
        let to = disk.bytes.get_mut(from..from + data.len()).ok_or_else(|| io::Error::other("beyond the end"))?;
        to.copy_from_slice(data);
        disk.log.push(Done::Write(from, data.to_vec()));
        Ok(())
    }
}

fn open(disk: &Shared) -> Result<Store, Error> {
    let disk = disk.clone();
    Store::open_with(Box::new(move || Engine::on(disk.clone())), Definitions::default(), None)
}

const LEFT: Table = Table::new("test.left");
const RIGHT: Table = Table::new("test.right");

/// Transaction `n`: a pair of ledger rows that must both be there, a patient, and a claim of hers.
fn write(store: &Store, n: u32) -> Result<(), Error> {
    let patient = crate::access::admit_text(
        format!(r#"{{"resourceType":"Patient","id":"p{}","multipleBirthInteger":{n}}}"#, n % 5).as_bytes(),
    )
    .unwrap();
    let claim = format!(
        r#"{{"resourceType":"ExplanationOfBenefit","id":"e{n}","patient":{{"reference":"Patient/p{}"}},"disposition":"{}"}}"#,
        n % 5,
        "x".repeat(1 + n as usize * 37 % 3_000)
    );
    let claim = crate::access::admit_text(claim.as_bytes()).unwrap();
    store.transact_blocking(move |txn: &mut Txn<'_>| {
        txn.put(LEFT, &n.to_be_bytes(), b"left".to_vec())?;
        txn.put_resource(&patient, Timestamp::UNIX_EPOCH, None)?;
        txn.put_resource(&claim, Timestamp::UNIX_EPOCH, None)?;
        txn.put(RIGHT, &n.to_be_bytes(), b"right".to_vec())
    })
}

/// Every transaction up to `acknowledged` is there, whole; one more may be; none is half there.
fn check(store: &Store, acknowledged: u32, what: &str) {
    let snapshot = store.snapshot().unwrap();
    let left = snapshot.scan(LEFT, &[], 1_000).unwrap().len() as u32;
    let right = snapshot.scan(RIGHT, &[], 1_000).unwrap().len() as u32;
    assert_eq!(left, right, "{what}: a pair is half there");
    assert!(left >= acknowledged, "{what}: {acknowledged} acknowledged, {left} there");
    let view = View::operator(Timestamp::UNIX_EPOCH);
    for n in 0..left {
        let found = snapshot.read(&view, fhir::Kind::named("ExplanationOfBenefit"), &format!("e{n}")).unwrap();
        assert!(matches!(found, super::Found::Here(_)), "{what}: claim {n} is missing");
    }
    assert_eq!(snapshot.last_seq().unwrap(), u64::from(left) * 2, "{what}: the change feed does not agree");
    let reader = snapshot.reader(&view, Operation::Read).unwrap();
    for rid in snapshot.changed_since(0, 10_000).unwrap().1 {
        assert!(reader.get(rid).unwrap().is_some(), "{what}: a change without its record");
    }
}

/// The disk after a power cut at `cut`: what was synced, and of the rest what `survives` says per sector.
fn after_cut(log: &[Done], cut: usize, mut survives: impl FnMut() -> bool) -> (Vec<u8>, u32) {
    let synced = log[..cut].iter().rposition(|done| matches!(done, Done::Sync)).map_or(0, |at| at + 1);
    let mut bytes = Vec::new();
    let mut acknowledged = 0;
    for (at, done) in log[..cut].iter().enumerate() {
        match done {
            Done::Write(offset, data) => {
                for (sector, chunk) in data.chunks(SECTOR).enumerate() {
                    let from = offset + sector * SECTOR;
                    if at < synced || survives() {
                        if bytes.len() < from + chunk.len() {
                            bytes.resize(from + chunk.len(), 0);
                        }
                        bytes[from..from + chunk.len()].copy_from_slice(chunk);
                    }
                }
            }
            Done::SetLen(len) => {
                if at < synced || *len > bytes.len() {
                    bytes.resize(*len, 0);
                }
            }
            Done::Sync => {}
            Done::Acknowledged(n) => acknowledged = *n,
        }
    }
    (bytes, acknowledged)
}

fn recorded(transactions: u32) -> Vec<Done> {
    let disk = Shared::default();
    let store = open(&disk).unwrap();
    // Opening is not the subject: a file that was never made is made again.
    let opened = disk.0.lock().log.len();
    for n in 0..transactions {
        write(&store, n).unwrap();
        disk.0.lock().log.push(Done::Acknowledged(n + 1));
    }
    drop(store);
    let log = disk.0.lock().log.clone();
    assert!(log.len() > opened);
    log
}

/// Number of cuts the suite makes; each opens the file that is left and looks at all of it.
const CUTS: u64 = 2_200;

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged() {
    let log = recorded(40);
    let first_sync = log.iter().position(|done| matches!(done, Done::Acknowledged(_))).unwrap();
    let chance = Chance::seeded(42);
    let mut random = {
        let mut pool = Vec::new();
        move || {
            if pool.is_empty() {
                let mut bytes = [0; 4_096];
                chance.fill(&mut bytes);
                pool.extend_from_slice(&bytes);
            }
            pool.pop().unwrap()
        }
    };
    for cut in 0..CUTS {
        let span = log.len() - first_sync;
        let at = first_sync + (usize::from(random()) << 8 | usize::from(random())) % span;
        let shape = cut % 4;
        let (bytes, acknowledged) = after_cut(&log, at, || match shape {
            0 => false,
            1 => true,
            _ => random() < 128,
        });
        let disk = Shared::default();
        disk.0.lock().bytes = bytes;
        let what = format!("cut {cut} at operation {at}, shape {shape}");
        let store = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        check(&store, acknowledged, &what);
        // The survivor is not only readable: it takes the next write.
        if cut % 50 == 0 {
            let next = store.snapshot().unwrap().scan(LEFT, &[], 1_000).unwrap().len() as u32;
            write(&store, next).unwrap();
            check(&store, next + 1, &what);
        }
    }
}

#[test]
fn a_failing_disk_is_named_and_a_healed_one_goes_on() {
    let operations = {
        let disk = Shared::default();
        let store = open(&disk).unwrap();
        let before = disk.0.lock().operations;
        (0..6).for_each(|n| write(&store, n).unwrap());
        disk.0.lock().operations - before
    };
    for step in 1..operations {
        let disk = Shared::default();
        let store = open(&disk).unwrap();
        {
            let mut disk = disk.0.lock();
            disk.fail_at = Some(disk.operations + step);
            disk.heals = true;
        }
        let mut acknowledged = 0;
        let mut failed = 0;
        let mut n = 0;
        while n < 6 {
            match write(&store, n) {
                Ok(()) => {
                    n += 1;
                    acknowledged = n;
                }
                Err(error) => {
                    assert!(error.needs_reopen(), "step {step}: {error}");
                    failed += 1;
                    assert!(failed < 5, "step {step}: the disk is healed and the store is not");
                    // What was not acknowledged may be there or not; ask the file, as an operator would.
                    n = store.snapshot().map_or(n, |s| s.scan(LEFT, &[], 100).unwrap().len() as u32);
                }
            }
        }
        check(&store, acknowledged, &format!("failure at operation {step}"));
    }
}

#[test]
fn a_disk_that_stays_dead_refuses_every_write_and_keeps_what_it_had() {
    let disk = Shared::default();
    let store = open(&disk).unwrap();
    (0..3).for_each(|n| write(&store, n).unwrap());
    {
        let mut disk = disk.0.lock();
        disk.fail_at = Some(disk.operations + 1);
    }
    for n in 3..8 {
        assert!(write(&store, n).is_err());
    }
    drop(store);
    disk.0.lock().fail_at = None;
    check(&open(&disk).unwrap(), 3, "after the disk came back");
}

/// The same disk as a node of a shared log, which is on other machines and does not fail with it.
fn open_node(node: &str, disk: &Shared, log: &Arc<MemoryLog>) -> Result<Store, Error> {
    let disk = disk.clone();
    let log = Arc::clone(log) as Arc<dyn Log>;
    let membership = Membership { log, node: node.into(), clock: Clock::manual(Timestamp::UNIX_EPOCH).0 };
    Store::open_with(Box::new(move || Engine::on(disk.clone())), Definitions::default(), Some(membership))
}

/// What the log says that a node holds.
fn replayed(log: &Arc<MemoryLog>) -> std::collections::BTreeMap<String, (u64, u128)> {
    open_node("a", &Shared::default(), log).unwrap().snapshot().unwrap().fingerprints().unwrap()
}

#[test]
fn a_disk_that_fails_between_append_and_apply_loses_nothing() {
    let operations = {
        let disk = Shared::default();
        let store = open_node("a", &disk, &Arc::default()).unwrap();
        let before = disk.0.lock().operations;
        (0..4).for_each(|n| write(&store, n).unwrap());
        disk.0.lock().operations - before
    };
    let mut kept = 0;
    for step in 1..operations {
        let (disk, log) = (Shared::default(), Arc::default());
        let store = open_node("a", &disk, &log).unwrap();
        {
            let mut disk = disk.0.lock();
            disk.fail_at = Some(disk.operations + step);
            disk.heals = true;
        }
        let mut acknowledged = 0;
        let mut n = 0;
        while n < 4 {
            let appended = log.last();
            match write(&store, n) {
                Ok(()) => {
                    n += 1;
                    acknowledged = n;
                    kept += u32::from(disk.0.lock().fail_at.is_none());
                }
                Err(error) => {
                    assert!(error.needs_reopen(), "step {step}: {error}");
                    assert_eq!(log.last(), appended, "step {step}: what is in the log must not be refused");
                }
            }
        }
        let what = format!("failure at operation {step}");
        check(&store, acknowledged, &what);
        assert_eq!(store.snapshot().unwrap().fingerprints().unwrap(), replayed(&log), "{what}");
    }
    assert!(kept > 0, "some were in the log and not on the disk");
}

#[test]
fn a_node_that_is_cut_off_anywhere_goes_on_from_the_log() {
    let (disk, log) = (Shared::default(), Arc::default());
    let store = open_node("a", &disk, &log).unwrap();
    let opened = disk.0.lock().log.len();
    (0..12).for_each(|n| write(&store, n).unwrap());
    drop(store);
    let done = disk.0.lock().log.clone();
    let all = replayed(&log);
    let chance = Chance::seeded(7);
    for cut in (opened..done.len()).step_by(2) {
        for shape in 0..3 {
            let (bytes, _) = after_cut(&done, cut, || {
                let mut byte = [0];
                chance.fill(&mut byte);
                shape == 1 || shape == 2 && byte[0] < 128
            });
            let disk = Shared::default();
            disk.0.lock().bytes = bytes;
            let what = format!("cut at operation {cut}, shape {shape}");
            let store = open_node("a", &disk, &log).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(store.snapshot().unwrap().fingerprints().unwrap(), all, "{what}");
            check(&store, 12, &what);
        }
    }
}

#[test]
fn a_follower_whose_disk_fails_opens_it_again_and_catches_up() {
    for step in (1..60).step_by(5) {
        let log = Arc::default();
        let leader = open_node("a", &Shared::default(), &log).unwrap();
        let disk = Shared::default();
        let follower = open_node("b", &disk, &log).unwrap();
        {
            let mut disk = disk.0.lock();
            disk.fail_at = Some(disk.operations + step);
            disk.heals = true;
        }
        (0..3).for_each(|n| write(&leader, n).unwrap());
        let clock = Clock::system();
        while follower.applied() < leader.applied() {
            assert!(clock.monotonic().as_secs() < 10, "failure at operation {step}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        check(&follower, 3, &format!("failure at operation {step}"));
        let print = |store: &Store| store.snapshot().unwrap().fingerprints().unwrap();
        assert_eq!(print(&leader), print(&follower), "failure at operation {step}");
    }
}
