//! Rows into entries: the refusals, and the cells that are used.

use std::collections::HashSet;
use std::sync::Arc;

use super::entry::{ProviderKind, RegistryProvider};
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::issue::{Rule, place};
use crate::formats::nppes::{Column, NppesHeader};
use crate::map::plan_net::{
    Address, Licence, Location, Organization, Practitioner, Role, is_personal, organization_id, organization_type,
    phone, practitioner_id,
};
use crate::map::record::ReadPiece;

/// Reads a block of rows, each with its line in the file.
pub(crate) fn read(file: &Arc<str>, header: &NppesHeader, rows: &[(u64, csv::StringRecord)]) -> ReadPiece {
    let mut out = ReadPiece::default();
    let mut mentioned: HashSet<String> = HashSet::new();
    out.records.reserve(rows.len());
    for (line, row) in rows {
        let place = place(file, *line);
        match kind(header, row, &mut mentioned) {
            Ok(kind) => out.records.push(Box::new(RegistryProvider { place, kind })),
            Err((rule, reason)) => out.reject(&place, rule, reason),
        }
    }
    out
}

fn kind(
    header: &NppesHeader,
    row: &csv::StringRecord,
    mentioned: &mut HashSet<String>,
) -> Result<ProviderKind, (Rule, &'static str)> {
    if !header.is_whole(row) {
        return Err((Rule::Provider, "the row has more or fewer cells than the header"));
    }
    let cell = |column| header.cell(row, column);
    let number = cell(Column::Npi);
    match npi(number) {
        Npi::Good => {}
        Npi::Mistyped => return Err((Rule::CheckDigit, "the check digit of the NPI is wrong")),
        Npi::Other => return Err((Rule::Provider, "the NPI is not a number of ten digits")),
    }
    let is_gone = !cell(Column::Deactivated).is_empty() && cell(Column::Reactivated).is_empty();
    match (cell(Column::Entity), is_gone) {
        ("1", true) => Ok(ProviderKind::Gone { npi: number.to_owned(), person: true, organization: false }),
        ("2", true) => Ok(ProviderKind::Gone { npi: number.to_owned(), person: false, organization: true }),
        (_, true) => Ok(ProviderKind::Gone { npi: number.to_owned(), person: true, organization: true }),
        ("1", false) if !named(cell(Column::Family)).is_empty() => Ok(person(header, row, mentioned)),
        ("1", false) => Err((Rule::Provider, "the last name of the person is empty")),
        ("2", false) if !named(cell(Column::OrganizationName)).is_empty() => Ok(organization(header, row)),
        ("2", false) => Err((Rule::Provider, "the name of the organization is empty")),
        _ => Err((Rule::Provider, "the entity type is neither 1 (person) nor 2 (organization)")),
    }
}

fn person(header: &NppesHeader, row: &csv::StringRecord, mentioned: &mut HashSet<String>) -> ProviderKind {
    let cell = |column| header.cell(row, column);
    let id = practitioner_id(cell(Column::Npi), "");
    let mut licences: Vec<Licence> = Vec::new();
    let mut specialties: Vec<String> = Vec::new();
    for (code, is_primary, licence) in taxonomies(header, row) {
        if is_primary {
            specialties.insert(0, code.to_owned());
        } else {
            specialties.push(code.to_owned());
        }
        if let Some((number, state)) = licence {
            let licence = Licence { number: number.to_owned(), state: state.to_owned(), specialty: code.to_owned() };
            if !licences.contains(&licence) {
                licences.push(licence);
            }
        }
    }
    dedup(&mut specialties);
    // Codes that a role may not have are not lost: a license names its own, the others become qualifications.
    let licensed = |code: &String| licences.iter().any(|licence| licence.specialty == *code);
    let skills: Vec<String> =
        specialties.iter().filter(|code| !is_personal(code) && !licensed(code)).cloned().collect();
    let gender = match cell(Column::Gender) {
        "M" => "male",
        "F" => "female",
        "X" | "U" => "unknown",
        _ => "",
    };
    let practitioner = Practitioner {
        npi: cell(Column::Npi).to_owned(),
        family: named(cell(Column::Family)).to_owned(),
        given: [cell(Column::Given), cell(Column::Middle)]
            .into_iter()
            .map(named)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        prefix: named(cell(Column::Prefix)).to_owned(),
        suffix: named(cell(Column::Suffix)).to_owned(),
        credential: named(cell(Column::Credential)).to_owned(),
        gender,
        licences,
        skills,
        id: id.clone(),
        ..Practitioner::default()
    };
    let address = practice(header, row);
    let location = (!address.is_empty()).then(|| Location { address, ..Location::default() });
    let location_id = location.as_ref().map(Location::id).unwrap_or_default();
    let mut phones: Vec<_> =
        phone(cell(Column::Phone), false).or_else(|| phone(cell(Column::MailPhone), false)).into_iter().collect();
    phones.extend(phone(cell(Column::Fax), true));
    let role = Role { practitioner: id, location: location_id.clone(), specialties, phones, ..Role::default() };
    let location = location.filter(|_| mentioned.insert(location_id));
    ProviderKind::Person(Box::new((practitioner, role, location)))
}

fn organization(header: &NppesHeader, row: &csv::StringRecord) -> ProviderKind {
    let cell = |column| header.cell(row, column);
    let id = organization_id(cell(Column::Npi), "");
    let mut specialties: Vec<String> = Vec::new();
    for (code, is_primary, _) in taxonomies(header, row) {
        let at = if is_primary { 0 } else { specialties.len() };
        specialties.insert(at, code.to_owned());
    }
    dedup(&mut specialties);
    let mut phones: Vec<_> =
        phone(cell(Column::Phone), false).or_else(|| phone(cell(Column::MailPhone), false)).into_iter().collect();
    phones.extend(phone(cell(Column::Fax), true));
    let practice = practice(header, row);
    let address = if practice.is_empty() { mailing(header, row) } else { practice.clone() };
    let name = named(cell(Column::OrganizationName)).to_owned();
    let location = (!practice.is_empty()).then(|| Location {
        owner: id.clone(),
        address: practice,
        phones: phones.clone(),
        ..Location::default()
    });
    let organization = Organization {
        id,
        npi: cell(Column::Npi).to_owned(),
        name,
        alias: named(cell(Column::OtherName)).to_owned(),
        kind: specialties.first().map_or("prvgrp", |code| organization_type(code)),
        specialties,
        phones,
        address,
        ..Organization::default()
    };
    ProviderKind::Organization(Box::new((organization, location)))
}

type Taxon<'r> = (&'r str, bool, Option<(&'r str, &'r str)>);

/// The taxonomies of a row: code, whether it is the primary one, license number and state.
fn taxonomies<'r>(header: &'r NppesHeader, row: &'r csv::StringRecord) -> impl Iterator<Item = Taxon<'r>> {
    let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default().trim();
    header.taxonomies.iter().filter_map(move |columns| {
        let code = cell(Some(columns.code));
        let licence = named(cell(columns.licence));
        crate::map::plan_net::is_code(code).then(|| {
            let licence = (!licence.is_empty()).then(|| (licence, cell(columns.state)));
            (code, cell(columns.is_primary) == "Y", licence)
        })
    })
}

fn practice(header: &NppesHeader, row: &csv::StringRecord) -> Address {
    use Column::City;
    use Column::Country;
    use Column::Line1;
    use Column::Line2;
    use Column::State;
    use Column::Zip;
    address(header, row, [Line1, Line2, City, State, Zip, Country])
}

fn mailing(header: &NppesHeader, row: &csv::StringRecord) -> Address {
    use Column::MailCity;
    use Column::MailCountry;
    use Column::MailLine1;
    use Column::MailLine2;
    use Column::MailState;
    use Column::MailZip;
    address(header, row, [MailLine1, MailLine2, MailCity, MailState, MailZip, MailCountry])
}

fn address(header: &NppesHeader, row: &csv::StringRecord, columns: [Column; 6]) -> Address {
    let [line1, line2, city, state, zip, country] = columns.map(|column| named(header.cell(row, column)));
    let country = if country == "US" { String::new() } else { country.to_owned() };
    Address { country, ..Address::new([line1, line2].into_iter(), city, state, zip) }
}

/// The registry masks some cells with a mark.
fn named(cell: &str) -> &str {
    if cell.starts_with('<') || cell.starts_with('=') || cell.chars().all(|c| c == '-' || c == '.') { "" } else { cell }
}

fn dedup(list: &mut Vec<String>) {
    let mut seen = HashSet::new();
    list.retain(|code| seen.insert(code.clone()));
}
