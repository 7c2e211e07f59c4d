//! The machine-readable files of exchange plans: `index.json`, `providers.json`, `plans.json`, `drugs.json`. Pure.
//!
//! ```text
//! bytes -> cut (whole elements of the array)     elements -> provider | plan | drug -> Plan-Net and formulary resources
//! ```
//! Invariants: the kind of an element follows from its members, not from the name of the file; files of gigabytes go
//! through in blocks; a bad element costs nothing but itself.
//!
//! Absent: following the addresses of an index (nothing is fetched during a load).

mod drug;
mod plan;
mod provider;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use crate::fhir::json::{self, Node};
use crate::formats::issue::{Rule, place};
use crate::formats::qhp::cut::{self};
use crate::map::plan_net::Listings;
use crate::map::record::{ReadPiece, Record};

/// The longest element that is read; a provider with a thousand addresses takes a tenth of it.
const ELEMENT_MAX: usize = 16 << 20;

/// Reads a block of whole elements of an array, with or without the brackets and commas around them; `first` is the number
/// of its first line.
pub(crate) fn read(file: &Arc<str>, first: u64, text: &[u8]) -> ReadPiece {
    let mut out = ReadPiece::default();
    let mut listings = Listings::default();
    let mut mentioned = HashSet::new();
    let mut line = first;
    let mut at = 0;
    for element in cut::elements(text) {
        let before = text.get(at..element.start).unwrap_or_default();
        line += memchr::memchr_iter(b'\n', before).count() as u64;
        at = element.start;
        let place = place(file, line);
        if element.len() > ELEMENT_MAX {
            out.reject(&place, Rule::TooLong, "the element is longer than 16 MiB");
            continue;
        }
        let bytes = text.get(element).unwrap_or_default();
        let Ok(value) = json::parse(bytes) else {
            out.reject(&place, Rule::Json, "the element is not valid JSON");
            continue;
        };
        let taken = match kind(&value) {
            ElementKind::Provider => provider::take(&value, &place, &mut listings),
            ElementKind::Plan => plan::take(&value, &place).map(|record| {
                out.records.push(Box::new(record) as Box<dyn Record>);
                Vec::new()
            }),
            ElementKind::Drug => drug::take(&value, &place, &mut mentioned).map(|record| {
                if record.items.iter().any(|item| !item.is_covered()) {
                    out.reject(&place, Rule::NotCovered, "");
                }
                out.records.push(Box::new(record) as Box<dyn Record>);
                Vec::new()
            }),
            ElementKind::Index => Err((Rule::OtherMessage, "an index that only names other files; load those")),
            ElementKind::Other => {
                Err((Rule::UnknownFile, "the element is no provider, plan or drug of an exchange's files"))
            }
        };
        match taken {
            Ok(notices) => notices.into_iter().for_each(|notice| out.reject(&place, Rule::Specialty, notice)),
            Err((rule, reason)) => out.reject(&place, rule, reason),
        }
    }
    out.records.extend(listings.records());
    out
}

/// The kinds of elements.
enum ElementKind {
    Provider,
    Plan,
    Drug,
    Index,
    Other,
}

fn kind(value: &Node<'_>) -> ElementKind {
    let has = |name: &str| value.get(name).is_some();
    match () {
        () if has("resourceType") || has("$schema") => ElementKind::Other,
        () if has("rxnorm_id") || has("drug_name") => ElementKind::Drug,
        () if has("npi") || has("addresses") || has("facility_name") => ElementKind::Provider,
        () if has("plan_id") => ElementKind::Plan,
        () if has("provider_urls") || has("formulary_urls") || has("plan_urls") => ElementKind::Index,
        () => ElementKind::Other,
    }
}
