//! Elements of `drugs.json`: a drug, and its tier and conditions in each plan.

use std::collections::HashSet;

use crate::fhir::json::Node;
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::qhp::element::{flag, items, text, years};
use crate::map::drug_list::{Drug, DrugListing, Formulary, Item};
use crate::map::plan_net::DirectorySource;

/// Takes a drug. `mentioned` holds the drugs and formularies that the block has named.
pub(super) fn take(
    value: &Node<'_>,
    place: &RecordPlace,
    mentioned: &mut HashSet<String>,
) -> Result<DrugListing, (Rule, &'static str)> {
    let rxnorm = text(value, "rxnorm_id");
    if rxnorm.is_empty() {
        return Err((Rule::Drug, "the drug has no RxNorm code (rxnorm_id)"));
    }
    if rxnorm.len() > 8 || !rxnorm.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((Rule::Drug, "the RxNorm code is not a number of at most eight digits"));
    }
    let drug = Drug { rxnorm, name: text(value, "drug_name"), ..Drug::default() };
    let (mut items_of, mut formularies): (Vec<Item>, Vec<Formulary>) = (Vec::new(), Vec::new());
    for one in items(value, "plans") {
        let (formulary, tier) = (text(one, "plan_id"), text(one, "drug_tier"));
        if formulary.is_empty() || tier.is_empty() {
            return Err((Rule::Drug, "a plan of the drug has no number (plan_id) or no tier (drug_tier)"));
        }
        let (from, until) = years(one);
        if mentioned.insert(format!("formulary {}", formulary.to_lowercase())) {
            formularies.push(Formulary { number: formulary.clone(), ..Formulary::default() });
        }
        let item = Item {
            formulary,
            tier,
            prior_authorization: flag(one, "prior_authorization"),
            step_therapy: flag(one, "step_therapy"),
            quantity_limit: flag(one, "quantity_limit"),
            from,
            until,
            ..Item::default()
        };
        match items_of.iter_mut().find(|known| known.formulary.eq_ignore_ascii_case(&item.formulary)) {
            Some(known) => known.add(item),
            None => items_of.push(item),
        }
    }
    if items_of.is_empty() {
        return Err((Rule::Drug, "the drug is in no plan"));
    }
    let is_known = !mentioned.insert(format!("drug {}", drug.id()));
    Ok(DrugListing { place: place.clone(), source: DirectorySource::Qhp, is_known, drug, formularies, items: items_of })
}
