//! The program as an operator meets it: the real binary, its files, its exit codes.

mod control;
mod demo;
mod hardship;
mod load;
mod packages;
mod sensitive;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An installation in a folder of its own.
pub struct Install {
    pub folder: tempfile::TempDir,
}

impl Install {
    /// `ingle init` with answers for a test.
    pub fn new() -> Self {
        let install = Self::bare();
        let (code, _, talk) = install.run(&["init", "--yes", "--name", "Test Plan", "--url", "http://localhost:8080"]);
        assert_eq!(code, 0, "{talk}");
        install
    }

    pub fn bare() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Exit code, data, talk.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } =
            ingle(self.folder.path()).args(arguments).output().expect("the binary runs");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    /// [`Install::run`] for a command that prints one JSON object.
    pub fn json(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let (code, data, talk) = self.run(&[arguments, &["--json"]].concat());
        (code, serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}{talk}")))
    }
}

/// The program, away from whatever the machine's environment says.
pub fn ingle(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingle"));
    command.current_dir(folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INGLE_")) {
        command.env_remove(name);
    }
    command
}

#[test]
fn init_writes_once_and_closes_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let install = Install::new();
    let mode = |name: &str| std::fs::metadata(install.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("fhir.toml"), mode("data"), mode("data/plan/keys")), (0o600, 0o700, 0o700));
    assert_eq!(mode("data/plan/keys/secret.key"), 0o600);
    let before = std::fs::read(install.path("fhir.toml")).unwrap();
    let (code, _, talk) = install.run(&["init", "--yes"]);
    assert_eq!((code, talk.lines().count()), (1, 1), "{talk}");
    assert!(talk.contains("is not overwritten"), "{talk}");
    assert_eq!(before, std::fs::read(install.path("fhir.toml")).unwrap());
}

#[test]
fn wrong_usage_and_wrong_configuration_have_their_own_codes() {
    let install = Install::new();
    let (code, _, talk) = install.run(&["lod"]);
    assert_eq!(code, 2);
    assert!(talk.contains("'load'"), "{talk}");
    assert_eq!(install.run(&["load", "x", "--as", "833"]).0, 2);
    assert_eq!(install.run(&["load"]).0, 2);

    let text = std::fs::read_to_string(install.path("fhir.toml")).unwrap();
    install.write("fhir.toml", text.replace("[mail]", "[mial]"));
    let (code, _, talk) = install.run(&["verify"]);
    assert_eq!(code, 3);
    assert!(talk.contains("mial is not a known key; did you mean [mail]?"), "{talk}");

    let (code, _, talk) = Install::bare().run(&["verify"]);
    assert_eq!(code, 3);
    assert!(talk.contains("run `ingle init`"), "{talk}");
}

#[test]
fn a_second_process_is_told_that_the_first_is_busy() {
    let install = Install::new();
    let store = ingle::store::Store::open(&install.path("data/plan/store.redb")).unwrap();
    let patient = install.write("p.json", r#"{"resourceType":"Patient","id":"p"}"#);
    let (code, _, talk) = install.run(&["load", &patient]);
    assert_eq!(code, 5, "{talk}");
    assert!(talk.contains("in use by another process"), "{talk}");
    assert_eq!(install.run(&["reindex"]).0, 5);
    store.close();
    assert_eq!(install.run(&["load", &patient]).0, 0);
}

#[test]
fn verify_finds_an_audit_that_was_edited() {
    let install = Install::new();
    assert_eq!(install.json(&["verify"]).1["ok"], true);
    let file = install.path("data/plan/audit/000001.audit");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(4).position(|window| window == b"time").unwrap();
    bytes[at] = b'T';
    std::fs::write(&file, bytes).unwrap();
    let (code, report) = install.json(&["verify"]);
    assert_eq!((code, &report["ok"]), (6, &serde_json::Value::Bool(false)));
    let problem = report["realms"][0]["problems"][0].as_str().unwrap();
    assert!(problem.contains("000001.audit, entry 0, at byte 48"), "{problem}");
}

#[test]
fn staff_come_and_go() {
    let install = Install::new();
    assert_eq!(install.run(&["staff", "add", "eva@plan.example", "--role", "reviewer"]).0, 0);
    let (_, row) = install.json(&["staff", "list"]);
    assert_eq!((row["email"].as_str(), row["role"].as_str()), (Some("eva@plan.example"), Some("reviewer")));
    assert_eq!(install.run(&["staff", "remove", "eva@plan.example"]).0, 0);
    assert_eq!(install.run(&["staff", "remove", "eva@plan.example"]).0, 1);
    assert_eq!(install.run(&["staff", "list"]).1, "");
}

#[test]
fn completions_and_manual_pages_are_made() {
    let install = Install::bare();
    for shell in ["bash", "zsh", "fish"] {
        let (code, text, _) = install.run(&["completions", shell]);
        assert!(code == 0 && text.contains("dry-run"), "{shell}");
    }
    assert!(install.run(&["man"]).1.contains(".TH ingle"));
    assert_eq!(install.run(&["man", "pages"]).0, 0);
    assert!(install.path("pages/ingle-load.1").exists());
}
