//! FHIR JSON to resources that can be stored: single resources, NDJSON lines and Bundles of every type. Pure.
//!
//! What leaves here has an id, and references that the server can follow, as far as the text itself allows; what
//! needs to know other files is handed on as a [`Deferred`].

mod bundle;
mod id;
mod links;
mod signs;

pub use links::Find;
pub(crate) use links::{Known, NameKey};
pub(crate) use signs::{Fact, Signs, examine};

use std::sync::Arc;

use self::links::name_key;
use crate::config::Policy;
use crate::fhir::json::{self, Node};
use crate::fhir::{Issue, Kind, kind_of};
use crate::formats::issue::{Place, Reject, Rule};

/// How many lines of a broken document are tried, to see whether it is NDJSON.
const LINES_TRIED: usize = 50;

/// A resource that names another by an identifier that may come later in the run.
#[derive(Clone, Debug)]
pub(crate) struct Deferred {
    pub(crate) place: Place,
    pub(crate) id: String,
    pub(crate) text: Vec<u8>,
}

/// The gate that resources go through (`access::admit`, which stands above this room): what becomes of one, and whether
/// something is not as it should be with it.
pub(crate) type Gate<T> = fn(&mut Node<'_>, &str, Policy) -> Result<(T, bool), Refused>;

/// Why a resource does not pass.
pub(crate) enum Refused {
    /// It is no resource.
    Resource(Issue),
    /// It is not valid: what is wrong with it.
    Invalid(String),
}

/// What one piece of text gave.
pub(crate) struct Batch<T> {
    gate: Gate<T>,
    pub(crate) ready: Vec<T>,
    pub(crate) deferred: Vec<Deferred>,
    pub(crate) rejects: Vec<(Rule, Reject)>,
    /// Identifiers that later references may use, with the id they lead to.
    pub(crate) names: Vec<(NameKey, String)>,
    /// What becomes of resources that are not valid.
    pub(crate) validation: Policy,
    /// How many were kept all the same.
    pub(crate) doubtful: u64,
    /// What is doubtful about resources, and what is compared with others.
    pub(crate) signs: Vec<(Place, Signs)>,
}

impl<T> Batch<T> {
    /// An empty one.
    pub(crate) fn new(gate: Gate<T>, validation: Policy) -> Self {
        Self {
            gate,
            ready: Vec::new(),
            deferred: Vec::new(),
            rejects: Vec::new(),
            names: Vec::new(),
            validation,
            doubtful: 0,
            signs: Vec::new(),
        }
    }

    /// Takes lines of NDJSON; empty lines are nothing.
    pub(crate) fn lines(&mut self, file: &Arc<str>, first: u64, text: &[u8]) {
        for (line, bytes) in (first..).zip(text.split(|byte| *byte == b'\n')) {
            let bytes = bytes.trim_ascii();
            if !bytes.is_empty() {
                self.document(&Place { file: Arc::clone(file), line, entry: None }, bytes, true);
            }
        }
    }

    /// Takes a file that is one JSON document. If it is not, it may be NDJSON whose first line is damaged.
    pub(crate) fn file(&mut self, file: &Arc<str>, text: &[u8]) {
        let whole = |line: &[u8]| json::parse(line.trim_ascii()).is_ok_and(|node| kind_of(&node).is_ok());
        if json::parse(text).is_err() {
            if text.split(|byte| *byte == b'\n').take(LINES_TRIED).any(whole) {
                return self.lines(file, 1, text);
            }
            self.cut_file(file, text);
        }
        self.document(&Place { file: Arc::clone(file), line: 1, entry: None }, text, false);
    }

    /// Takes the whole entries of a Bundle that ends in the middle; that it does, somebody else reports.
    pub(crate) fn cut_file(&mut self, file: &Arc<str>, text: &[u8]) {
        if let Some(whole) = bundle::whole_entries(text)
            && json::parse(&whole).is_ok()
        {
            self.document(&Place { file: Arc::clone(file), line: 1, entry: None }, &whole, false);
        }
    }

    /// Takes one JSON text: a resource, a Bundle, or an array of resources.
    pub(crate) fn document(&mut self, place: &Place, bytes: &[u8], is_line: bool) {
        match json::parse(bytes) {
            Ok(Node::Array(items)) => {
                for (at, item) in items.into_iter().enumerate() {
                    self.resource(Place { entry: Some(at + 1), ..place.clone() }, item, None);
                }
            }
            Ok(node) if node.text_of("resourceType") == Some("Bundle") => bundle::take(self, place, node),
            Ok(node) => self.resource(place.clone(), node, None),
            Err(error) => {
                // In a line, the parser's own line number is always 1 and would mislead.
                let line = if is_line { place.line } else { error.line as u64 };
                let place = Place { line, ..place.clone() };
                let reason = format!("not valid JSON at column {}: {}", error.column, error.reason);
                self.rejects.push(place.reject(Rule::Json, reason));
            }
        }
    }

    /// Takes one resource; `full_url` is its address in a Bundle.
    fn resource(&mut self, place: Place, mut node: Node<'_>, full_url: Option<&str>) {
        let kind = match kind_of(&node) {
            Ok(kind) => kind,
            Err(issue) => return self.refuse(&place, &issue),
        };
        let id = id::of(kind, &node, full_url);
        let (resource, is_doubtful) = match (self.gate)(&mut node, &id, self.validation) {
            Ok(passed) => passed,
            Err(Refused::Resource(issue)) => return self.refuse(&place, &issue),
            Err(Refused::Invalid(reason)) => return self.rejects.push(place.reject(Rule::Invalid, reason)),
        };
        self.doubtful += u64::from(is_doubtful);
        let signs = examine(&node);
        if !signs.is_empty() {
            self.signs.push((place.clone(), signs));
        }
        self.name(kind, &node, &id);
        if links::wants_finding(&mut node) {
            let mut text = Vec::new();
            node.write(&mut text);
            return self.deferred.push(Deferred { place, id, text });
        }
        self.ready.push(resource);
    }

    pub(crate) fn refuse(&mut self, place: &Place, issue: &Issue) {
        let rule = if matches!(issue, Issue::Json(_)) { Rule::Json } else { Rule::Resource };
        self.rejects.push(place.reject(rule, issue.to_string()));
    }

    fn name(&mut self, kind: Kind, node: &Node<'_>, id: &str) {
        if !links::may_be_named(kind) {
            return;
        }
        for identifier in node.get("identifier").map(Node::items).unwrap_or_default() {
            let Some(value) = identifier.text_of("value") else { continue };
            let system = identifier.text_of("system").unwrap_or_default();
            self.names.push((name_key(kind, system, value), id.to_owned()));
            if !system.is_empty() {
                self.names.push((name_key(kind, "", value), id.to_owned()));
            }
        }
    }
}

/// A deferred resource whose references are looked up, and the number of those that stay logical.
pub(crate) fn found<'d>(deferred: &'d Deferred, known: &Known<'_>) -> Result<(Node<'d>, u64), Issue> {
    let mut node = json::parse(&deferred.text)?;
    let unresolved = links::find_all(&mut node, known);
    Ok((node, unresolved))
}
