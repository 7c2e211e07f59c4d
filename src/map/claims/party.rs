//! Providers as Organizations and Practitioners.

use crate::fhir::json::{Node, node};
use crate::formats::x12::Party;
use crate::map::record::made_id;

/// A provider: its reference, and its resource.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) reference: Node<'static>,
    pub(crate) is_person: bool,
    pub(crate) resource: Node<'static>,
}

/// The provider of a party; absent if there is neither a number nor a name.
pub(super) fn provider(party: &Party<'_>, as_organization: bool) -> Option<Provider> {
    if party.family.is_empty() && party.number.is_empty() {
        return None;
    }
    let is_person = party.is_person && !as_organization;
    let kind = if is_person { "Practitioner" } else { "Organization" };
    let id = match party.npi() {
        Some(npi) => format!("npi-{npi}"),
        None => made_id(&[kind, party.family, party.given, party.tax, party.number]),
    };
    let name = [party.given, party.family].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    let mut out = Node::object();
    out.set("resourceType", kind);
    out.set("id", &id);
    let profile = format!("http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-{kind}|2.0.0");
    let identifiers = identifiers(party);
    // The profile for practitioners requires a number.
    if !(identifiers.is_empty() && is_person) {
        out.set("meta", node!({"profile": [profile]}));
    }
    if !identifiers.is_empty() {
        out.set("identifier", identifiers);
    }
    out.set("active", true);
    if is_person {
        let mut own = Node::object();
        own.set("family", if party.family.is_empty() { "-" } else { party.family });
        let given: Vec<&str> = [party.given, party.middle].into_iter().filter(|text| !text.is_empty()).collect();
        if !given.is_empty() {
            own.set("given", given);
        }
        out.set("name", node!([own]));
    } else {
        out.set("name", if name.is_empty() { party.number } else { &name });
    }
    if let Some(address) = address(party) {
        out.set("address", node!([address]));
    }
    let mut reference = node!({"reference": format!("{kind}/{id}")});
    if !name.is_empty() {
        reference.set("display", name);
    }
    Some(Provider { reference, is_person, resource: out })
}

fn identifiers(party: &Party<'_>) -> Vec<Node<'static>> {
    let typed = |kind: &str, system: &str, value: &str| {
        node!({
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]},
            "system": system,
            "value": value,
        })
    };
    let npi = party.npi().map(|npi| typed("NPI", "http://hl7.org/fhir/sid/us-npi", npi));
    let tax = Some(party.tax).filter(|tax| !tax.is_empty()).map(|tax| {
        // A person's tax number may be a social security number, which nobody needs to see.
        (!party.is_person).then(|| typed("TAX", "urn:oid:2.16.840.1.113883.4.4", tax))
    });
    npi.into_iter().chain(tax.flatten()).collect()
}

/// The postal address of a party, if there is one.
pub(super) fn address(party: &Party<'_>) -> Option<Node<'static>> {
    let mut out = Node::object();
    if !party.lines.is_empty() {
        out.set("line", &party.lines);
    }
    for (name, text) in [("city", party.city), ("state", party.state), ("postalCode", party.zip)] {
        if !text.is_empty() {
            out.set(name, text);
        }
    }
    (!out.is_empty()).then_some(out)
}
