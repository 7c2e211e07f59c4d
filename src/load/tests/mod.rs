//! Whole load runs into a store of their own.

mod clinical;
mod decisions;
mod directory;
mod encodings;
mod enrolment;
mod reviews;
mod tables;
mod x12;

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::outbound::Clock;

/// A folder with files to load, and a store to load them into.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    contacts: ContactKey,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.redb")).unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder, store, contacts: ContactKey::new(&[1; 32]) }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join("in").join(name), content).unwrap();
    }

    fn request(&self) -> Request {
        Request {
            paths: vec![self.folder.path().join("in")],
            format: None,
            mapping: Mapping::default(),
            dry_run: false,
            report: self.folder.path().join("report.ndjson"),
            validation: crate::config::Policy::Off,
            claims_as_clinical: crate::config::ClaimsAsClinical::All,
            registry: crate::config::Registry::All,
            complete: Vec::new(),
            stop: Stop::default(),
        }
    }

    fn run(&self, request: &Request) -> Summary {
        self.find(request, &|_, _, _| None)
    }

    fn find(&self, request: &Request, find: Find<'_>) -> Summary {
        let target = Target { find, ..self.target("2026-11-24T00:00:00Z") };
        run(request, &target, &Clock::system(), &mut |_| {}).unwrap()
    }

    /// No earlier resource is found.
    fn target(&self, now: &str) -> Target<'_> {
        Target {
            store: &self.store,
            contacts: &self.contacts,
            now: now.parse().unwrap(),
            find: &|_, _, _| None,
            ids: "https://plan.example/ids",
            plan: "Plan",
        }
    }

    fn load(&self) -> Summary {
        self.run(&self.request())
    }

    fn report(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("report.ndjson")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                let file = Path::new(value["file"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
                format!(
                    "{file}:{} {} {}",
                    value["line"],
                    value["rule"].as_str().unwrap(),
                    value["reason"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// The number of changes the store has seen.
    fn changes(&self) -> usize {
        self.store.snapshot().unwrap().changed_since(0, usize::MAX).unwrap().1.len()
    }
}

fn counts(summary: &Summary) -> (u64, u64, u64, u64) {
    (summary.kept, summary.changed, summary.unchanged, summary.rejected)
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn patients(range: std::ops::Range<u32>) -> String {
    let lines: Vec<_> = range
        .map(|n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"birthDate\":\"1980-01-01\"}}\n"))
        .collect();
    lines.concat()
}

#[test]
fn a_bad_line_does_not_stop_a_good_one_and_a_second_run_changes_nothing() {
    let bench = Bench::new();
    let text = format!(
        "{}not json\r\n\r\n{{\"resourceType\":\"Cat\"}}\n{{\"resourceType\":\"Patient\",\"name\":[]}}\n{}",
        patients(0..3),
        patients(3..4).trim_end()
    );
    bench.put("a.ndjson", text);
    let first = bench.load();
    assert_eq!(counts(&first), (4, 4, 0, 3));
    assert_eq!(
        bench.report(),
        [
            "a.ndjson:4 json not valid JSON at column 1: expected a value",
            "a.ndjson:6 resource 'Cat' is not a resource type of FHIR R4",
            "a.ndjson:7 resource Patient.name: an array is empty; leave the element out instead",
        ]
    );
    let again = bench.load();
    assert_eq!(counts(&again), (4, 0, 4, 3));
    assert_eq!(bench.changes(), 4);
    assert_eq!(again.by_kind, [("fhir", 4)].into());
    assert_eq!(again.findings[0].rule, "resource");
}

#[test]
fn a_damaged_first_line_does_not_hide_what_the_file_is() {
    let bench = Bench::new();
    bench.put("export.json", format!("{{\"resourceType\": \"Pat\n{}", patients(0..2)));
    assert_eq!(counts(&bench.load()), (2, 2, 0, 1));
}

#[test]
fn packed_files_are_unpacked_and_cut_ones_give_what_they_have() {
    let bench = Bench::new();
    let text = patients(0..50_000);
    bench.put("whole.ndjson.gz", gz(text.as_bytes()));
    let packed = gz(patients(50_000..150_000).as_bytes());
    bench.put("cut", &packed[..packed.len() / 2]);
    let summary = bench.load();
    assert!(summary.kept > 80_000 && summary.kept < 120_000, "{}", summary.kept);
    assert_eq!(summary.rejected, 1);
    let report = bench.report();
    assert!(report[0].starts_with("cut:") && report[0].contains("truncated"), "{report:?}");
}

/// A ZIP archive of files, deflated.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut toc) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).unwrap();
        let packed = packer.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(text);
        let at = out.len() as u32;
        let mut about = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0x5b];
        about.extend(crc.sum().to_le_bytes());
        about.extend((packed.len() as u32).to_le_bytes());
        about.extend((text.len() as u32).to_le_bytes());
        about.extend((name.len() as u16).to_le_bytes());
        about.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&about);
        out.extend(name.as_bytes());
        out.extend(packed);
        toc.extend(b"PK\x01\x02\x14\x00");
        toc.extend(&about);
        toc.extend([0; 10]);
        toc.extend(at.to_le_bytes());
        toc.extend(name.as_bytes());
    }
    let at = out.len() as u32;
    out.extend(&toc);
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = (files.len() as u16).to_le_bytes();
    out.extend([count, count].concat());
    out.extend((toc.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn files_in_an_archive_are_files_of_the_load() {
    let bench = Bench::new();
    let members: &[u8] = b"member_id,first_name,last_name,dob\n1,A,B,1980-01-01\n";
    let files = [
        ("deep/m.csv", members),
        ("../../p.ndjson", &patients(0..3).into_bytes()),
        ("x/m.csv", b"hello"),
        (".hidden", b"x"),
    ];
    // By its content and not by its name.
    bench.put("T.BCD.A0001.ZCY18", zipped(&files));
    let summary = bench.load();
    assert_eq!((summary.files, counts(&summary)), (3, (4, 4, 0, 1)));
    let report = bench.report();
    assert!(report[0].starts_with("m.csv~2:0 unknown-file"), "{report:?}");
    assert_eq!(bench.load().changed, 0);
}

#[test]
fn bad_archives_are_refused_in_words() {
    let bench = Bench::new();
    let bomb = zipped(&[("zeros.csv", &vec![b'0'; 8 << 20])]);
    bench.put("bomb.zip", &bomb);
    let whole = zipped(&[("a.ndjson", patients(0..1000).as_bytes())]);
    bench.put("cut.zip", &whole[..whole.len() / 2]);
    bench.put("sheet.xlsx", zipped(&[("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]));
    bench.put("inner.zip", zipped(&[("again.zip", &whole)]));
    // The stated sizes are false: the file is longer than its archive states.
    let mut lies = zipped(&[("b.ndjson", patients(0..1000).as_bytes())]);
    let size = (patients(0..1000).len() as u32).to_le_bytes();
    while let Some(at) = lies.windows(4).position(|window| window == size) {
        lies[at..at + 4].copy_from_slice(&200_u32.to_le_bytes());
    }
    bench.put("lies.zip", lies);
    let summary = bench.load();
    let report = bench.report();
    assert!(summary.kept < 10, "{summary:?}");
    for (file, words) in [
        ("zeros.csv", "larger unpacked"),
        ("cut.zip", "ZIP"),
        ("sheet.xlsx", "save it as CSV"),
        ("again.zip", "ZIP archive within another"),
    ] {
        assert!(report.iter().any(|line| line.starts_with(file) && line.contains(words)), "{file}: {report:?}");
        assert!(report.iter().any(|line| line.starts_with(file) && line.contains("unreadable-file")), "{report:?}");
    }
}

/// Files in UTF-16 were called binary, though their mark says what they are.
#[test]
fn utf16_is_read_where_its_mark_says_so() {
    let wide = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let bench = Bench::new();
    let document = include_str!("../../../fixtures/load/ccda/summary.xml").replace("MRN-77", "M1");
    bench.put("m.csv", wide("member_id,first_name,last_name,dob\r\nM1,Zoë,Quintero,1980-02-14\r\n"));
    bench.put("m2.csv.gz", gz(&wide("member_id\tfirst_name\tlast_name\tdob\nM2\tAna\tB\t1980-01-01\n")));
    bench.put("cut.gz", [&[0x1f, 0x8b, 8, 0xff][..], &[0; 40]].concat());
    bench.put("c.xml", wide(&document.replace("UTF-8", "UTF-16").replace("utf-8", "utf-16")));
    let summary = bench.load();
    assert_eq!(
        (summary.by_kind.get("members"), summary.by_kind.get("ccda")),
        (Some(&2), Some(&1)),
        "{:?}",
        bench.report()
    );
}

/// A named pipe that nobody writes to stopped the load for ever.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_named_and_not_opened() {
    let bench = Bench::new();
    let inside = bench.folder.path().join("in");
    bench.put("m.csv", "member_id,first_name,last_name,dob\n1,A,B,1980-01-01\n");
    assert!(std::process::Command::new("mkfifo").arg(inside.join("pipe.csv")).status().unwrap().success());
    std::os::unix::fs::symlink(inside.join("m.csv"), inside.join("link.csv")).unwrap();
    std::os::unix::fs::symlink(bench.folder.path(), inside.join("loop")).unwrap();
    let summary = bench.load();
    assert_eq!(counts(&summary), (2, 1, 1, 2));
    let report = bench.report();
    assert!(report[0].starts_with("loop:0 unreadable-file") && report[1].starts_with("pipe.csv:0 "), "{report:?}");
    let alone = Request { paths: vec![inside.join("pipe.csv")], ..bench.request() };
    assert_eq!(counts(&bench.run(&alone)), (0, 0, 0, 1));
}

/// A dry run failed on a new plan, since its scratch file had no folder.
#[test]
fn a_dry_run_needs_no_folder_for_reports() {
    let bench = Bench::new();
    bench.put("m.csv", "member_id,first_name,last_name,dob\n1,A,B,1980-01-01\n");
    let report = bench.folder.path().join("data/reports/load.ndjson");
    assert_eq!(counts(&bench.run(&Request { dry_run: true, report, ..bench.request() })), (1, 1, 0, 0));
}

#[test]
fn a_cut_bundle_gives_what_it_has() {
    let bench = Bench::new();
    let entries: Vec<String> = (0..9)
        .map(|n| format!("{{\"resource\":{{\"resourceType\":\"Patient\",\"id\":\"q{n}\",\"gender\":\"other\"}}}}"))
        .collect();
    let bundle =
        format!("{{\n\"resourceType\":\"Bundle\",\n\"type\":\"collection\",\n\"entry\":[{}]}}", entries.join(",\n"));
    bench.put("cut.json", &bundle[..bundle.len() - 70]);
    let packed = gz(bundle.replace("\"q", "\"r").as_bytes());
    bench.put("cut.json.gz", &packed[..packed.len() - 12]);
    let summary = bench.load();
    assert!(summary.kept >= 9 && summary.rejected == 2, "{summary:?} {:?}", bench.report());
}

#[test]
fn bundles_are_unpacked_and_their_references_followed() {
    let bench = Bench::new();
    bench.put(
        "b.json",
        r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:0001","resource":{"resourceType":"Patient"}},
        {"fullUrl":"urn:uuid:0002","resource":{"resourceType":"Condition","id":"c","subject":{"reference":"urn:uuid:0001"},
          "recorder":{"reference":"Practitioner?identifier=npi|1","display":"Dr"},"asserter":{"reference":"Practitioner?identifier=npi|2"}}},
        {"resource":{"resourceType":"OperationOutcome"}},
        {"fullUrl":"x","resource":{"resourceType":"Patient","id":"gone"},"request":{"method":"DELETE","url":"Patient/gone"}}]}"#,
    );
    bench.put("z.json", r#"{"resourceType":"Practitioner","id":"dr","identifier":[{"system":"npi","value":"1"}]}"#);
    let mut request = bench.request();
    let summary = bench.run(&request);
    assert_eq!(counts(&summary), (3, 3, 0, 1));
    assert_eq!(summary.findings.iter().find(|f| f.rule == "unresolved-reference").unwrap().count, 1);
    // The same again, now that the second practitioner is known from an earlier load.
    request.paths = vec![bench.folder.path().join("in/b.json")];
    let summary = bench.find(&request, &|_, _, value| Some(format!("dr{value}").replace("dr1", "dr")));
    assert_eq!((summary.changed, summary.unchanged), (1, 1));
}

#[test]
fn the_last_of_several_versions_wins_and_going_back_is_a_change() {
    let bench = Bench::new();
    let patient = |gender| format!(r#"{{"resourceType":"Patient","id":"p","gender":"{gender}"}}"#);
    bench.put("a.json", patient("female"));
    bench.put("b.json", patient("male"));
    assert_eq!(counts(&bench.load()), (2, 2, 0, 0));
    assert_eq!(counts(&bench.load()), (2, 0, 2, 0));
    // The older file alone: the source has gone back.
    let one = |name| Request { paths: vec![bench.folder.path().join("in").join(name)], ..bench.request() };
    assert_eq!(counts(&bench.run(&one("a.json"))), (1, 1, 0, 0));
    assert_eq!(counts(&bench.run(&one("a.json"))), (1, 0, 1, 0));
    assert_eq!(counts(&bench.load()), (2, 1, 1, 0));
    // There and back in one run.
    bench.put("c.json", patient("female"));
    assert_eq!(counts(&bench.load()), (3, 1, 2, 0));
    assert_eq!(counts(&bench.load()), (3, 0, 3, 0));
}

#[test]
fn a_dry_run_counts_and_keeps_nothing() {
    let bench = Bench::new();
    bench.put("a.ndjson", patients(0..10));
    bench.put("m.csv", "member_id,first_name,last_name,dob\n1,A,B,1980-01-01\n2,C,D,1980-01-01\n");
    bench.put("r.csv", "representative_member_id,member_id\n1,2\n");
    let request = Request { dry_run: true, ..bench.request() };
    assert_eq!(counts(&bench.run(&request)), (13, 13, 0, 0));
    assert_eq!(bench.changes(), 0);
    assert_eq!(counts(&bench.load()), (13, 13, 0, 0));
    assert_eq!(counts(&bench.run(&request)), (13, 0, 13, 0));
}

#[test]
fn a_roster_from_windows_becomes_members_with_records() {
    let bench = Bench::new();
    let table = "\u{feff}Member ID;Surname;Given Name;DOB;Sex;E-mail address;Phone;Plan Code;Coverage Start;Coverage End\r\n\
        \"A;1\";García;Ana;01/15/1980;F;ana@example.com;(541) 555-0101;GOLD;1/1/2025;9999-12-31\r\n\
        \"A;1\";García;Ana;01/15/1980;F;ana@example.com;;DENT;1/1/2025;12/31/2025\r\n\
        A2;Doe;Jo;31/31/1980;;;;;;\r\n\
        A3;Doe;;1980-01-01;;;;;;\r\n\
        \"A;1\";Other;Person;1990-01-01;;;;;;\r\n\
        A4;Doe;Max;1980-02-29;M;not an address;;;;\r\n";
    bench.put("roster.csv", table.replace("E-mail address", "Email Address"));
    let summary = bench.load();
    assert_eq!(counts(&summary), (3, 2, 1, 3));
    let report = bench.report();
    assert!(report.iter().any(|line| line.starts_with("roster.csv:4 member the birth date is no date")), "{report:?}");
    assert!(report.iter().any(|line| line == "roster.csv:5 member the first name is empty"), "{report:?}");
    assert!(report.iter().any(|line| line.starts_with("roster.csv:6 member another person")), "{report:?}");
    assert_eq!(summary.findings.iter().find(|f| f.rule == "contact").unwrap().count, 1);
    // Two Patients, the two spans of Ana, and the plan that pays for them.
    assert_eq!(bench.changes(), 5);
    assert_eq!(counts(&bench.load()), (3, 0, 3, 3));
    // No text of a row is in the report.
    assert!(!report.concat().contains("Doe") && !report.concat().contains("1990"));
}

#[test]
fn a_member_is_matched_to_the_patient_that_carries_her_number() {
    let bench = Bench::new();
    bench.put("p.json", r#"{"resourceType":"Patient","id":"ana","identifier":[{"system":"s","value":"A1"}]}"#);
    bench.put("m.csv", "member_id,first_name,last_name,dob,plan\nA1,Ana,García,1980-01-15,GOLD\n");
    assert_eq!(counts(&bench.load()), (2, 2, 0, 0));
    // No second Patient: only the plan's own Organization.
    assert_eq!(bench.changes(), 2);
}

#[test]
fn files_of_other_kinds_are_named() {
    let bench = Bench::new();
    bench.put("a.834", "ISA*00*          *00*");
    bench.put("b.txt", "hello\nworld\n");
    bench.put("c.csv", "Id,NAME,ADDRESS\n1,Plan,Street\n");
    bench.put("d.ndjson", "");
    let summary = bench.load();
    assert_eq!(counts(&summary), (0, 0, 0, 3));
    let report = bench.report();
    assert!(report[0].contains("this looks like an X12 file"), "{report:?}");
    assert!(report[2].contains("a table whose column names are not known here"), "{report:?}");
    assert!(report[2].contains("--suggest-map") && report[2].contains("no column for the first name"), "{report:?}");
}

#[test]
fn the_demo_plan_loads_without_a_complaint() {
    let bench = Bench::new();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/plan");
    for file in fs::read_dir(demo).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, bench.folder.path().join("in").join(path.file_name().unwrap())).unwrap();
    }
    let summary = bench.load();
    assert_eq!(summary.rejected, 0, "{:?}", bench.report());
    // Children without an address of their own, and a doctor who only sees patients by video.
    let findings: Vec<(&str, u64)> = summary.findings.iter().map(|finding| (finding.rule, finding.count)).collect();
    assert_eq!(findings, [("member-without-contact", 4), ("location-without-street", 1)]);
    assert_eq!((summary.by_kind["members"], summary.by_kind["representatives"]), (25, 5));
    assert_eq!(bench.load().changed, 0);
}

/// The demo's files are written by a script; they must be what it writes.
#[test]
fn the_demo_plan_is_what_its_script_writes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/make.py");
    match std::process::Command::new("python3").arg(script).arg("--check").output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => crate::beside::did_not_run("the_demo_plan_is_what_its_script_writes", "python3", true),
    }
}

proptest::proptest! {
    /// Whatever a file holds, a load reads it to the end.
    #[test]
    fn no_bytes_stop_a_load(
        text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        table in "(member_id,first_name,last_name,dob\r?\n)?([a-zA-Z0-9,;\"'\r\n/ éß-]{0,200})",
        json in "[\\[{]?(\\{\"resourceType\":\"Patient\"[ ,:\"\\[\\]{}a-z0-9\n]{0,80}\\}?\n?){0,4}",
    ) {
        let file: std::sync::Arc<str> = "f".into();
        let today = "2026-11-24".parse().unwrap();
        for bytes in [&text[..], table.as_bytes(), json.as_bytes()] {
            let _ = crate::formats::sniff::look(bytes, &Mapping::default());
            let mut batch = super::resources::Batch::default();
            batch.file(&file, bytes);
            batch.lines(&file, 1, bytes);
            let mut rejects = Vec::new();
            let _ = crate::formats::tables::members::people(&file, bytes, &Mapping::default().members, today, &|_| true, &mut rejects);
            let _ = crate::formats::tables::members::proxies(&file, bytes, &Mapping::default().members, &mut rejects);
        }
    }
}

#[test]
fn what_is_not_valid_is_kept_counted_or_left_out_as_the_plan_says() {
    use crate::config::Policy;
    for (validation, kept, rejected, finding) in [
        (Policy::Off, 2, 0, None),
        (Policy::Warn, 2, 0, Some(("not-valid-but-kept", 1))),
        (Policy::Reject, 1, 1, Some(("invalid", 1))),
    ] {
        let bench = Bench::new();
        bench.put(
            "a.ndjson",
            "{\"resourceType\":\"Patient\",\"id\":\"good\",\"gender\":\"female\"}\n\
             {\"resourceType\":\"Patient\",\"id\":\"bad\",\"gender\":\"woman\",\"names\":\"x\"}\n",
        );
        let summary = bench.run(&Request { validation, ..bench.request() });
        assert_eq!((summary.kept, summary.rejected), (kept, rejected), "{validation:?}");
        let found = summary.findings.first().map(|finding| (finding.rule, finding.count));
        assert_eq!(found, finding, "{validation:?}");
        if validation == Policy::Reject {
            let report = bench.report().join("");
            assert!(report.contains("Patient.gender") && !report.contains("woman"), "{report}");
        }
    }
}

/// A server that is told to stop must not wait for the end of a file that a load has just begun.
#[test]
fn a_load_that_is_stopped_goes_on_with_the_next() {
    let bench = Bench::new();
    // Each file is a block of its own at least.
    for file in 0..20 {
        bench.put(&format!("p{file}.ndjson"), patients(file * 1_000..(file + 1) * 1_000));
    }
    bench.put("z.csv", "member_id,first_name,last_name,dob\n1,A,B,1980-01-01\n");
    let target = bench.target("2026-11-24T00:00:00Z");
    let request = bench.request();
    let stop = request.stop.clone();
    let stopped = run(&request, &target, &Clock::system(), &mut |progress| {
        if progress.kept > 0 {
            stop.ask();
        }
    });
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    let kept = bench.changes() as u64;
    assert!(kept > 0 && kept < 20_000, "{kept}");
    let summary = bench.load();
    assert_eq!((summary.unchanged, summary.changed), (kept, 20_001 - kept));
    // Including the plan itself and the Patient of the member.
    assert_eq!(bench.changes(), 20_002);
}
