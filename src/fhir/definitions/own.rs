//! Search parameters that a plan defines itself (`SearchParameter` resources), beside those of the tables.
//!
//! They belong to an install: the code that opens its realms makes one [`Definitions`] and hands it to each realm. A search or an
//! extraction takes one snapshot of it ([`SearchParameters`]), so it never sees two sets. A parameter takes part in extraction as
//! soon as it is known, and searches can name it once every index has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use xxhash_rust::xxh3::Xxh3;

use super::{Kind, Parameter, standard_parameter};

/// Numbers from here on belong to the plan's own parameters.
pub const FIRST_OWN: u16 = 0x8000;
/// `SearchParameter` resources over the lifetime of a store.
pub const MAX_DEFINED: usize = 4_096;

/// One parameter of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its number.
    pub number: u16,
    /// The definition.
    pub parameter: Parameter,
    /// True once searches can use it.
    pub is_ready: bool,
}

/// What an install defines; clones share it. It starts with nothing but the tables.
#[derive(Clone, Debug, Default)]
pub struct Definitions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Most plans define nothing, and their loads need not wait for each other's lock.
    any: AtomicBool,
    now: RwLock<SearchParameters>,
}

impl Definitions {
    /// The parameters at this moment.
    #[must_use]
    pub fn now(&self) -> SearchParameters {
        if self.0.any.load(Ordering::Acquire) { self.0.now.read().clone() } else { SearchParameters::TABLES }
    }

    /// Replaces all of the plan's own parameters.
    pub fn replace(&self, own: Vec<Own>) {
        let mut now = self.0.now.write();
        *now = SearchParameters::new(own);
        self.0.any.store(now.0.is_some(), Ordering::Release);
    }
}

/// The search parameters at one moment: those of the tables, and the plan's own. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SearchParameters(Option<Arc<Set>>);

#[derive(Debug)]
struct Set {
    own: Vec<Own>,
    extracted: u64,
    searchable: u64,
}

impl SearchParameters {
    /// Those of the tables alone.
    pub const TABLES: Self = Self(None);

    fn new(mut own: Vec<Own>) -> Self {
        if own.is_empty() {
            return Self::TABLES;
        }
        // Search values are kept in the order of these.
        own.sort_by_key(|own| own.number);
        let (extracted, searchable) = (hash(own.iter()), hash(own.iter().filter(|own| own.is_ready)));
        Self(Some(Arc::new(Set { own, extracted, searchable })))
    }

    /// The plan's own.
    #[must_use]
    pub fn own(&self) -> &[Own] {
        self.0.as_ref().map_or(&[], |set| &set.own)
    }

    /// The plan's own of one type, also those that searches cannot name yet.
    pub fn own_of(&self, kind: Kind) -> impl Iterator<Item = &Own> {
        self.own().iter().filter(move |own| own.parameter.kind == Some(kind))
    }

    /// The search parameters of a type with their numbers: those of every type, its own, and the plan's own searchable
    /// ones.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = (u16, &Parameter)> {
        let ready = self.own_of(kind).filter(|own| own.is_ready);
        kind.standard().chain(ready.map(|own| (own.number, &own.parameter)))
    }

    /// The search parameter of a type with that name.
    #[must_use]
    pub fn named(&self, kind: Kind, code: &str) -> Option<(u16, &Parameter)> {
        self.of(kind).find(|(_, parameter)| parameter.code == code)
    }

    /// The parameter of a type with that number. A definition that speaks of several types has one number, and paths of
    /// its own for each.
    #[must_use]
    pub fn numbered(&self, kind: Kind, number: u16) -> Option<&Parameter> {
        if number < FIRST_OWN {
            return standard_parameter(number).filter(|parameter| parameter.kind.is_none_or(|own| own == kind));
        }
        self.own_of(kind).find(|own| own.number == number).map(|own| &own.parameter)
    }

    /// A number for what is extracted beside the parameters of the tables; zero for nothing.
    #[must_use]
    pub fn extraction(&self) -> u64 {
        self.0.as_ref().map_or(0, |set| set.extracted)
    }

    /// A number for what searches can name beside the parameters of the tables; zero for nothing. An index that was made
    /// with other ones is incomplete.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.0.as_ref().map_or(0, |set| set.searchable)
    }
}

fn hash<'o>(own: impl Iterator<Item = &'o Own>) -> u64 {
    let mut digest = Xxh3::new();
    let mut any = false;
    for Own { number, parameter, .. } in own {
        any = true;
        digest.update(&number.to_be_bytes());
        digest.update(format!("{parameter:?}\0").as_bytes());
    }
    if any { digest.digest() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::{Form, json, search_parameter};

    fn defined(base: &str, expression: &str, is_ready: bool) -> Vec<Own> {
        let text = format!(
            r#"{{"status":"active","code":"x-marital","base":{base},"type":"token","expression":"{expression}"}}"#
        );
        let read = search_parameter::read(&json::parse(text.as_bytes()).unwrap()).unwrap();
        read.into_iter().map(|parameter| Own { number: FIRST_OWN, parameter, is_ready }).collect()
    }

    fn own(is_ready: bool) -> Vec<Own> {
        defined(r#"["Patient"]"#, "Patient.maritalStatus", is_ready)
    }

    #[test]
    fn a_definition_of_several_types_has_a_parameter_for_each() {
        let definitions = Definitions::default();
        definitions.replace(defined(r#"["Patient","Person"]"#, "Patient.maritalStatus | Person.gender", true));
        let now = definitions.now();
        for (kind, steps) in [("Patient", r#"[Member("maritalStatus")]"#), ("Person", r#"[Member("gender")]"#)] {
            let found = now.numbered(Kind::named(kind), FIRST_OWN).unwrap();
            assert_eq!(format!("{:?}", found.paths[0].steps), steps);
        }
        assert!(now.numbered(Kind::named("Group"), FIRST_OWN).is_none());
        let (gender, _) = Kind::PATIENT.standard_parameter("gender").unwrap();
        assert!(now.numbered(Kind::PATIENT, gender).is_some() && now.numbered(Kind::named("Group"), gender).is_none());
    }

    #[test]
    fn what_is_defined_is_seen_by_those_who_share_it_and_by_nobody_else() {
        let (mine, others) = (Definitions::default(), Definitions::default());
        let (before, shared) = (mine.now(), mine.clone());
        mine.replace(own(false));
        let extracted = shared.now();
        assert!(extracted.named(Kind::PATIENT, "x-marital").is_none(), "searches cannot name it yet");
        assert_eq!(extracted.own_of(Kind::PATIENT).count(), 1);
        assert_eq!((extracted.hash(), extracted.extraction() == 0), (0, false));
        mine.replace(own(true));
        let ready = shared.now();
        assert_eq!(ready.named(Kind::PATIENT, "x-marital").unwrap().0, FIRST_OWN);
        assert_eq!(ready.numbered(Kind::PATIENT, FIRST_OWN).unwrap().form, Form::Token);
        assert_eq!(ready.own_of(Kind::named("Observation")).count(), 0);
        // To become searchable changes what an index must have, and not what is extracted.
        assert_eq!(ready.extraction(), extracted.extraction());
        assert_ne!(ready.hash(), 0);
        for other in [before, others.now()] {
            assert!(
                other.named(Kind::PATIENT, "x-marital").is_none() && other.numbered(Kind::PATIENT, FIRST_OWN).is_none()
            );
            assert_eq!((other.hash(), other.extraction()), (0, 0));
        }
        mine.replace(Vec::new());
        assert_eq!((shared.now().hash(), shared.now().own().len()), (0, 0));
    }
}
