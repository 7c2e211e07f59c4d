//! Compiles the definition tables of `src/fhir/definitions` into static Rust, so that a mistake in a table stops the
//! build and nothing is parsed when the server starts; and the middles of ZIP code areas, which to unpack and parse takes
//! a load a fifth of a second and 30 MB.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::similar_names,
    reason = "a build script stops the build at the first mistake in a table; that is its purpose"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const TYPES: &str = "src/fhir/definitions/types.tsv";
const PARAMETERS: &str = "src/fhir/definitions/search_parameters.tsv";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={TYPES}");
    println!("cargo:rerun-if-changed={PARAMETERS}");
    let types = fs::read_to_string(TYPES).expect("the table of types is part of the source");
    let parameters = fs::read_to_string(PARAMETERS).expect("the table of parameters is part of the source");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let write = |name, code| fs::write(Path::new(&out).join(name), code).expect("OUT_DIR can be written");
    write("definitions.rs", compile(&types, &parameters));
    write("centroids.rs", centroids());
}

/// ZIP code, latitude, longitude; in the order of the codes.
fn centroids() -> String {
    let read = |place: &zipcodes::Zipcode| {
        Some((place.zip_code.parse().ok()?, place.lat.parse().ok()?, place.long.parse().ok()?))
    };
    let mut all: Vec<(u32, f32, f32)> = zipcodes::database().iter().filter_map(read).collect();
    all.sort_unstable_by_key(|(zip, ..)| *zip);
    all.dedup_by_key(|(zip, ..)| *zip);
    format!("static CENTROIDS: [(u32, f32, f32); {}] = {all:?};\n", all.len())
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| line.split('\t').collect())
}

fn compile(types: &str, parameters: &str) -> String {
    let types: Vec<_> = rows(types).collect();
    let parameters: Vec<_> = rows(parameters).collect();
    let names: Vec<&str> = types.iter().map(|row| row[0]).collect();
    assert!(names.is_sorted(), "{TYPES} must be in alphabetical order");
    let number = |name: &str| names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("unknown type {name}"));
    let mut code = String::new();
    let hash = types.iter().chain(&parameters).flatten().fold(0xcbf2_9ce4_8422_2325_u64, |hash, cell| {
        cell.bytes().chain([0]).fold(hash, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    });
    writeln!(code, "/// Changes with every change of the tables: an index made with other tables is rebuilt.").unwrap();
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| hash >> shift & 0xFFFF);
    writeln!(code, "pub const TABLES_HASH: u64 = 0x{a:04X}_{b:04X}_{c:04X}_{d:04X};").unwrap();
    writeln!(code, "pub(super) static PARAMETERS: [Parameter; {}] = [", parameters.len()).unwrap();
    for row in &parameters {
        let (kind, name, form, paths, targets, parts) = match row[..] {
            [kind, name, form, paths, targets] => (kind, name, form, paths, targets, ""),
            [kind, name, form, paths, targets, parts] => (kind, name, form, paths, targets, parts),
            _ => panic!("not five or six columns: {row:?}"),
        };
        let kind = if kind == "*" { "None".into() } else { format!("Some(Kind({}))", number(kind)) };
        let form = form[..1].to_uppercase() + &form[1..];
        write!(
            code,
            "Parameter {{ kind: {kind}, code: Cow::Borrowed({name:?}), form: Form::{form}, paths: Cow::Borrowed(&["
        )
        .unwrap();
        for path in paths.split(" | ").filter(|path| *path != "-") {
            code.push_str(&compile_path(path, &number));
        }
        let targets = match targets {
            "*" => "Targets::Any".into(),
            list => {
                let kinds: Vec<_> =
                    list.split(',').filter(|t| !t.is_empty()).map(|t| format!("Kind({})", number(t))).collect();
                format!("Targets::These(Cow::Borrowed(&[{}]))", kinds.join(", "))
            }
        };
        write!(code, "]), targets: {targets}, components: Cow::Borrowed(&[").unwrap();
        for part in parts.split(" $ ").filter(|part| !part.is_empty()) {
            let (form, paths) = part.split_once(':').unwrap_or_else(|| panic!("a part without a form: {part}"));
            let form = form[..1].to_uppercase() + &form[1..];
            write!(code, "Component {{ form: Form::{form}, paths: Cow::Borrowed(&[").unwrap();
            for path in paths.split(" | ") {
                code.push_str(&compile_path(path, &number));
            }
            code.push_str("]) }, ");
        }
        code.push_str("]) },\n");
    }
    code.push_str("];\n");
    let common = parameters.iter().take_while(|row| row[0] == "*").count();
    writeln!(code, "pub(super) const COMMON: usize = {common};").unwrap();
    writeln!(code, "pub(super) static TYPES: [TypeRow; {}] = [", types.len()).unwrap();
    for row in &types {
        let [name, compartment] = row[..] else { panic!("not two columns: {row:?}") };
        let first = parameters.iter().position(|p| p[0] == name).unwrap_or(0);
        let count = parameters.iter().filter(|p| p[0] == name).count();
        let indices: Vec<_> = compartment
            .split(',')
            .filter(|c| !c.is_empty())
            .map(|c| {
                let at = parameters.iter().position(|p| p[0] == name && p[1] == c);
                at.unwrap_or_else(|| panic!("{name} has no parameter {c}")).to_string()
            })
            .collect();
        writeln!(
            code,
            "TypeRow {{ name: {name:?}, first: {first}, count: {count}, compartment: &[{}] }},",
            indices.join(", ")
        )
        .unwrap();
    }
    code.push_str("];\n");
    code
}

/// `a.b[x].c{key=value}#0>Patient` as a `Path` literal.
fn compile_path(path: &str, number: &dyn Fn(&str) -> usize) -> String {
    let (path, only) = match path.split_once('>') {
        Some((path, kind)) => (path, format!("Some(Kind({}))", number(kind))),
        None => (path, "None".into()),
    };
    let mut steps = String::new();
    for step in split_steps(path).into_iter().filter(|_| path != ".") {
        let (step, set) = step.strip_suffix("!set").map_or((step, false), |step| (step, true));
        let (step, first) = step.strip_suffix("#0").map_or((step, false), |step| (step, true));
        let (step, filter) = match step.split_once('{') {
            Some((step, rest)) => (step, rest.trim_end_matches('}').split_once('=')),
            None => (step, None),
        };
        match step.strip_suffix("[x]") {
            Some(stem) => write!(steps, "Step::Choice(Cow::Borrowed({stem:?})), ").unwrap(),
            None => write!(steps, "Step::Member(Cow::Borrowed({step:?})), ").unwrap(),
        }
        if let Some((key, value)) = filter {
            write!(steps, "Step::Where(Cow::Borrowed({key:?}), Cow::Borrowed({value:?})), ").unwrap();
        }
        if first {
            steps.push_str("Step::First, ");
        }
        if set {
            steps.push_str("Step::Set, ");
        }
    }
    format!("Path {{ steps: Cow::Borrowed(&[{steps}]), only: {only} }}, ")
}

/// Splits at dots outside braces: extension addresses have dots of their own.
fn split_steps(path: &str) -> Vec<&str> {
    let mut depth = 0;
    path.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == '.' && depth == 0
    })
    .collect()
}
