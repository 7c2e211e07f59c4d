//! Commands while a server runs: it carries them out, and what they change holds from the next request on.

use std::process::{Child, Stdio};
use std::time::Duration;

use super::{Install, ingle};

/// Times to look whether a server listens, every 20 ms.
const LOOKS: u32 = 1_500;

struct Served<'a> {
    install: &'a Install,
    server: Child,
    address: String,
}

impl<'a> Served<'a> {
    fn start(install: &'a Install) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let server = ingle(install.folder.path())
            .env("INGLE_SERVER__LISTEN", &listen)
            .arg("serve")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let listens = (0..LOOKS).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            std::net::TcpStream::connect(&listen).is_ok() && install.path("data/control.sock").exists()
        });
        assert!(listens, "the server did not start");
        Self { install, server, address: format!("http://{listen}") }
    }

    async fn status(&self, path: &str) -> u16 {
        let http = ingle::outbound::http(None).unwrap().build().unwrap();
        http.get(format!("{}{path}", self.address)).send().await.unwrap().status().as_u16()
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

const JWKS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "x": "eA", "y": "eQ"}]}"#;

/// `ingle app suspend` on a running server ended with "the data file is in use", though docs said that it stops an app at
/// once (access.md S1, pages.md 3).
#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_carries_out_what_the_operator_types() {
    use std::os::unix::fs::PermissionsExt;
    let install = Install::new();
    install.write("keys.json", JWKS);
    install.write(
        "members.csv",
        "member_id,last_name,first_name,dob,gender,plan,coverage_start\nM1,Example,Ana,1970-01-01,F,SILVER,2026-01-01\n",
    );
    let mut served = Served::start(&install);
    let mode = std::fs::metadata(install.path("data/control.sock")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    let (code, id, talk) = install.run(&["app", "add", "Warehouse", "--scopes", "system/*.rs", "--jwks", "keys.json"]);
    assert_eq!(code, 0, "{talk}");
    let id = id.trim();
    let (code, row) = install.json(&["app", "show", id]);
    assert_eq!((code, row["status"].as_str().unwrap()), (0, "active"));
    assert_eq!(install.run(&["app", "suspend", id]).0, 0);
    assert_eq!(install.json(&["app", "show", id]).1["status"], "suspended");
    let (code, _, talk) = install.run(&["app", "suspend", "app-nobody"]);
    assert!(code == 1 && talk.contains("there is no app app-nobody"), "{talk}");

    let (code, account) = install.json(&["staff", "add", "pat@plan.example", "--role", "support"]);
    assert_eq!((code, account["role"].as_str().unwrap()), (0, "support"));
    assert!(install.run(&["staff", "list"]).1.contains("pat@plan.example"));

    let (code, summary) = install.json(&["load", "members.csv"]);
    assert_eq!((code, summary["kept"].as_u64().unwrap()), (0, 1), "paths are meant from where they were typed");
    let (code, undone) = install.json(&["load", "--undo"]);
    assert!(code == 0 && undone["resources"].as_u64().unwrap() > 0, "{undone}");
    let (code, _, talk) = install.run(&["load", "nothing-here.csv"]);
    assert!(code == 1 && talk.contains("nothing-here.csv"), "{talk}");
    let (code, report) = install.json(&["verify"]);
    assert_eq!((code, report["ok"].as_bool().unwrap()), (0, true), "{report}");
    assert_eq!(served.status("/").await, 200);

    // After a crash the socket is left over, and nobody listens on it.
    served.server.kill().unwrap();
    served.server.wait().unwrap();
    assert!(install.path("data/control.sock").exists());
    assert_eq!(install.json(&["app", "show", id]).1["status"], "suspended");
    let again = Served::start(served.install);
    assert_eq!(install.json(&["app", "show", id]).1["status"], "suspended");
    drop(again);
}
