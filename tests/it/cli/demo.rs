//! `ingle demo`, and its sample app walking the whole path over real sockets: connect, sign in, agree, read, stop.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{Install, ingle};

/// A running demo; it is stopped when the test ends.
struct Demo {
    child: Child,
    about: serde_json::Value,
}

impl Demo {
    fn start(install: &Install) -> Self {
        // Somebody else may take the port between looking and listening.
        for _ in 0..20 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if port == u16::MAX || std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_err() {
                continue;
            }
            let log = std::fs::File::create(install.path("log")).unwrap();
            let mut command = ingle(install.folder.path());
            command.args(["demo", "--json", "--log", "trace", "--port", &port.to_string()]);
            command.stdout(Stdio::piped()).stderr(log);
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if let Ok(about) = serde_json::from_str(&line) {
                return Self { child, about };
            }
            child.wait().unwrap();
        }
        panic!("the demo did not start");
    }

    fn address(&self, name: &str) -> String {
        self.about[name].as_str().unwrap().trim_end_matches('/').to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As much of a browser as pages without script need: cookies by host and port, and forms.
struct Browser {
    http: reqwest::Client,
    cookies: HashMap<String, HashMap<String, String>>,
}

struct Page {
    url: String,
    status: u16,
    text: String,
}

impl Browser {
    fn new() -> Self {
        let http = ingle::outbound::http(None).unwrap().build().unwrap();
        Self { http, cookies: HashMap::new() }
    }

    async fn get(&mut self, url: &str) -> Page {
        self.go(url.to_owned(), None).await
    }

    async fn go(&mut self, mut url: String, mut form: Option<Vec<(String, String)>>) -> Page {
        for _ in 0..10 {
            let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            let jar = self.cookies.entry(origin.clone()).or_default();
            let cookie = jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            let request = match form.take() {
                Some(form) => self.http.post(&url).form(&form).header("origin", &origin),
                None => self.http.get(&url),
            };
            let response = request.header("cookie", cookie).send().await.unwrap();
            for set in response.headers().get_all("set-cookie") {
                let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
            }
            let Some(to) = response.headers().get("location") else {
                let status = response.status().as_u16();
                return Page { url, status, text: response.text().await.unwrap() };
            };
            let to = to.to_str().unwrap();
            url = if to.starts_with('/') { format!("{origin}{to}") } else { to.to_owned() };
        }
        panic!("too many redirects");
    }

    /// Sends the form with that action, its hidden fields and what is typed.
    async fn submit(&mut self, page: &Page, action: &str, typed: &[(&str, &str)]) -> Page {
        let origin = page.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let marker = format!("action=\"{action}\"");
        let at =
            page.text.find(&marker).unwrap_or_else(|| panic!("no form for {action} on {}:\n{}", page.url, page.text));
        let form = page.text[at..].split("</form>").next().unwrap();
        let value = |tag: &str, name: &str| {
            tag.split(&format!("{name}=\"")).nth(1).map(|rest| rest.split('"').next().unwrap().to_owned())
        };
        let mut fields: Vec<(String, String)> = form
            .split("<input")
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap())
            .filter(|tag| value(tag, "type").as_deref() == Some("hidden"))
            .map(|tag| (value(tag, " name").unwrap(), value(tag, " value").unwrap_or_default()))
            .collect();
        fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.go(format!("{origin}{action}"), Some(fields)).await
    }
}

/// The code in the newest message of the outbox folder, once there is one.
async fn code(install: &Install) -> String {
    for _ in 0..100 {
        let folder = install.path("demo/outbox/mail");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
        files.sort();
        if let Some(newest) = files.last() {
            let text = std::fs::read_to_string(newest).unwrap();
            let runs: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 6).collect();
            assert_eq!(runs.len(), 1, "{text}");
            return runs[0].to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no message came");
}

#[tokio::test]
async fn the_sample_app_reads_a_members_claims_until_she_stops_it() {
    let install = Install::bare();
    let demo = Demo::start(&install);
    let (plan, app) = (demo.address("plan"), demo.address("sample_app"));
    assert_eq!(demo.about["people"].as_array().unwrap().len(), 21);

    let mut browser = Browser::new();
    let home = browser.get(&format!("{app}/")).await;
    assert!(home.status == 200 && home.text.contains("Connect to my health plan"));
    let login = browser.get(&format!("{app}/connect")).await;
    assert!(login.url.starts_with(&plan) && login.text.contains("Health History"), "{}", login.text);
    let enter = browser.submit(&login, "/login", &[("address", "rosa.delgado@example.com")]).await;
    let consent = browser.submit(&enter, "/login/code", &[("code", &code(&install).await)]).await;
    assert!(consent.text.contains("Rosa Delgado"), "{}", consent.text);
    let (_, person) = consent.text.split_once("name=\"person\" value=\"").unwrap();
    let (person, _) = person.split_once('"').unwrap();
    let claims = browser.submit(&consent, "/consent", &[("person", person), ("decision", "share")]).await;
    assert!(claims.url.starts_with(&app) && claims.text.contains("15 claims."), "{}", claims.text);
    assert!(claims.text.contains("Physical therapy, 15 minutes"), "{}", claims.text);

    let again = browser.submit(&claims, "/refresh", &[]).await;
    assert!(again.text.contains("15 claims."), "{}", again.text);

    let page = browser.get(&format!("{plan}/member")).await;
    let (_, grant) = page.text.split_once("/member/stop?grant=").unwrap();
    let (grant, _) = grant.split_once('"').unwrap();
    let confirm = browser.get(&format!("{plan}/member/stop?grant={grant}")).await;
    let stopped = browser.submit(&confirm, "/member/stop", &[]).await;
    assert!(stopped.status == 200 && stopped.url.contains("/member?stopped="), "{}", stopped.text);
    let ended = browser.get(&format!("{app}/claims")).await;
    assert!(ended.text.contains("Sharing has ended"), "{}", ended.text);

    // The directory is open to anyone, and the sandbox is a service of its own.
    let found = browser.get(&format!("{plan}/directory/Practitioner?name=liu")).await;
    assert!(found.text.contains("\"total\":1"), "{}", found.text);
    assert_eq!(browser.get(&format!("{plan}/sandbox/fhir/metadata")).await.status, 200);
    assert_eq!(browser.get(&format!("{plan}/fhir/ExplanationOfBenefit")).await.status, 401);
    let jar: Vec<String> = browser.cookies.values().flat_map(HashMap::values).cloned().collect();
    nothing_personal(&std::fs::read_to_string(install.path("log")).unwrap(), &code(&install).await, &jar);
}

/// The log of everything above, at its most talkative, names no member and holds no secret.
fn nothing_personal(log: &str, code: &str, cookies: &[String]) {
    assert!(log.lines().count() > 3, "there is a log: {log}");
    let words =
        ["Rosa", "Delgado", "delgado", "ALD1001", "1981-05-14", "Physical therapy", "ing_", "Bearer", "secret="];
    for word in words.into_iter().chain([code]).chain(cookies.iter().map(String::as_str).filter(|c| c.len() > 8)) {
        let line = log.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "the log holds '{word}'");
    }
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let install = Install::bare();
    std::fs::create_dir(install.path("demo")).unwrap();
    install.write("demo/mine.txt", "mine");
    let (code, _, talk) = install.run(&["demo", "--fresh"]);
    assert_eq!(code, 1);
    assert!(talk.contains("holds files that no demo made"), "{talk}");
    assert!(install.path("demo/mine.txt").exists());
}
