//! Persons who provide care.

use super::build::{DirectorySource, NPI_SYSTEM, NUCC, adopted, coded, profile, put_joined};
use super::language;
use crate::fhir::json::{Node, node};
use crate::fhir::structures::codes_of;
use crate::map::record::{PlanContext, made_id};

const DEGREES: &str = "http://terminology.hl7.org/CodeSystem/v2-0360";
const QUALIFICATIONS: &str =
    "http://hl7.org/fhir/us/davinci-pdex-plan-net/ValueSet/IndividualSpecialtyAndDegreeLicenseCertificateVS";

/// A person.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Practitioner {
    pub(crate) id: String,
    pub(crate) npi: String,
    /// The plan's own number, or a made-up one where there is no other.
    pub(crate) number: String,
    pub(crate) family: String,
    pub(crate) given: Vec<String>,
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    /// As written after the name: `MD`, `D.O.`.
    pub(crate) credential: String,
    /// A code of FHIR's administrative genders, or empty.
    pub(crate) gender: &'static str,
    pub(crate) languages: Vec<String>,
    pub(crate) licences: Vec<Licence>,
    /// Specialties in the source that no role may have.
    pub(crate) skills: Vec<String>,
    pub(crate) is_inactive: bool,
}

/// A license to practice.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Licence {
    pub(crate) number: String,
    /// The issuing state.
    pub(crate) state: String,
    /// A NUCC code.
    pub(crate) specialty: String,
}

/// The id of a person, from the NPI or else the plan's own number.
pub(crate) fn practitioner_id(npi: &str, number: &str) -> String {
    if npi.is_empty() { made_id(&["Practitioner", number]) } else { format!("npi-{npi}") }
}

impl Practitioner {
    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        // The profile makes it public, and marks it as active.
        let profiles = if self.is_inactive { Vec::new() } else { vec![profile("Practitioner")] };
        let mut out = adopted("Practitioner", &self.id, &profiles, source, about);
        out.set("active", !self.is_inactive);
        let mut identifiers = Vec::new();
        if !self.npi.is_empty() {
            identifiers.push(node!({"system": NPI_SYSTEM, "value": &self.npi}));
        }
        if !self.number.is_empty() {
            identifiers.push(node!({"system": format!("{}/provider", about.ids), "value": &self.number}));
        }
        put_joined(&mut out, "identifier", identifiers);
        if !self.family.is_empty() {
            out.set("name", node!([self.name()]));
        }
        if !self.gender.is_empty() {
            out.set("gender", self.gender);
        }
        put_joined(&mut out, "communication", self.languages.iter().map(|words| language::value(words)).collect());
        let mut qualifications: Vec<Node<'static>> = Vec::new();
        if !self.credential.is_empty() {
            qualifications.push(node!({"code": degree(&self.credential)}));
        }
        qualifications.extend(self.licences.iter().map(Licence::value));
        qualifications.extend(self.skills.iter().map(|words| {
            if crate::map::plan_net::specialty::is_code(words) {
                node!({"code": coded(NUCC, words)})
            } else {
                node!({"code": {"text": words}})
            }
        }));
        put_joined(&mut out, "qualification", qualifications);
        out
    }

    fn name(&self) -> Node<'static> {
        let mut out = Node::object();
        out.set("family", self.family.as_str());
        if !self.given.is_empty() {
            out.set("given", &self.given);
        }
        for (name, text) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
            if !text.is_empty() {
                out.set(name, node!([text]));
            }
        }
        let parts = std::iter::once(&self.prefix).chain(&self.given).chain([&self.family, &self.suffix]);
        let words: Vec<&str> = parts.map(String::as_str).filter(|part| !part.is_empty()).collect();
        out.set("text", words.join(" "));
        out
    }
}

impl Licence {
    fn value(&self) -> Node<'static> {
        let mut out = Node::object();
        out.set("identifier", node!([{"value": &self.number}]));
        let code = if self.specialty.is_empty() { node!({"text": "License"}) } else { coded(NUCC, &self.specialty) };
        out.set("code", code);
        if !self.state.is_empty() {
            out.set("issuer", node!({"display": &self.state}));
        }
        out
    }
}

/// Letters after a name: the code if HL7 has one, else the letters.
fn degree(letters: &str) -> Node<'static> {
    let plain: String = letters.chars().filter(char::is_ascii_alphanumeric).collect();
    let known = codes_of(QUALIFICATIONS)
        .and_then(|codes| codes.get(DEGREES))
        .and_then(|codes| codes.iter().find(|code| code.eq_ignore_ascii_case(&plain)));
    known.map_or_else(|| node!({"text": letters}), |code| coded(DEGREES, code))
}
