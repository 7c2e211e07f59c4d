//! Codes with the names that their source gives them.

use crate::fhir::json::{Node, node};
use crate::formats::cells::text::line;

/// The longest code and the longest display that are kept; a longer text is not a code.
const CODE_MAX: usize = 256;
const TEXT_MAX: usize = 4096;

/// One code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coding {
    /// The address of its system; empty if unknown.
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
}

/// A concept in codes and text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Concept {
    pub(crate) codes: Vec<Coding>,
    pub(crate) text: String,
}

impl Coding {
    pub(crate) fn new(system: &str, code: &str, display: &str) -> Self {
        Self { system: system.to_owned(), code: line(code), display: line(display) }
    }

    /// As a `Coding`; absent if there is no code.
    pub(crate) fn value(&self) -> Option<Node<'static>> {
        if self.code.is_empty() || self.code.len() > CODE_MAX {
            return None;
        }
        let mut out = Node::object();
        if !self.system.is_empty() && !self.system.contains(char::is_whitespace) {
            out.set("system", &self.system);
        }
        out.set("code", &self.code);
        if !self.display.is_empty() && self.display.len() <= TEXT_MAX {
            out.set("display", &self.display);
        }
        Some(out)
    }
}

impl Concept {
    /// Text only.
    pub(crate) fn words(text: &str) -> Self {
        Self { codes: Vec::new(), text: line(text) }
    }

    /// A single code.
    pub(crate) fn one(system: &str, code: &str) -> Self {
        Self { codes: vec![Coding::new(system, code, "")], text: String::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.codes.iter().all(|code| code.value().is_none())
    }

    /// As a `CodeableConcept`; absent if it is empty.
    pub(crate) fn value(&self) -> Option<Node<'static>> {
        let codes: Vec<Node<'static>> = self.codes.iter().filter_map(Coding::value).collect();
        let mut out = Node::object();
        if !codes.is_empty() {
            out.set("coding", codes);
        }
        let text = line(&self.text);
        if !text.is_empty() && text.len() <= TEXT_MAX {
            out.set("text", text);
        }
        (!out.is_empty()).then_some(out)
    }

    /// The code in a system.
    pub(crate) fn code_in(&self, system: &str) -> Option<&str> {
        self.codes.iter().find(|code| code.system == system).map(|code| code.code.as_str())
    }

    /// Whether one of its codes is among these.
    pub(crate) fn is_any(&self, codes: &[&str]) -> bool {
        self.codes.iter().any(|code| codes.contains(&code.code.as_str()))
    }

    /// Identifies the concept: its first code, or its text.
    pub(crate) fn key(&self) -> String {
        match self.codes.iter().find(|code| !code.code.is_empty()) {
            Some(code) => format!("{}|{}", code.system, code.code),
            None => self.text.to_lowercase(),
        }
    }

    /// The text that names it.
    pub(crate) fn name(&self) -> &str {
        let display = self.codes.iter().map(|code| code.display.as_str()).find(|display| !display.is_empty());
        if self.text.is_empty() { display.unwrap_or_default() } else { &self.text }
    }
}

/// A code of one of HL7's systems.
pub(crate) fn hl7(system: &str, code: &str) -> Node<'static> {
    node!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]})
}

/// The second of a pair whose first is the text; for short lists of equivalent words of two standards.
pub(crate) fn known(list: &[(&str, &'static str)], text: &str) -> Option<&'static str> {
    list.iter().find(|(from, _)| *from == text).map(|(_, to)| *to)
}
