//! Specimens: what was taken, and from where.

use serde_json::{Value, json};

use super::code::Concept;
use super::made::Made;
use super::time::When;

/// What results were measured in.
#[derive(Clone, Debug, Default)]
pub(in crate::load) struct Specimen {
    pub(in crate::load) id: String,
    pub(in crate::load) identifier: Option<Value>,
    pub(in crate::load) kind: Concept,
    pub(in crate::load) collected: Option<When>,
    pub(in crate::load) received: Option<String>,
    pub(in crate::load) method: Concept,
    pub(in crate::load) site: Concept,
}

impl Specimen {
    pub(in crate::load) fn reference(&self) -> Value {
        json!({"reference": format!("Specimen/{}", self.id)})
    }

    pub(in crate::load) fn resource(self, patient: &str) -> Value {
        let mut out = Made::new("Specimen", &self.id);
        out.set("identifier", self.identifier.map(|one| json!([one]))).set("type", self.kind.value());
        out.set("subject", json!({"reference": format!("Patient/{patient}")}));
        out.set("receivedTime", self.received);
        let mut collection = Made::part();
        if let Some(when) = &self.collected {
            let (name, value) = when.choice("collected");
            collection.set(&name, value);
        }
        collection.set("method", self.method.value()).set("bodySite", self.site.value());
        out.set("collection", collection.value());
        out.claim(&["us-core-specimen"])
    }
}
