//! `ingle verify`: is everything still as it was written? The audit chain is read without opening it for writing, so
//! that what is found is not tidied away first.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::args::Global;
use super::control::Said;
use super::exit::Code;
use super::install;
use super::reindex::kinds;
use crate::access::{Operation, View, admit_text};
use crate::audit::{self, Signer};
use crate::fhir::definitions::Definitions;
use crate::fhir::{self, Kind};
use crate::index::{self, Index};
use crate::oauth::Keys;
use crate::realm::{Outside, Realm, RealmKind};
use crate::search;
use crate::store::{Snapshot, Store, Stored};

/// Times that an audit is read that is being written.
const TRIES: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);
/// Changes read at a time.
const STEP: usize = 1_000;
/// Versions of one resource that are read.
const VERSIONS: usize = 10_000;
/// Findings of one kind that are listed; a file that is broken throughout would fill the screen.
const LISTED: usize = 100;

/// What was found in one realm.
#[derive(Debug, Default, Serialize)]
struct Report {
    realm: &'static str,
    resources: u64,
    versions: u64,
    audit_entries: u64,
    audit_heads: u64,
    audit_through: Option<String>,
    /// Resources whose access facts are not what the rules of this version make of them.
    underived: u64,
    problems: Vec<String>,
    notes: Vec<String>,
}

pub(super) fn run(global: &Global) -> anyhow::Result<Code> {
    let config = install::config(global)?;
    let outside = install::outside(&config)?;
    let data = install::data(&config)?;
    let mut reports = Vec::new();
    let definitions = Definitions::default();
    for kind in kinds(config.apps.sandbox) {
        let folder = Realm::folder(data, kind);
        if folder.join("store.redb").exists() {
            reports.push(realm(kind, &folder, &outside, &definitions)?);
        }
    }
    let mut said = Said::default();
    let code = told(global, &reports, &mut said);
    said.print();
    Ok(code)
}

/// Checks realms that are being served. What changes meanwhile is not held against them.
pub(super) fn of_running(
    global: &Global,
    realms: &[Arc<Realm>],
    outside: &Outside,
    said: &mut Said,
) -> anyhow::Result<Code> {
    let mut reports = Vec::new();
    for realm in realms {
        let folder = Realm::folder(install::data(&realm.config)?, realm.kind);
        // What was entered is in the file, and its seal too, before the file is read.
        realm.audit.seal()?;
        let mut report = of_audit(realm.kind, &folder, outside)?;
        for _ in 1..TRIES {
            if report.problems.is_empty() {
                break;
            }
            // What was just being written is whole by now.
            std::thread::sleep(PAUSE);
            report = of_audit(realm.kind, &folder, outside)?;
        }
        of_store(&realm.store, &realm.index, outside, &mut report)?;
        reports.push(report);
    }
    Ok(told(global, &reports, said))
}

fn told(global: &Global, reports: &[Report], said: &mut Said) -> Code {
    let good = reports.iter().all(|report| report.problems.is_empty());
    if global.json {
        said.line(serde_json::json!({"ok": good, "realms": reports}));
    } else {
        for report in reports {
            tell(report, said);
        }
    }
    if good { Code::Done } else { Code::Integrity }
}

fn realm(kind: RealmKind, folder: &Path, outside: &Outside, definitions: &Definitions) -> anyhow::Result<Report> {
    let mut report = of_audit(kind, folder, outside)?;
    let store = Store::open_defined(&folder.join("store.redb"), definitions)?;
    let now = outside.clock.now();
    if kind == RealmKind::Plan {
        search::read_definitions(&store, now)?;
    }
    let (index, checkpoint) = Index::open(&folder.join("index"), &outside.clock, definitions)?;
    search::catch_up(&store, &index, checkpoint, now)?;
    of_store(&store, &index, outside, &mut report)?;
    store.close();
    Ok(report)
}

fn of_audit(kind: RealmKind, folder: &Path, outside: &Outside) -> anyhow::Result<Report> {
    let mut report = Report { realm: kind.name(), ..Report::default() };
    let keys = Keys::open(&folder.join("keys"), &outside.chance, outside.clock.now().as_second())?;
    let verifier = Signer::from_seed(&keys.derive("audit")).map(|signer| signer.verifier());
    let chain = audit::verify(&folder.join("audit"), verifier.as_ref())?;
    report.audit_entries = chain.entries;
    report.audit_heads = chain.heads;
    report.audit_through = chain.through.map(|time| time.to_string());
    if chain.cuts > 0 {
        report.notes.push(format!("{} times a crash left a torn end in the audit, which was set aside", chain.cuts));
    }
    if let Some(broken) = chain.broken {
        let (file, entry, offset, why) = (broken.file.display(), broken.entry, broken.offset, broken.why);
        report.problems.push(format!("audit: {file}, entry {entry}, at byte {offset}: {why}"));
    }
    Ok(report)
}

fn of_store(store: &Store, index: &Index, outside: &Outside, report: &mut Report) -> anyhow::Result<()> {
    let now = outside.clock.now();
    let view = View::operator(now);
    let snapshot = store.snapshot()?;
    let seq = snapshot.last_seq()?;
    let counts = resources(&snapshot, &view, report)?;
    if report.underived > 0 {
        let text = format!(
            "access: the rules of this version withhold or attribute {} resources otherwise than their records say",
            report.underived
        );
        if snapshot.is_derived()? {
            report.problems.push(format!("{text}; restore the last backup and tell the maker"));
        } else {
            report
                .notes
                .push(format!("{text}; the server derives them again while it runs, and `ingle reindex` at once"));
        }
    }
    drop(snapshot);
    index.settle()?;
    let mut differing = Vec::new();
    for kind in Kind::all() {
        let query = index::Query { kind, clauses: &[], sort: &[], after: None, limit: 0 };
        let (found, there) = (index.find(&view, &query)?.total, counts.get(&kind).copied().unwrap_or(0));
        if found != there {
            let name = kind.name();
            differing.push(format!("index: {found} of {there} {name} resources are found; run `ingle reindex`"));
        }
    }
    if store.snapshot()?.last_seq()? == seq {
        report.problems.extend(differing);
    } else if !differing.is_empty() {
        report.notes.push("index: not compared, because records changed meanwhile; run it again".to_owned());
    }
    Ok(())
}

/// Reads every version of every resource; the number of current ones by type.
fn resources(snapshot: &Snapshot, view: &View, report: &mut Report) -> anyhow::Result<BTreeMap<Kind, u64>> {
    let reader = snapshot.reader(view, Operation::Read)?;
    let mut counts = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut seq = 0;
    loop {
        let (last, rids) = snapshot.changed_since(seq, STEP)?;
        if rids.is_empty() {
            return Ok(counts);
        }
        for rid in rids {
            if !seen.insert(rid) {
                continue;
            }
            let stored = match reader.get(rid) {
                Ok(Some(stored)) => stored,
                Ok(None) => {
                    problem(report, format!("store: resource number {rid} is in the feed and not in the record"));
                    continue;
                }
                Err(error) => {
                    problem(report, format!("store: resource number {rid}: {error}"));
                    continue;
                }
            };
            if !stored.deleted {
                report.resources += 1;
                *counts.entry(stored.kind).or_default() += 1;
            }
            let versions = snapshot.history(view, stored.kind, &stored.id, u32::MAX, VERSIONS)?.unwrap_or_default();
            if versions.len() != stored.version as usize && stored.version as usize <= VERSIONS {
                let name = stored.kind.name();
                problem(report, format!("store: {name}/{} lacks some of its versions", stored.id));
            }
            for version in &versions {
                report.versions += 1;
                if !version.deleted && !is_whole(version) {
                    let (name, id, number) = (version.kind.name(), &version.id, version.version);
                    problem(report, format!("store: {name}/{id} version {number} is not what was written"));
                }
                let is_current = version.version == stored.version && !version.deleted;
                if is_current && !has_its_facts(snapshot, version)? {
                    report.underived += 1;
                }
            }
        }
        seq = last;
    }
}

/// Whether whose it is and what is withheld of it follows from the resource by the rules of this version.
fn has_its_facts(snapshot: &Snapshot, stored: &Stored) -> anyhow::Result<bool> {
    match admit_text(&stored.body) {
        Ok(admitted) => Ok(snapshot.facts_hold(stored, &admitted)?),
        // That it is no resource is said already.
        Err(_) => Ok(true),
    }
}

fn is_whole(stored: &Stored) -> bool {
    fhir::prepare(&stored.body).is_ok_and(|read| read.kind == stored.kind && read.id == stored.id)
}

fn problem(report: &mut Report, text: String) {
    if report.problems.len() < LISTED {
        report.problems.push(text);
    }
}

fn tell(report: &Report, said: &mut Said) {
    let mark = if report.problems.is_empty() { "ok  " } else { "FAIL" };
    said.line(format_args!(
        "{mark} {}: {} resources in {} versions, {} audit entries under {} signed heads",
        report.realm, report.resources, report.versions, report.audit_entries, report.audit_heads
    ));
    for problem in &report.problems {
        said.line(format_args!("     {problem}"));
    }
    for note in &report.notes {
        said.line(format_args!("     note: {note}"));
    }
}
