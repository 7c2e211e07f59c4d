//! A row about a facility: a hospital, a pharmacy, a group at a location.

use super::row::{ProviderRow, Refused, RowFacts};
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::tables::providers::ProviderField;
use crate::map::plan_net::{
    Accepting, Affiliation, DirectorySource, Endpoint, ListingPart, Listings, Location, Organization, Service,
    category, organization_id,
};

/// Takes a row about a facility; returns notes about it.
pub(super) fn take(
    row: &ProviderRow<'_>,
    common: &RowFacts,
    place: &RecordPlace,
    listings: &mut Listings,
) -> Result<Vec<&'static str>, Refused> {
    let name = [ProviderField::Facility, ProviderField::Name, ProviderField::Organization]
        .into_iter()
        .map(|field| row.text(field))
        .find(|name| !name.is_empty())
        .ok_or((Rule::Provider, "the row has no name: neither of a person nor of a facility"))?;
    if common.address.is_empty() {
        return Err((Rule::Provider, "the address of the facility is empty"));
    }
    let npi = [ProviderField::Npi, ProviderField::OrganizationNpi]
        .map(|field| row.get(field))
        .into_iter()
        .find(|npi| !npi.is_empty());
    let npi = npi.unwrap_or_default().to_owned();
    let id = organization_id(&npi, &name);
    let is_pharmacy = row.get(ProviderField::Facility) == name && row.header.is_of_pharmacies();
    let words = [row.get(ProviderField::Kind), &name, &common.specialties.join(" "), &common.words.join(" ")].join(" ");
    let (category, affiliation, kind) = category(if is_pharmacy { "pharmacy" } else { &words });
    listings.row(place.clone());
    common.add_networks(row, listings);
    let location = common.location(row, &id).map(|location| Location {
        phones: common.phones.clone(),
        hours: common.hours.clone(),
        hours_words: common.hours_words.clone(),
        verified: common.verified.clone(),
        kind,
        ..location
    });
    let location_id = location.as_ref().map(Location::id).unwrap_or_default();
    let service = Service {
        key: [location_id.clone(), category.to_owned()],
        name: name.clone(),
        category,
        organization: id.clone(),
        specialties: common.specialties.clone(),
        location: location_id.clone(),
        phones: common.phones.clone(),
        accepting: Accepting::read(row.get(ProviderField::Accepting)),
        hours: common.hours.clone(),
        hours_words: common.hours_words.clone(),
        verified: common.verified.clone(),
        span: common.span.clone(),
        ..Service::default()
    };
    let affiliated = Affiliation {
        organization: id.clone(),
        location: location_id,
        service: service.id(),
        role: affiliation,
        specialties: common.specialties.clone(),
        verified: common.verified.clone(),
        span: common.span.clone(),
        ..Affiliation::default()
    };
    let endpoint = Endpoint::read(row.get(ProviderField::Endpoint), &id);
    let organization = Organization {
        endpoint: endpoint.as_ref().map(Endpoint::id).unwrap_or_default(),
        id,
        npi,
        number: row.text(ProviderField::Number),
        name: name.clone(),
        kind: if category == "group" { "prvgrp" } else { "fac" },
        specialties: common.specialties.clone(),
        phones: common.phones.clone(),
        address: common.address.clone(),
        ..Organization::default()
    };
    listings.add(ListingPart::Organization(organization), DirectorySource::Table);
    if let Some(location) = location {
        listings.add(ListingPart::Location(location, name), DirectorySource::Table);
    }
    if let Some(endpoint) = endpoint {
        listings.add(ListingPart::Endpoint(endpoint), DirectorySource::Table);
    }
    listings.add(ListingPart::Service(service), DirectorySource::Table);
    for network in &common.networks {
        let affiliation = Affiliation { network: network.key.clone(), ..affiliated.clone() };
        listings.add(ListingPart::Affiliation(affiliation), DirectorySource::Table);
    }
    let is_unknown = |code: &String| !crate::map::plan_net::is_any(code);
    let in_words = !common.words.is_empty() || common.specialties.iter().any(is_unknown);
    let notice = "a specialty is in words, or its code is none that Plan-Net allows; the facility is not found by it";
    Ok(in_words.then_some(notice).into_iter().collect())
}
