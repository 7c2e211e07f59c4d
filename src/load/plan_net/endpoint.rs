//! Addresses of systems to talk to.

use serde_json::{Value, json};

use super::build::{Source, coded, put, reference, start};
use crate::load::record::{About, made_id};

const CONNECTIONS: &str = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type";

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::load) struct Endpoint {
    pub(in crate::load) address: String,
    /// Id of the organization that runs it.
    pub(in crate::load) organization: String,
    pub(in crate::load) name: String,
    /// Direct secure messaging instead of FHIR.
    pub(in crate::load) is_direct: bool,
}

impl Endpoint {
    #[allow(dead_code, reason = "for tables of endpoints, which no format has yet")]
    pub(in crate::load) fn resource(&self, source: Source, about: About<'_>) -> Value {
        let id = made_id(&["Endpoint", &self.organization, &self.address]);
        let mut out = start("Endpoint", &id, "Endpoint", source, about);
        put(&mut out, "status", "active");
        let connection = if self.is_direct { "direct-project" } else { "hl7-fhir-rest" };
        put(&mut out, "connectionType", json!({"system": CONNECTIONS, "code": connection}));
        if !self.name.is_empty() {
            put(&mut out, "name", self.name.as_str());
        }
        put(&mut out, "managingOrganization", reference("Organization", &self.organization));
        let payload = coded("http://hl7.org/fhir/us/davinci-pdex-plan-net/CodeSystem/EndpointPayloadTypeCS", "NA");
        put(&mut out, "payloadType", json!([payload]));
        put(&mut out, "address", self.address.as_str());
        Value::Object(out)
    }
}
