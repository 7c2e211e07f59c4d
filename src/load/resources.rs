//! Resources of FHIR files, ready to be stored: each is admitted, and has an id and references that the server can
//! follow as far as its own file allows. A resource that needs to know other files waits as a [`Deferred`].

use std::sync::Arc;

use super::signs::{Signs, examine};
use crate::access::{Admitted, NotAdmitted, admit};
use crate::config::Policy;
use crate::fhir::json::{self, Node};
use crate::fhir::{Issue, Kind, kind_of};
use crate::formats::fhir::{self, Known, NameKey, ResourceTaker, name_key};
use crate::formats::issue::{RecordPlace, Reject, Rule};

/// A resource that names another by an identifier that may come later in the run.
#[derive(Clone, Debug)]
pub(super) struct Deferred {
    pub(super) place: RecordPlace,
    pub(super) id: String,
    pub(super) text: Vec<u8>,
}

/// The result of one piece of text.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) ready: Vec<Admitted>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) rejects: Vec<(Rule, Reject)>,
    /// Identifiers that later references may use, with the id they lead to.
    pub(super) names: Vec<(NameKey, String)>,
    /// How invalid resources are treated.
    pub(super) validation: Policy,
    /// How many invalid resources were kept all the same.
    pub(super) doubtful: u64,
    /// What is doubtful about resources, and the facts that are compared with other resources.
    pub(super) signs: Vec<(RecordPlace, Signs)>,
}

impl Batch {
    /// Takes lines of NDJSON.
    pub(super) fn lines(&mut self, file: &Arc<str>, first: u64, text: &[u8]) {
        fhir::lines(file, first, text, self);
    }

    /// Takes a file that is one JSON document.
    pub(super) fn file(&mut self, file: &Arc<str>, text: &[u8]) {
        fhir::file(file, text, self);
    }

    /// Takes the complete entries of a Bundle that is cut off.
    pub(super) fn cut_file(&mut self, file: &Arc<str>, text: &[u8]) {
        fhir::cut_file(file, text, self);
    }

    fn issue(&mut self, place: &RecordPlace, issue: &Issue) {
        let rule = if matches!(issue, Issue::Json(_)) { Rule::Json } else { Rule::Resource };
        self.rejects.push(place.reject(rule, issue.to_string()));
    }

    fn name(&mut self, kind: Kind, node: &Node<'_>, id: &str) {
        if !fhir::may_be_named(kind) {
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

impl ResourceTaker for Batch {
    fn resource(&mut self, place: RecordPlace, mut node: Node<'_>, full_url: Option<&str>) {
        let kind = match kind_of(&node) {
            Ok(kind) => kind,
            Err(issue) => return self.issue(&place, &issue),
        };
        let id = fhir::id_of(kind, &node, full_url);
        let admission = match admit(&mut node, &id, self.validation) {
            Ok(admission) => admission,
            Err(NotAdmitted::Resource(issue)) => return self.issue(&place, &issue),
            Err(invalid) => return self.rejects.push(place.reject(Rule::Invalid, invalid.to_string())),
        };
        self.doubtful += u64::from(!admission.issues.is_empty());
        let signs = examine(&node);
        if !signs.is_empty() {
            self.signs.push((place.clone(), signs));
        }
        self.name(kind, &node, &id);
        if fhir::wants_finding(&mut node) {
            let mut text = Vec::new();
            node.write(&mut text);
            return self.deferred.push(Deferred { place, id, text });
        }
        self.ready.push(admission.resource);
    }

    fn refuse(&mut self, place: &RecordPlace, rule: Rule, reason: String) {
        self.rejects.push(place.reject(rule, reason));
    }
}

/// Finishes a deferred resource. Returns it with the number of references that stay logical.
pub(super) fn settle(deferred: &Deferred, known: &Known<'_>) -> Result<(Admitted, u64), NotAdmitted> {
    let mut node = json::parse(&deferred.text).map_err(Issue::from)?;
    let unresolved = fhir::find_all(&mut node, known);
    // It was validated when it was first read; resolving a reference cannot make it invalid.
    Ok((admit(&mut node, &deferred.id, Policy::Off)?.resource, unresolved))
}
