//! FHIR packages (`.tgz` of JSON) as tables of facts: paths, cardinalities, types, codes, expressions. `ingle dev
//! definitions` makes those that are compiled in, and a plan's own packages are read in the same way when the server
//! starts.
//!
//! Invariant: bytes in, text out. A file in a package that is not a resource is skipped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::structures;

/// Codes of a value set; larger sets are not carried.
const MAX_CODES: usize = 3_000;
/// Value sets within value sets.
const MAX_DEPTH: usize = 8;
/// Concepts below concepts.
const MAX_NESTED: usize = 32;
/// Bytes of one package, unpacked.
pub const MAX_PACKAGE: u64 = 512 << 20;
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The tables' texts by file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// `structures.tsv`
    pub structures: String,
    /// `codes.tsv`
    pub codes: String,
    /// `displays.tsv`
    pub displays: String,
    /// `hierarchies.tsv`
    pub hierarchies: String,
}

/// How a package treats a structure that is already known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// FHIR itself: no extensions, and only value sets that are bound.
    Core,
    /// Its structure replaces the known one.
    Current,
    /// The known structure stays; this one is kept under its version, if it differs.
    Versioned,
}

/// The canonical resources of the packages.
#[derive(Default)]
pub struct Packages {
    structures: BTreeMap<String, Value>,
    /// Structures of versioned packages, separately for each package.
    versioned: Vec<BTreeMap<String, Value>>,
    value_sets: HashMap<String, Value>,
    code_systems: HashMap<String, Value>,
    /// Value sets of the guides, which are carried whether a binding requires them or not.
    of_guides: BTreeSet<String>,
}

impl Packages {
    /// Adds a package.
    ///
    /// # Errors
    /// The fault of the archive.
    pub fn read(&mut self, package: impl Read, role: Role) -> std::io::Result<()> {
        if role == Role::Versioned {
            self.versioned.push(BTreeMap::new());
        }
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package).take(MAX_PACKAGE));
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
            if entry.read_to_string(&mut text).is_ok()
                && let Ok(resource) = serde_json::from_str(&text)
            {
                self.add(role, resource);
            }
        }
        Ok(())
    }

    fn add(&mut self, role: Role, resource: Value) {
        let address = text(&resource, "url").to_owned();
        match text(&resource, "resourceType") {
            "StructureDefinition" => {
                let is_extension =
                    text(&resource, "type") == "Extension" && text(&resource, "derivation") == "constraint";
                let is_wanted = matches!(text(&resource, "kind"), "resource" | "complex-type")
                    && !(role == Role::Core && is_extension);
                if is_wanted && resource.pointer("/differential/element").is_some() {
                    match self.versioned.last_mut().filter(|_| role == Role::Versioned) {
                        Some(versioned) => versioned.insert(address, resource),
                        None => self.structures.insert(address, resource),
                    };
                }
            }
            "ValueSet" if role != Role::Versioned || !self.value_sets.contains_key(&address) => {
                if role != Role::Core {
                    self.of_guides.insert(address.clone());
                }
                self.value_sets.insert(address, resource);
            }
            "CodeSystem" if role != Role::Versioned || !self.code_systems.contains_key(&address) => {
                self.code_systems.insert(address, resource);
            }
            _ => {}
        }
    }

    /// The tables of all packages.
    #[must_use]
    pub fn tables(&self) -> Tables {
        let mut structures = String::from(
            "# Structures of FHIR R4 and of the guides, written by `ingle dev definitions`.\n\
             # S: address, type, kind, derivation, address of what it is derived from. E: element, least, most, types, required\n\
             # value set, fixed (=) or pattern (~), slicing, other element with the same content. C: key, error or warning, FHIRPath.\n",
        );
        let mut bound = BTreeSet::new();
        for structure in self.structures.values() {
            structures.push_str(&written(structure, "", str::to_owned, &mut bound));
        }
        for package in &self.versioned {
            self.write_versioned(package, &mut structures, &mut bound);
        }
        let (codes, displays) = self.codes(bound);
        Tables { structures, codes, displays, hierarchies: self.hierarchies() }
    }

    /// The structures of an older package that differ from those of the same address, under their versions.
    fn write_versioned(&self, package: &BTreeMap<String, Value>, out: &mut String, bound: &mut BTreeSet<String>) {
        let plain = |base: &str| base.to_owned();
        let differs = |structure: &&Value| {
            let mut ignored = BTreeSet::new();
            let known = self.structures.get(text(structure, "url"));
            known.map_or_else(
                || structures::is_built_in(text(structure, "url")),
                |known| written(known, "", plain, &mut ignored) != written(structure, "", plain, &mut ignored),
            )
        };
        let differing: BTreeSet<&str> =
            package.values().filter(differs).map(|structure| text(structure, "url")).collect();
        for structure in package.values() {
            let address = text(structure, "url");
            let version = text(structure, "version");
            let base = |base: &str| {
                if differing.contains(base) { format!("{base}|{version}") } else { base.to_owned() }
            };
            if differing.contains(address) {
                out.push_str(&written(structure, version, base, bound));
            } else if !self.structures.contains_key(address) {
                out.push_str(&written(structure, "", base, bound));
            }
        }
    }

    /// The tables of codes and of their displays.
    fn codes(&self, mut bound: BTreeSet<String>) -> (String, String) {
        let mut codes = String::from(
            "# Codes of the value sets of the guides and of those that bindings require, written by `ingle dev definitions`: V and the\n\
             # address, then one line per system. One without lines is not carried: it is too large, or not enumerated.\n",
        );
        bound.extend(self.of_guides.iter().cloned());
        let mut systems = BTreeMap::<String, BTreeSet<String>>::new();
        for address in bound {
            let _ = writeln!(codes, "V\t{address}");
            for (system, members) in self.expand(&address).unwrap_or_default() {
                systems.entry(system.clone()).or_default().extend(members.iter().cloned());
                let members: Vec<String> = members.into_iter().collect();
                let _ = writeln!(codes, "{system}\t{}", members.join("\t"));
            }
        }
        let mut displays = String::from(
            "# Names of the codes in `codes.tsv` whose systems are HL7's own, written by `ingle dev definitions`: S and the system, then\n\
             # a line per code.\n",
        );
        for (system, members) in systems.iter().filter(|(system, _)| system.contains("hl7.org/")) {
            let names = self.names(system);
            let _ = writeln!(displays, "S\t{system}");
            for (code, name) in members.iter().filter_map(|code| Some((code, names.get(code)?))) {
                let _ = writeln!(displays, "{code}\t{name}");
            }
        }
        (codes, displays)
    }

    /// The table of hierarchies of codes, for HL7's own systems.
    fn hierarchies(&self) -> String {
        let mut out = String::from(
            "# Codes of HL7's own systems that stand right below others, written by `ingle dev definitions`: S and the system, then a\n\
             # code and those below it.\n",
        );
        let is_own = |(address, system): &(&String, &Value)| {
            address.contains("hl7.org/") && text(system, "content") == "complete"
        };
        let systems: BTreeMap<&String, &Value> = self.code_systems.iter().filter(is_own).collect();
        for (address, system) in systems {
            let mut below = BTreeMap::new();
            below_each(list(system, "concept"), None, &mut below, 0);
            if !below.is_empty() {
                let _ = writeln!(out, "S\t{address}");
            }
            for (code, narrower) in below {
                let _ = writeln!(out, "{code}\t{}", narrower.into_iter().collect::<Vec<_>>().join("\t"));
            }
        }
        out
    }

    /// The codes of a value set by system; nothing if they cannot be enumerated.
    fn expand(&self, address: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
        let mut out = BTreeMap::new();
        self.collect(address, &mut out, 0)?;
        let count: usize = out.values().map(BTreeSet::len).sum();
        (count > 0 && count <= MAX_CODES).then_some(out)
    }

    /// The displays of a system's codes, as the system itself has them.
    fn names(&self, system: &str) -> HashMap<String, String> {
        let mut out = HashMap::new();
        if let Some(all) = self.code_systems.get(system) {
            names(list(all, "concept"), &mut out, 0);
        }
        out
    }

    fn collect(&self, address: &str, out: &mut BTreeMap<String, BTreeSet<String>>, depth: usize) -> Option<()> {
        let plain = address.split('|').next().unwrap_or(address);
        let Some(set) = self.value_sets.get(plain).filter(|_| depth < MAX_DEPTH) else {
            // A set that these packages do not define may be compiled in.
            for (system, known) in structures::built_in_codes(plain)? {
                out.entry(system.to_owned()).or_default().extend(known.into_iter().map(str::to_owned));
            }
            return Some(());
        };
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
    for concept in concepts.iter().filter(|_| depth < MAX_NESTED) {
        let name = text(concept, "display").split_whitespace().collect::<Vec<_>>().join(" ");
        if !name.is_empty() {
            out.entry(text(concept, "code").to_owned()).or_insert(name);
        }
        names(list(concept, "concept"), out, depth + 1);
    }
}

/// The direct children of each code: nested concepts, and concepts that name it as their parent.
fn below_each(concepts: &[Value], above: Option<&str>, out: &mut BTreeMap<String, BTreeSet<String>>, depth: usize) {
    for concept in concepts.iter().filter(|_| depth < MAX_NESTED) {
        let code = text(concept, "code");
        let named = list(concept, "property")
            .iter()
            .filter(|property| matches!(text(property, "code"), "subsumedBy" | "parent"))
            .map(|property| text(property, "valueCode"));
        for broader in above.into_iter().chain(named).filter(|broader| !broader.is_empty()) {
            out.entry(broader.to_owned()).or_default().insert(code.to_owned());
        }
        below_each(list(concept, "concept"), Some(code), out, depth + 1);
    }
}

fn members(concepts: &[Value], out: &mut BTreeSet<String>, depth: usize) {
    for concept in concepts.iter().filter(|_| depth < MAX_NESTED) {
        out.insert(text(concept, "code").to_owned());
        members(list(concept, "concept"), out, depth + 1);
    }
}

/// Addresses of R4's own structures are shortened to their names.
fn short(address: &str) -> &str {
    address.strip_prefix(CORE).unwrap_or(address)
}

/// A structure's lines, under its address or, if one is given, its version's.
fn written(structure: &Value, version: &str, base: impl Fn(&str) -> String, bound: &mut BTreeSet<String>) -> String {
    let mut out = String::new();
    let mark = if version.is_empty() { "" } else { "|" };
    let _ = writeln!(
        out,
        "S\t{}{mark}{version}\t{}\t{}\t{}\t{}",
        short(text(structure, "url")),
        text(structure, "type"),
        text(structure, "kind"),
        text(structure, "derivation"),
        short(&base(text(structure, "baseDefinition"))),
    );
    for element in list(&structure["differential"], "element") {
        let types: Vec<String> = list(element, "type").iter().map(type_of).collect();
        let binding = binding_of(structure, element);
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
    out
}

/// The binding of an element. The published R4 has a value set of R5 in one differential (`ResearchStudy.status`), and
/// the right one in the snapshot.
fn binding_of<'v>(structure: &'v Value, element: &'v Value) -> &'v Value {
    let own = &element["binding"];
    let version = text(own, "valueSet").split_once('|').map(|(_, version)| version);
    if text(structure, "derivation") != "specialization"
        || version.is_none_or(|version| version == text(structure, "fhirVersion"))
    {
        return own;
    }
    let same = |other: &&Value| text(other, "id") == text(element, "id");
    list(&structure["snapshot"], "element").iter().find(same).and_then(|same| same.get("binding")).unwrap_or(own)
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

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of[name].as_str().unwrap_or_default()
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of[name].as_array().map(Vec::as_slice).unwrap_or_default()
}
