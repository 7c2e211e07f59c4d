//! The watched folder: files put there are loaded, and moved away with their report. The caller decides how often to
//! look, and into which realm to load.
//!
//! Files that arrive together are loaded together, so a claim finds the enrollment that came with it. A file is taken
//! when it has stayed the same for a while: to a reader, half of a file that is still being sent looks like a whole
//! one. A file that changes while it is loaded stays, and is loaded again. A loaded file is moved to `done`, a file
//! with nothing readable to `failed`; both keep their reports. If the server dies in between, it loads the file again,
//! which changes nothing.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::source::files_in;
use super::{Error, Summary};

/// Files of one load; more wait for the next look.
const FILES_MAX: usize = 10_000;
/// Name endings that programs give to files they are still sending.
const ON_THEIR_WAY: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// Size and time of last change of a file.
pub type FileState = (u64, Option<SystemTime>);

/// The files of a folder: their state, and since when they have it.
#[derive(Debug, Default)]
pub struct Inbox(HashMap<PathBuf, (FileState, Duration)>);

/// Why the files of an inbox were not loaded or not moved. They stay and are tried again.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The load stopped.
    #[error(transparent)]
    Load(#[from] Error),
    /// A folder or file cannot be made, written or moved.
    #[error("the folder of [load] inbox cannot be written to: {0}; check its owner and its free space")]
    Folder(#[from] io::Error),
}

impl Inbox {
    /// The files that have not changed for `quiet`.
    pub fn ready(&mut self, folder: &Path, now: Duration, quiet: Duration) -> Vec<(PathBuf, FileState)> {
        let Ok(entries) = std::fs::read_dir(folder) else {
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
        let mut ready: Vec<(PathBuf, FileState)> = self
            .0
            .iter()
            .filter(|(_, (_, since))| is_quiet(*since))
            .map(|(path, (state, _))| (path.clone(), *state))
            .collect();
        ready.sort();
        ready
    }

    /// Makes these files count as new when they are seen again, whatever happened to them.
    pub fn forget(&mut self, files: &[(PathBuf, FileState)]) {
        for (path, _) in files {
            self.0.remove(path);
        }
    }
}

/// Size and time of last change of a file; absent for anything but a regular file.
fn state(path: &Path) -> Option<FileState> {
    let about = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((about.len(), about.modified().ok()))
}

/// Loads files of a folder and moves them away; `run` loads these paths and writes a report.
///
/// # Errors
/// [`InboxError`]; the files that were not moved stay.
pub fn take(
    folder: &Path,
    files: &[(PathBuf, FileState)],
    now: Timestamp,
    run: impl FnOnce(Vec<PathBuf>, &Path) -> Result<Summary, Error>,
) -> Result<Summary, InboxError> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let (done, failed) = (folder.join("done"), folder.join("failed"));
    std::fs::create_dir_all(&done)?;
    std::fs::create_dir_all(&failed)?;
    let report = done.join(format!("{time}-report.ndjson"));
    let summary = run(files.iter().map(|(path, _)| path.clone()).collect(), &report)?;
    std::fs::write(
        done.join(format!("{time}-summary.json")),
        serde_json::to_vec_pretty(&summary).map_err(io::Error::from)?,
    )?;
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

/// The files that a report refuses as a whole; a file in an archive counts by itself.
fn refused(report: &Path) -> HashSet<String> {
    let text = std::fs::read_to_string(report).unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    // Line 0 is the file itself.
    rows.filter(|row| row.get("line").is_some_and(|line| line == 0))
        .filter_map(|row| row.get("file")?.as_str().map(str::to_owned))
        .collect()
}

/// True if nothing in a file could be read; for an archive, nothing in any of its files.
fn is_unread(file: &Path, refused: &HashSet<String>) -> bool {
    files_in(file).iter().all(|one| refused.contains(&one.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of a roster that a slow line was sending was loaded, and the file moved away under the sender.
    #[test]
    fn a_file_is_taken_when_it_has_stayed_the_same_for_long_enough() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let mut seen = Inbox::default();
        let mut look = |second: u64| -> Vec<String> {
            let ready = seen.ready(folder.path(), Duration::from_secs(second), Duration::from_secs(30));
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
        let mut seen = Inbox::default();
        assert!(seen.ready(folder.path(), Duration::from_secs(1), Duration::ZERO).is_empty());
        assert_eq!(seen.ready(folder.path(), Duration::from_secs(2), Duration::ZERO).len(), 1);
    }

    #[test]
    fn of_an_archive_every_file_must_be_unread() {
        let refused = HashSet::from(["/no/such/file".to_owned()]);
        assert!(is_unread(Path::new("/no/such/file"), &refused));
        assert!(!is_unread(Path::new("/no/such/other"), &refused));
    }
}
