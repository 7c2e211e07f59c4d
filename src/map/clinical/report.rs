//! Reports of results: a `DiagnosticReport`, from messages and documents alike.

use super::code::{Concept, hl7};
use super::made::ResourceBuilder;
use super::time::When;
use crate::fhir::json::{Node, node};

const LOINC: &str = "http://loinc.org";
/// LOINC's class of imaging studies.
const IMAGING: &str = "LP29684-5";
const DATA_ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// A report before it becomes a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportDraft {
    pub(crate) id: String,
    pub(crate) identifiers: Vec<Node<'static>>,
    pub(crate) status: &'static str,
    /// A report of an imaging study; otherwise of a laboratory.
    pub(crate) is_image: bool,
    pub(crate) code: Concept,
    pub(crate) when: Option<When>,
    pub(crate) issued: Option<String>,
    pub(crate) performers: Vec<Node<'static>>,
    pub(crate) interpreter: Option<Node<'static>>,
    /// References to the specimens.
    pub(crate) specimens: Vec<Node<'static>>,
    /// References to the observations.
    pub(crate) results: Vec<Node<'static>>,
    pub(crate) conclusion: String,
    /// The report as its writer formatted it: attachments.
    pub(crate) forms: Vec<Node<'static>>,
}

impl ReportDraft {
    pub(crate) fn resource(self, patient: &str) -> Node<'static> {
        let mut out = ResourceBuilder::new("DiagnosticReport", &self.id);
        out.set("identifier", self.identifiers).set("status", self.status);
        let category =
            if self.is_image { node!({"coding": [{"system": LOINC, "code": IMAGING}]}) } else { hl7("v2-0074", "LAB") };
        out.set("category", node!([category])).set("code", self.code.value());
        out.set("subject", node!({"reference": format!("Patient/{patient}")}));
        if let Some(when) = &self.when {
            let (name, value) = when.choice("effective");
            out.set(name, value);
        }
        match self.issued {
            Some(issued) => out.set("issued", issued),
            None => out.set("_issued", node!({"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]})),
        };
        out.set("performer", self.performers);
        out.set("resultsInterpreter", self.interpreter.map(|reference| node!([reference])));
        out.set("specimen", self.specimens).set("result", self.results);
        out.set("conclusion", self.conclusion.trim()).set("presentedForm", self.forms);
        out.claim(&[if self.is_image { "us-core-diagnosticreport-note" } else { "us-core-diagnosticreport-lab" }])
    }
}
