//! Drugs.

use super::profile;
use crate::fhir::json::{Node, node};
use crate::map::plan_net::{DirectorySource, adopted};
use crate::map::record::{PlanContext, made_id};

const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const NDC: &str = "http://hl7.org/fhir/sid/ndc";

/// A drug.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drug {
    /// The number in `RxNorm`, or empty.
    pub(crate) rxnorm: String,
    /// NDC, or empty; at least one of the two codes is there.
    pub(crate) ndc: String,
    pub(crate) name: String,
    pub(crate) dose_form: String,
}

impl Drug {
    pub(crate) fn id(&self) -> String {
        let code = if self.rxnorm.is_empty() { &self.ndc } else { &self.rxnorm };
        made_id(&["MedicationKnowledge", code, &self.name.to_lowercase()])
    }

    pub(super) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = adopted("MedicationKnowledge", &self.id(), &[profile("FormularyDrug")], source, about);
        out.set("status", "active");
        let mut codings = Vec::with_capacity(2);
        for (system, code) in [(RXNORM, &self.rxnorm), (NDC, &self.ndc)] {
            if !code.is_empty() {
                let mut coding = Node::object();
                coding.set("system", system);
                coding.set("code", code.as_str());
                if !self.name.is_empty() {
                    // The plan's own name of the drug, which members look for.
                    coding.set("display", self.name.as_str());
                }
                codings.push(coding);
            }
        }
        let mut code = Node::object();
        code.set("coding", codings);
        if !self.name.is_empty() {
            code.set("text", self.name.as_str());
        }
        out.set("code", code);
        if !self.dose_form.is_empty() {
            out.set("doseForm", node!({"text": &self.dose_form}));
        }
        out
    }
}
