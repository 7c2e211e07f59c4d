//! Watches the inbox of a realm and loads what is put there (`load/inbox.rs`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::load::into_realm;
use crate::config::Policy;
use crate::load::{FileState, Inbox, InboxError, Mapping, Request, Stop, Summary, take};
use crate::realm::Realm;

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

/// Looks into the folder until the task is dropped. `stop` also ends a load that is under way; its files stay, and the next
/// start goes on with them.
pub(super) async fn watch(
    realm: Arc<Realm>,
    inbox: PathBuf,
    validation: Policy,
    pace: Pace,
    stop: Stop,
    loading: Arc<Mutex<()>>,
) {
    let mut ticks = tokio::time::interval(pace.look);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = Inbox::default();
    loop {
        ticks.tick().await;
        let ready = seen.ready(&inbox, realm.clock.monotonic(), pace.quiet);
        if ready.is_empty() {
            continue;
        }
        seen.forget(&ready);
        let (realm, inbox, asked, loading) = (Arc::clone(&realm), inbox.clone(), stop.clone(), Arc::clone(&loading));
        // Told where it happens: when the server stops, nobody waits here any more.
        let told = tokio::task::spawn_blocking(move || {
            let _alone = loading.lock();
            tell(&load(&realm, &inbox, &ready, validation, &asked), &asked);
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "loading the inbox ended early; its files stay and are tried again");
        }
    }
}

fn tell(loaded: &Result<Summary, InboxError>, stop: &Stop) {
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

fn load(
    realm: &Realm,
    inbox: &Path,
    files: &[(PathBuf, FileState)],
    validation: Policy,
    stop: &Stop,
) -> Result<Summary, InboxError> {
    take(inbox, files, realm.clock.now(), |paths, report| {
        let request = Request {
            paths,
            format: None,
            mapping: Mapping::default(),
            dry_run: false,
            report: report.to_owned(),
            validation,
            claims_as_clinical: realm.config.load.claims_as_clinical,
            registry: realm.config.load.registry,
            complete: realm.config.load.complete.clone(),
            stop: stop.clone(),
        };
        into_realm(realm, &request, &mut |_| {})
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::fhir::definitions::Definitions;
    use crate::outbound::{Chance, Clock, Mail, Sms};
    use crate::realm::{Outside, RealmKind};

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn state(file: &Path) -> FileState {
        let about = std::fs::metadata(file).unwrap();
        (about.len(), about.modified().ok())
    }

    fn realm(folder: &Path) -> Arc<Realm> {
        let text = "[plan]\nname = \"P\"\nurl = \"http://localhost:1\"\n[mail]\ntransport = \"file:mail\"\nfrom = \"a@b.example\"\n";
        std::fs::write(folder.join("fhir.toml"), text).unwrap();
        let config = Arc::new(Config::load(Some(&folder.join("fhir.toml")), &[], &[]).unwrap());
        let outside =
            Outside { clock: Clock::system(), chance: Chance::seeded(1), mail: Mail::memory().0, sms: Sms::off() };
        Arc::new(
            Realm::open(RealmKind::Plan, &config, &config.storage.path, &outside, &Definitions::default()).unwrap(),
        )
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
        let watching =
            runtime.spawn(watch(Arc::clone(&realm), inbox.clone(), Policy::Off, pace, stop.clone(), Arc::default()));
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
        let mut files: Vec<(PathBuf, FileState)> = ["broken.zip", "changed.csv", "good.csv", "large.xml"]
            .map(|name| (inbox.join(name), state(&inbox.join(name))))
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
}
