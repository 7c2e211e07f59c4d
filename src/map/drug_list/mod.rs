//! Drug lists as the US Drug Formulary guide wants them: plans with drug coverage, their formularies, the drugs, and
//! which drug stands in which formulary under which conditions. Pure: small typed parts in, JSON values out.
//!
//! Invariants: the same facts give the same ids in every run; a drug is identified by its code and its name, because
//! sources use one code for two drugs, and both must be visible.
//!
//! Absent: the drug codes themselves. The guide wants the group of dose forms beside each clinical drug, and no source
//! has it.

mod drug;
mod item;
mod listing;
mod plan;
#[cfg(test)]
mod tests;

pub(crate) use drug::Drug;
pub(crate) use item::{Item, Limit};
pub(crate) use listing::DrugListing;
pub(crate) use plan::{Cost, DrugPlan, Formulary, TierCost, add_benefit, pharmacy};

const GUIDE: &str = "http://hl7.org/fhir/us/davinci-drug-formulary/";
/// The version of the guide that is named in `meta.profile`.
const VERSION: &str = "2.1.0";

fn profile(name: &str) -> String {
    format!("{GUIDE}StructureDefinition/usdf-{name}|{VERSION}")
}

/// A code system of the guide; all of these are still for trial use.
fn system(name: &str) -> String {
    format!("{GUIDE}CodeSystem/usdf-{name}CS-TEMPORARY-TRIAL-USE")
}

fn extension(name: &str) -> String {
    format!("{GUIDE}StructureDefinition/usdf-{name}-extension")
}
