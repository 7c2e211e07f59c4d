//! The watched folder: what is put there is loaded, and moved away with its report.
//!
//! Files that arrive together are loaded together, so a claim finds the enrolment that came with it. A file is taken when it
//! has stayed the same for a while: half of a file that is still being sent looks whole to whoever reads it. One that changes
//! while it is loaded stays, and is loaded again. What was loaded is moved to `done`, a file of which nothing could be read to
//! `failed`; both keep their reports. A server that dies in between loads the file again, which changes nothing.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::load::into_realm;
use crate::config::Policy;
use crate::load::{Mapping, Request, Stop, Summary, files_in};
use crate::realm::Realm;

/// Files of one load; more wait for the next look.
const FILES_MAX: usize = 10_000;
/// Ends of names that programs give to files on their way.
const ON_THEIR_WAY: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// How the folder is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often it is looked at.
    pub(super) look: Duration,
    /// How long a file must stay the same. A transfer that stalls for longer is taken for done.
    pub(super) quiet: Duration,
}

impl Pace {
    /// Six looks in half a minute.
    pub(super) const USUAL: Self = Self { look: Duration::from_secs(5), quiet: Duration::from_secs(30) };
}

/// Size and time of last change.
type State = (u64, Option<SystemTime>);

/// What is known of the files: their state, and since when they have it.
#[derive(Debug, Default)]
struct Seen(HashMap<PathBuf, (State, Duration)>);

/// Looks into the folder until the task is dropped. `stop` also ends a load that is under way; its files stay, and the next
/// start goes on with them.
pub(super) async fn watch(realm: Arc<Realm>, inbox: PathBuf, validation: Policy, pace: Pace, stop: Stop) {
    let mut ticks = tokio::time::interval(pace.look);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = Seen::default();
    loop {
        ticks.tick().await;
        let ready = seen.look(&inbox, realm.clock.monotonic(), pace.quiet);
        if ready.is_empty() {
            continue;
        }
        // Whatever becomes of them, they are new when they are seen again.
        for (path, _) in &ready {
            seen.0.remove(path);
        }
        let (realm, inbox, asked) = (Arc::clone(&realm), inbox.clone(), stop.clone());
        // Told where it happens: when the server stops, nobody waits here any more.
        let told = tokio::task::spawn_blocking(move || tell(&load(&realm, &inbox, &ready, validation, &asked), &asked));
        if let Err(error) = told.await {
            tracing::error!(%error, "loading the inbox ended early; its files stay and are tried again");
        }
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

impl Seen {
    /// The files that have been as they are for so long.
    fn look(&mut self, inbox: &Path, now: Duration, quiet: Duration) -> Vec<(PathBuf, State)> {
        let Ok(entries) = std::fs::read_dir(inbox) else {
            tracing::warn!("the folder of [load] inbox cannot be read");
            self.0.clear();
            return Vec::new();
        };
        let mut there = HashMap::new();
        for entry in entries.flatten().take(FILES_MAX) {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if name.starts_with('.') || ON_THEIR_WAY.iter().any(|end| name.ends_with(end)) {
                continue;
            }
            if let Some(state) = state(&entry.path()) {
                let known = self.0.get(&entry.path()).filter(|(before, _)| *before == state);
                there.insert(entry.path(), (state, known.map_or(now, |(_, since)| *since)));
            }
        }
        self.0 = there;
        let is_quiet = |since: Duration| since < now && now.saturating_sub(since) >= quiet;
        let mut ready: Vec<(PathBuf, State)> = self
            .0
            .iter()
            .filter(|(_, (_, since))| is_quiet(*since))
            .map(|(path, (state, _))| (path.clone(), *state))
            .collect();
        ready.sort();
        ready
    }
}

/// Size and time of a file; absent for what is no plain file.
fn state(path: &Path) -> Option<State> {
    let about = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((about.len(), about.modified().ok()))
}

fn load(
    realm: &Realm,
    inbox: &Path,
    files: &[(PathBuf, State)],
    validation: Policy,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    let time = realm.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let (done, failed) = (inbox.join("done"), inbox.join("failed"));
    std::fs::create_dir_all(&done)?;
    std::fs::create_dir_all(&failed)?;
    let report = done.join(format!("{time}-report.ndjson"));
    let request = Request {
        paths: files.iter().map(|(path, _)| path.clone()).collect(),
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
    let refused = refused(&report);
    let mut is_any_unread = false;
    for (file, before) in files {
        if state(file).as_ref() != Some(before) {
            tracing::warn!("a file of the inbox changed while it was loaded; it stays and is loaded again");
            continue;
        }
        let is_unread = is_unread(file, &refused);
        is_any_unread |= is_unread;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        std::fs::rename(file, if is_unread { &failed } else { &done }.join(format!("{time}-{name}")))?;
    }
    if is_any_unread && report.is_file() {
        std::fs::copy(&report, failed.join(format!("{time}-report.ndjson")))?;
    }
    Ok(summary)
}

/// The files that a report refuses as a whole, those in archives by themselves.
fn refused(report: &Path) -> HashSet<String> {
    let text = std::fs::read_to_string(report).unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    // Line 0 is the file itself.
    rows.filter(|row| row.get("line").is_some_and(|line| line == 0))
        .filter_map(|row| row.get("file")?.as_str().map(str::to_owned))
        .collect()
}

/// True if nothing of a file could be read; of an archive, nothing of any file in it.
fn is_unread(file: &Path, refused: &HashSet<String>) -> bool {
    files_in(file).iter().all(|one| refused.contains(&one.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::outbound::{Chance, Clock, Mail, Sms};
    use crate::realm::{Outside, RealmKind};

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Half of a roster that a slow line was sending was loaded, and the file moved away under the sender.
    #[test]
    fn a_file_is_taken_when_it_has_stayed_the_same_for_long_enough() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let mut seen = Seen::default();
        let mut look = |second: u64| -> Vec<String> {
            let ready = seen.look(folder.path(), Duration::from_secs(second), Pace::USUAL.quiet);
            ready.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        put("a.835", "ISA");
        put("b.csv.part", "x");
        put(".hidden", "x");
        std::fs::create_dir(folder.path().join("done")).unwrap();
        assert_eq!(look(0), [""; 0]);
        put("c.csv", "x");
        for second in [5, 25] {
            assert_eq!(look(second), [""; 0]);
        }
        assert_eq!(look(30), ["a.835"]);
        put("c.csv", "more");
        assert_eq!(look(34), ["a.835"]);
        assert_eq!(look(63), ["a.835"]);
        assert_eq!(look(64), ["a.835", "c.csv"]);
    }

    #[test]
    fn nothing_is_ready_at_the_first_look_however_short_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "x").unwrap();
        let mut seen = Seen::default();
        assert!(seen.look(folder.path(), Duration::from_secs(1), Duration::ZERO).is_empty());
        assert_eq!(seen.look(folder.path(), Duration::from_secs(2), Duration::ZERO).len(), 1);
    }

    fn realm(folder: &Path) -> Arc<Realm> {
        let text = "[plan]\nname = \"P\"\nurl = \"http://localhost:1\"\n[mail]\ntransport = \"file:mail\"\nfrom = \"a@b.example\"\n";
        std::fs::write(folder.join("fhir.toml"), text).unwrap();
        let config = Arc::new(Config::load(Some(&folder.join("fhir.toml")), &[], &[]).unwrap());
        let outside =
            Outside { clock: Clock::system(), chance: Chance::seeded(1), mail: Mail::memory().0, sms: Sms::off() };
        Arc::new(Realm::open(RealmKind::Plan, &config, &config.storage.path, &outside).unwrap())
    }

    /// Files dropped into the folder are loaded together and moved away with their report.
    #[test]
    fn an_inbox_loads_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (realm, inbox) = (realm(folder.path()), folder.path().join("inbox"));
        std::fs::create_dir(&inbox).unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/x12");
        std::fs::copy(fixtures.join("claims-dental.x12"), inbox.join("claims.x12")).unwrap();
        std::fs::copy(fixtures.join("enrol.x12"), inbox.join("enrolment.x12")).unwrap();
        std::fs::write(inbox.join("letter.txt"), "Dear all").unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let pace = Pace { look: Duration::from_millis(10), quiet: Duration::from_millis(30) };
        let stop = Stop::default();
        let watching = runtime.spawn(watch(Arc::clone(&realm), inbox.clone(), Policy::Off, pace, stop.clone()));
        for _ in 0..1_500 {
            if names(&inbox) == ["done", "failed"] && names(&inbox.join("failed")).len() == 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.ask();
        watching.abort();
        runtime.shutdown_timeout(Duration::from_secs(10));
        let (done, failed) = (names(&inbox.join("done")), names(&inbox.join("failed")));
        let has = |list: &[String], end: &str| list.iter().any(|name| name.ends_with(end));
        assert!(has(&failed, "letter.txt") && has(&failed, "report.ndjson"), "{failed:?}");
        assert!(has(&done, "enrolment.x12") && has(&done, "claims.x12"), "{done:?}");
        let summary = done.iter().find(|name| name.ends_with("summary.json")).unwrap();
        let text = std::fs::read_to_string(inbox.join("done").join(summary)).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((summary["files"].as_u64(), summary["by_kind"]["837"].as_u64()), (Some(3), Some(1)), "{summary}");
        assert_eq!(summary["rejected"], 1);
    }

    #[test]
    fn a_file_that_changed_meanwhile_stays_and_unreadable_ones_go_to_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (realm, inbox) = (realm(folder.path()), folder.path().join("inbox"));
        std::fs::create_dir(&inbox).unwrap();
        let put = |name: &str, text: &[u8]| std::fs::write(inbox.join(name), text).unwrap();
        let members: &[u8] = b"member_id,first_name,last_name,dob\n1,A,B,1980-01-01\n";
        put("changed.csv", members);
        put("good.csv", members);
        put("broken.zip", b"PK\x03\x04 and no more");
        let mut large = b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\">".to_vec();
        large.resize(33 << 20, b' ');
        put("large.xml", &large);
        let mut files: Vec<(PathBuf, State)> = ["broken.zip", "changed.csv", "good.csv", "large.xml"]
            .map(|name| (inbox.join(name), state(&inbox.join(name)).unwrap()))
            .into();
        files[1].1.0 -= 1;
        load(&realm, &inbox, &files, Policy::Off, &Stop::default()).unwrap();
        assert_eq!(names(&inbox), ["changed.csv", "done", "failed"]);
        let ends = |folder: &str| -> Vec<String> {
            names(&inbox.join(folder)).iter().map(|name| name.split_once('-').unwrap().1.to_owned()).collect()
        };
        assert_eq!(ends("failed"), ["broken.zip", "large.xml", "report.ndjson"]);
        assert!(ends("done").contains(&"good.csv".to_owned()));
    }

    #[test]
    fn of_an_archive_every_file_must_be_unread() {
        let refused = HashSet::from(["/no/such/file".to_owned()]);
        assert!(is_unread(Path::new("/no/such/file"), &refused));
        assert!(!is_unread(Path::new("/no/such/other"), &refused));
    }
}
