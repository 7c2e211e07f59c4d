//! Enrollment, claims, payments and reviews over whole runs: their resources, in any order, twice, half done and taken
//! back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::access::View;
use crate::config::Policy;

const NOW: &str = "2026-11-24T00:00:00Z";

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/x12");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "x12"));
    files.sort();
    files
}

fn request(bench: &Bench, paths: Vec<PathBuf>) -> Request {
    Request { paths, validation: Policy::Reject, ..bench.request() }
}

/// Every current resource, without the time when it was written.
pub(super) fn state(bench: &Bench) -> BTreeMap<String, Value> {
    let snapshot = bench.store.snapshot().unwrap();
    let view = View::operator(NOW.parse().unwrap());
    let mut out = BTreeMap::new();
    for version in snapshot.feed(&view, None, u64::MAX, &crate::store::Times::default(), 100_000).unwrap().versions {
        let key = format!("{}/{}", version.kind.name(), version.id);
        if version.deleted {
            out.entry(key).or_insert(Value::Null);
            continue;
        }
        let mut body: Value = serde_json::from_slice(&version.body).unwrap();
        let meta = body["meta"].as_object_mut().unwrap();
        meta.remove("lastUpdated");
        meta.remove("versionId");
        out.entry(key).or_insert(body);
    }
    out.retain(|_, body| !body.is_null());
    out
}

fn eobs(bench: &Bench) -> Vec<Value> {
    state(bench).into_iter().filter(|(key, _)| key.starts_with("ExplanationOfBenefit/")).map(|(_, body)| body).collect()
}

fn of<'a>(eobs: &'a [Value], account: &str) -> &'a Value {
    let has = |eob: &&Value| {
        let infos = eob["supportingInfo"].as_array().into_iter().flatten();
        infos.filter_map(|info| info["valueString"].as_str()).any(|text| text == account)
    };
    eobs.iter().find(has).unwrap_or_else(|| panic!("no claim {account}"))
}

#[test]
fn the_fixtures_come_to_what_stands_beside_them() {
    let bench = Bench::new();
    let summary = bench.run(&request(&bench, fixtures()));
    let lines: Vec<String> = state(&bench).values().map(Value::to_string).collect();
    let found = format!("{}\n{}\n", lines.join("\n"), bench.report().join("\n"));
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/x12/all.expected.ndjson");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&beside, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&beside).unwrap(), "run with UPDATE_EXPECTED=1 and read what changed");
    assert_eq!(summary.rejected, 2);
    for resource in state(&bench).values() {
        crate::map::fixtures_tests::assert_valid_when_stored(resource);
    }
}

#[test]
fn amounts_are_those_of_the_payments() {
    let bench = Bench::new();
    bench.run(&request(&bench, fixtures()));
    let eobs = eobs(&bench);
    let total = |eob: &Value, code: &str| {
        let rows = eob["total"].as_array().unwrap();
        let row = rows.iter().find(|row| row["category"]["coding"][0]["code"] == code);
        row.map(|row| row["amount"]["value"].as_f64().unwrap())
    };
    // Reversed and decided again: the second decision stands.
    let corrected = of(&eobs, "MSC-1");
    assert_eq!(corrected["identifier"][0]["value"], "ICN0901");
    assert_eq!((total(corrected, "submitted"), total(corrected, "benefit")), (Some(210.0), Some(145.0)));
    assert_eq!((total(corrected, "copay"), total(corrected, "deductible")), (Some(15.0), Some(5.0)));
    assert_eq!((total(corrected, "memberliability"), total(corrected, "discount")), (Some(20.0), Some(45.0)));
    // Denied, and then sent again under another number.
    let denied = of(&eobs, "MSC-2");
    assert_eq!(
        (&denied["status"], &denied["payment"]["type"]["coding"][0]["code"]),
        (&"cancelled".into(), &"denied".into())
    );
    assert_eq!(denied["related"][0]["relationship"]["coding"][0]["code"], "replacedby");
    let again = of(&eobs, "MSC-2R");
    assert_eq!(again["related"][0]["reference"]["value"], "ICN0002");
    assert_eq!(again["outcome"], "queued");
    // A stay that was adjudicated as a whole.
    let stay = of(&eobs, "AH-500");
    assert_eq!(total(stay, "coinsurance"), Some(400.0));
    assert!(stay["item"].as_array().unwrap().iter().all(|item| item["adjudication"].is_null()));
    let profiles: std::collections::BTreeSet<&str> =
        eobs.iter().map(|eob| eob["meta"]["profile"][0].as_str().unwrap()).collect();
    let short: Vec<&str> = profiles.iter().map(|url| url.rsplit('/').next().unwrap()).collect();
    insta::assert_debug_snapshot!(short, @r#"
    [
        "C4BB-ExplanationOfBenefit-Inpatient-Institutional|2.0.0",
        "C4BB-ExplanationOfBenefit-Oral|2.0.0",
        "C4BB-ExplanationOfBenefit-Outpatient-Institutional|2.0.0",
        "C4BB-ExplanationOfBenefit-Professional-NonClinician|2.0.0",
        "pdex-priorauthorization",
    ]
    "#);
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let files = fixtures();
    let whole = Bench::new();
    whole.run(&request(&whole, files.clone()));
    let expected = state(&whole);
    for turn in 0..4 {
        let mut order = files.clone();
        if turn % 2 == 1 {
            order.reverse();
        }
        order.rotate_left(turn * 3);
        let bench = Bench::new();
        for file in &order {
            bench.run(&request(&bench, vec![file.clone()]));
        }
        let found = state(&bench);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "turn {turn}");
        for (key, body) in &expected {
            assert_eq!(&found[key], body, "turn {turn}, {key}");
        }
        // And again: nothing changes.
        let changes = bench.changes();
        bench.run(&request(&bench, files.clone()));
        assert_eq!(bench.changes(), changes);
    }
}

#[test]
fn a_termination_ends_one_member_and_not_the_family() {
    let bench = Bench::new();
    bench.run(&request(&bench, fixtures()));
    let coverages: Vec<(String, Value, Value)> = state(&bench)
        .into_iter()
        .filter(|(key, _)| key.starts_with("Coverage/"))
        .map(|(_, body)| {
            let plan =
                body["class"].as_array().unwrap().iter().find(|class| class["type"]["coding"][0]["code"] == "plan");
            let who = body["relationship"]["coding"][0]["code"].as_str().unwrap();
            let what = format!("{who} {}", plan.unwrap()["value"].as_str().unwrap());
            (what, body["status"].clone(), body["period"]["end"].clone())
        })
        .collect();
    let end =
        |what: &str| coverages.iter().find(|(known, ..)| known == what).map(|(_, status, end)| (status, end)).unwrap();
    assert_eq!(end("self SILVER"), (&"active".into(), &Value::Null));
    assert_eq!(end("self DENTAL"), (&"active".into(), &Value::Null));
    assert_eq!(end("child SILVER"), (&"cancelled".into(), &"2026-06-30".into()));
}

#[test]
fn claims_wait_for_their_member() {
    let bench = Bench::new();
    let claims: Vec<PathBuf> =
        fixtures().into_iter().filter(|file| !file.to_str().unwrap().contains("enrol")).collect();
    let enrolment: Vec<PathBuf> =
        fixtures().into_iter().filter(|file| file.to_str().unwrap().contains("enrol")).collect();
    let first = bench.run(&request(&bench, claims));
    assert!(first.rejected > 5, "{first:?}");
    assert_eq!(eobs(&bench).len(), 0);
    let second = bench.run(&request(&bench, enrolment));
    // The one claim that has no day.
    assert_eq!(second.rejected, 1, "{:?}", bench.report());
    assert!(eobs(&bench).len() > 5);
    assert!(second.findings.iter().any(|finding| finding.rule == "waiting-for-member"));
}

#[test]
fn a_load_can_be_taken_back_once() {
    let bench = Bench::new();
    let mut files = fixtures();
    let last = files.remove(files.iter().position(|file| file.ends_with("payments-corrected.x12")).unwrap());
    bench.run(&request(&bench, files));
    let before = state(&bench);
    bench.run(&request(&bench, vec![last.clone()]));
    let after = state(&bench);
    assert_ne!(before, after);
    let take_back = || {
        let target = bench.target("2026-11-25T00:00:00Z");
        undo(&target).unwrap()
    };
    assert!(take_back().is_some_and(|undone| undone.resources > 0 && undone.stayed == 0));
    assert_eq!(state(&bench), before);
    assert!(take_back().is_none());
    // A load that was taken back can be loaded again.
    bench.run(&request(&bench, vec![last]));
    assert_eq!(state(&bench), after);
}

#[test]
fn a_dry_run_counts_the_same_and_keeps_nothing() {
    let bench = Bench::new();
    let files = fixtures();
    let members: Vec<PathBuf> = files.iter().filter(|file| file.to_str().unwrap().contains("enrol")).cloned().collect();
    bench.run(&request(&bench, members));
    let before = (state(&bench), bench.changes());
    let dry = bench.run(&Request { dry_run: true, ..request(&bench, files.clone()) });
    assert_eq!((state(&bench), bench.changes()), before);
    assert_eq!(
        fs::read_dir(bench.folder.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("scratch") })
            .count(),
        0
    );
    let wet = bench.run(&request(&bench, files));
    assert_eq!((dry.kept, dry.rejected, dry.by_kind), (wet.kept, wet.rejected, wet.by_kind));
}

/// The public samples of X12: what of each folder is kept, and why the rest is not.
///
/// Nearly all claims are about people whom no sample enrolls, so they are put aside (`unknown-member`). The files of
/// imsweb deliberately state wrong counts (`envelope-totals`) and give one control number to claims of several days.
/// For 270 and 271 the report counts the inquiries and responses (`eligibility-not-kept`); 276 and 999 are for other
/// systems (`other-message`). One enrollment only changes a member whom no file has introduced (`member`).
#[test]
fn the_public_samples_go_through() {
    let Some(shared) = crate::beside::beside("the_public_samples_go_through (X12)", "data") else { return };
    let mut out = String::new();
    for name in ["x12-834", "x12-837", "x12-835", "x12-278", "x12-270_271", "x12-276_277_999"] {
        let bench = Bench::new();
        let summary = bench.run(&request(&bench, vec![shared.join(name)]));
        let kinds: Vec<String> = summary.by_kind.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let _ = writeln!(out, "{name}: {} rejected; kept {}", summary.rejected, kinds.join(", "));
        let mut findings: Vec<String> =
            summary.findings.iter().map(|finding| format!("  {} {}\n", finding.count, finding.rule)).collect();
        findings.sort();
        out += &findings.concat();
        for resource in state(&bench).values() {
            crate::map::fixtures_tests::assert_valid_when_stored(resource);
        }
        let again = bench.run(&request(&bench, vec![shared.join(name)]));
        assert_eq!(again.changed, 0, "{name}");
    }
    insta::assert_snapshot!(out);
}
