//! Rows into parts: the provider of a row, refusals, and the facts that persons and facilities share.

use std::sync::Arc;

use super::{facility, person};
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::cells::{date, is_no, normal};
use crate::formats::issue::{RecordPlace, Rule, place};
use crate::formats::tables::providers::{ProviderField, ProviderHeader};
use crate::map::plan_net::{
    Address, DirectorySource, Hours, ListingPart, Listings, Location, Network, Phone, Plan, Specialty, Validity,
    accessibility, hours, phone,
};
use crate::map::record::ReadPiece;

/// Networks and plans in one cell.
const LIST_MAX: usize = 50;

/// A refusal.
pub(super) type Refused = (Rule, &'static str);

/// Reads rows, each with its line. A provider's rows are merged within one call, so a table is best passed whole.
pub(crate) fn read(file: &Arc<str>, header: &ProviderHeader, rows: &[(u64, csv::StringRecord)]) -> ReadPiece {
    let mut out = ReadPiece::default();
    let mut listings = Listings::default();
    for (line, cells) in rows {
        let place = place(file, *line);
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let row = ProviderRow { header, cells };
        match take(&row, &place, &mut listings) {
            Ok(notices) => notices.into_iter().for_each(|reason| out.reject(&place, Rule::Specialty, reason)),
            Err((rule, reason)) => out.reject(&place, rule, reason),
        }
    }
    out.records.extend(listings.records());
    out
}

/// Takes one row; returns notes about it.
fn take(row: &ProviderRow<'_>, place: &RecordPlace, listings: &mut Listings) -> Result<Vec<&'static str>, Refused> {
    if !row.header.is_whole(row.cells) {
        return Err((Rule::Provider, "the row has more or fewer cells than the header"));
    }
    let given = row.get(ProviderField::Npi);
    match npi(given) {
        _ if given.is_empty() => {}
        Npi::Good => {}
        Npi::Mistyped => return Err((Rule::CheckDigit, "the check digit of the NPI is wrong")),
        Npi::Other => return Err((Rule::Provider, "the NPI is not a number of ten digits")),
    }
    let common = RowFacts::read(row)?;
    if row.is_person() {
        person::take(row, &common, place, listings)
    } else {
        facility::take(row, &common, place, listings)
    }
}

/// One row with its header.
#[derive(Clone, Copy)]
pub(super) struct ProviderRow<'r> {
    pub(super) header: &'r ProviderHeader,
    pub(super) cells: &'r csv::StringRecord,
}

impl<'r> ProviderRow<'r> {
    pub(super) fn get(&self, field: ProviderField) -> &'r str {
        self.header.get(self.cells, field)
    }

    pub(super) fn text(&self, field: ProviderField) -> String {
        self.get(field).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The parts of all cells of a field.
    pub(super) fn list(&self, field: ProviderField) -> Vec<String> {
        let cells = self.header.all(self.cells, field);
        let parts = cells.flat_map(|cell| cell.split([';', '|', ','])).map(str::trim).filter(|part| !part.is_empty());
        let mut out: Vec<String> = Vec::new();
        for part in parts.take(LIST_MAX) {
            if !out.iter().any(|known| known == part) {
                out.push(part.to_owned());
            }
        }
        out
    }

    fn is_person(&self) -> bool {
        let kind = self.get(ProviderField::Kind).to_lowercase();
        match kind.as_str() {
            "1" | "i" | "individual" | "person" | "practitioner" => true,
            "2" | "o" | "f" | "organization" | "facility" | "group" => false,
            _ if !self.get(ProviderField::Facility).is_empty() => false,
            _ => {
                !self.get(ProviderField::Family).is_empty()
                    || self.header.has_persons() && !self.get(ProviderField::Name).is_empty()
            }
        }
    }
}

/// Facts that rows of both kinds have.
pub(super) struct RowFacts {
    pub(super) address: Address,
    pub(super) phones: Vec<Phone>,
    /// NUCC codes.
    pub(super) specialties: Vec<String>,
    /// Specialties in words without a known code.
    pub(super) words: Vec<String>,
    pub(super) hours: Vec<Hours>,
    pub(super) hours_words: String,
    pub(super) networks: Vec<Network>,
    pub(super) span: Validity,
    pub(super) verified: String,
}

impl RowFacts {
    fn read(row: &ProviderRow<'_>) -> Result<Self, Refused> {
        let lines = row.header.all(row.cells, ProviderField::Line);
        let address = Address::new(
            lines,
            row.get(ProviderField::City),
            row.get(ProviderField::State),
            row.get(ProviderField::Zip),
        );
        let mut phones: Vec<Phone> = Vec::new();
        for (field, is_fax) in [(ProviderField::Phone, false), (ProviderField::Fax, true)] {
            phones.extend(row.header.all(row.cells, field).filter_map(|cell| phone(cell, is_fax)));
        }
        let (mut specialties, mut words) = (Vec::new(), Vec::new());
        for specialty in row.list(ProviderField::Specialty).iter().filter_map(|cell| Specialty::read(cell)) {
            let (list, text) = match specialty {
                Specialty::Code(code) => (&mut specialties, code),
                Specialty::Words(text) => (&mut words, text),
            };
            if !list.contains(&text) {
                list.push(text);
            }
        }
        let cell = row.get(ProviderField::Hours);
        let (hours, hours_words) = match hours(cell) {
            Some(hours) => (hours, String::new()),
            None => (Vec::new(), row.text(ProviderField::Hours)),
        };
        Ok(Self {
            address,
            phones,
            specialties,
            words,
            hours,
            hours_words,
            networks: networks(row),
            span: Validity {
                from: day(
                    row,
                    ProviderField::From,
                    "the effective date is no date; write it as 2026-01-31 or 01/31/2026",
                )?,
                until: day(row, ProviderField::Until, "the end date is no date; write it as 2026-01-31 or 01/31/2026")?,
                is_ended: is_ended(row),
            },
            verified: day(
                row,
                ProviderField::Verified,
                "the last-verified date is no date; write it as 2026-01-31 or 01/31/2026",
            )?,
        })
    }

    /// The location of the row; absent if it has no address.
    pub(super) fn location(&self, row: &ProviderRow<'_>, owner: &str) -> Option<Location> {
        // Some tables repeat the address, with coordinates, in the column for the name of the office.
        let name = row.text(ProviderField::Place);
        let is_name =
            !name.is_empty() && !name.contains('(') && !name.eq_ignore_ascii_case(row.get(ProviderField::Line));
        (!self.address.is_empty()).then(|| Location {
            owner: owner.to_owned(),
            name: if is_name { name } else { String::new() },
            address: self.address.clone(),
            point: (row.get(ProviderField::Latitude).to_owned(), row.get(ProviderField::Longitude).to_owned()),
            accessibility: accessibility(row.get(ProviderField::Accessibility)),
            ..Location::default()
        })
    }

    /// Adds the plan itself, the networks and the plans that the row names.
    pub(super) fn add_networks(&self, row: &ProviderRow<'_>, listings: &mut Listings) {
        let plans = row.list(ProviderField::Plan);
        if self.networks.is_empty() {
            return;
        }
        listings.add(ListingPart::Payer, DirectorySource::Mentioned);
        for network in &self.networks {
            listings.add(ListingPart::Network(network.clone()), DirectorySource::Table);
        }
        let networks: Vec<String> = self.networks.iter().map(|network| network.key.clone()).collect();
        let name = if plans.len() == 1 { row.text(ProviderField::PlanName) } else { String::new() };
        for number in plans {
            let plan = Plan { number, name: name.clone(), networks: networks.clone() };
            listings.add(ListingPart::Plan(plan), DirectorySource::Table);
        }
    }
}

/// The networks of a row. If it names only plans, each plan stands for its one network.
fn networks(row: &ProviderRow<'_>) -> Vec<Network> {
    let (names, numbers) = (row.list(ProviderField::Network), row.list(ProviderField::NetworkId));
    if !numbers.is_empty() {
        let network = |(at, key): (usize, String)| {
            let name = names.get(at).filter(|_| names.len() == numbers.len()).cloned().unwrap_or_default();
            Network { key, name }
        };
        return numbers.iter().cloned().enumerate().map(network).collect();
    }
    let names = if names.is_empty() { row.list(ProviderField::Plan) } else { names };
    names.into_iter().map(|key| Network { key, name: String::new() }).collect()
}

/// Whether the row itself states that it is no longer valid. Words only: a single letter in a status column may mean
/// anything.
fn is_ended(row: &ProviderRow<'_>) -> bool {
    let active = row.get(ProviderField::Active);
    let over = |cell: &str| {
        let plain = normal(cell);
        ["term", "inactive", "notactive"].iter().any(|word| plain.starts_with(word))
            || matches!(plain.as_str(), "deleted" | "expired" | "retired" | "withdrawn")
    };
    over(row.get(ProviderField::Status)) || over(active) || (!active.is_empty() && is_no(active))
}

fn day(row: &ProviderRow<'_>, field: ProviderField, wrong: &'static str) -> Result<String, Refused> {
    let cell = row.get(field);
    if cell.is_empty() {
        return Ok(String::new());
    }
    date(cell).value().map(|day| day.to_string()).ok_or((Rule::Provider, wrong))
}
