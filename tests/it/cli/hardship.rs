//! The program on a bad day: killed, crowded out, without its folder.

use std::process::Stdio;
use std::time::Duration;

use super::{Install, ingle};

/// Times to look whether a server listens, every 20 ms.
const LOOKS: u32 = 3_000;

fn patients(count: usize) -> String {
    let line = |n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"name\":[{{\"family\":\"Alder{n}\"}}]}}\n");
    (0..count).map(line).collect()
}

/// Kills a load at several moments; whatever it had done, the next one ends in the same state, and nothing is damaged.
#[test]
fn a_load_that_was_killed_is_finished_by_the_next() {
    let install = Install::new();
    let file = install.write("patients.ndjson", patients(20_000));
    for wait in [5, 60, 150, 400] {
        let mut child = ingle(install.folder.path())
            .args(["load", &file, "--no-progress"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, summary) = install.json(&["load", &file]);
    assert_eq!((code, summary["kept"].as_u64(), summary["rejected"].as_u64()), (0, Some(20_000), Some(0)), "{summary}");
    let (code, again) = install.json(&["load", &file]);
    assert_eq!((code, again["changed"].as_u64()), (0, Some(0)), "{again}");
    let (code, report) = install.json(&["verify"]);
    assert_eq!((code, report["ok"].as_bool()), (0, Some(true)), "{report}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let install = Install::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = ingle(install.folder.path()).env("INGLE_SERVER__LISTEN", &listen).arg("serve").output().unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 5)), "{talk}");
    assert!(talk.contains(&listen) && talk.contains("in use"), "{talk}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let install = Install::new();
    std::fs::remove_dir_all(install.path("data")).unwrap();
    install.write("data", "a file where the folder was");
    for command in [&["serve"][..], &["verify"], &["load", "fhir.toml"]] {
        let (code, _, talk) = install.run(command);
        assert!(matches!(code, 1 | 3), "{command:?}: {code} {talk}");
        let reason = talk.lines().last().unwrap_or_default();
        assert!(reason.contains("data") && !talk.contains("panicked"), "{command:?}: {talk}");
    }
}

/// `kill -9` while clients read and write; the server is back with everything acknowledged at once.
#[test]
fn a_server_that_was_killed_starts_again_at_once() {
    let install = Install::new();
    let file = install.write("patients.ndjson", patients(2_000));
    assert_eq!(install.run(&["load", &file]).0, 0);
    for _ in 0..3 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = ingle(install.folder.path())
            .env("INGLE_SERVER__LISTEN", format!("127.0.0.1:{port}"))
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let listens = (0..LOOKS).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(listens, "the server did not start");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, report) = install.json(&["verify"]);
    assert_eq!((code, report["ok"].as_bool()), (0, Some(true)), "{report}");
}
