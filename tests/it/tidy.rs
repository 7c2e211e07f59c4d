//! The shape of the house, held by a test: rooms use lower floors only, libraries stay in their rooms, files stay
//! small, names say what things are.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file without its tests.
const MAX_LINES: usize = 800;
const MAX_TEST_LINES: usize = 1_500;

/// Rooms by floor (ARCHITECTURE.md); `realm` stands below `web`, and `formats` above `fhir`, of which it reads the JSON.
const FLOORS: [(&str, u8); 29] = [
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
    ("map", 20),
    ("formats", 11),
    ("fhir", 10),
    ("outbound", 10),
    ("config", 10),
    ("lib", 100),
    ("", 0),
];

/// Inside these rooms: their sub-rooms and files by floor. What stands on floor 0 is the room's own `mod.rs`.
const SUB_FLOORS: [(&str, &[(&str, u8)]); 3] = [
    (
        "formats",
        &[
            ("Format", 0),
            ("issue", 1),
            ("encoding", 1),
            ("cells", 2),
            ("columns", 3),
            ("records", 4),
            ("ccda", 5),
            ("fhir", 5),
            ("hl7v2", 5),
            ("ncpdp", 5),
            ("nppes", 5),
            ("qhp", 5),
            ("tables", 5),
            ("x12", 5),
            ("sniff", 6),
        ],
    ),
    (
        "map",
        &[
            ("record", 1),
            ("code", 1),
            ("plan", 2),
            ("members", 3),
            ("claims", 3),
            ("clinical", 3),
            ("plan_net", 3),
            ("drug_list", 4),
            ("ccda", 5),
            ("hl7v2", 5),
            ("nppes", 5),
            ("providers", 5),
            ("formulary", 5),
            ("qhp", 5),
            ("tables", 6),
        ],
    ),
    (
        "load",
        &[
            ("Error", 0),
            ("Mapping", 0),
            ("Request", 0),
            ("Stop", 0),
            ("Target", 0),
            ("archive", 1),
            ("report", 1),
            ("signs", 1),
            ("resources", 2),
            ("doctor", 2),
            ("source", 2),
            ("table", 3),
            ("claim_rows", 3),
            ("Summary", 0),
            ("inbox", 3),
            ("suggest", 4),
            ("parse", 4),
            ("probe", 4),
            ("run", 5),
        ],
    ),
];

/// Libraries and the rooms that may name them.
const CONFINED: [(&str, &[&str]); 9] = [
    ("encoding_rs", &["formats"]),
    ("poem", &["web"]),
    ("hyper", &["cli", "web"]),
    ("http_body_util", &["cli", "web"]),
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
    "identity/matching.rs",
    "load/run/retire.rs",
    "search/define.rs",
    "search/follow.rs",
    "write/plan.rs",
];

/// What is `static` and changes while the process runs, and why it may. Everything else is handed down, so that two
/// installs in one process, as tests make them, do not see each other's.
const CHANGING: [(&str, &str, &str); 7] = [
    ("fhir/fhirpath/mod.rs", "KEPT", "a cache of parsed expressions: the same text gives the same"),
    ("fhir/labels/mod.rs", "LISTS", "the plan's own codes: set once before anything is admitted, or refused"),
    ("fhir/shape.rs", "KNOWN", "a cache of shapes, each made from the tables alone"),
    ("fhir/structures.rs", "TABLES", "tables, with a cache of trees made from them"),
    ("fhir/structures.rs", "SUPPLIED", "the plan's own packages: set once before the first request, or refused"),
    ("store/codec.rs", "COMPRESS", "working memory of a thread, which keeps nothing from one use to the next"),
    ("store/codec.rs", "DECOMPRESS", "as above"),
];
/// Types of what changes. A `LazyLock` of anything else is a table.
const CELLS: [&str; 10] =
    ["Mutex", "RwLock", "Atomic", "OnceLock", "OnceCell", "RefCell", "Cell<", "UnsafeCell", "ArcSwap", "Condvar"];

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

/// The modules and items that a file names in paths that begin with `crate`, `self` or `super`, as paths from the root of the crate.
fn named_paths(module: &[String], text: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in text.match_indices(start) {
            if !text[..at].ends_with(|c: char| is_word(c) || c == ':') {
                let mut path = Vec::new();
                expand(&mut path, &text[at..], &mut out);
            }
        }
    }
    out.into_iter()
        .map(|path: Vec<String>| {
            let mut base = module.to_vec();
            let mut steps = path.into_iter().peekable();
            if steps.next_if(|step| step == "crate").is_some() {
                base.clear();
            }
            steps.next_if(|step| step == "self");
            while steps.next_if(|step| step == "super").is_some() {
                base.pop();
            }
            base.extend(steps);
            base
        })
        .collect()
}

/// Reads one path, or a tree of paths in braces; returns what stands behind it.
fn expand<'t>(path: &mut Vec<String>, text: &'t str, out: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(&mut path.clone(), rest, out).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                other => return other.unwrap_or(rest).trim_start().strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    path.push(text[..end].to_owned());
    let rest = &text[end..];
    if let Some(deeper) = rest.strip_prefix("::") {
        return expand(path, deeper, out);
    }
    out.push(path.clone());
    rest.trim_start()
        .strip_prefix("as ")
        .map_or(rest, |alias| &alias[alias.find([',', '}', ';']).unwrap_or(alias.len())..])
}

/// The module of a source file.
fn module(path: &Path) -> Vec<String> {
    let below = below_src(path);
    let below = below.trim_end_matches(".rs").trim_end_matches("/mod");
    below.split('/').map(str::to_owned).collect()
}

#[test]
fn sub_rooms_use_lower_floors_of_their_room_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let own = module(path);
        let [room, sub, ..] = own.as_slice() else { continue };
        let Some((_, floors)) = SUB_FLOORS.iter().find(|(name, _)| name == room) else { continue };
        let floor = |name: &str| floors.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor);
        let Some(own_floor) = floor(sub) else {
            wrong.push(format!("{} is not in the plan of {room}", path.display()));
            continue;
        };
        for used in named_paths(&own, &without_comments(&without_tests(text))) {
            let [in_room, other, ..] = used.as_slice() else { continue };
            if in_room != room || other == sub {
                continue;
            }
            match floor(other) {
                Some(floor) if floor < own_floor => {}
                Some(_) => wrong.push(format!("{} uses {room}::{other}, which is not below {sub}", path.display())),
                None => wrong.push(format!("{} uses {room}::{other}, which is not in the plan", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let own = ["formats", "x12", "claim"].map(str::to_owned);
    let text = "use super::{segment::{self, Seg}, cut as knife};\nuse crate::formats::{cells::{npi, form::form}, issue::Rule};\nlet a = super::super::tables::read(x); pub(super) fn f() { self::g() }";
    let mut paths: Vec<String> = named_paths(&own, text).iter().map(|path| path.join("::")).collect();
    paths.sort();
    let expected = [
        "formats::cells::form::form",
        "formats::cells::npi",
        "formats::issue::Rule",
        "formats::tables::read",
        "formats::x12::claim::g",
        "formats::x12::cut",
        "formats::x12::segment::Seg",
        "formats::x12::segment::self",
    ];
    assert_eq!(paths, expected);
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
fn only_listed_files_make_the_operators_view() {
    let is_listed = |path: &str| OPERATORS.contains(&path);
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

/// Names and types of the statics of a text without comments.
fn statics(code: &str) -> Vec<(&str, &str)> {
    let declared = code.split("static ").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(": ")?;
        let name = name.strip_prefix("mut ").unwrap_or(name);
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        is_name.then(|| (name, rest.split(" = ").next().unwrap()))
    });
    declared.collect()
}

#[test]
fn little_is_static_and_changes() {
    let mut found = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let code = without_comments(&without_tests(text));
        assert!(!code.contains("static mut "), "{}", path.display());
        assert!(!code.contains("leak("), "{} leaks memory to keep it for ever", path.display());
        for (name, _) in statics(&code).into_iter().filter(|(_, held)| CELLS.iter().any(|cell| held.contains(cell))) {
            found.push((below_src(path), name.to_owned()));
        }
    }
    let listed = |path: &str, name: &str| CHANGING.iter().any(|(file, known, _)| (*file, *known) == (path, name));
    for (path, name) in &found {
        assert!(listed(path, name), "{path}: {name} is static and changes; hand it down");
    }
    for (file, name, _) in CHANGING {
        assert!(
            found.iter().any(|(path, known)| (path.as_str(), known.as_str()) == (file, name)),
            "{file}: {name} is gone"
        );
    }
}

#[test]
fn statics_are_told_from_lifetimes() {
    let text = "static A: RwLock<u8> = RwLock::new(1);\nfn f(x: &'static str) -> &'static B {\n    static C_1: LazyLock<\n        Mutex<u8>,\n    > = x;\n}\npub(super) static D: [u8; 1] = [0];\nstruct E {\n    f: &'static str,\n    g: u8,\n}\n";
    let found: Vec<(&str, bool)> =
        statics(text).into_iter().map(|(name, held)| (name, CELLS.iter().any(|cell| held.contains(cell)))).collect();
    assert_eq!(found, [("A", true), ("C_1", true), ("D", false)]);
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

/// Files of `web` that may send an answer without entering it in the audit: what the caller sent is judged, or answers that
/// are in the audit are joined.
const WITHOUT_RECORDS: [&str; 3] = ["web/disclosed.rs", "web/fhir/bundle.rs", "web/fhir/validate.rs"];

#[test]
fn few_files_send_answers_that_are_not_in_the_audit() {
    for (path, text) in sources() {
        let path = path.to_str().unwrap();
        let listed = WITHOUT_RECORDS.iter().any(|known| path.ends_with(known));
        assert!(listed || !text.contains("without_records"), "{path}");
    }
}
