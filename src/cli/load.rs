//! `ingle load`: plan data in.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Global, Load};
use super::control::Said;
use super::exit::Code;
use super::install;
use crate::access::{Base, View};
use crate::fhir::Kind;
use crate::fhir::definitions::Definitions;
use crate::load::{
    Find, Mapping, Progress, Request, Stop, Summary, Target, Undone, map_names, run as run_load, suggest,
    undo as take_back,
};
use crate::outbound::Clock;
use crate::realm::{Realm, RealmKind};
use crate::search::{Query, Searched};

pub(super) fn run(global: &Global, args: &Load) -> anyhow::Result<Code> {
    if let Some(path) = &args.suggest_map {
        let proposed = suggest(path).map_err(|wrong| anyhow::anyhow!("{}: {wrong}", path.display()))?;
        print!("{proposed}");
        return Ok(Code::Done);
    }
    if args.map_names {
        print!("{}", map_names());
        return Ok(Code::Done);
    }
    let config = install::config(global)?;
    let outside = install::outside(&config)?;
    super::definitions::supply(&config)?;
    let realm = install::realm(RealmKind::Plan, &config, &outside, &Definitions::default())?;
    let mut said = Said::default();
    let mut talk = Talk::new(global, realm.clock.clone());
    // The server is stopped, so nobody searches but the load itself.
    realm.index.in_bulk();
    let outcome = act(global, args, &realm, &mut said, &mut |progress| talk.show(progress));
    talk.bar.finish_and_clear();
    // A load leaves pages behind that only its own steps used.
    if outcome.as_ref().is_ok_and(|(_, changed)| *changed > 0)
        && let Err(error) = realm.store.compact()
    {
        tracing::warn!(%error, "the data file could not be made smaller; nothing is lost");
    }
    install::close_after_much(&realm);
    said.print();
    Ok(outcome?.0)
}

/// Loads into a realm that is being served.
pub(super) fn beside(global: &Global, args: &Load, realm: &Realm, said: &mut Said) -> anyhow::Result<Code> {
    Ok(act(global, args, realm, said, &mut |_| {})?.0)
}

/// Carries the command out on an open realm; gives how many records changed, too.
fn act(
    global: &Global,
    args: &Load,
    realm: &Realm,
    said: &mut Said,
    progress: &mut dyn FnMut(&Progress),
) -> anyhow::Result<(Code, u64)> {
    if args.undo {
        let undone = undo(realm)?;
        if global.json {
            said.line(serde_json::to_string(&undone)?);
        } else {
            said.line(undone.as_ref().map_or_else(|| "there is no load to take back".to_owned(), undone_words));
        }
        return Ok((Code::Done, 0));
    }
    let mapping = match &args.map {
        None => Mapping::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            Mapping::parse(&text).map_err(|wrong| anyhow::anyhow!("{}: {wrong}", path.display()))?
        }
    };
    let config = &realm.config;
    let request = Request {
        paths: args.paths.clone(),
        format: args.format,
        mapping,
        dry_run: args.dry_run,
        report: args.report.clone().unwrap_or_else(|| report_path(&config.storage.path, realm)),
        validation: config.validation.loads,
        claims_as_clinical: config.load.claims_as_clinical,
        registry: config.load.registry,
        complete: config.load.complete.clone(),
        stop: Stop::default(),
    };
    let summary = into_realm(realm, &request, progress)?;
    if global.json {
        said.line(serde_json::to_string(&summary)?);
    } else {
        tell(&summary, args.dry_run, said);
    }
    Ok((if summary.rejected > 0 { Code::PartlyDone } else { Code::Done }, summary.changed))
}

/// Loads into a realm; what the run does not know by identifier is looked up in what was loaded before.
pub(super) fn into_realm(
    realm: &Realm,
    request: &Request,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Summary, crate::load::Error> {
    let ids = format!("{}/ids", realm.config.plan.url.as_str());
    let find = |kind: Kind, system: &str, value: &str| find(realm, kind, system, value);
    run_load(request, &target(realm, &ids, &find), &realm.clock, progress)
}

fn target<'a>(realm: &'a Realm, ids: &'a str, find: Find<'a>) -> Target<'a> {
    Target {
        store: &realm.store,
        contacts: realm.identity.contact_key(),
        now: realm.clock.now(),
        find,
        ids,
        plan: &realm.config.plan.name,
    }
}

fn undo(realm: &Realm) -> Result<Option<Undone>, crate::load::Error> {
    let ids = format!("{}/ids", realm.config.plan.url.as_str());
    take_back(&target(realm, &ids, &|_, _, _| None))
}

fn undone_words(undone: &Undone) -> String {
    let started = undone.started.parse::<jiff::Timestamp>();
    let started = started.map_or_else(|_| undone.started.clone(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let count = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let records = count(undone.resources, "record is", "records are");
    let entries = count(undone.entries, "line", "lines");
    if undone.resources + undone.stayed + undone.entries == 0 {
        return format!("the load of {started} is taken back; it had changed nothing");
    }
    let stayed = match count(undone.stayed, "record stays", "records stay") {
        _ if undone.stayed == 0 => String::new(),
        stayed => format!("; {stayed} as now, because somebody changed more there since"),
    };
    format!(
        "the load of {started} is taken back: {records} as before, and {entries} in the lists of members and of what was read \
         from the files{stayed}"
    )
}

/// The one resource with this identifier; none if there are several, for a guess could file a claim on the wrong
/// member.
fn find(realm: &Realm, kind: Kind, system: &str, value: &str) -> Option<String> {
    let escaped = value.replace('\\', "\\\\").replace(',', "\\,").replace('|', "\\|").replace('$', "\\$");
    let token = if system.is_empty() { escaped } else { format!("{system}|{escaped}") };
    let parameters = [("identifier".to_owned(), token), ("_count".to_owned(), "2".to_owned())];
    let now = realm.clock.now();
    let query = Query::read(realm.definitions.now(), kind, &parameters, false, now, &realm.base(Base::Fhir)).ok()?;
    let searched = Searched { store: &realm.store, index: &realm.index, cursors: &realm.cursors, caller: "load", now };
    let page = searched.page(&View::operator(now), &query).ok()?;
    match page.matches.as_slice() {
        [only] => Some(only.id.clone()),
        _ => None,
    }
}

fn report_path(data: &Path, realm: &Realm) -> PathBuf {
    let time = realm.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    data.join("reports").join(format!("load-{time}.ndjson"))
}

/// How often a line is printed where there is no terminal for a bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress: a bar on a terminal, a line now and then elsewhere, nothing where it is not wanted.
struct Talk {
    bar: ProgressBar,
    lines: bool,
    clock: Clock,
    next_line: Duration,
}

impl Talk {
    fn new(global: &Global, clock: Clock) -> Self {
        let wanted = !global.no_progress && !global.json;
        let terminal = std::io::stderr().is_terminal();
        let bar = if wanted && terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = "{bar:32} {percent:>3}%  {msg}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let next_line = clock.monotonic() + LINE_EVERY;
        Self { bar, lines: wanted && !terminal, clock, next_line }
    }

    fn show(&mut self, progress: &Progress) {
        let Progress { bytes, total, kept, rejected } = *progress;
        self.bar.set_length(total.max(1));
        self.bar.set_position(bytes.min(total));
        self.bar.set_message(format!("{kept} kept, {rejected} rejected"));
        if self.lines && self.clock.monotonic() >= self.next_line {
            self.next_line = self.clock.monotonic() + LINE_EVERY;
            eprintln!("{}%  {kept} kept, {rejected} rejected", bytes.min(total) * 100 / total.max(1));
        }
    }
}

/// Files whose kind is printed.
const FILES_SHOWN: usize = 40;

/// The name of a file without control characters: printed as they are, they could change what the operator's terminal shows.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn tell(summary: &Summary, dry_run: bool, said: &mut Said) {
    let kept = if dry_run { "would be kept" } else { "kept" };
    let kinds: Vec<String> = summary.by_kind.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    said.line(format_args!(
        "{} files in {:.1} s: {} records {kept} ({} changed, {} unchanged), {} rejected",
        summary.files, summary.seconds, summary.kept, summary.changed, summary.unchanged, summary.rejected
    ));
    if !kinds.is_empty() {
        said.line(format_args!("by kind: {}", kinds.join(", ")));
    }
    for taken in summary.taken_as.iter().take(FILES_SHOWN) {
        said.line(format_args!("read as {}: {}", taken.kind, printable(&taken.file)));
    }
    if let Some(more) = summary.taken_as.len().checked_sub(FILES_SHOWN).filter(|more| *more > 0) {
        said.line(format_args!("and {more} more files; --json names what each was read as"));
    }
    for finding in &summary.findings {
        said.line(format_args!("{:>8}  {}: {}", finding.count, finding.rule, finding.fix));
        for example in &finding.examples {
            let colon = if example.reason.is_empty() { "" } else { ": " };
            let line = if example.line == 0 { String::new() } else { format!(" {}", example.line) };
            let entry = example.entry.map(|entry| format!(" entry {entry}")).unwrap_or_default();
            said.line(format_args!("          at {}{line}{entry}{colon}{}", printable(&example.file), example.reason));
        }
    }
    if let Some(report) = &summary.report {
        said.line(format_args!("rejected records, with line and reason: {} (as a table: .csv)", report.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_is_told_in_plain_words() {
        let words = |resources, stayed, entries| {
            let started = "2026-11-27T23:49:22.681126372Z".to_owned();
            undone_words(&Undone { started, resources, stayed, entries })
        };
        assert_eq!(
            words(1, 0, 3),
            "the load of 2026-11-27T23:49:22Z is taken back: 1 record is as before, and 3 lines in the lists of members and of what \
             was read from the files"
        );
        assert_eq!(words(0, 0, 0), "the load of 2026-11-27T23:49:22Z is taken back; it had changed nothing");
        assert_eq!(
            words(20, 1, 1),
            "the load of 2026-11-27T23:49:22Z is taken back: 20 records are as before, and 1 line in the lists of members and of \
             what was read from the files; 1 record stays as now, because somebody changed more there since"
        );
    }
}
