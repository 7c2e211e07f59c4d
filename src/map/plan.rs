//! The plan as an Organization. Pure.

use crate::fhir::json::{Node, node};
use crate::map::code;
use crate::map::record::PlanContext;

/// The id of the plan as an Organization.
pub(crate) const PLAN_ID: &str = "plan";

/// The plan as an Organization: insurer of every claim.
pub(crate) fn plan(about: PlanContext<'_>) -> Node<'static> {
    node!({
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
