//! The shape of the house, held by a test: rooms use lower floors only, libraries stay in their rooms, files stay
//! small, names say what things are.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file without its tests.
const MAX_LINES: usize = 800;
const MAX_TEST_LINES: usize = 1_500;

/// Rooms by floor (ARCHITECTURE.md); `realm` stands below `web`.
const FLOORS: [(&str, u8); 27] = [
    ("main", 90),
    ("cli", 80),
    ("web", 71),
    ("realm", 70),
    ("oauth", 60),
    ("exchange", 60),
    ("consent", 50),
    ("load", 50),
    ("bulk", 50),
    ("directory", 50),
    ("subscriptions", 50),
    ("prior_auth", 50),
    ("write", 50),
    ("identity", 40),
    ("apps", 40),
    ("search", 40),
    ("analytics", 40),
    ("jobs", 40),
    ("store", 30),
    ("index", 30),
    ("audit", 30),
    ("access", 20),
    ("fhir", 10),
    ("outbound", 10),
    ("config", 10),
    ("lib", 100),
    ("", 0),
];

/// Libraries and the rooms that may name them.
const CONFINED: [(&str, &[&str]); 8] = [
    ("poem", &["web"]),
    ("hyper", &["web"]),
    ("http_body_util", &["web"]),
    ("redb", &["store"]),
    ("tantivy", &["index"]),
    ("lettre", &["outbound"]),
    ("reqwest", &["outbound", "cli"]),
    ("anyhow", &["cli", "main"]),
];

const FORBIDDEN_NAMES: [&str; 6] = ["util", "utils", "helper", "common", "misc", "manager"];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, out: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                out.push((path, text));
            }
        }
    }
    let mut out = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out
}

/// The room of a source file: the first part of its path below `src`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn is_test(path: &Path) -> bool {
    let text = path.to_str().unwrap();
    text.contains("/tests/") || text.ends_with("/tests.rs") || text.ends_with("/faults.rs")
}

fn floor(room: &str) -> u8 {
    FLOORS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is not in the plan")).1
}

/// The rooms that a file names in `crate::…` paths, `use` lists with braces included.
fn named_rooms(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (c == ',' && depth == 1) {
                    rooms.push(item.split("::").next().unwrap().trim().to_owned());
                    item.clear();
                    if depth == 0 {
                        break;
                    }
                } else {
                    item.push(c);
                }
            }
        } else {
            rooms.push(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned());
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

#[test]
fn rooms_use_lower_floors_only() {
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let own = room(path);
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in named_rooms(code) {
            if used != own {
                assert!(floor(&used) < floor(&own), "{} uses {used}, which is not below {own}", path.display());
            }
        }
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let own = room(path);
        for (library, rooms) in CONFINED {
            let named = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(&format!("{library}::")) && !line.contains(&format!("_{library}::")));
            assert!(!named || rooms.contains(&own.as_str()), "{} names {library}", path.display());
        }
    }
}

/// A second engine is a second file, so the first must not leak out of its own.
#[test]
fn redb_stays_in_one_file() {
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let named =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains("redb::"));
        assert_eq!(named, path.ends_with("src/store/engine.rs"), "{}", path.display());
    }
}

#[test]
fn sockets_are_opened_where_they_belong() {
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let own = room(path);
        let opens = ["TcpStream::connect", "TcpListener::bind", "UdpSocket", "UnixStream"];
        for call in opens.iter().filter(|call| text.contains(**call)) {
            let listens = *call == "TcpListener::bind" && ["web", "cli"].contains(&own.as_str());
            assert!(listens || own == "outbound" || own == "cli", "{} calls {call}", path.display());
        }
    }
}

#[test]
fn pages_and_apis_cannot_make_the_operators_view() {
    for (path, text) in sources() {
        if ["web", "oauth", "identity", "consent", "apps"].contains(&room(&path).as_str()) {
            assert!(!text.contains("View::operator"), "{}", path.display());
        }
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let test = is_test(&path);
        let code = if test { &*text } else { text.split("#[cfg(test)]").next().unwrap() };
        let limit = if test { MAX_TEST_LINES } else { MAX_LINES };
        assert!(code.lines().count() <= limit, "{} has {} lines", path.display(), code.lines().count());
    }
}

#[test]
fn names_say_what_things_are() {
    for (path, _) in sources() {
        for part in path.components() {
            let name = part.as_os_str().to_str().unwrap().trim_end_matches(".rs");
            assert!(!FORBIDDEN_NAMES.contains(&name), "{}", path.display());
        }
    }
}

#[test]
fn every_room_says_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!") || is_test(&path), "{} has no module doc", path.display());
    }
}
