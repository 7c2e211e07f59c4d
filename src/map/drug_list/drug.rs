//! Drugs.

use serde_json::{Map, Value, json};

use super::profile;
use crate::map::plan_net::{DirectorySource, adopted, put};
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

    pub(super) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Value {
        let mut out = adopted("MedicationKnowledge", &self.id(), &[profile("FormularyDrug")], source, about);
        put(&mut out, "status", "active");
        let mut codings = Vec::with_capacity(2);
        for (system, code) in [(RXNORM, &self.rxnorm), (NDC, &self.ndc)] {
            if !code.is_empty() {
                let mut coding = Map::new();
                put(&mut coding, "system", system);
                put(&mut coding, "code", code.as_str());
                if !self.name.is_empty() {
                    // The plan's own name of the drug, which members look for.
                    put(&mut coding, "display", self.name.as_str());
                }
                codings.push(Value::Object(coding));
            }
        }
        let mut code = Map::new();
        put(&mut code, "coding", Value::Array(codings));
        if !self.name.is_empty() {
            put(&mut code, "text", self.name.as_str());
        }
        put(&mut out, "code", Value::Object(code));
        if !self.dose_form.is_empty() {
            put(&mut out, "doseForm", json!({"text": self.dose_form}));
        }
        Value::Object(out)
    }
}
