//! A row about a person.

use super::row::{ProviderRow, Refused, RowFacts};
use crate::formats::cells::is_yes;
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::tables::providers::ProviderField;
use crate::map::plan_net::{
    Accepting, DirectorySource, Endpoint, Licence, ListingPart, Listings, Location, Organization, Practitioner, Role,
    Service, VIRTUAL, organization_id, practitioner_id,
};

/// Letters of a degree after a name, such as `MD, PhD`; a longer word is a first name in capitals.
const DEGREE_MAX: usize = 5;

/// Takes a row about a person; returns notes about it.
pub(super) fn take(
    row: &ProviderRow<'_>,
    common: &RowFacts,
    place: &RecordPlace,
    listings: &mut Listings,
) -> Result<Vec<&'static str>, Refused> {
    let mut person = practitioner(row)?;
    let group = group(row, common)?;
    listings.row(place.clone());
    common.add_networks(row, listings);
    let mut notices = Vec::new();
    if !common.words.is_empty() {
        person.skills.clone_from(&common.words);
        notices.push("a specialty is in words for which no NUCC code is known; it is kept as a qualification");
    }
    let (specialties, others): (Vec<String>, Vec<String>) =
        common.specialties.iter().cloned().partition(|code| crate::map::plan_net::is_personal(code));
    if !others.is_empty() {
        person.skills.extend(others);
        notices.push("a specialty's code is none that Plan-Net allows for persons; it is kept as a qualification");
    }
    let owner = group.as_ref().map(|group| group.id.clone()).unwrap_or_default();
    let location = common.location(row, &owner);
    let service = is_yes(row.get(ProviderField::Telehealth)).then(|| Service {
        key: [person.id.clone(), VIRTUAL.to_owned()],
        name: "Telehealth".to_owned(),
        category: "prov",
        specialties: specialties.clone(),
        is_virtual: true,
        span: common.span.clone(),
        ..Service::default()
    });
    let endpoint = Endpoint::read(row.get(ProviderField::Endpoint), &owner);
    let role = Role {
        practitioner: person.id.clone(),
        organization: owner,
        location: location.as_ref().map(Location::id).unwrap_or_default(),
        service: service.as_ref().map(Service::id).unwrap_or_default(),
        endpoint: endpoint.as_ref().map(Endpoint::id).unwrap_or_default(),
        specialties,
        phones: common.phones.clone(),
        accepting: Accepting::read(row.get(ProviderField::Accepting)),
        hours: common.hours.clone(),
        hours_words: common.hours_words.clone(),
        verified: common.verified.clone(),
        span: common.span.clone(),
        ..Role::default()
    };
    let group_name = group.as_ref().map(|group| group.name.clone()).unwrap_or_default();
    listings.add(ListingPart::Practitioner(person), DirectorySource::Table);
    if let Some(group) = group {
        listings.add(ListingPart::Organization(group), DirectorySource::Mentioned);
    }
    if let Some(location) = location {
        listings.add(ListingPart::Location(location, group_name), DirectorySource::Table);
    }
    if let Some(endpoint) = endpoint {
        listings.add(ListingPart::Endpoint(endpoint), DirectorySource::Table);
    }
    if let Some(service) = service {
        listings.add(ListingPart::Service(service), DirectorySource::Table);
    }
    if common.networks.is_empty() {
        listings.add(ListingPart::Role(role), DirectorySource::Table);
        return Ok(notices);
    }
    for network in &common.networks {
        listings.add(ListingPart::Role(Role { network: network.key.clone(), ..role.clone() }), DirectorySource::Table);
    }
    Ok(notices)
}

fn practitioner(row: &ProviderRow<'_>) -> Result<Practitioner, Refused> {
    let (mut family, mut given) = (row.text(ProviderField::Family), Vec::new());
    let mut credential = row.text(ProviderField::Credential);
    if family.is_empty() {
        (family, given, credential) = split_name(row.get(ProviderField::Name), credential);
    }
    given.extend(
        [ProviderField::Given, ProviderField::Middle]
            .map(|field| row.text(field))
            .into_iter()
            .filter(|name| !name.is_empty()),
    );
    if family.is_empty() {
        return Err((Rule::Provider, "the last name of the person is empty"));
    }
    let npi = row.get(ProviderField::Npi).to_owned();
    let number = row.text(ProviderField::Number);
    // Without a number, name and location identify a person.
    let key = if number.is_empty() {
        format!("{} {family} {}", given.join(" "), row.get(ProviderField::Zip))
    } else {
        number.clone()
    };
    let id = practitioner_id(&npi, &key.to_lowercase());
    let number = if number.is_empty() && npi.is_empty() { id.clone() } else { number };
    let gender = match row.get(ProviderField::Gender).to_ascii_lowercase().as_str() {
        "m" | "male" | "1" => "male",
        "f" | "female" | "2" => "female",
        "x" | "o" | "other" | "nonbinary" => "other",
        _ => "",
    };
    let licence = row.text(ProviderField::Licence);
    let licences = (!licence.is_empty()).then(|| Licence {
        number: licence,
        state: row.text(ProviderField::LicenceState),
        specialty: String::new(),
    });
    Ok(Practitioner {
        id,
        npi,
        number,
        family,
        given,
        suffix: row.text(ProviderField::Suffix),
        credential,
        gender,
        languages: row.list(ProviderField::Languages),
        licences: licences.into_iter().collect(),
        ..Practitioner::default()
    })
}

/// `Albee, Ruth M` or `Ruth M Albee, MD`: family, given names, letters after the name.
fn split_name(name: &str, credential: String) -> (String, Vec<String>, String) {
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let (before, after) = name.split_once(',').unwrap_or((name, ""));
    let after = after.trim();
    let letters = after.chars().filter(char::is_ascii_alphabetic).count();
    let is_letters = letters > 0 && after.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '.' | ',' | ' ' | '-'));
    let is_degree = after.is_empty() || (is_letters && letters <= DEGREE_MAX && before.contains(' '));
    if !is_degree {
        return (words(before).join(" "), words(after), credential);
    }
    let credential = if credential.is_empty() { after.to_owned() } else { credential };
    let mut given = words(before);
    let family = given.pop().unwrap_or_default();
    (family, given, credential)
}

/// The person's group, if the row names one that can be identified.
fn group(row: &ProviderRow<'_>, common: &RowFacts) -> Result<Option<Organization>, Refused> {
    let (name, number) = (row.text(ProviderField::Organization), row.get(ProviderField::OrganizationNpi));
    match npi(number) {
        _ if number.is_empty() => {}
        Npi::Good => {}
        Npi::Mistyped => return Err((Rule::CheckDigit, "the check digit of the organization's NPI is wrong")),
        Npi::Other => return Err((Rule::Provider, "the organization's NPI is not a number of ten digits")),
    }
    if name.is_empty() || is_uuid(&name) {
        return Ok(None);
    }
    Ok(Some(Organization {
        id: organization_id(number, &name),
        npi: number.to_owned(),
        name,
        kind: "prvgrp",
        address: common.address.clone(),
        ..Organization::default()
    }))
}

/// A database key is not a name.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_two_orders() {
        for (name, family, given, letters) in [
            ("Albee, Ruth M", "Albee", "Ruth M", ""),
            ("Ruth M Albee, MD", "Albee", "Ruth M", "MD"),
            ("Ruth Albee", "Albee", "Ruth", ""),
            ("Albee", "Albee", "", ""),
            ("", "", "", ""),
        ] {
            let (found, names, behind) = split_name(name, String::new());
            assert_eq!((found.as_str(), names.join(" ").as_str(), behind.as_str()), (family, given, letters), "{name}");
        }
    }
}
