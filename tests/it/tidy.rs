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

/// Where the unrestricted view may be made: rooms, or single files of a room, that act for the plan and not for a caller.
const OPERATORS: [&str; 8] = [
    "cli/bench/rooms.rs",
    "cli/load.rs",
    "cli/verify.rs",
    "load/run/retire.rs",
    "load/run/whose.rs",
    "search/define.rs",
    "search/follow.rs",
    "write/plan.rs",
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

/// The path of a source file below `src`, with slashes.
fn below_src(path: &Path) -> String {
    path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap().to_str().unwrap().replace('\\', "/")
}

fn is_test(path: &Path) -> bool {
    let text = path.to_str().unwrap();
    text.contains("/tests/") || text.ends_with("tests.rs") || text.ends_with("/faults.rs")
}

/// The text without the items that `#[cfg(test)]` stands on; all that follows them is still there. The format that rustfmt
/// gives is what tells where an item ends: in a `;` before anything is opened, or in a line that closes at the depth of the attribute.
fn without_tests(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let depth = &line[..line.len() - line.trim_start().len()];
        let item = lines.by_ref().find(|line| {
            let start = line.trim_start();
            !start.starts_with("#[") && !start.starts_with("//")
        });
        let item = item.unwrap_or_default();
        if item.ends_with(['{', '(', '[']) {
            let closes = |line: &str| line.strip_prefix(depth).is_some_and(|rest| rest.starts_with(['}', ')', ']']));
            lines.by_ref().find(|line| closes(line));
        }
    }
    out
}

/// The text without comments that fill a line.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
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
        for used in named_rooms(&without_tests(text)) {
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
fn only_listed_files_make_the_operators_view() {
    let is_listed = |path: &str| OPERATORS.iter().any(|listed| path == *listed);
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let code = without_comments(&without_tests(text));
        let makes = code.contains("::operator(");
        assert!(!makes || is_listed(&below_src(path)), "{} makes the operator's view", path.display());
    }
    for listed in OPERATORS {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(listed)).unwrap_or_default();
        assert!(text.contains("::operator("), "{listed} makes no operator's view any more; take it off the list");
    }
}

#[test]
fn a_test_attribute_hides_only_the_item_that_it_stands_on() {
    let text = "#[cfg(test)]\nmod tests;\nuse crate::web;\n#[cfg(test)]\n#[allow(unused)]\nmod inline {\n    use crate::cli;\n\n    fn f() {\n    }\n}\nuse crate::load;\nimpl A {\n    #[cfg(test)]\n    fn x() {\n        crate::main();\n    }\n    fn y() {}\n}\n#[cfg(test)]\nuse crate::{\n    oauth,\n};\nuse crate::store;\n";
    assert_eq!(named_rooms(&without_tests(text)), ["web", "load", "store"]);
    assert!(without_tests(text).contains("fn y() {}"));
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let test = is_test(&path);
        let code = if test { text } else { without_tests(&text) };
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
