//! Structures of FHIR R4 and of the guides, and the codes that their bindings require, read from the tables that `ingle
//! dev definitions` writes and from the plan's own packages. They are loaded on first use: a server that validates
//! nothing pays nothing.
//!
//! A structure is a tree of elements. A profile's tree has the constraints of the profile and its base profiles beyond
//! R4.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::json::{self, Node};
use super::packages;

const STRUCTURES: &str = include_str!("definitions/structures.tsv");
const CODES: &str = include_str!("definitions/codes.tsv");
const DISPLAYS: &str = include_str!("definitions/displays.tsv");
const HIERARCHIES: &str = include_str!("definitions/hierarchies.tsv");
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// The longest chain of base profiles.
const MAX_CHAIN: usize = 12;

/// One structure.
#[derive(Debug)]
pub struct Structure {
    /// Its address; for R4's own, the name alone.
    pub address: &'static str,
    /// The type that it constrains or defines.
    pub kind: &'static str,
    /// True for resources, false for data types.
    pub is_resource: bool,
    /// True for profiles and extensions, false for R4's own types.
    pub is_profile: bool,
    /// The structure that it is derived from.
    pub base: &'static str,
    /// Its lines in the table.
    rows: (usize, usize),
}

/// A structure's constraints on its elements.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The root first.
    pub nodes: Vec<Element>,
}

/// One element, or one slice of an element. The structure does not constrain absent fields.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// The name, as in `value[x]`.
    pub name: &'static str,
    /// The slice's name, if it is a slice.
    pub slice: Option<&'static str>,
    /// The minimum.
    pub min: Option<u32>,
    /// The maximum; the largest number for `*`.
    pub max: Option<u32>,
    /// Types.
    pub types: Vec<Type>,
    /// The value set that codes must come from.
    pub required: Option<&'static str>,
    /// The value that it must have (true) or contain (false).
    pub value: Option<(bool, Arc<Node<'static>>)>,
    /// How its slices are discriminated.
    pub slicing: Option<Slicing>,
    /// The path of the element with the same content.
    pub content: Option<&'static str>,
    /// Invariants.
    pub constraints: Vec<Constraint>,
    /// Child elements, by their position in the tree.
    pub children: Vec<usize>,
    /// Slices, by their position in the tree.
    pub slices: Vec<usize>,
}

/// An invariant of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Its key, such as `obs-6`.
    pub key: &'static str,
    /// True for an error, false for a warning.
    pub is_error: bool,
    /// The condition, as `FHIRPath`.
    pub expression: &'static str,
}

/// A type that an element may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Name of the type.
    pub code: &'static str,
    /// Profiles of the type, one of which must hold.
    pub profiles: Vec<&'static str>,
    /// The targets that a reference may point to.
    pub targets: Vec<&'static str>,
}

/// How slices are discriminated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slicing {
    /// True if the slices are the only allowed values.
    pub is_closed: bool,
    /// Kind and path of each discriminator.
    pub by: Vec<(&'static str, &'static str)>,
}

/// Codes by system.
pub type Codes = HashMap<&'static str, HashSet<&'static str>>;

struct Tables {
    structures: HashMap<&'static str, Structure>,
    lines: Vec<&'static str>,
    codes: HashMap<&'static str, Codes>,
    /// Names of choice elements without their `[x]`.
    choices: HashSet<&'static str>,
    trees: RwLock<HashMap<&'static str, Arc<Tree>>>,
}

/// The tables of the plan's own packages: configuration of the process, written once before the first request and only read
/// after that, like the compiled tables that they are added to. Every validation of the process is by them.
static SUPPLIED: OnceLock<packages::Tables> = OnceLock::new();
static TABLES: OnceLock<Tables> = OnceLock::new();

/// Other packages, or packages too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a process validates by one set of packages, and this one does by another already")]
pub struct OtherPackages;

/// Adds the tables of a plan's own packages to the compiled ones, before anything is validated. Returns how many
/// structures they have.
///
/// # Errors
/// [`OtherPackages`] if other ones were supplied before, or anything was validated without them.
pub fn supply(tables: &packages::Tables) -> Result<usize, OtherPackages> {
    if SUPPLIED.get().is_none() && TABLES.get().is_some() {
        return Err(OtherPackages);
    }
    let count = tables.structures.lines().filter(|line| line.starts_with("S\t")).count();
    if *SUPPLIED.get_or_init(|| tables.clone()) == *tables { Ok(count) } else { Err(OtherPackages) }
}

/// The displays of codes: the tables', and the plan's own packages'.
pub(super) fn displays() -> impl Iterator<Item = &'static str> {
    DISPLAYS.lines().chain(SUPPLIED.get().into_iter().flat_map(|supplied| supplied.displays.lines()))
}

/// The hierarchies of codes: the tables', and the plan's own packages'.
pub(super) fn hierarchies() -> impl Iterator<Item = &'static str> {
    HIERARCHIES.lines().chain(SUPPLIED.get().into_iter().flat_map(|supplied| supplied.hierarchies.lines()))
}

fn tables() -> &'static Tables {
    TABLES.get_or_init(|| {
        let supplied = SUPPLIED.get().map(|supplied| supplied.structures.as_str()).unwrap_or_default();
        let lines: Vec<&str> =
            STRUCTURES.lines().chain(supplied.lines()).filter(|line| !line.starts_with('#')).collect();
        let mut structures = HashMap::new();
        let mut open: Option<Structure> = None;
        for (at, line) in lines.iter().enumerate() {
            let mut cells = line.split('\t');
            if cells.next() != Some("S") {
                continue;
            }
            let mut cell = || cells.next().unwrap_or_default();
            let (address, kind, sort, derivation, base) = (cell(), cell(), cell(), cell(), cell());
            let next = Structure {
                address,
                kind,
                is_resource: sort == "resource",
                is_profile: derivation == "constraint",
                base,
                rows: (at + 1, lines.len()),
            };
            if let Some(done) = open.replace(next) {
                structures.insert(done.address, Structure { rows: (done.rows.0, at), ..done });
            }
        }
        structures.extend(open.map(|done| (done.address, done)));
        let choice =
            |line: &&'static str| line.strip_prefix("E\t")?.split('\t').next()?.strip_suffix("[x]")?.rsplit('.').next();
        let choices = lines.iter().filter_map(choice).collect();
        let supplied = SUPPLIED.get().map(|supplied| supplied.codes.as_str()).unwrap_or_default();
        let codes = codes(CODES.lines().chain(supplied.lines()));
        Tables { structures, lines, codes, choices, trees: RwLock::default() }
    })
}

/// True if a structure is compiled in, whatever a plan's packages add.
pub(super) fn is_built_in(address: &str) -> bool {
    STRUCTURES.contains(&format!("\nS\t{}\t", address.strip_prefix(CORE).unwrap_or(address)))
}

/// The codes of a value set that is compiled in.
pub(super) fn built_in_codes(value_set: &str) -> Option<Codes> {
    codes(CODES.lines()).remove(value_set)
}

fn codes(lines: impl Iterator<Item = &'static str>) -> HashMap<&'static str, Codes> {
    let mut sets: HashMap<&str, Codes> = HashMap::new();
    let mut open = "";
    for line in lines.filter(|line| !line.starts_with('#')) {
        match line.split_once('\t') {
            Some(("V", address)) => open = address,
            Some((system, members)) => {
                sets.entry(open).or_default().insert(system, members.split('\t').collect());
            }
            None => {}
        }
    }
    sets
}

/// The structure with that address, with or without a version after `|`.
#[must_use]
pub fn find(address: &str) -> Option<&'static Structure> {
    let short = address.strip_prefix(CORE).unwrap_or(address);
    let structures = &tables().structures;
    // The named version if it is known, else the current one.
    structures.get(short).or_else(|| structures.get(short.split('|').next().unwrap_or(short)))
}

/// The profiles of a type in a guide, by the guide's address, in their current version; sorted by address.
#[must_use]
pub fn profiles(kind: &str, guide: &str) -> Vec<&'static str> {
    let of_guide =
        |address: &str| address.strip_prefix(guide).is_some_and(|rest| rest.starts_with("/StructureDefinition/"));
    let mut out: Vec<&str> = tables()
        .structures
        .values()
        .filter(|structure| structure.is_profile && structure.is_resource && structure.kind == kind)
        .map(|structure| structure.address)
        .filter(|address| of_guide(address) && !address.contains('|'))
        .collect();
    out.sort_unstable();
    out
}

/// True for the name of a choice element without its `[x]`, such as `value`.
#[must_use]
pub fn is_choice(name: &str) -> bool {
    tables().choices.contains(name)
}

/// Every invariant's expression, for tests.
#[must_use]
pub fn expressions() -> Vec<&'static str> {
    tables().lines.iter().filter_map(|line| constraint(line)).map(|constraint| constraint.expression).collect()
}

fn constraint(line: &'static str) -> Option<Constraint> {
    let mut cells = line.strip_prefix("C\t")?.splitn(3, '\t');
    let (key, severity, expression) = (cells.next()?, cells.next()?, cells.next()?);
    Some(Constraint { key, is_error: severity == "error", expression })
}

/// The codes of a value set; nothing if it is not carried.
#[must_use]
pub fn codes_of(value_set: &str) -> Option<&'static Codes> {
    tables().codes.get(value_set.split('|').next().unwrap_or(value_set))
}

/// The tree of a structure; for a profile with the constraints of all its base profiles.
#[must_use]
pub fn tree(structure: &'static Structure) -> Arc<Tree> {
    if let Some(known) = tables().trees.read().get(structure.address) {
        return Arc::clone(known);
    }
    let mut chain = vec![structure];
    while let Some(last) = chain.last().filter(|last| last.is_profile && chain.len() < MAX_CHAIN) {
        match find(last.base).filter(|base| base.is_profile) {
            Some(base) => chain.push(base),
            None => break,
        }
    }
    let mut tree = Tree { nodes: vec![Element { name: structure.kind, ..Element::default() }] };
    for structure in chain.into_iter().rev() {
        let (from, to) = structure.rows;
        let mut at = 0;
        for line in tables().lines.get(from..to).unwrap_or_default() {
            at = tree.take(line, at);
        }
    }
    let tree = Arc::new(tree);
    tables().trees.write().insert(structure.address, Arc::clone(&tree));
    tree
}

impl Tree {
    /// The element at a position; the root if there is none.
    #[must_use]
    pub fn node(&self, at: usize) -> Option<&Element> {
        self.nodes.get(at)
    }

    /// The position of an element by its path, such as `Questionnaire.item`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<usize> {
        path.split('.').skip(1).try_fold(0, |at, name| self.child(at, name))
    }

    fn child(&self, at: usize, name: &str) -> Option<usize> {
        let children = &self.nodes.get(at)?.children;
        children.iter().copied().find(|child| self.nodes.get(*child).is_some_and(|child| child.name == name))
    }

    /// Applies one line of the table; a later line overrides an earlier one. `last` is the element of the previous
    /// line; returns the element of this line.
    fn take(&mut self, line: &'static str, last: usize) -> usize {
        if let Some(constraint) = constraint(line) {
            if let Some(element) = self.nodes.get_mut(last) {
                element.constraints.retain(|known| known.key != constraint.key);
                element.constraints.push(constraint);
            }
            return last;
        }
        let mut cells = line.split('\t');
        if cells.next() != Some("E") {
            return last;
        }
        let mut cell = || cells.next().unwrap_or_default();
        let at = self.place(cell());
        let (min, max, types, required, value, slicing, content) =
            (cell(), cell(), cell(), cell(), cell(), cell(), cell());
        let Some(element) = self.nodes.get_mut(at) else { return at };
        element.min = min.parse().ok().or(element.min);
        element.max = if max == "*" { Some(u32::MAX) } else { max.parse().ok().or(element.max) };
        if !types.is_empty() {
            element.types = split_types(types);
        }
        if !required.is_empty() {
            element.required = Some(required);
        }
        if let Some((mark, text)) = value.split_at_checked(1)
            && let Ok(node) = json::parse(text.as_bytes())
        {
            element.value = Some((mark == "=", Arc::new(node)));
        }
        if let Some((rules, by)) = slicing.split_once(' ').or_else(|| (!slicing.is_empty()).then_some((slicing, ""))) {
            let by = by.split(' ').filter_map(|by| by.split_once(':')).collect();
            element.slicing = Some(Slicing { is_closed: rules == "closed", by });
        }
        if !content.is_empty() {
            element.content = Some(content);
        }
        at
    }

    /// The position of an element by its id, such as `Patient.extension:race.value[x]`; it is added if it is missing.
    fn place(&mut self, id: &'static str) -> usize {
        let mut at = 0;
        for part in id.split('.').skip(1) {
            let (name, slice) = part.split_once(':').map_or((part, None), |(name, slice)| (name, Some(slice)));
            at = self.child(at, name).unwrap_or_else(|| {
                let made = self.push(Element { name, ..Element::default() });
                if let Some(parent) = self.nodes.get_mut(at) {
                    parent.children.push(made);
                }
                made
            });
            let Some(slice) = slice else { continue };
            let slices = self.nodes.get(at).map(|element| element.slices.clone()).unwrap_or_default();
            let known =
                slices.into_iter().find(|at| self.nodes.get(*at).is_some_and(|known| known.slice == Some(slice)));
            at = known.unwrap_or_else(|| {
                let made = self.push(Element { name, slice: Some(slice), ..Element::default() });
                if let Some(parent) = self.nodes.get_mut(at) {
                    parent.slices.push(made);
                }
                made
            });
        }
        at
    }

    fn push(&mut self, element: Element) -> usize {
        self.nodes.push(element);
        self.nodes.len() - 1
    }
}

/// `Reference(Patient|Group),Extension<http://…>`
fn split_types(text: &'static str) -> Vec<Type> {
    text.split(',')
        .map(|one| {
            let (code, rest) = one.find(['<', '(']).and_then(|at| one.split_at_checked(at)).unwrap_or((one, ""));
            let inner: Vec<&str> =
                rest.trim_matches(['<', '>', '(', ')']).split('|').filter(|part| !part.is_empty()).collect();
            if rest.starts_with('<') {
                Type { code, profiles: inner, targets: Vec::new() }
            } else {
                Type { code, profiles: Vec::new(), targets: inner }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_joined_from_profile_to_profile() {
        let inpatient = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-ExplanationOfBenefit-Inpatient-Institutional|2.1.0";
        let structure = find(inpatient).unwrap();
        assert_eq!((structure.kind, structure.is_resource, structure.is_profile), ("ExplanationOfBenefit", true, true));
        let tree = tree(structure);
        // Stated by the profile that all claims share.
        let outcome = tree.nodes.get(tree.find("ExplanationOfBenefit.identifier").unwrap()).unwrap();
        assert_eq!(outcome.min, Some(1));
        let info = tree.nodes.get(tree.find("ExplanationOfBenefit.supportingInfo").unwrap()).unwrap();
        assert!(info.slicing.is_some() && info.slices.len() > 3);
        let patient = super::tree(find("http://hl7.org/fhir/StructureDefinition/Patient").unwrap());
        let contact = patient.nodes.get(patient.find("Patient.contact.name").unwrap()).unwrap();
        assert_eq!(contact.types, [Type { code: "HumanName", profiles: vec![], targets: vec![] }]);
        assert!(codes_of("http://hl7.org/fhir/ValueSet/administrative-gender").unwrap()["http://hl7.org/fhir/administrative-gender"].contains("female"));
        assert!(find("http://nowhere.example/profile").is_none());
    }
}
