use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::*;

const SMALLEST: &str = "[plan]\nname = \"Alder\"\nurl = \"https://alder.example\"\n[mail]\ntransport = \"file:mail\"\nfrom = \"a@alder.example\"\n";

fn load(text: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fhir.toml");
    fs::write(&file, text).unwrap();
    let env: Vec<_> = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let flags: Vec<_> = flags.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
    Config::load(Some(&file), &env, &flags)
}

fn refusals(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    match load(text, env, &[]) {
        Err(Error::Invalid(findings)) => findings
            .iter()
            .map(|f| match &f.source {
                Source::File(_, line) => format!("{line}: {}", f.message),
                other => format!("{other}: {}", f.message),
            })
            .collect(),
        other => panic!("expected refusals, got {other:?}"),
    }
}

#[test]
fn the_smallest_file_has_four_keys() {
    let config = load(SMALLEST, &[], &[]).unwrap();
    assert_eq!(config.plan.name, "Alder");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert!(config.apps.sandbox);
    assert!(config.storage.path.is_absolute() && config.storage.path.ends_with("data"));
    assert_eq!(SECTIONS.iter().flat_map(|s| s.keys).filter(|k| k.need == Need::Required).count(), 4);
}

#[test]
fn later_sources_win_and_are_named() {
    let text = format!("{SMALLEST}[server]\nlisten = \"127.0.0.1:1\"\nshutdown_grace = \"3s\"\n");
    let env = [("INGLE_SERVER__LISTEN", "127.0.0.1:2"), ("INGLE_PLAN__LANGUAGES", "es, en"), ("INGLE_LOG", "info")];
    let config = load(&text, &env, &[("server.listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.grace().as_secs(), 3);
    assert_eq!(config.plan.languages, [Language::Es, Language::En]);
    let source = |name: &str| config.settings.iter().find(|s| s.name == name).unwrap().source.clone();
    assert_eq!(source("server.listen"), Source::Flag("command line".to_owned()));
    assert_eq!(source("plan.languages"), Source::Env("INGLE_PLAN__LANGUAGES".to_owned()));
    assert!(matches!(source("server.shutdown_grace"), Source::File(_, 9)));
    assert_eq!(source("apps.grant"), Source::Default);
}

#[test]
fn unknown_keys_name_line_and_nearest() {
    let text = format!("{SMALLEST}fron = \"x\"\n[sever]\n[server.limits]\nconections = 3\n[colour]\nq = 1\n");
    let mut found = refusals(&text, &[("INGLE_MAIL__TRANSPROT", "x")]);
    // Table order is not file order.
    found.sort();
    let mut expected = [
        "7: mail.fron is not a known key; did you mean from in [mail]?",
        "8: sever is not a known key; did you mean [server]?",
        "10: server.limits.conections is not a known key; did you mean connections in [server.limits]?",
        "11: colour is not a known key; the shipped fhir.toml lists all keys",
        "INGLE_MAIL__TRANSPROT: mail.transprot is not a known key; did you mean transport in [mail]?",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn wrong_values_say_what_is_wanted() {
    let text = SMALLEST.replace("https://", "http://");
    assert_eq!(refusals(&text, &[]), ["3: plan.url must begin with https:// unless the host is this machine"]);
    let text = format!("{SMALLEST}[server]\nlisten = 5\nshutdown_grace = \"soon\"\n");
    let found = refusals(&text, &[]);
    assert!(found[0].starts_with("8: server.listen "), "{found:?}");
    assert!(found[1].starts_with("9: server.shutdown_grace must be a number with s, m, h or d"), "{found:?}");
    assert!(refusals("", &[])[0].contains("[plan] name is missing; write for example"));
    assert!(refusals("[plan", &[])[0].starts_with("1: is not valid TOML"));
    let text = format!("{SMALLEST}[sms]\ntransport = \"https://sms.example\"\n");
    assert!(refusals(&text, &[])[0].contains("sms.secret is missing"));
}

#[test]
fn secrets_come_from_files_and_variables_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("url"), "smtps://u:hunter2@mail.example\n").unwrap();
    let text = SMALLEST.replace("\"file:mail\"", "{ file = \"url\" }");
    let file = folder.path().join("fhir.toml");
    fs::write(&file, &text).unwrap();
    let config = Config::load(Some(&file), &[], &[]).unwrap();
    assert_eq!(config.mail.transport.expose(), "smtps://u:hunter2@mail.example");
    assert!(!format!("{config:?}").contains("hunter2"));

    let text = SMALLEST.replace("\"file:mail\"", "{ env = \"MAIL\" }");
    assert_eq!(load(&text, &[("MAIL", "file:x")], &[]).unwrap().mail.transport.expose().rsplit('/').next(), Some("x"));
    assert!(refusals(&text, &[])[0].contains("names the environment variable MAIL, which is not set"));
    assert!(load(&text, &[("INGLE_MAIL__TRANSPORT", "{ env = \"M\" }"), ("M", "file:y")], &[]).is_ok());
}

#[test]
fn the_shipped_file_is_the_doc_comments() {
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir.toml")).unwrap();
    assert_eq!(shipped, sample(), "run `cargo run -- dev fhir-toml > fhir.toml`");
    load(&shipped, &[], &[]).unwrap();
    // Uncommenting every key gives a valid file too: the samples are real values.
    let all: String = shipped
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split(" = ")
                    .next()
                    .is_some_and(|k| SECTIONS.iter().flat_map(|s| s.keys).any(|key| key.name == k)) =>
            {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    load(&all, &[], &[]).unwrap();
}

#[test]
fn networks_hold_their_addresses() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let ten = Network::parse("10.0.0.0/8").unwrap();
    assert!(ten.contains(ip("10.200.3.4")) && ten.contains(ip("::ffff:10.1.1.1")));
    assert!(!ten.contains(ip("11.0.0.1")) && !ten.contains(ip("::a00:1")));
    assert!(Network::parse("0.0.0.0/0").unwrap().contains(ip("8.8.8.8")));
    assert!(Network::parse("::1").unwrap().contains(ip("::1")));
    assert!(Network::parse("10.0.0.0/33").is_none() && Network::parse("ten").is_none());
}

#[test]
fn complete_lists_are_kinds_of_files() {
    let config = load(SMALLEST, &[("INGLE_LOAD__COMPLETE", "[\"providers\", \"qhp\"]")], &[]).unwrap();
    assert_eq!(config.load.complete, [Complete::Providers, Complete::Qhp]);
    let found = refusals(&format!("{SMALLEST}\n[load]\ncomplete = [\"nppes\"]\n"), &[]);
    assert!(
        found[0].contains("load.complete must hold kinds out of \"providers\", \"qhp\" and \"formulary\""),
        "{found:?}"
    );
}
