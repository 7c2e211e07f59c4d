//! The resources that one row or element of a directory names, and how the rows of one block are merged: a provider in
//! ten rows becomes one resource, with the facts of all ten.

use std::collections::HashMap;

use super::build::DirectorySource;
use super::endpoint::Endpoint;
use super::location::Location;
use super::network::{Affiliation, Network, Plan, payer};
use super::organization::Organization;
use super::practitioner::Practitioner;
use super::role::Role;
use super::service::Service;
use crate::fhir::json::Node;
use crate::formats::issue::{RecordPlace, Rule};
use crate::map::record::{KnownMember, NamedMember, PlanContext, Record};

/// A part of a row that becomes one resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ListingPart {
    /// The plan itself.
    Payer,
    Network(Network),
    Plan(Plan),
    Organization(Organization),
    /// With the name to show if it has no name of its own.
    Location(Location, String),
    Service(Service),
    Practitioner(Practitioner),
    Role(Role),
    Affiliation(Affiliation),
    Endpoint(Endpoint),
}

/// One row.
pub(crate) struct Listing {
    place: RecordPlace,
    parts: Vec<(ListingPart, DirectorySource)>,
}

/// Collects the rows of a block.
#[derive(Default)]
pub(crate) struct Listings {
    rows: Vec<Listing>,
    /// The position of a part: row, and index in it.
    seen: HashMap<String, (usize, usize)>,
}

impl Listings {
    /// Begins a row.
    pub(crate) fn row(&mut self, place: RecordPlace) {
        self.rows.push(Listing { place, parts: Vec::new() });
    }

    /// Adds a part to the last row, or merges it into an earlier row that has the same part.
    pub(crate) fn add(&mut self, part: ListingPart, source: DirectorySource) {
        let key = part.key();
        let known = self.seen.get(&key).and_then(|(row, at)| self.rows.get_mut(*row)?.parts.get_mut(*at));
        if let Some((known, of)) = known {
            // A provider's own row outranks mentions by others.
            if source > *of {
                let weak = std::mem::replace(known, part);
                known.join(weak);
                *of = source;
            } else {
                known.join(part);
            }
        } else if let Some(last) = self.rows.len().checked_sub(1)
            && let Some(row) = self.rows.last_mut()
        {
            self.seen.insert(key, (last, row.parts.len()));
            row.parts.push((part, source));
        }
    }

    pub(crate) fn records(self) -> impl Iterator<Item = Box<dyn Record>> {
        self.rows.into_iter().map(|row| Box::new(row) as Box<dyn Record>)
    }
}

impl ListingPart {
    /// Identifies the resource of a part.
    fn key(&self) -> String {
        match self {
            Self::Payer => "payer".to_owned(),
            Self::Network(network) => format!("network {}", network.key.to_lowercase()),
            Self::Plan(plan) => format!("plan {}", plan.number.to_lowercase()),
            Self::Organization(organization) => format!("organization {}", organization.id),
            Self::Location(location, _) => format!("location {}", location.id()),
            Self::Service(service) => format!("service {}", service.id()),
            Self::Practitioner(practitioner) => format!("practitioner {}", practitioner.id),
            Self::Role(role) => format!("role {}", role.id()),
            Self::Affiliation(affiliation) => format!("affiliation {}", affiliation.id()),
            Self::Endpoint(endpoint) => format!("endpoint {}", endpoint.id()),
        }
    }

    /// Adds the facts that only the other has.
    fn join(&mut self, other: Self) {
        match (self, other) {
            (Self::Network(one), Self::Network(other)) => fill(&mut one.name, other.name),
            (Self::Plan(one), Self::Plan(other)) => {
                fill(&mut one.name, other.name);
                union(&mut one.networks, other.networks);
            }
            (Self::Organization(one), Self::Organization(other)) => {
                fill(&mut one.number, other.number);
                fill(&mut one.name, other.name);
                fill(&mut one.endpoint, other.endpoint);
                union(&mut one.specialties, other.specialties);
                if one.phones.is_empty() {
                    one.phones = other.phones;
                }
                if one.address.is_empty() {
                    one.address = other.address;
                }
            }
            (Self::Location(one, _), Self::Location(other, _)) => {
                union(&mut one.accessibility, other.accessibility);
                union(&mut one.phones, other.phones);
                fill(&mut one.point.0, other.point.0);
                fill(&mut one.point.1, other.point.1);
                later(&mut one.verified, other.verified);
            }
            (Self::Service(one), Self::Service(other)) => {
                union(&mut one.specialties, other.specialties);
                one.accepting = one.accepting.or(other.accepting);
                later(&mut one.verified, other.verified);
                one.span.join(other.span);
            }
            (Self::Practitioner(one), Self::Practitioner(other)) => {
                fill(&mut one.number, other.number);
                fill(&mut one.credential, other.credential);
                union(&mut one.languages, other.languages);
                union(&mut one.licences, other.licences);
                union(&mut one.skills, other.skills);
            }
            (Self::Role(one), Self::Role(other)) => {
                union(&mut one.specialties, other.specialties);
                union(&mut one.phones, other.phones);
                one.accepting = one.accepting.or(other.accepting);
                fill(&mut one.service, other.service);
                fill(&mut one.endpoint, other.endpoint);
                later(&mut one.verified, other.verified);
                one.span.join(other.span);
            }
            (Self::Affiliation(one), Self::Affiliation(other)) => {
                union(&mut one.specialties, other.specialties);
                later(&mut one.verified, other.verified);
                one.span.join(other.span);
            }
            _ => {}
        }
    }

    fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        match self {
            Self::Payer => payer(about),
            Self::Network(network) => network.resource(source, about),
            Self::Plan(plan) => plan.resource(source, about),
            Self::Organization(organization) => organization.resource(source, about),
            Self::Location(location, name) => location.resource(source, about, name),
            Self::Service(service) => service.resource(source, about),
            Self::Practitioner(practitioner) => practitioner.resource(source, about),
            Self::Role(role) => role.resource(source, about),
            Self::Affiliation(affiliation) => affiliation.resource(source, about),
            Self::Endpoint(endpoint) => endpoint.resource(source, about),
        }
    }
}

impl Record for Listing {
    fn place(&self) -> &RecordPlace {
        &self.place
    }

    fn named_member(&self) -> Option<NamedMember> {
        None
    }

    fn resources(&self, _: &KnownMember, about: PlanContext<'_>) -> Result<Vec<Node<'static>>, (Rule, String)> {
        Ok(self.parts.iter().map(|(part, source)| part.resource(*source, about)).collect())
    }
}

/// Values that one element collects from all rows of a block; a row brings a few.
const UNION_MAX: usize = 100;

fn union<T: PartialEq>(into: &mut Vec<T>, from: Vec<T>) {
    for value in from {
        if into.len() < UNION_MAX && !into.contains(&value) {
            into.push(value);
        }
    }
}

fn fill(into: &mut String, from: String) {
    if into.is_empty() {
        *into = from;
    }
}

fn later(into: &mut String, from: String) {
    if from > *into {
        *into = from;
    }
}
