//! The contents of one row or element of a drug list: a drug, and its entries in one or more formularies.

use super::drug::Drug;
use super::item::Item;
use super::plan::Formulary;
use crate::fhir::json::Node;
use crate::formats::issue::{RecordPlace, Rule};
use crate::map::plan_net::DirectorySource;
use crate::map::record::{KnownMember, NamedMember, PlanContext, Record};

/// One row.
pub(crate) struct DrugListing {
    pub(crate) place: RecordPlace,
    pub(crate) source: DirectorySource,
    /// True if the block has named the drug before.
    pub(crate) is_known: bool,
    pub(crate) drug: Drug,
    /// Formularies that the block names for the first time.
    pub(crate) formularies: Vec<Formulary>,
    pub(crate) items: Vec<Item>,
}

impl Record for DrugListing {
    fn place(&self) -> &RecordPlace {
        &self.place
    }

    fn named_member(&self) -> Option<NamedMember> {
        None
    }

    fn resources(&self, _: &KnownMember, about: PlanContext<'_>) -> Result<Vec<Node<'static>>, (Rule, String)> {
        let named = |formulary: &Formulary| {
            // A file of drugs knows at most the number of a formulary.
            let source = if formulary.name.is_empty() { DirectorySource::Mentioned } else { self.source };
            formulary.resource(source, about)
        };
        let mut out: Vec<Node<'static>> = self.formularies.iter().map(named).collect();
        if !self.is_known {
            out.push(self.drug.resource(self.source, about));
        }
        out.extend(self.items.iter().map(|item| item.resource(&self.drug, self.source, about)));
        Ok(out)
    }
}
