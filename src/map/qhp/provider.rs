//! Elements of `providers.json`: persons and facilities, their addresses, and the plans whose networks they are in.

use crate::fhir::json::Node;
use crate::formats::cells::date;
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::qhp::element::{items, text, texts, years};
use crate::map::plan_net::{
    Accepting, Address, Affiliation, DirectorySource, ListingPart, Listings, Location, Network, Organization, Phone,
    Plan, Practitioner, Role, Service, Specialty, Validity, category, is_any, is_personal, organization_id, phone,
    practitioner_id,
};

/// Locations times networks of one provider; each pair is a role.
const ROLES_MAX: usize = 2_000;
const SOURCE: DirectorySource = DirectorySource::Qhp;

type Refused = (Rule, &'static str);

/// Facts that both kinds of provider have.
struct ProviderFacts {
    npi: String,
    places: Vec<(Address, Vec<Phone>, (String, String))>,
    networks: Vec<(String, Validity)>,
    plans: Vec<Plan>,
    codes: Vec<String>,
    words: Vec<String>,
    accepting: Option<Accepting>,
    verified: String,
}

/// The key of a network: the exchange's files name none, only tiers of a plan.
pub(super) fn network_key(plan: &str, tier: &str) -> String {
    if tier.is_empty() { plan.to_owned() } else { format!("{plan} {tier}") }
}

/// Takes a provider; returns notes about it.
pub(super) fn take(
    value: &Node<'_>,
    place: &RecordPlace,
    listings: &mut Listings,
) -> Result<Vec<&'static str>, Refused> {
    let common = common(value)?;
    let is_person = value.get("name").is_some_and(|name| matches!(name, Node::Object(_)))
        && text(value, "facility_name").is_empty();
    let mut notices = Vec::new();
    if !common.words.is_empty() {
        notices.push("a specialty is in words for which no NUCC code is known");
    }
    if is_person {
        let person = person(value, &common)?;
        begin(&common, place, listings);
        add_person(person, &common, listings);
    } else {
        let name = ["facility_name", "name"].map(|member| text(value, member));
        let name = name.into_iter().find(|name| !name.is_empty());
        let name = name.ok_or((Rule::Provider, "the provider has neither the name of a person nor of a facility"))?;
        if common.places.is_empty() {
            return Err((Rule::Provider, "the facility has no address"));
        }
        begin(&common, place, listings);
        add_facility(value, &name, &common, listings);
    }
    Ok(notices)
}

fn common(value: &Node<'_>) -> Result<ProviderFacts, Refused> {
    let number = text(value, "npi");
    match npi(&number) {
        _ if number.is_empty() => {}
        Npi::Good => {}
        Npi::Mistyped => return Err((Rule::CheckDigit, "the check digit of the NPI is wrong")),
        Npi::Other => return Err((Rule::Provider, "the NPI is not a number of ten digits")),
    }
    let mut out = ProviderFacts {
        npi: number,
        places: Vec::new(),
        networks: Vec::new(),
        plans: Vec::new(),
        codes: Vec::new(),
        words: Vec::new(),
        accepting: Accepting::read(&text(value, "accepting")),
        verified: date(&text(value, "last_updated_on")).value().map(|day| day.to_string()).unwrap_or_default(),
    };
    for one in items(value, "addresses") {
        let lines = ["address", "address_2"].map(|member| text(one, member));
        let [city, state, zip] = ["city", "state", "zip"].map(|member| text(one, member));
        let address = Address::new(lines.iter().map(String::as_str), &city, &state, &zip);
        let longitude =
            ["lng", "lon", "long"].into_iter().map(|member| text(one, member)).find(|cell| !cell.is_empty());
        if !address.is_empty() && !out.places.iter().any(|(known, ..)| known.key() == address.key()) {
            let phones = phone(&text(one, "phone"), false).into_iter().collect();
            out.places.push((address, phones, (text(one, "lat"), longitude.unwrap_or_default())));
        }
    }
    for one in items(value, "plans") {
        let number = text(one, "plan_id");
        if number.is_empty() {
            continue;
        }
        let key = network_key(&number, &text(one, "network_tier"));
        match out.plans.iter_mut().find(|plan| plan.number == number) {
            Some(plan) if plan.networks.contains(&key) => {}
            Some(plan) => plan.networks.push(key.clone()),
            None => out.plans.push(Plan { number, name: String::new(), networks: vec![key.clone()] }),
        }
        let (from, until) = years(one);
        let span = Validity { from, until, is_ended: false };
        match out.networks.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => known.join(span),
            None => out.networks.push((key, span)),
        }
    }
    // Both spellings occur, and some files have both in one element.
    let mut specialties = texts(value, "specialty");
    for member in ["speciality", "specialties", "facility_type"] {
        specialties.extend(texts(value, member));
    }
    for specialty in specialties.iter().filter_map(|words| Specialty::read(words)) {
        let (list, text) = match specialty {
            Specialty::Code(code) => (&mut out.codes, code),
            Specialty::Words(text) => (&mut out.words, text),
        };
        if !list.contains(&text) {
            list.push(text);
        }
    }
    if out.places.len().max(1) * out.networks.len().max(1) > ROLES_MAX {
        return Err((Rule::Provider, "the provider has too many addresses times networks (2,000)"));
    }
    Ok(out)
}

/// Begins the row, with the networks and plans that it names.
fn begin(common: &ProviderFacts, place: &RecordPlace, listings: &mut Listings) {
    listings.row(place.clone());
    if !common.networks.is_empty() {
        listings.add(ListingPart::Payer, DirectorySource::Mentioned);
    }
    for (key, _) in &common.networks {
        listings
            .add(ListingPart::Network(Network { key: key.clone(), name: String::new() }), DirectorySource::Mentioned);
    }
    for plan in &common.plans {
        listings.add(ListingPart::Plan(plan.clone()), DirectorySource::Mentioned);
    }
}

fn person(value: &Node<'_>, common: &ProviderFacts) -> Result<Practitioner, Refused> {
    let name = value.get("name").unwrap_or(&Node::Null);
    let [family, suffix, prefix] = ["last", "suffix", "prefix"].map(|member| text(name, member));
    if family.is_empty() {
        return Err((Rule::Provider, "the last name of the person is empty"));
    }
    let given: Vec<String> =
        ["first", "middle"].map(|member| text(name, member)).into_iter().filter(|name| !name.is_empty()).collect();
    let zip = common.places.first().map(|(address, ..)| address.zip.clone()).unwrap_or_default();
    let key = format!("{} {family} {zip}", given.join(" ")).to_lowercase();
    let id = practitioner_id(&common.npi, &key);
    let gender = match text(value, "gender").to_lowercase().as_str() {
        "male" | "m" => "male",
        "female" | "f" => "female",
        "other" | "x" => "other",
        _ => "",
    };
    let others = common.codes.iter().filter(|code| !is_personal(code));
    Ok(Practitioner {
        number: if common.npi.is_empty() { id.clone() } else { String::new() },
        id,
        npi: common.npi.clone(),
        family,
        given,
        suffix,
        prefix,
        gender,
        languages: texts(value, "languages"),
        skills: common.words.iter().chain(others).cloned().collect(),
        ..Practitioner::default()
    })
}

fn add_person(person: Practitioner, common: &ProviderFacts, listings: &mut Listings) {
    let base = Role {
        practitioner: person.id.clone(),
        specialties: common.codes.iter().filter(|code| is_personal(code)).cloned().collect(),
        accepting: common.accepting,
        verified: common.verified.clone(),
        ..Role::default()
    };
    listings.add(ListingPart::Practitioner(person), SOURCE);
    let mut places: Vec<(String, Vec<Phone>)> = Vec::new();
    for (address, phones, point) in &common.places {
        let location = Location { address: address.clone(), point: point.clone(), ..Location::default() };
        places.push((location.id(), phones.clone()));
        listings.add(ListingPart::Location(location, String::new()), SOURCE);
    }
    if places.is_empty() {
        places.push((String::new(), Vec::new()));
    }
    let nowhere = [(String::new(), Validity::default())];
    let networks = if common.networks.is_empty() { &nowhere[..] } else { &common.networks };
    for (location, phones) in places {
        for (network, span) in networks.iter().cloned() {
            let (location, phones) = (location.clone(), phones.clone());
            listings.add(ListingPart::Role(Role { location, network, phones, span, ..base.clone() }), SOURCE);
        }
    }
}

fn add_facility(value: &Node<'_>, name: &str, common: &ProviderFacts, listings: &mut Listings) {
    let id = organization_id(&common.npi, name);
    let words = [name, &texts(value, "facility_type").join(" "), &common.codes.join(" "), &common.words.join(" ")];
    let (category, affiliation, kind) = category(&words.join(" "));
    let codes: Vec<String> = common.codes.iter().filter(|code| is_any(code)).cloned().collect();
    let first = common.places.first();
    let spans = common.networks.iter().map(|(_, span)| span.clone());
    let span = spans.reduce(|mut all, span| {
        all.join(span);
        all
    });
    let span = span.unwrap_or_default();
    let organization = Organization {
        id: id.clone(),
        npi: common.npi.clone(),
        name: name.to_owned(),
        kind: if category == "group" { "prvgrp" } else { "fac" },
        specialties: codes.clone(),
        phones: first.map(|(_, phones, _)| phones.clone()).unwrap_or_default(),
        address: first.map(|(address, ..)| address.clone()).unwrap_or_default(),
        ..Organization::default()
    };
    listings.add(ListingPart::Organization(organization), SOURCE);
    for (address, phones, point) in &common.places {
        let location = Location {
            owner: id.clone(),
            address: address.clone(),
            phones: phones.clone(),
            point: point.clone(),
            kind,
            verified: common.verified.clone(),
            ..Location::default()
        };
        let service = Service {
            key: [location.id(), category.to_owned()],
            name: name.to_owned(),
            category,
            organization: id.clone(),
            specialties: codes.clone(),
            location: location.id(),
            phones: phones.clone(),
            accepting: common.accepting,
            verified: common.verified.clone(),
            span: span.clone(),
            ..Service::default()
        };
        let base = Affiliation {
            organization: id.clone(),
            location: location.id(),
            service: service.id(),
            role: affiliation,
            specialties: codes.clone(),
            verified: common.verified.clone(),
            ..Affiliation::default()
        };
        listings.add(ListingPart::Location(location, name.to_owned()), SOURCE);
        listings.add(ListingPart::Service(service), SOURCE);
        for (network, span) in common.networks.iter().cloned() {
            listings.add(ListingPart::Affiliation(Affiliation { network, span, ..base.clone() }), SOURCE);
        }
    }
}
