//! Electronic endpoints.

use super::build::{CODES, DirectorySource, coded, reference, start};
use crate::fhir::json::{Node, node};
use crate::map::record::{PlanContext, made_id};

const CONNECTIONS: &str = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type";

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    /// Id of the managing organization, or empty.
    pub(crate) organization: String,
    /// Direct secure messaging instead of FHIR.
    pub(crate) is_direct: bool,
}

impl Endpoint {
    /// Reads a cell: the address of a FHIR server, or a Direct address. Absent if it is neither.
    pub(crate) fn read(cell: &str, organization: &str) -> Option<Self> {
        let is_web = cell.starts_with("https://") || cell.starts_with("http://");
        let is_direct = !is_web && cell.contains('@');
        let is_one = !cell.chars().any(|c| c.is_whitespace() || c.is_control());
        let address = if is_direct { format!("mailto:{cell}") } else { cell.to_owned() };
        (is_one && (is_web || is_direct)).then(|| Self { address, organization: organization.to_owned(), is_direct })
    }

    pub(crate) fn id(&self) -> String {
        made_id(&["Endpoint", &self.organization, &self.address])
    }

    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = start("Endpoint", &self.id(), "Endpoint", source, about);
        out.set("status", "active");
        let connection = if self.is_direct { "direct-project" } else { "hl7-fhir-rest" };
        out.set("connectionType", node!({"system": CONNECTIONS, "code": connection}));
        if !self.organization.is_empty() {
            out.set("managingOrganization", reference("Organization", &self.organization));
        }
        out.set("payloadType", node!([coded(&format!("{CODES}EndpointPayloadTypeCS"), "NA")]));
        out.set("address", self.address.as_str());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_endpoints() {
        assert!(!Endpoint::read("https://fhir.example.org/r4", "").unwrap().is_direct);
        assert_eq!(Endpoint::read("ruth@direct.example.org", "").unwrap().address, "mailto:ruth@direct.example.org");
        for cell in ["", "yes", "https://a b", "ftp://x"] {
            assert_eq!(Endpoint::read(cell, ""), None, "{cell}");
        }
    }
}
