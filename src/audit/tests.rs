use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::segment::Sink;
use super::*;

fn signer() -> Signer {
    Signer::from_seed(&[7; 32]).unwrap()
}

fn clock() -> Clock {
    Clock::manual("2026-11-24T02:00:00Z".parse().unwrap()).0
}

fn open(folder: &Path) -> Audit {
    Audit::open(folder, signer(), clock()).unwrap()
}

fn record(audit: &Audit, request: &str) -> Result<(), Error> {
    audit.record(&Entry {
        request,
        who: Who::App("app-1"),
        grant: Some("grant-1"),
        patients: &["patient-1".into()],
        interaction: "read",
        about: None,
        types: &[("ExplanationOfBenefit", 3), ("Coverage", 1)],
        status: 200,
    })
}

fn filled(count: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path());
    for n in 0..count {
        record(&audit, &format!("request-{n:04}")).unwrap();
    }
    drop(audit);
    let file = segment::path(folder.path(), 1);
    (folder, file)
}

fn check(folder: &Path) -> Report {
    verify(folder, Some(&signer().verifier())).unwrap()
}

/// Offset and length of every frame.
fn frames(file: &Path) -> Vec<(usize, usize)> {
    let bytes = fs::read(file).unwrap();
    let mut from = &bytes[frame::HEADER_LEN as usize..];
    let mut out = Vec::new();
    loop {
        let at = bytes.len() - from.len();
        let frame::Next::Frame { payload, .. } = frame::next(&mut from).unwrap() else { return out };
        out.push((at, payload.len() + frame::AROUND));
    }
}

#[test]
fn what_is_recorded_is_there() {
    let (folder, _) = filled(5);
    let report = check(folder.path());
    assert_eq!((report.entries, report.segments, report.cuts, report.broken), (5, 1, 0, None));
    let mut seen = Vec::new();
    verify::replay(folder.path(), u64::MAX, &mut |r| seen.push(r.clone())).unwrap();
    let entries: Vec<_> = seen.iter().filter(|r| r.is_entry()).collect();
    assert_eq!(entries.len(), 5);
    assert_eq!(entries[2].request, "request-0002");
    assert_eq!(entries[2].who, "app:app-1");
    assert_eq!(entries[2].types, [("ExplanationOfBenefit".to_owned(), 3), ("Coverage".to_owned(), 1)]);
}

#[test]
fn odd_ids_are_written_as_json() {
    let entry = Entry {
        request: "a\"b\\c\n",
        who: Who::Member("é"),
        grant: None,
        patients: &[],
        interaction: "read",
        about: None,
        types: &[],
        status: 404,
    };
    let now = clock().now();
    let back: Recorded = serde_json::from_slice(&entry.payload(now)).unwrap();
    assert_eq!((back.request.as_str(), back.who.as_str(), back.status, back.time), ("a\"b\\c\n", "member:é", 404, now));
}

#[test]
fn an_edited_entry_is_named() {
    let (folder, file) = filled(5);
    let (offset, _) = frames(&file)[3];
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(12).position(|w| w == b"request-0002").unwrap();
    assert!(at > offset);
    bytes[at + 11] = b'9';
    fs::write(&file, bytes).unwrap();
    let broken = check(folder.path()).broken.unwrap();
    // Frame 0 is the head that opening signed, so the third entry is frame 3.
    assert_eq!((broken.entry, broken.offset, broken.file), (3, offset as u64, file));
}

#[test]
fn a_deleted_and_a_moved_entry_are_named() {
    let (folder, file) = filled(5);
    let all = frames(&file);
    let bytes = fs::read(&file).unwrap();

    let mut deleted = bytes.clone();
    deleted.drain(all[2].0..all[2].0 + all[2].1);
    fs::write(&file, deleted).unwrap();
    let broken = check(folder.path()).broken.unwrap();
    assert_eq!((broken.entry, broken.offset), (2, all[2].0 as u64));

    let mut moved = bytes[..all[1].0].to_vec();
    moved.extend_from_slice(&bytes[all[2].0..all[2].0 + all[2].1]);
    moved.extend_from_slice(&bytes[all[1].0..all[1].0 + all[1].1]);
    moved.extend_from_slice(&bytes[all[3].0..]);
    fs::write(&file, moved).unwrap();
    assert_eq!(check(folder.path()).broken.unwrap().entry, 1);
}

#[test]
fn a_cut_end_is_found_by_the_kept_head() {
    let (folder, file) = filled(5);
    let all = frames(&file);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..all[4].0]).unwrap();
    assert!(check(folder.path()).broken.unwrap().why.contains("cut off"));
}

#[test]
fn a_chain_written_anew_without_the_key_is_found() {
    let (folder, _) = filled(3);
    let forged = Audit::open(&folder.path().join("x"), Signer::from_seed(&[8; 32]).unwrap(), clock()).unwrap();
    record(&forged, "r").unwrap();
    drop(forged);
    assert!(check(&folder.path().join("x")).broken.unwrap().why.contains("signature"));
    assert!(verify(&folder.path().join("x"), None).unwrap().broken.is_none());
}

#[test]
fn a_torn_end_is_set_aside_and_noted_at_every_length() {
    let (folder, file) = filled(3);
    let whole = fs::read(&file).unwrap();
    let all = frames(&file);
    let last = *all.last().unwrap();
    for keep in (last.0 + 1)..(last.0 + last.1) {
        fs::write(&file, &whole[..keep]).unwrap();
        let audit = open(folder.path());
        record(&audit, "after").unwrap();
        drop(audit);
        let report = check(folder.path());
        assert_eq!((report.entries, report.cuts, report.broken), (4, 1, None), "kept {keep}");
        let torn = folder.path().join(format!("000001.audit.torn-{}", last.0));
        assert_eq!(fs::read(&torn).unwrap(), &whole[last.0..keep]);
    }
    // Bytes that never reached the disk read as zeros.
    let zeros = [&whole[..], &[0; 100]].concat();
    fs::write(&file, zeros).unwrap();
    drop(open(folder.path()));
    assert_eq!(check(folder.path()).broken, None);
    // A segment whose header never reached the disk is no segment.
    fs::write(segment::path(folder.path(), 2), b"ING").unwrap();
    drop(open(folder.path()));
    assert_eq!(check(folder.path()).broken, None);
}

#[test]
fn many_at_once_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let audit = audit.clone();
            scope.spawn(move || {
                for n in 0..500 {
                    record(&audit, &format!("{thread}-{n}")).unwrap();
                }
            });
        }
    });
    // Every entry is in the file although nothing was closed or synced.
    let mut seen: Vec<Vec<u32>> = vec![Vec::new(); 8];
    verify::replay(folder.path(), u64::MAX, &mut |r| {
        if let Some((thread, n)) = r.request.split_once('-') {
            seen[thread.parse::<usize>().unwrap()].push(n.parse().unwrap());
        }
    })
    .unwrap();
    for order in seen {
        assert_eq!(order, (0..500).collect::<Vec<_>>());
    }
    assert_eq!(check(folder.path()).entries, 4000);
    assert_eq!(audit.last_read("grant-1").unwrap().reads, 4000);
}

#[test]
fn segments_turn_over_and_chain() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path());
    let long = "r".repeat(900_000);
    for _ in 0..40 {
        record(&audit, &long).unwrap();
    }
    drop(audit);
    let report = check(folder.path());
    assert_eq!((report.segments, report.entries, report.broken), (3, 40, None));
    fs::remove_file(segment::path(folder.path(), 2)).unwrap();
    assert!(check(folder.path()).broken.unwrap().why.contains("missing"));
}

#[test]
fn look_ups_survive_reopening() {
    let (folder, _) = filled(3);
    let audit = open(folder.path());
    let rows = audit.activity("patient-1");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].reads, rows[0].types[0].1, &*rows[0].who), (3, 9, "app:app-1"));
    assert_eq!(audit.last_read("grant-1").unwrap().reads, 3);
    assert!(audit.activity("patient-2").is_empty() && audit.last_read("grant-2").is_none());
}

#[test]
fn a_new_day_is_a_new_row_and_heads_are_signed_hourly() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::manual("2026-11-24T23:00:00Z".parse().unwrap());
    let audit = Audit::open(folder.path(), signer(), clock).unwrap();
    record(&audit, "a").unwrap();
    hand.advance(Duration::from_hours(2));
    record(&audit, "b").unwrap();
    assert_eq!(audit.activity("patient-1").len(), 2);
    // The keeper syncs within 200 ms of a write and then sees that a head is due.
    let signed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        check(folder.path()).heads >= 2
    });
    assert!(signed);
}

/// A disk that takes so many bytes and then is full, in the middle of a write if need be.
struct SmallDisk {
    folder: PathBuf,
    left: Arc<AtomicUsize>,
    sync_fails: bool,
}

struct SmallFile(Arc<dyn Sink>, Arc<AtomicUsize>, bool);

impl Sink for SmallFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let left = self.1.load(SeqCst);
        let fits = bytes.len().min(left);
        self.0.append(&bytes[..fits])?;
        self.1.store(left - fits, SeqCst);
        if fits < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        if self.2 { Err(io::Error::other("sync")) } else { self.0.sync() }
    }
}

impl Disk for SmallDisk {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn open(&self, number: u32) -> io::Result<Arc<dyn Sink>> {
        let real = FolderDisk::new(&self.folder).open(number)?;
        Ok(Arc::new(SmallFile(real, Arc::clone(&self.left), self.sync_fails)))
    }
}

fn small(folder: &Path, left: usize, sync_fails: bool) -> Result<Audit, Error> {
    let left = Arc::new(AtomicUsize::new(left));
    Audit::on(Arc::new(SmallDisk { folder: folder.to_owned(), left, sync_fails }), signer(), clock())
}

#[test]
fn a_full_disk_stops_everything_until_reopened() {
    // The disk fills up at every possible byte: what was acknowledged is there, nothing else is half there.
    for room in (400..2_000).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        let Ok(audit) = small(folder.path(), room, false) else { continue };
        let taken = (0..20).take_while(|n| record(&audit, &format!("{n}")).is_ok()).count();
        assert!(matches!(record(&audit, "later"), Err(Error::Stopped)), "room {room}");
        assert!(!audit.is_well());
        drop(audit);
        let audit = open(folder.path());
        record(&audit, "well again").unwrap();
        drop(audit);
        let report = check(folder.path());
        assert_eq!((report.entries, report.broken), (taken as u64 + 1, None), "room {room}");
    }
}

#[test]
fn a_failed_sync_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    assert!(small(folder.path(), usize::MAX, true).is_err());
}
