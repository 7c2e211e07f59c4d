//! The invented members who can sign in to the sandbox. The roster keeps digests of addresses, so the list is read from
//! the fixtures in the binary, and only those who were really loaded are shown.

use super::login::Person;
use super::oops::Oops;
use crate::realm::Realm;

const MEMBERS: &str = include_str!("../../../fixtures/demo/plan/members.csv");

/// The first members with an e-mail address.
pub(super) fn people(realm: &Realm, limit: usize) -> Result<Vec<Person>, Oops> {
    let mut people = Vec::new();
    for row in csv::Reader::from_reader(MEMBERS.as_bytes()).into_deserialize::<Row>() {
        let Ok(row) = row else { continue };
        if people.len() == limit {
            break;
        }
        if !row.email.is_empty() && realm.identity.find_member(&row.member_id)?.is_some() {
            people.push(Person { name: format!("{} {}", row.first_name, row.last_name), address: row.email });
        }
    }
    Ok(people)
}

#[derive(serde::Deserialize)]
struct Row {
    member_id: String,
    last_name: String,
    first_name: String,
    email: String,
}
