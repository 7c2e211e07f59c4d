//! Records to FHIR: what a plan's files say, as the profiles want it. Pure.
//!
//! Each mapper takes records and the ids of what they are about, and gives resources with ids that are the same in every run.
//! What a profile demands and the record does not say is given the profile's own word for "not known", or the resource does
//! not claim the profile; nothing is made up. Codes carry no names: their texts belong to those who license them.

mod adjudication;
mod cases;
mod claim;
mod code;
mod eob;
mod family;
mod lines;
mod made;
mod money;
mod party;
mod person;
mod review;
mod review_rows;
mod row_amounts;
mod row_bill;
mod row_codes;
mod row_lines;
mod rows;
#[cfg(test)]
mod tests;
mod visit;

use serde_json::{Number, Value, json};

use super::record::About;
pub(super) use cases::{Said, fold};
pub(super) use family::people;
pub(super) use made::Made;
pub(super) use review::{Reviewed, reviewed};
pub(super) use review_rows::review_rows;
pub(super) use rows::RowCase;

/// The id of the plan as an Organization.
pub(super) const PLAN_ID: &str = "plan";

/// The plan as an Organization: insurer of every claim.
pub(super) fn plan(about: About<'_>) -> Value {
    json!({
        "resourceType": "Organization",
        "id": PLAN_ID,
        "meta": {"profile": ["http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Organization|2.0.0"]},
        "identifier": [{
            "type": {"coding": [{"system": format!("{}C4BBIdentifierType", code::C4BB), "code": "payerid"}]},
            "system": format!("{}/payer", about.ids),
            "value": PLAN_ID,
        }],
        "active": true,
        "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "pay"}]}],
        "name": about.plan,
    })
}

/// `CCYYMMDD` as a FHIR date; absent if it is none.
pub(super) fn day(text: &str) -> Option<String> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse().ok();
    let year: i16 = text.get(..4)?.parse().ok()?;
    let date = jiff::civil::Date::new(year, number(4, 6)?, number(6, 8)?).ok()?;
    (text.len() == 8).then(|| date.to_string())
}

/// A count as it is written; absent if it is none.
fn quantity(text: &str) -> Option<Number> {
    text.parse().ok()
}
