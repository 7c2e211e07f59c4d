//! What is handed out beside the project, for tests: one gate, so that a test that did not run says so, and fails where it
//! could have run. Included by the unit tests and by the integration tests.

use std::path::{Path, PathBuf};

/// A part of `../shared`; nothing in a bare clone, which is said in one line.
///
/// # Panics
/// In CI, if the folder is there and the part is not: then a test would pass without having looked at anything.
pub(crate) fn beside(test: &str, part: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = shared.join(part);
    if path.exists() {
        return Some(path);
    }
    did_not_run(test, &format!("../shared/{part}"), shared.is_dir());
    None
}

/// Says that a test did not run for want of something.
///
/// # Panics
/// In CI, if it must be there.
pub(crate) fn did_not_run(test: &str, wanted: &str, must_be_there: bool) {
    let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!(in_ci && must_be_there), "{test}: {wanted} should be here, and cannot be read");
    eprintln!("{test} did not run: {wanted} is not here");
}
