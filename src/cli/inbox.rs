//! The watched folder: what is put there is loaded, and moved away with its report.
//!
//! Files that arrive together are loaded together, so a claim finds the enrolment that came with it. A file is taken when two
//! looks in a row find it the same. What was loaded is moved to `done`, a file of which nothing could be read to `failed`;
//! both keep their reports. A server that dies in between loads the file again, which changes nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::load::into_realm;
use crate::config::Policy;
use crate::load::{Mapping, Request, Stop, Summary};
use crate::realm::Realm;

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Files of one load; more wait for the next look.
const FILES_MAX: usize = 10_000;
/// Ends of names that programs give to files on their way.
const ON_THEIR_WAY: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// What a look finds of a file.
type Seen = HashMap<PathBuf, (u64, Option<SystemTime>)>;

/// Looks into the folder until the task is dropped. `stop` also ends a load that is under way; its files stay, and the next
/// start goes on with them.
pub(super) async fn watch(realm: Arc<Realm>, inbox: PathBuf, validation: Policy, stop: Stop) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Seen::new();
    loop {
        ticks.tick().await;
        let (now, ready) = look(&inbox, &before);
        before = now;
        if ready.is_empty() {
            continue;
        }
        let (realm, inbox, asked) = (Arc::clone(&realm), inbox.clone(), stop.clone());
        // Told where it happens: when the server stops, nobody waits here any more.
        let told = tokio::task::spawn_blocking(move || tell(&load(&realm, &inbox, &ready, validation, &asked), &asked));
        if let Err(error) = told.await {
            tracing::error!(%error, "loading the inbox ended early; its files stay and are tried again");
        }
        before.clear();
    }
}

fn tell(loaded: &anyhow::Result<Summary>, stop: &Stop) {
    match loaded {
        Ok(summary) => tracing::info!(
            load.files = summary.files,
            load.kept = summary.kept,
            load.changed = summary.changed,
            load.rejected = summary.rejected,
            "files of the inbox were loaded"
        ),
        Err(_) if stop.is_asked() => {
            tracing::info!("the load of the inbox was stopped; its files stay, and the next start goes on with them");
        }
        Err(error) => {
            tracing::error!(%error, "files of the inbox could not be loaded; they stay and are tried again");
        }
    }
}

/// The files that are there, and those that are as they were at the last look.
fn look(inbox: &Path, before: &Seen) -> (Seen, Vec<PathBuf>) {
    let mut now = Seen::new();
    let Ok(entries) = std::fs::read_dir(inbox) else {
        tracing::warn!("the folder of [load] inbox cannot be read");
        return (now, Vec::new());
    };
    for entry in entries.flatten().take(FILES_MAX) {
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if name.starts_with('.') || ON_THEIR_WAY.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        if let Ok(about) = entry.metadata()
            && about.is_file()
        {
            now.insert(entry.path(), (about.len(), about.modified().ok()));
        }
    }
    let mut ready: Vec<PathBuf> =
        now.iter().filter(|(path, seen)| before.get(*path) == Some(seen)).map(|(path, _)| path.clone()).collect();
    ready.sort();
    (now, ready)
}

fn load(realm: &Realm, inbox: &Path, files: &[PathBuf], validation: Policy, stop: &Stop) -> anyhow::Result<Summary> {
    let time = realm.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let (done, failed) = (inbox.join("done"), inbox.join("failed"));
    std::fs::create_dir_all(&done)?;
    std::fs::create_dir_all(&failed)?;
    let report = done.join(format!("{time}-report.ndjson"));
    let request = Request {
        paths: files.to_vec(),
        format: None,
        mapping: Mapping::default(),
        dry_run: false,
        report: report.clone(),
        validation,
        claims_as_clinical: realm.config.load.claims_as_clinical,
        registry: realm.config.load.registry,
        complete: realm.config.load.complete.clone(),
        stop: stop.clone(),
    };
    let summary = into_realm(realm, &request, &mut |_| {})?;
    std::fs::write(done.join(format!("{time}-summary.json")), serde_json::to_vec_pretty(&summary)?)?;
    let unread = unread(&report);
    for file in files {
        let into = if unread.contains(&file.display().to_string()) { &failed } else { &done };
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        std::fs::rename(file, into.join(format!("{time}-{name}")))?;
    }
    if !unread.is_empty() && report.is_file() {
        std::fs::copy(&report, failed.join(format!("{time}-report.ndjson")))?;
    }
    Ok(summary)
}

/// The files of which a report says that nothing could be read.
fn unread(report: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(report).unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    rows.filter(|row| row.get("rule").is_some_and(|rule| rule == "unknown-file"))
        .filter_map(|row| row.get("file")?.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_when_it_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("a.835", "ISA");
        put("b.csv.part", "x");
        put(".hidden", "x");
        std::fs::create_dir(folder.path().join("done")).unwrap();
        let (first, ready) = look(folder.path(), &Seen::new());
        assert!(ready.is_empty());
        put("c.csv", "x");
        let (second, ready) = look(folder.path(), &first);
        assert_eq!(ready, [folder.path().join("a.835")]);
        put("c.csv", "more");
        let (_, ready) = look(folder.path(), &second);
        assert_eq!(ready, [folder.path().join("a.835")]);
    }
}
