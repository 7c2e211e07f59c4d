//! What one row or element of a drug list names: a drug, and its place in one or more formularies.

use serde_json::Value;

use super::drug::Drug;
use super::item::Item;
use super::plan::Formulary;
use crate::formats::issue::{Place, Rule};
use crate::map::plan_net::Source;
use crate::map::record::{About, Record, Whom, Whose};

/// One row.
pub(crate) struct DrugListing {
    pub(crate) place: Place,
    pub(crate) source: Source,
    /// True if the block has said the drug before.
    pub(crate) is_known: bool,
    pub(crate) drug: Drug,
    /// Formularies that the block names for the first time.
    pub(crate) formularies: Vec<Formulary>,
    pub(crate) items: Vec<Item>,
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
