//! The payer, its networks and plans, and the affiliations of organizations with them.

use super::build::{
    CODES, DirectorySource, NUCC, Validity, coded, of_plan_net, put_all, put_joined, reference, start, start_while,
    verified,
};
use super::specialty;
use crate::fhir::json::{Node, node};
use crate::map::record::{PlanContext, made_id};

/// The id of the plan's own organization.
pub(crate) fn payer_id(about: PlanContext<'_>) -> String {
    made_id(&["Organization", "payer", about.ids])
}

/// The plan's own organization, as far as a load knows it: its name and its country.
pub(crate) fn payer(about: PlanContext<'_>) -> Node<'static> {
    let mut out = start("Organization", &payer_id(about), "Organization", DirectorySource::Mentioned, about);
    out.set("active", true);
    out.set("name", about.plan);
    out.set("type", node!([of_plan_net("OrgTypeCS", "payer")]));
    out.set("address", node!([{"country": "US"}]));
    out
}

/// The id of a network, from its name or number.
pub(crate) fn network_id(key: &str) -> String {
    made_id(&["Organization", "network", &key.to_lowercase()])
}

/// A network of providers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    /// Its number if it has one, else its name.
    pub(crate) key: String,
    pub(crate) name: String,
}

impl Network {
    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = start("Organization", &network_id(&self.key), "Network", source, about);
        out.set("active", true);
        out.set("identifier", node!([{"system": format!("{}/network", about.ids), "value": &self.key}]));
        out.set("type", node!([of_plan_net("OrgTypeCS", "ntwk")]));
        out.set("name", if self.name.is_empty() { self.key.as_str() } else { self.name.as_str() });
        out.set("partOf", reference("Organization", &payer_id(about)));
        out
    }
}

/// The id of an insurance plan, from the number that the plan or the exchange gave it.
pub(crate) fn plan_id(number: &str) -> String {
    made_id(&["InsurancePlan", &number.to_lowercase()])
}

/// An insurance plan in the directory: its networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) number: String,
    pub(crate) name: String,
    /// Keys of its networks.
    pub(crate) networks: Vec<String>,
}

impl Plan {
    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = start("InsurancePlan", &plan_id(&self.number), "InsurancePlan", source, about);
        out.set("status", "active");
        out.set("identifier", node!([{"system": format!("{}/plan", about.ids), "value": &self.number}]));
        out.set("type", node!([product(&self.number)]));
        out.set("name", if self.name.is_empty() { self.number.as_str() } else { self.name.as_str() });
        out.set("ownedBy", reference("Organization", &payer_id(about)));
        out.set("administeredBy", reference("Organization", &payer_id(about)));
        let networks = self.networks.iter().map(|key| reference("Organization", &network_id(key)));
        put_joined(&mut out, "network", networks.collect());
        out
    }
}

/// A number of the exchange (five digits, a state, seven digits) marks a qualified health plan.
fn product(number: &str) -> Node<'static> {
    let shape = |(at, byte): (usize, u8)| {
        if matches!(at, 5 | 6) { byte.is_ascii_alphabetic() } else { byte.is_ascii_digit() }
    };
    if number.len() >= 14 && number.bytes().take(14).enumerate().all(shape) {
        coded(&format!("{CODES}InsuranceProductTypeCS"), "qhp")
    } else {
        node!({"text": "Health plan"})
    }
}

/// An organization's affiliation with a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Affiliation {
    /// Id of the organization.
    pub(crate) organization: String,
    /// Key of the network; empty if it is only known that the plan works with the organization.
    pub(crate) network: String,
    /// Ids of the location and of the service, or empty.
    pub(crate) location: String,
    pub(crate) service: String,
    /// A code of Plan-Net's affiliation roles.
    pub(crate) role: &'static str,
    pub(crate) specialties: Vec<String>,
    pub(crate) verified: String,
    pub(crate) span: Validity,
}

impl Affiliation {
    pub(super) fn id(&self) -> String {
        let network = self.network.to_lowercase();
        made_id(&["OrganizationAffiliation", &self.organization, &network, &self.location])
    }

    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = start_while("OrganizationAffiliation", &self.id(), &self.span, source, about);
        self.span.put(&mut out);
        out.set("organization", reference("Organization", &payer_id(about)));
        out.set("participatingOrganization", reference("Organization", &self.organization));
        if !self.network.is_empty() {
            out.set("network", node!([reference("Organization", &network_id(&self.network))]));
        }
        out.set("code", node!([of_plan_net("OrganizationAffiliationRoleCS", self.role)]));
        let codes = self.specialties.iter().filter(|code| specialty::is_any(code));
        put_all(&mut out, "specialty", codes.map(|code| coded(NUCC, code)).collect());
        if !self.location.is_empty() {
            out.set("location", node!([reference("Location", &self.location)]));
        }
        if !self.service.is_empty() {
            out.set("healthcareService", node!([reference("HealthcareService", &self.service)]));
        }
        put_all(&mut out, "extension", verified(&self.verified, about).into_iter().collect());
        out
    }
}
