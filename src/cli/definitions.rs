//! `ingle dev definitions DIR`: reads the guides' packages and writes the tables that validation works with, so that the
//! next version of a guide is one command. What comes out are facts: paths, cardinalities, types, codes, expressions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

/// The packages that are read, in this order; where two define the same, the later one counts.
pub const PACKAGES: [&str; 8] = [
    "hl7.fhir.r4.core-4.0.1-repack",
    "hl7.fhir.us.core-6.1.0",
    "hl7.fhir.us.davinci-hrex-1.0.0",
    "hl7.fhir.us.carin-bb-2.1.0-compiled",
    "hl7.fhir.us.davinci-pdex-2.0.0",
    "hl7.fhir.us.davinci-pdex-2.1.0-compiled",
    "hl7.fhir.us.davinci-pdex-plan-net-1.2.0-compiled",
    "hl7.fhir.us.davinci-drug-formulary-2.1.0-compiled",
];
/// Codes of a value set that is carried whole.
const MAX_CODES: usize = 3_000;
/// Value sets within value sets.
const MAX_DEPTH: usize = 8;
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The tables' texts by file name.
pub struct Tables {
    /// `structures.tsv`
    pub structures: String,
    /// `codes.tsv`
    pub codes: String,
    /// `displays.tsv`
    pub displays: String,
}

/// Everything canonical in the packages.
#[derive(Default)]
struct Sources {
    structures: BTreeMap<String, Value>,
    value_sets: HashMap<String, Value>,
    code_systems: HashMap<String, Value>,
    /// Value sets of the guides, which are carried whether a binding requires them or not.
    of_guides: BTreeSet<String>,
}

pub(super) fn run(packages: &Path) -> anyhow::Result<()> {
    let tables = generate(packages)?;
    let folder = Path::new("src/fhir/definitions");
    ensure!(folder.is_dir(), "run this in the project's own folder: there is no {}", folder.display());
    std::fs::write(folder.join("structures.tsv"), tables.structures)?;
    std::fs::write(folder.join("codes.tsv"), tables.codes)?;
    std::fs::write(folder.join("displays.tsv"), tables.displays)?;
    Ok(())
}

/// Makes the tables from a folder of packages.
///
/// # Errors
/// A package that is missing or cannot be read.
pub fn generate(packages: &Path) -> anyhow::Result<Tables> {
    let mut sources = Sources::default();
    for package in PACKAGES {
        let path = packages.join(format!("{package}.tgz"));
        let file = std::fs::File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            let is_conformance =
                ["StructureDefinition-", "ValueSet-", "CodeSystem-"].iter().any(|kind| name.contains(kind));
            if !is_conformance
                || Path::new(&name).extension().is_none_or(|ending| ending != "json")
                || name.contains("/other/")
            {
                continue;
            }
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            if let Ok(resource) = serde_json::from_str(&text) {
                sources.add(package, resource);
            }
        }
    }
    let mut structures = String::from(
        "# Structures of FHIR R4 and of the guides, written by `ingle dev definitions`.\n\
         # S: address, type, kind, derivation, address of what it is derived from. E: element, least, most, types, required\n\
         # value set, fixed (=) or pattern (~), slicing, other element with the same content. C: key, error or warning, FHIRPath.\n",
    );
    let mut bound = BTreeSet::new();
    for structure in sources.structures.values() {
        write_structure(structure, &mut structures, &mut bound);
    }
    let mut codes = String::from(
        "# Codes of the value sets of the guides and of those that bindings require, written by `ingle dev definitions`: V and the\n\
         # address, then one line per system. One without lines is not carried: it is too large, or not enumerated.\n",
    );
    bound.extend(sources.of_guides.iter().cloned());
    let mut systems = BTreeMap::<String, BTreeSet<String>>::new();
    for address in bound {
        writeln!(codes, "V\t{address}")?;
        for (system, members) in sources.expand(&address).unwrap_or_default() {
            systems.entry(system.clone()).or_default().extend(members.iter().cloned());
            let members: Vec<String> = members.into_iter().collect();
            writeln!(codes, "{system}\t{}", members.join("\t"))?;
        }
    }
    let mut displays = String::from(
        "# Names of the codes in `codes.tsv` whose systems are HL7's own, written by `ingle dev definitions`: S and the system, then\n\
         # a line per code.\n",
    );
    for (system, members) in systems.iter().filter(|(system, _)| system.contains("hl7.org/")) {
        let names = sources.names(system);
        writeln!(displays, "S\t{system}")?;
        for (code, name) in members.iter().filter_map(|code| Some((code, names.get(code)?))) {
            writeln!(displays, "{code}\t{name}")?;
        }
    }
    Ok(Tables { structures, codes, displays })
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of[name].as_str().unwrap_or_default()
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Sources {
    fn add(&mut self, package: &str, resource: Value) {
        let address = text(&resource, "url").to_owned();
        match text(&resource, "resourceType") {
            "StructureDefinition" => {
                let core = package == PACKAGES[0];
                let is_extension =
                    text(&resource, "type") == "Extension" && text(&resource, "derivation") == "constraint";
                let is_wanted =
                    matches!(text(&resource, "kind"), "resource" | "complex-type") && !(core && is_extension);
                if is_wanted && resource.pointer("/differential/element").is_some() {
                    self.structures.insert(address, resource);
                }
            }
            "ValueSet" => {
                if package != PACKAGES[0] {
                    self.of_guides.insert(address.clone());
                }
                self.value_sets.insert(address, resource);
            }
            "CodeSystem" => drop(self.code_systems.insert(address, resource)),
            _ => {}
        }
    }

    /// The codes of a value set by system; nothing if they cannot be enumerated.
    fn expand(&self, address: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
        let mut out = BTreeMap::new();
        self.collect(address, &mut out, 0)?;
        let count: usize = out.values().map(BTreeSet::len).sum();
        (count > 0 && count <= MAX_CODES).then_some(out)
    }

    /// The names of a system's codes, as the system itself has them.
    fn names(&self, system: &str) -> HashMap<String, String> {
        let mut out = HashMap::new();
        if let Some(all) = self.code_systems.get(system) {
            names(list(all, "concept"), &mut out, 0);
        }
        out
    }

    fn collect(&self, address: &str, out: &mut BTreeMap<String, BTreeSet<String>>, depth: usize) -> Option<()> {
        let plain = address.split('|').next().unwrap_or(address);
        let set = self.value_sets.get(plain).filter(|_| depth < MAX_DEPTH)?;
        for include in list(&set["compose"], "include") {
            for inner in list(include, "valueSet") {
                self.collect(inner.as_str()?, out, depth + 1)?;
            }
            let system = text(include, "system");
            if system.is_empty() {
                continue;
            }
            let codes = out.entry(system.to_owned()).or_default();
            let listed = list(include, "concept");
            if !listed.is_empty() {
                codes.extend(listed.iter().map(|concept| text(concept, "code").to_owned()));
            } else if list(include, "filter").is_empty() {
                let all = self.code_systems.get(system).filter(|all| text(all, "content") == "complete")?;
                members(list(all, "concept"), codes, 0);
            } else {
                return None;
            }
        }
        for exclude in list(&set["compose"], "exclude") {
            let codes = out.get_mut(text(exclude, "system"))?;
            for concept in list(exclude, "concept") {
                codes.remove(text(concept, "code"));
            }
        }
        Some(())
    }
}

fn names(concepts: &[Value], out: &mut HashMap<String, String>, depth: usize) {
    for concept in concepts.iter().filter(|_| depth < 32) {
        let name = text(concept, "display").split_whitespace().collect::<Vec<_>>().join(" ");
        if !name.is_empty() {
            out.entry(text(concept, "code").to_owned()).or_insert(name);
        }
        names(list(concept, "concept"), out, depth + 1);
    }
}

fn members(concepts: &[Value], out: &mut BTreeSet<String>, depth: usize) {
    for concept in concepts.iter().filter(|_| depth < 32) {
        out.insert(text(concept, "code").to_owned());
        members(list(concept, "concept"), out, depth + 1);
    }
}

/// Addresses of R4's own structures are written by their names.
fn short(address: &str) -> &str {
    address.strip_prefix(CORE).unwrap_or(address)
}

fn write_structure(structure: &Value, out: &mut String, bound: &mut BTreeSet<String>) {
    let _ = writeln!(
        out,
        "S\t{}\t{}\t{}\t{}\t{}",
        short(text(structure, "url")),
        text(structure, "type"),
        text(structure, "kind"),
        text(structure, "derivation"),
        short(text(structure, "baseDefinition")),
    );
    for element in list(&structure["differential"], "element") {
        let types: Vec<String> = list(element, "type").iter().map(type_of).collect();
        let binding = &element["binding"];
        let required = if text(binding, "strength") == "required" { text(binding, "valueSet") } else { "" };
        let required = required.split('|').next().unwrap_or_default();
        if !required.is_empty() {
            bound.insert(required.to_owned());
        }
        let id = if text(element, "id").is_empty() { text(element, "path") } else { text(element, "id") };
        let least = element["min"].as_u64().map(|min| min.to_string()).unwrap_or_default();
        let row = [
            "E".to_owned(),
            id.to_owned(),
            least,
            text(element, "max").to_owned(),
            types.join(","),
            required.to_owned(),
            value_of(element),
            slicing_of(element),
            text(element, "contentReference").rsplit('#').next().unwrap_or_default().to_owned(),
        ];
        let _ = writeln!(out, "{}", row.join("\t").trim_end_matches('\t'));
        for constraint in list(element, "constraint") {
            let expression: String = text(constraint, "expression").split_whitespace().collect::<Vec<_>>().join(" ");
            if !expression.is_empty() {
                let _ = writeln!(out, "C\t{}\t{}\t{expression}", text(constraint, "key"), text(constraint, "severity"));
            }
        }
    }
}

/// `code`, `code<profiles>` or `code(targets)`.
fn type_of(kind: &Value) -> String {
    let code = text(kind, "code").rsplit('/').next().unwrap_or_default();
    let code = code.strip_prefix("System.").map_or_else(|| code.to_owned(), str::to_lowercase);
    let join = |name| list(kind, name).iter().filter_map(Value::as_str).map(short).collect::<Vec<_>>().join("|");
    let (profiles, targets) = (join("profile"), join("targetProfile"));
    match (profiles.is_empty(), targets.is_empty()) {
        (true, true) => code,
        (false, _) => format!("{code}<{profiles}>"),
        (true, false) => format!("{code}({targets})"),
    }
}

fn value_of(element: &Value) -> String {
    let members = element.as_object().into_iter().flatten();
    for (name, value) in members {
        for (prefix, mark) in [("fixed", '='), ("pattern", '~')] {
            if name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())) {
                return format!("{mark}{value}");
            }
        }
    }
    String::new()
}

fn slicing_of(element: &Value) -> String {
    let slicing = &element["slicing"];
    if slicing.is_null() {
        return String::new();
    }
    let mut out = text(slicing, "rules").to_owned();
    for discriminator in list(slicing, "discriminator") {
        let _ = write!(out, " {}:{}", text(discriminator, "type"), text(discriminator, "path"));
    }
    out
}
