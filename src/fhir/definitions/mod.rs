//! FHIR R4 as data: resource types, search parameters and the patient compartment, compiled from the tables beside this
//! file by `build.rs`; and beside them the search parameters of a plan's own. Extraction, search and the
//! `CapabilityStatement` read only these.

mod own;

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

pub use own::{Definitions, FIRST_OWN, MAX_DEFINED, Own, SearchParameters};

include!(concat!(env!("OUT_DIR"), "/definitions.rs"));

/// A resource type of FHIR R4, as a small number that is also stored on disk.
///
/// The number is the position in the alphabetical list of R4, which is frozen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u16);

/// One search parameter of one type (or of all). Those of the tables borrow everything from the binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The type; absent for parameters that every type has.
    pub kind: Option<Kind>,
    /// The name used in queries.
    pub code: Cow<'static, str>,
    /// How values are compared.
    pub form: Form,
    /// The paths to the values.
    pub paths: Cow<'static, [Path]>,
    /// The types that references may point to.
    pub targets: Targets,
    /// The parts of a composite; none for other forms, and for a composite that cannot be searched.
    pub components: Cow<'static, [Component]>,
}

/// One part of a composite parameter, below the element that the parameter's path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// How values are compared.
    pub form: Form,
    /// The paths to the values.
    pub paths: Cow<'static, [Path]>,
}

/// The forms of search parameters (FHIR R4, search, section 3.1.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the standard's own words")]
pub enum Form {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

/// The types a reference parameter may point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Any type.
    Any,
    /// These types; none for parameters that are not references.
    These(Cow<'static, [Kind]>),
}

/// A path from the resource to values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The steps from the resource down.
    pub steps: Cow<'static, [Step]>,
    /// Keeps only references to this type.
    pub only: Option<Kind>,
}

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The member with that name; arrays are flattened.
    Member(Cow<'static, str>),
    /// The member whose name is this stem followed by a data type.
    Choice(Cow<'static, str>),
    /// Objects whose member has that value.
    Where(Cow<'static, str>, Cow<'static, str>),
    /// The first result.
    First,
    /// Whether there is anything but `false`, as `true` or `false`.
    Set,
}

#[derive(Debug)]
pub(super) struct TypeRow {
    name: &'static str,
    first: usize,
    count: usize,
    compartment: &'static [usize],
}

impl Kind {
    /// The Patient type.
    pub const PATIENT: Self = Self::named("Patient");

    /// The type with that name; for constants only.
    ///
    /// # Panics
    /// Stops the build if there is no such type.
    #[must_use]
    #[expect(clippy::panic, clippy::indexing_slicing, reason = "evaluated by the compiler, never at run time")]
    pub const fn named(name: &str) -> Self {
        let mut at = 0;
        while at < TYPES.len() {
            if same(TYPES[at].name.as_bytes(), name.as_bytes()) {
                return Self(at as u16);
            }
            at += 1;
        }
        panic!("no such resource type")
    }

    /// Finds a type by its name, which is case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TYPES.binary_search_by(|row| row.name.cmp(name)).ok().map(|at| Self(at as u16))
    }

    /// The type with that number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        (usize::from(number) < TYPES.len()).then_some(Self(number))
    }

    /// The number stored on disk.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The name, as in `resourceType`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// All types in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TYPES.len()).map(|at| Self(at as u16))
    }

    /// The search parameters of the tables whose values are extracted, in the order of their numbers.
    pub fn extracted(self) -> impl Iterator<Item = (u16, &'static Parameter)> {
        let standard = self.places().filter(|at| number_of(*at) == *at as u16);
        standard.filter_map(|at| Some((at as u16, PARAMETERS.get(at)?)))
    }

    /// The search parameters of the tables: those of every type, and its own. Parameters with the same values, such as
    /// `name` and `phonetic`, share a number.
    pub fn standard<'d>(self) -> impl Iterator<Item = (u16, &'d Parameter)> {
        self.places().filter_map(|at| Some((number_of(at), PARAMETERS.get(at)?)))
    }

    fn places(self) -> impl Iterator<Item = usize> {
        let (first, count) = self.row().map_or((0, 0), |row| (row.first, row.count));
        (0..COMMON).chain(first..first + count)
    }

    /// True if the tables have a parameter with that name for this type.
    #[must_use]
    pub fn is_standard(self, code: &str) -> bool {
        self.standard_parameter(code).is_some()
    }

    /// The search parameter of the tables with that name.
    #[must_use]
    pub fn standard_parameter(self, code: &str) -> Option<(u16, &'static Parameter)> {
        self.standard().find(|(_, parameter)| parameter.code == code)
    }

    /// The parameters whose Patient references put a resource of this type into a patient's compartment.
    #[must_use]
    pub fn compartment(self) -> &'static [usize] {
        self.row().map_or(&[], |row| row.compartment)
    }

    /// True for types that belong to patients: Patient itself and all types in the compartment.
    #[must_use]
    pub fn is_personal(self) -> bool {
        self == Self::PATIENT || !self.compartment().is_empty()
    }

    fn row(self) -> Option<&'static TypeRow> {
        TYPES.get(usize::from(self.0))
    }
}

/// For each parameter of the table its number: the position of the first parameter of the same type with the same
/// values, so that these are extracted and indexed once.
static NUMBERS: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut numbers: Vec<u16> = (0..PARAMETERS.len()).map(|at| at as u16).collect();
    for row in &TYPES {
        let places = row.first..row.first + row.count;
        let strings =
            || places.clone().filter_map(|at| Some((at, PARAMETERS.get(at)?))).filter(|(_, p)| p.form == Form::String);
        for (at, parameter) in strings() {
            let first = strings().find(|(_, first)| first.paths == parameter.paths);
            if let (Some((first, _)), Some(number)) = (first, numbers.get_mut(at)) {
                *number = first as u16;
            }
        }
    }
    numbers
});

fn number_of(place: usize) -> u16 {
    NUMBERS.get(place).copied().unwrap_or(place as u16)
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        #[expect(clippy::indexing_slicing, reason = "const functions cannot iterate; both lengths are checked above")]
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parameter of the tables with that number.
#[must_use]
pub fn standard_parameter(number: u16) -> Option<&'static Parameter> {
    PARAMETERS.get(usize::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        for kind in Kind::all() {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
            assert_eq!(Kind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(Kind::parse("patient"), None);
        assert_eq!(Kind::from_number(146), None);
    }

    #[test]
    fn strings_that_are_the_same_are_extracted_once() {
        let practitioner = Kind::named("Practitioner");
        let number = |code: &str| practitioner.standard_parameter(code).unwrap().0;
        assert_eq!(number("phonetic"), number("name"));
        assert_ne!(number("family"), number("name"));
        for kind in Kind::all() {
            let extracted: Vec<u16> = kind.extracted().map(|(number, _)| number).collect();
            assert!(extracted.is_sorted_by(|one, next| one < next), "{kind}");
            assert!(kind.standard().all(|(number, _)| extracted.contains(&number)), "{kind}");
        }
    }

    #[test]
    fn a_compartment_names_references_only() {
        for kind in Kind::all() {
            for at in kind.compartment() {
                let parameter = standard_parameter(*at as u16).unwrap();
                assert_eq!(parameter.form, Form::Reference, "{kind} {}", parameter.code);
            }
        }
        assert!(Kind::PATIENT.is_personal());
        assert!(!Kind::named("Organization").is_personal());
        assert!(!Kind::named("Group").is_personal());
    }
}
