//! Every resource of these mappers is valid, and two sources are merged.

use serde_json::json;

use super::*;
use crate::fhir::json::{Node, node};
use crate::map::fixtures_tests::{about, assert_valid, value};

fn person() -> Practitioner {
    Practitioner {
        id: practitioner_id("1234567893", ""),
        npi: "1234567893".to_owned(),
        family: "Albee".to_owned(),
        given: vec!["Ruth".to_owned()],
        credential: "M.D.".to_owned(),
        gender: "female",
        languages: vec!["Spanish".to_owned(), "Klingon".to_owned()],
        licences: vec![Licence { number: "1".to_owned(), state: "CT".to_owned(), specialty: "207RC0000X".to_owned() }],
        skills: vec!["Dragon taming".to_owned(), "999999999X".to_owned()],
        ..Practitioner::default()
    }
}

fn address() -> Address {
    Address::new(["12 Main St", ""].into_iter(), "Hartford", "CT", "061051208")
}

/// A validity that ended before the clock of the tests.
fn ended() -> Validity {
    Validity { from: "2024-01-01".to_owned(), until: "2025-12-31".to_owned(), is_ended: false }
}

#[test]
fn all_kinds_are_valid() {
    let about = about();
    let owner = organization_id("1234567893", "");
    let place = Location {
        owner: owner.clone(),
        name: "East".to_owned(),
        address: address(),
        phones: phone("8605550100", false).into_iter().collect(),
        accessibility: accessibility("ADA; wheelchair, loud bell; no"),
        hours: hours("Mon-Fri 8-17").unwrap(),
        kind: "OUTPHARM",
        verified: "2026-11-01".to_owned(),
        ..Location::default()
    };
    let group = Organization {
        id: owner.clone(),
        npi: "1234567893".to_owned(),
        name: "Albee Care".to_owned(),
        alias: "Albee".to_owned(),
        specialties: vec!["261QU0200X".to_owned()],
        address: address(),
        ..Organization::default()
    };
    let service = Service {
        key: [owner.clone(), "virtual".to_owned()],
        name: "Video".to_owned(),
        category: "prov",
        organization: owner.clone(),
        specialties: vec!["207RC0000X".to_owned(), "999999999X".to_owned()],
        accepting: Some(Accepting::Families),
        is_virtual: true,
        ..Service::default()
    };
    let role = Role {
        practitioner: practitioner_id("1234567893", ""),
        organization: owner.clone(),
        location: place.id(),
        service: service.id(),
        network: "Silver".to_owned(),
        specialties: vec!["207RC0000X".to_owned(), "999999999X".to_owned()],
        phones: phone("8605550100", false).into_iter().collect(),
        accepting: Some(Accepting::Yes),
        hours: hours("Sat 9-12").unwrap(),
        verified: "2026-11-01".to_owned(),
        span: Validity { from: "2026-01-01".to_owned(), ..Validity::default() },
        ..Role::default()
    };
    let affiliation = Affiliation {
        organization: owner.clone(),
        network: "Silver".to_owned(),
        location: place.id(),
        service: service.id(),
        role: "pharmacy",
        ..Affiliation::default()
    };
    let endpoint = Endpoint::read("https://fhir.example.org/r4", &owner).unwrap();
    let plan = Plan { number: "12345CT0010001".to_owned(), networks: vec!["Silver".to_owned()], ..Plan::default() };
    let network = Network { key: "Silver".to_owned(), name: String::new() };
    for resource in [
        person().resource(DirectorySource::Nppes, about),
        Practitioner { is_inactive: true, ..person() }.resource(DirectorySource::Nppes, about),
        place.resource(DirectorySource::Table, about, ""),
        group.resource(DirectorySource::Table, about),
        service.resource(DirectorySource::Table, about),
        role.resource(DirectorySource::Table, about),
        Role { phones: Vec::new(), network: String::new(), ..role.clone() }.resource(DirectorySource::Table, about),
        Role { span: ended(), ..role.clone() }.resource(DirectorySource::Table, about),
        affiliation.resource(DirectorySource::Table, about),
        Affiliation { span: ended(), ..affiliation }.resource(DirectorySource::Table, about),
        endpoint.resource(DirectorySource::Table, about),
        Role { endpoint: endpoint.id(), ..role }.resource(DirectorySource::Table, about),
        plan.resource(DirectorySource::Table, about),
        network.resource(DirectorySource::Table, about),
        payer(about),
    ] {
        assert_valid(&resource);
    }
}

#[test]
fn a_place_lies_where_its_zip_code_does_unless_the_file_knows_better() {
    let place = Location { address: address(), ..Location::default() };
    let middle = value(&place.resource(DirectorySource::Nppes, about(), ""));
    assert!(middle["position"]["latitude"].as_f64().unwrap() > 41.0, "{middle}");
    let exact = Location { point: ("41.5".to_owned(), "-72.5".to_owned()), ..place }.resource(
        DirectorySource::Nppes,
        about(),
        "",
    );
    assert_eq!(value(&exact)["position"], json!({"latitude": 41.5, "longitude": -72.5}));
}

#[test]
fn sources_become_one_whatever_the_order() {
    let nppes = person().resource(DirectorySource::Nppes, about());
    let table =
        Practitioner { number: "77".to_owned(), given: vec!["Ruthie".to_owned()], languages: Vec::new(), ..person() }
            .resource(DirectorySource::Table, about());
    let one = merge(&nppes, table.clone());
    let other = merge(&table, nppes.clone());
    assert_eq!(one, other);
    let seen = value(&one);
    assert_eq!(seen["name"][0]["given"][0], "Ruthie");
    assert_eq!(seen["communication"][0]["coding"][0]["code"], "es");
    assert_eq!(seen["identifier"].as_array().unwrap().len(), 2);
    assert_valid(&one);
    for again in [nppes, table] {
        assert_eq!(merge(&one, again.clone()).to_string(), one.to_string());
        assert_eq!(merge(&other, again).to_string(), other.to_string());
    }
}

#[test]
fn spelling_is_no_difference_within_one_source() {
    let first = person().resource(DirectorySource::Nppes, about());
    let loud = Practitioner { family: "ALBEE".to_owned(), given: vec!["RUTH".to_owned()], ..person() };
    assert_eq!(merge(&first, loud.resource(DirectorySource::Nppes, about())), first);
}

#[test]
fn who_is_gone_is_gone_and_may_come_back() {
    let there = person().resource(DirectorySource::Table, about());
    let gone = Practitioner { is_inactive: true, ..person() }.resource(DirectorySource::Nppes, about());
    let after = merge(&there, gone.clone());
    assert_eq!(after, gone);
    assert!(value(&after)["meta"].get("profile").is_none());
    assert_eq!(merge(&after, there.clone()), gone);
    let back = merge(&after, person().resource(DirectorySource::Nppes, about()));
    let (back, there) = (value(&back), value(&there));
    assert_eq!((&back["active"], &back["meta"]["profile"]), (&json!(true), &there["meta"]["profile"]));
}

/// A doctor whom the table had ended was still in the directory, since nothing checked whether the last day was over.
#[test]
fn what_is_over_is_not_in_the_directory_and_may_begin_again() {
    let role = Role { practitioner: "npi-1234567893".to_owned(), ..Role::default() };
    let with = |from: &str, until: &str, is_ended: bool| {
        let span = Validity { from: from.to_owned(), until: until.to_owned(), is_ended };
        Role { span, ..role.clone() }.resource(DirectorySource::Table, about())
    };
    let active = |node: &Node<'_>| {
        let value = value(node);
        (value["active"].as_bool().unwrap(), value["meta"]["profile"].is_array())
    };
    assert_eq!(active(&with("", "", false)), (true, true));
    assert_eq!(active(&with("", "2026-11-24", false)), (true, true), "the last day counts");
    assert_eq!(active(&with("2027-01-01", "", false)), (true, true));
    let over = with("2024-01-01", "2026-11-23", false);
    assert_eq!(active(&over), (false, false));
    assert_eq!(value(&over)["period"], json!({"start": "2024-01-01", "end": "2026-11-23"}));
    assert_eq!(active(&with("", "", true)), (false, false));

    let there = with("", "", false);
    assert_eq!(merge(&there, over.clone()), over);
    assert_eq!(merge(&over, there.clone()), there);
    // The exchange's files know less than the table.
    let of_exchange = role.resource(DirectorySource::Qhp, about());
    assert_eq!(active(&merge(&over, of_exchange.clone())), (false, false));
    assert_eq!(active(&merge(&of_exchange, over)), (false, false));
    let over_there = Role { span: ended(), ..role }.resource(DirectorySource::Qhp, about());
    assert_eq!(merge(&there, over_there.clone()), there);
    assert_eq!(merge(&over_there, there.clone()), there);
}

#[test]
fn rows_about_the_same_are_over_when_all_of_them_are() {
    let span =
        |from: &str, until: &str, is_ended| Validity { from: from.to_owned(), until: until.to_owned(), is_ended };
    for (one, other, both) in [
        (span("2024-01-01", "2024-12-31", false), span("2026-01-01", "", false), span("2024-01-01", "", false)),
        (span("", "2024-12-31", false), span("2026-01-01", "2026-12-31", false), span("", "2026-12-31", false)),
        (span("2024-01-01", "", true), span("2026-01-01", "", false), span("2026-01-01", "", false)),
    ] {
        for (mut into, from) in [(one.clone(), other.clone()), (other, one)] {
            into.join(from);
            assert_eq!(into, both);
        }
    }
}

#[test]
fn what_is_retired_is_not_public_and_whoever_lists_it_brings_it_back() {
    let owner = organization_id("1234567893", "");
    let place = Location { owner: owner.clone(), address: address(), ..Location::default() };
    let role = Role { practitioner: "npi-1234567893".to_owned(), ..Role::default() };
    let service = Service { category: "prov", organization: owner.clone(), ..Service::default() };
    let affiliation = Affiliation { organization: owner.clone(), role: "pharmacy", ..Affiliation::default() };
    for resource in [
        role.resource(DirectorySource::Table, about()),
        affiliation.resource(DirectorySource::Table, about()),
        place.resource(DirectorySource::Table, about(), ""),
        service.resource(DirectorySource::Table, about()),
        Endpoint::read("https://fhir.example.org/r4", &owner).unwrap().resource(DirectorySource::Table, about()),
    ] {
        let out = retired(&resource).unwrap();
        assert_valid(&out);
        let is_public = |one: &Node<'_>| value(one)["meta"].get("profile").is_some();
        assert!(is_current(&resource) && !is_current(&out) && !is_public(&out), "{out}");
        assert_eq!(retired(&out), None);
        assert_eq!(merge(&out, resource.clone()), resource);
        assert_eq!(merge(&out, out.clone()), out);
    }
    assert_eq!(retired(&node!({"resourceType": "PractitionerRole", "active": true})), None);
}

/// What an earlier program stored with its members sorted by name is not stored anew for the sake of their order.
#[test]
fn another_order_of_members_is_no_new_version() {
    let made = person().resource(DirectorySource::Nppes, about());
    let sorted = made.sorted_text();
    let stored = crate::fhir::json::parse(sorted.as_bytes()).unwrap();
    assert_ne!(sorted, made.to_string());
    assert_eq!(merge(&stored, made.clone()).to_string(), sorted);
    let changed = Practitioner { gender: "male", ..person() }.resource(DirectorySource::Nppes, about());
    let merged = merge(&stored, changed).to_string();
    assert_eq!(merged, sorted.replace("\"female\"", "\"male\""));
}
