//! Groups, hospitals, pharmacies and the like.

use super::address::{Address, Phone};
use super::build::{CODES, DirectorySource, NPI_SYSTEM, NUCC, adopted, profile, put_all, put_joined, reference};
use crate::fhir::json::{Node, node};
use crate::map::record::{PlanContext, made_id};

/// An organization that provides care or supplies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) npi: String,
    /// The plan's own number. Tax numbers are left out: some are the numbers of persons.
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) alias: String,
    /// A code of Plan-Net's organization types.
    pub(crate) kind: &'static str,
    /// NUCC codes, the most important first.
    pub(crate) specialties: Vec<String>,
    pub(crate) phones: Vec<Phone>,
    pub(crate) address: Address,
    /// Id of the parent organization, or empty.
    pub(crate) part_of: String,
    /// Id of its endpoint, or empty.
    pub(crate) endpoint: String,
    pub(crate) is_inactive: bool,
}

/// The id of an organization, from its NPI or else its name.
pub(crate) fn organization_id(npi: &str, name: &str) -> String {
    if npi.is_empty() { made_id(&["Organization", &name.to_lowercase()]) } else { format!("npi-{npi}") }
}

impl Organization {
    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        // The profile makes it public, and marks it as active.
        let profiles = if self.is_inactive { Vec::new() } else { vec![profile("Organization")] };
        let mut out = adopted("Organization", &self.id, &profiles, source, about);
        out.set("active", !self.is_inactive);
        let mut identifiers = Vec::new();
        if !self.npi.is_empty() {
            identifiers.push(node!({"system": NPI_SYSTEM, "value": &self.npi}));
        }
        if !self.number.is_empty() {
            identifiers.push(node!({"system": format!("{}/organization", about.ids), "value": &self.number}));
        }
        put_joined(&mut out, "identifier", identifiers);
        if self.is_inactive && self.name.is_empty() {
            return out;
        }
        out.set("name", self.name.as_str());
        if !self.alias.is_empty() && self.alias != self.name {
            out.set("alias", node!([&self.alias]));
        }
        let kind = if self.kind.is_empty() { "prvgrp" } else { self.kind };
        let mut codings = vec![node!({"system": format!("{CODES}OrgTypeCS"), "code": kind})];
        codings.extend(self.specialties.iter().map(|code| node!({"system": NUCC, "code": code})));
        out.set("type", node!([{"coding": codings}]));
        put_all(&mut out, "telecom", self.phones.iter().map(Phone::value).collect());
        out.set("address", node!([self.address.value()]));
        if !self.part_of.is_empty() {
            out.set("partOf", reference("Organization", &self.part_of));
        }
        if !self.endpoint.is_empty() {
            out.set("endpoint", node!([reference("Endpoint", &self.endpoint)]));
        }
        out
    }
}
