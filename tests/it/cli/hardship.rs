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

/// An enrolment, and claims with their payments.
fn x12(members: usize, claims: usize) -> [String; 3] {
    const ISA: &str =
        "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260101*1200*^*00501*000000001*0*P*:~";
    let wrap = |code: &str, set: &str, body: String| {
        format!("{ISA}GS*{code}*A*B*20260301*1200*1*X*1~ST*{set}*1~{body}SE*0*1~GE*1*1~IEA*1*1~")
    };
    let enrolment = |n| {
        format!(
            "INS*Y*18*021*28*A~REF*0F*M{n}~NM1*IL*1*DOE{n}*ANA~DMG*D8*19600102*F~HD*021**HLT*P~DTP*348*D8*20260101~"
        )
    };
    let claim = |n: usize| {
        let (level, member) = (n + 2, n % members);
        format!(
            "HL*{level}*1*22*0~SBR*P*18~NM1*IL*1*DOE{member}*ANA****MI*M{member}~DMG*D8*19600102*F~CLM*C{n}*100***11:B:1~\
             HI*ABK:E119~LX*1~SV1*HC:99213*100*UN*1***1~DTP*472*D8*20260201~"
        )
    };
    let payment = |n| format!("CLP*C{n}*1*100*80*20*12*I{n}~SVC*HC:99213*100*80**1~CAS*PR*3*20~");
    let enrolments: String = (0..members).map(enrolment).collect();
    let sent: String = (0..claims).map(claim).collect();
    let paid: String = (0..claims).map(payment).collect();
    [
        wrap("BE", "834", format!("BGN*00*1*20260101~{enrolments}")),
        wrap(
            "HC",
            "837",
            format!("BHT*0019*00*1*20260301*1200*CH~HL*1**20*1~NM1*85*2*CLINIC*****XX*1234567893~{sent}"),
        ),
        wrap("HP", "835", format!("BPR*I*1*C*ACH************20260305~N1*PE*CLINIC*XX*1234567893~LX*1~{paid}")),
    ]
}

/// Claims are put together from parts in two steps; whichever is interrupted, the next load ends where a quiet one does.
#[test]
fn a_load_of_claims_that_was_killed_ends_where_a_quiet_one_does() {
    let files = x12(40, 3_000);
    let write = |install: &Install| -> Vec<String> {
        let names = ["834.x12", "837.x12", "835.x12"];
        names.iter().zip(&files).map(|(name, text)| install.write(name, text)).collect()
    };
    let quiet = Install::new();
    let paths = write(&quiet);
    let arguments: Vec<&str> = ["load"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let (code, summary) = quiet.json(&arguments);
    assert_eq!((code, summary["rejected"].as_u64()), (0, Some(0)), "{summary}");
    let (_, expected) = quiet.json(&["verify"]);

    let install = Install::new();
    let paths = write(&install);
    let arguments: Vec<&str> = ["load"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    for wait in [30, 150, 400, 900, 1_500] {
        let mut child = ingle(install.folder.path())
            .args(&arguments)
            .arg("--no-progress")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, summary) = install.json(&arguments);
    assert_eq!((code, summary["rejected"].as_u64()), (0, Some(0)), "{summary}");
    let (code, again) = install.json(&arguments);
    assert_eq!((code, again["changed"].as_u64()), (0, Some(0)), "{again}");
    let (code, found) = install.json(&["verify"]);
    assert_eq!(code, 0, "{found}");
    let resources = |report: &serde_json::Value| report["realms"][0]["resources"].clone();
    assert_eq!(resources(&found), resources(&expected), "{found} {expected}");
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
