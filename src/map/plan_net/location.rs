//! Locations of care.

use super::address::{Address, Phone};
use super::build::{DirectorySource, coded, extension, of_plan_net, put_all, reference, start, verified};
use super::geo;
use super::hours::Hours;
use crate::fhir::json::{Node, node};
use crate::map::record::{PlanContext, made_id};

const ROLE_CODES: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// A location.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Location {
    /// Id of the organization that owns the location; empty for an address that several providers may share.
    pub(crate) owner: String,
    /// The name in the source; empty if it has only an address.
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) phones: Vec<Phone>,
    /// Latitude and longitude, if the source has them; otherwise the center of the ZIP code's area is used.
    pub(crate) point: (String, String),
    pub(crate) accessibility: Vec<String>,
    pub(crate) hours: Vec<Hours>,
    pub(crate) hours_words: String,
    /// A code of HL7's service delivery locations, such as `HOSP`; empty if unknown.
    pub(crate) kind: &'static str,
    /// The day of the last verification, `YYYY-MM-DD`, or empty.
    pub(crate) verified: String,
}

impl Location {
    /// The same address of the same owner is the same location, unless the source gives two names.
    pub(crate) fn id(&self) -> String {
        made_id(&["Location", &self.owner, &self.name.to_lowercase(), &self.address.key()])
    }

    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>, fallback: &str) -> Node<'static> {
        let mut out = start("Location", &self.id(), "Location", source, about);
        out.set("status", "active");
        let first = self.address.lines.first().unwrap_or(&self.address.city);
        let name = [self.name.as_str(), fallback, first].into_iter().find(|name| !name.is_empty()).unwrap_or("Office");
        out.set("name", name);
        if !self.kind.is_empty() {
            out.set("type", node!([coded(ROLE_CODES, self.kind)]));
        }
        put_all(&mut out, "telecom", self.phones.iter().map(Phone::value).collect());
        // Five digits: the other four differ between tenants of one building.
        let zip = self.address.zip.split('-').next().unwrap_or_default().to_owned();
        out.set("address", Address { zip, ..self.address.clone() }.value());
        let point = geo::given(&self.point.0, &self.point.1).or_else(|| geo::middle(&self.address.zip));
        if let Some(point) = point {
            out.set("position", geo::value(point));
        }
        if !self.owner.is_empty() {
            out.set("managingOrganization", reference("Organization", &self.owner));
        }
        put_all(&mut out, "hoursOfOperation", self.hours.iter().map(Hours::of_location).collect());
        if !self.hours_words.is_empty() {
            out.set("availabilityExceptions", self.hours_words.as_str());
        }
        let mut extensions: Vec<Node<'static>> = self
            .accessibility
            .iter()
            .map(|words| extension("accessibility", ("valueCodeableConcept", access(words))))
            .collect();
        extensions.extend(verified(&self.verified, about));
        put_all(&mut out, "extension", extensions);
        out
    }
}

/// Reads a cell about accessibility: a list of words, or a plain yes.
pub(crate) fn accessibility(cell: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for words in cell.split([';', ',', '|']).map(crate::map::plan_net::address::tidy).filter(|words| !words.is_empty())
    {
        let is_no = matches!(words.to_lowercase().as_str(), "n" | "no" | "false" | "0" | "none");
        if !is_no && !out.contains(&words) {
            out.push(words);
        }
    }
    out
}

fn access(words: &str) -> Node<'static> {
    let plain = words.to_lowercase();
    let has = |part: &str| plain.contains(part);
    let code = match plain.as_str() {
        "y" | "yes" | "true" | "1" | "x" => "adacomp",
        _ if has("ada") || has("disabilit") => "adacomp",
        _ if has("wheelchair") || has("handi") => "handiaccess",
        _ if has("transit") || has("transport") || has("bus") => "pubtrans",
        _ if has("answer") => "anssrvc",
        _ if has("cultur") => "cultcomp",
        _ if has("cognitive") => "cognitive",
        _ if has("mobility") => "mobility",
        _ => {
            let mut out = Node::object();
            out.set("text", words);
            return out;
        }
    };
    of_plan_net("AccessibilityCS", code)
}
