//! Specimens: the material, and its source.

use super::code::Concept;
use super::made::ResourceBuilder;
use super::time::When;
use crate::fhir::json::{Node, node};

/// The specimen of results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Specimen {
    pub(crate) id: String,
    pub(crate) identifier: Option<Node<'static>>,
    pub(crate) kind: Concept,
    pub(crate) collected: Option<When>,
    pub(crate) received: Option<String>,
    pub(crate) method: Concept,
    pub(crate) site: Concept,
}

impl Specimen {
    pub(crate) fn reference(&self) -> Node<'static> {
        node!({"reference": format!("Specimen/{}", self.id)})
    }

    pub(crate) fn resource(self, patient: &str) -> Node<'static> {
        let mut out = ResourceBuilder::new("Specimen", &self.id);
        out.set("identifier", self.identifier.map(|one| node!([one]))).set("type", self.kind.value());
        out.set("subject", node!({"reference": format!("Patient/{patient}")}));
        out.set("receivedTime", self.received);
        let mut collection = ResourceBuilder::part();
        if let Some(when) = &self.collected {
            let (name, value) = when.choice("collected");
            collection.set(name, value);
        }
        collection.set("method", self.method.value()).set("bodySite", self.site.value());
        out.set("collection", collection.value());
        out.claim(&["us-core-specimen"])
    }
}
