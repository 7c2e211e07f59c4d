//! Roles: a practitioner's specialty at a location, for an organization, in a network.

use super::address::Phone;
use super::build::{
    DirectorySource, NUCC, Validity, coded, extension, of_plan_net, put_all, reference, start_while, verified,
};
use super::hours::Hours;
use super::network::network_id;
use super::specialty;
use crate::fhir::json::{Node, node};
use crate::map::record::{PlanContext, made_id};

/// A person at a location. One role holds all specialties that the person has there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Role {
    /// Ids; empty if there is none.
    pub(crate) practitioner: String,
    pub(crate) organization: String,
    pub(crate) location: String,
    pub(crate) service: String,
    pub(crate) endpoint: String,
    /// Key of the network, or empty.
    pub(crate) network: String,
    /// NUCC codes, the most important first.
    pub(crate) specialties: Vec<String>,
    pub(crate) phones: Vec<Phone>,
    pub(crate) accepting: Option<Accepting>,
    pub(crate) hours: Vec<Hours>,
    pub(crate) hours_words: String,
    /// `YYYY-MM-DD`, or empty.
    pub(crate) verified: String,
    pub(crate) span: Validity,
}

const NPI_DIGITS: usize = 10;

/// Whether new patients are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepting {
    Yes,
    No,
    Existing,
    Families,
}

impl Accepting {
    /// Reads a cell; absent if its words are unknown.
    pub(crate) fn read(cell: &str) -> Option<Self> {
        let plain: String = cell.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        match plain.as_str() {
            "" | "unknown" | "na" => None,
            "n" | "no" | "false" | "0" | "closed" | "nopt" => Some(Self::No),
            "y" | "yes" | "true" | "1" | "open" | "newpt" => Some(Self::Yes),
            text if text.contains("famil") || text == "existptfam" => Some(Self::Families),
            text if text.contains("existing") || text.contains("current") || text == "existptonly" => {
                Some(Self::Existing)
            }
            text if text.starts_with("not") || text.starts_with("no") => Some(Self::No),
            text if text.contains("accept") || text.contains("new") => Some(Self::Yes),
            _ => None,
        }
    }

    /// The extension; `network` is the key of the network that it applies to, or empty.
    pub(super) fn value(self, network: &str) -> Node<'static> {
        let code = match self {
            Self::Yes => "newpt",
            Self::No => "nopt",
            Self::Existing => "existptonly",
            Self::Families => "existptfam",
        };
        let mut parts =
            vec![node!({"url": "acceptingPatients", "valueCodeableConcept": of_plan_net("AcceptingPatientsCS", code)})];
        if !network.is_empty() {
            parts
                .push(node!({"url": "fromNetwork", "valueReference": reference("Organization", &network_id(network))}));
        }
        extension("newpatients", ("extension", Node::Array(parts)))
    }
}

impl Role {
    /// One person at one location for one organization in one network. Ids of one NPI's roles begin with it: the
    /// registry is sorted by NPI, so records that are written together lie together in the store.
    pub(super) fn id(&self) -> String {
        let network = self.network.to_lowercase();
        let made = made_id(&["PractitionerRole", &self.practitioner, &self.organization, &self.location, &network]);
        match (self.practitioner.strip_prefix("npi-"), made.get(NPI_DIGITS..)) {
            (Some(npi), Some(rest)) if npi.len() == NPI_DIGITS => [npi, rest].concat(),
            _ => made,
        }
    }

    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = start_while("PractitionerRole", &self.id(), &self.span, source, about);
        out.set("practitioner", reference("Practitioner", &self.practitioner));
        if !self.organization.is_empty() {
            out.set("organization", reference("Organization", &self.organization));
        }
        for (name, kind, id) in [
            ("location", "Location", &self.location),
            ("healthcareService", "HealthcareService", &self.service),
            ("endpoint", "Endpoint", &self.endpoint),
        ] {
            if !id.is_empty() {
                out.set(name, node!([reference(kind, id)]));
            }
        }
        if let Some(code) = self.specialties.iter().find_map(|code| specialty::of_role(code)) {
            out.set("code", node!([of_plan_net("ProviderRoleCS", code)]));
        }
        let codes = self.specialties.iter().filter(|code| specialty::is_personal(code));
        put_all(&mut out, "specialty", codes.map(|code| coded(NUCC, code)).collect());
        out.set("telecom", self.telecom());
        put_all(&mut out, "availableTime", self.hours.iter().map(Hours::of_role).collect());
        if !self.hours_words.is_empty() {
            out.set("availabilityExceptions", self.hours_words.as_str());
        }
        self.span.put(&mut out);
        let mut extensions = Vec::new();
        if !self.network.is_empty() {
            let network = reference("Organization", &network_id(&self.network));
            extensions.push(extension("network-reference", ("valueReference", network)));
        }
        extensions.extend(self.accepting.map(|accepting| accepting.value(&self.network)));
        extensions.extend(verified(&self.verified, about));
        put_all(&mut out, "extension", extensions);
        out
    }

    /// The profile wants contact data; if the source has none, the element states that.
    fn telecom(&self) -> Node<'static> {
        if self.phones.is_empty() {
            let absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            return node!([{"system": "phone", "_value": {"extension": [{"url": absent, "valueCode": "unknown"}]}}]);
        }
        self.phones.iter().map(Phone::value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_is_said_in_many_ways() {
        for (cell, want) in [
            ("Y", Some(Accepting::Yes)),
            ("accepting", Some(Accepting::Yes)),
            ("accepting in some locations", Some(Accepting::Yes)),
            ("not accepting", Some(Accepting::No)),
            ("Existing patients only", Some(Accepting::Existing)),
            ("existing patients and their families", Some(Accepting::Families)),
            ("?", None),
        ] {
            assert_eq!(Accepting::read(cell), want, "{cell}");
        }
    }
}
