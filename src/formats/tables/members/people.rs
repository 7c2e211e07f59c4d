//! A member as the plan's table describes her: rows with the same member id are one person with several spans of
//! coverage.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::header::MemberField;
use super::table::{MemberRow, rows};
use crate::formats::cells::{Cell, birth_date, date, zip};
use crate::formats::columns::Own;
use crate::formats::issue::{Reject, Rule};
use crate::formats::records::{Cover, Person, PostalAddress};
use crate::formats::tables::cclf::beneficiaries;

/// Longest member id; cards have far fewer characters.
const MEMBER_ID_MAX: usize = 64;

/// Reads a roster. `today` is the latest possible birth date; `is_contact` returns whether a code can be sent to an
/// e-mail address or phone number.
pub(crate) fn people(
    file: &Arc<str>,
    bytes: &[u8],
    own: &Own<MemberField>,
    today: Date,
    is_contact: &dyn Fn(&str) -> bool,
    rejects: &mut Vec<(Rule, Reject)>,
) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let table = beneficiaries(bytes);
    for row in rows(file, table.as_deref().unwrap_or(bytes), own, rejects) {
        if row.get(MemberField::Newest) == Some("N") {
            rejects.push(row.place.reject(Rule::Superseded, ""));
            continue;
        }
        let person = match person(row, today, is_contact, rejects) {
            Ok(person) => person,
            Err(reject) => {
                rejects.push(reject);
                continue;
            }
        };
        match by_id.get(&person.member_id).and_then(|at| people.get_mut(*at)) {
            None => {
                by_id.insert(person.member_id.clone(), people.len());
                people.push(person);
            }
            Some(known) if same(known, &person) => merge(known, person),
            Some(_) => {
                let reason = "another person in this file has the same member id; map the column that tells them apart";
                rejects.push(person.place.reject(Rule::Member, reason));
            }
        }
    }
    people
}

fn person(
    row: MemberRow,
    today: Date,
    is_contact: &dyn Fn(&str) -> bool,
    rejects: &mut Vec<(Rule, Reject)>,
) -> Result<Person, (Rule, Reject)> {
    let refuse = |reason: &str| row.place.reject(Rule::Member, reason);
    let need =
        |field, words: &str| row.get(field).map(str::to_owned).ok_or_else(|| refuse(&format!("{words} is empty")));
    let member_id = match row.get(MemberField::MemberId).or_else(|| row.get(MemberField::OtherNumber)) {
        Some(number) => number.to_owned(),
        None => need(MemberField::MemberId, "the member id")?,
    };
    if member_id.len() > MEMBER_ID_MAX || member_id.chars().any(char::is_control) {
        return Err(refuse("the member id is not one: it is too long or has control characters"));
    }
    let (given, family) = (need(MemberField::Given, "the first name")?, need(MemberField::Family, "the last name")?);
    if [&given, &family].into_iter().any(|name| name.contains(['"', '\\'])) {
        return Err(refuse(
            "a name has a quotation mark or a backslash in it: the table escapes its quotation marks in a way that is not CSV",
        ));
    }
    let birth = need(MemberField::Birth, "the birth date")?;
    let birth = match birth_date(&birth, today) {
        Cell::Value(day) => day,
        Cell::Absent => return Err(refuse("the birth date is empty")),
        Cell::Unreadable(why) => return Err(refuse(&format!("the birth date is {why}"))),
    };
    if birth > today {
        return Err(refuse("the birth date is in the future"));
    }
    let patient = row.get(MemberField::Patient).map(str::to_owned);
    if patient.as_deref().is_some_and(|id| !crate::fhir::reference::is_id(id)) {
        return Err(refuse("the FHIR Patient id is not one: 1 to 64 letters, digits, '-' or '.'"));
    }
    let day = |field, words: &str| match row.get(field).map_or(Cell::Absent, date).read() {
        Ok(day) => Ok(day.filter(|day| day.year() < END_OF_TIME)),
        Err(why) => Err(refuse(&format!("{words} is {why}"))),
    };
    let cover = Cover {
        plan: row.get(MemberField::Plan).map(str::to_owned),
        group: row.get(MemberField::Group).map(str::to_owned),
        subscriber: row.get(MemberField::Subscriber).map(str::to_owned),
        relationship: relationship(row.get(MemberField::Relationship)),
        start: day(MemberField::Start, "the start of coverage")?,
        end: day(MemberField::End, "the end of coverage")?,
    };
    // Coverage that ends before it begins never took effect: systems write a policy that way that nobody took up.
    let never_was = matches!((cover.start, cover.end), (Some(start), Some(end)) if end < start);
    let covers = if never_was { Vec::new() } else { vec![cover] };
    let (emails, bad_emails) = contacts(&row, MemberField::Email, is_contact);
    let (phones, bad_phones) = contacts(&row, MemberField::Phone, is_contact);
    if bad_emails + bad_phones > 0 {
        rejects.push(row.place.reject(Rule::Contact, ""));
    }
    let list = |field| row.all(field).flat_map(|cell| cell.split([';', ',', ' '])).filter(|id| !id.is_empty());
    let address = PostalAddress {
        lines: row.all(MemberField::Line).map(str::to_owned).collect(),
        city: row.get(MemberField::City).map(str::to_owned),
        // CMS's state numbers are not postal codes.
        state: row
            .get(MemberField::State)
            .filter(|state| !state.bytes().all(|byte| byte.is_ascii_digit()))
            .map(str::to_owned),
        zip: row.get(MemberField::Zip).map(zip),
    };
    Ok(Person {
        numbers: row.all(MemberField::OtherNumber).filter(|number| **number != member_id).map(str::to_owned).collect(),
        member_id,
        patient,
        given,
        family,
        birth,
        emails,
        phones,
        represents: list(MemberField::Represents).map(str::to_owned).collect(),
        rows: 1,
        middle: row.get(MemberField::Middle).map(str::to_owned),
        gender: gender(row.get(MemberField::Gender)),
        address,
        covers,
        died: None,
        sponsor: None,
        subscriber: None,
        known_as: Vec::new(),
        other_ids: Vec::new(),
        place: row.place,
    })
}

/// Systems write 9999-12-31 or 2099-12-31 for "no end".
const END_OF_TIME: i16 = 2099;

/// The addresses of a field, and how many cells hold no address.
fn contacts(row: &MemberRow, field: MemberField, is_contact: &dyn Fn(&str) -> bool) -> (Vec<String>, usize) {
    let mut good = Vec::new();
    let mut bad = 0;
    for cell in row.all(field).flat_map(|cell| cell.split([';', ','])).map(str::trim).filter(|cell| !cell.is_empty()) {
        if is_contact(cell) {
            good.push(cell.to_owned());
        } else {
            bad += 1;
        }
    }
    (good, bad)
}

fn same(one: &Person, other: &Person) -> bool {
    one.birth == other.birth && one.given.to_lowercase() == other.given.to_lowercase()
}

/// Merges a later row of the same person: new values are added, and the later name replaces the earlier one.
fn merge(known: &mut Person, later: Person) {
    known.rows += 1;
    known.family = later.family;
    known.patient = later.patient.or(known.patient.take());
    for (into, from) in [
        (&mut known.emails, later.emails),
        (&mut known.phones, later.phones),
        (&mut known.represents, later.represents),
        (&mut known.numbers, later.numbers),
    ] {
        for text in from {
            if !into.contains(&text) {
                into.push(text);
            }
        }
    }
    if !later.address.lines.is_empty() {
        known.address = later.address;
    }
    for cover in later.covers {
        if !known.covers.contains(&cover) {
            known.covers.push(cover);
        }
    }
}

fn gender(cell: Option<&str>) -> &'static str {
    match cell.map(str::to_ascii_lowercase).as_deref() {
        Some("m" | "male" | "1") => "male",
        Some("f" | "female" | "2") => "female",
        Some("o" | "x" | "other" | "nonbinary") => "other",
        _ => "unknown",
    }
}

fn relationship(cell: Option<&str>) -> &'static str {
    match cell.map(str::to_ascii_lowercase).as_deref() {
        None | Some("self" | "employee" | "subscriber" | "18" | "ee" | "insured") => "self",
        Some("spouse" | "husband" | "wife" | "01" | "1" | "sp") => "spouse",
        Some("child" | "son" | "daughter" | "dependent" | "19" | "ch") => "child",
        Some("parent" | "mother" | "father") => "parent",
        Some("domestic partner" | "life partner" | "partner" | "53") => "common",
        Some(_) => "other",
    }
}
