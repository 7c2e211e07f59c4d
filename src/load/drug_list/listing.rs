//! What one row or element of a drug list names: a drug, and its place in one or more formularies.

use serde_json::Value;

use super::{Drug, Formulary, Item};
use crate::load::fhir::Place;
use crate::load::plan_net::Source;
use crate::load::record::{About, Record, Whom, Whose};
use crate::load::report::Rule;

/// One row.
pub(in crate::load) struct DrugListing {
    pub(in crate::load) place: Place,
    pub(in crate::load) source: Source,
    /// True if the block has said the drug before.
    pub(in crate::load) is_known: bool,
    pub(in crate::load) drug: Drug,
    /// Formularies that the block names for the first time.
    pub(in crate::load) formularies: Vec<Formulary>,
    pub(in crate::load) items: Vec<Item>,
}

impl Record for DrugListing {
    fn place(&self) -> &Place {
        &self.place
    }

    fn whom(&self) -> Option<Whom> {
        None
    }

    fn resources(&self, _: &Whose, about: About<'_>) -> Result<Vec<Value>, (Rule, String)> {
        let named = |formulary: &Formulary| {
            // A file of drugs knows a formulary by its number at most.
            let source = if formulary.name.is_empty() { Source::Mentioned } else { self.source };
            formulary.resource(source, about)
        };
        let mut out: Vec<Value> = self.formularies.iter().map(named).collect();
        if !self.is_known {
            out.push(self.drug.resource(self.source, about));
        }
        out.extend(self.items.iter().map(|item| item.resource(&self.drug, self.source, about)));
        Ok(out)
    }
}
