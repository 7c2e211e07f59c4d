//! Whose a record is: a number that is hers, and her birth date or name with it. One alone never decides (THREATS 19).
//!
//! | table | key | value |
//! |---|---|---|
//! | `load.numbers` | number, 0x1f, member id | [`Numbered`] as JSON |
//!
//! A family may share a number, so a number leads to several people; the second fact tells them apart.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::access::{Categories, Operation, View};
use crate::fhir::{Kind, json};
use crate::load::members::Person;
use crate::load::record::{Whom, Whose};
use crate::load::{Error, Target};
use crate::store::{self, Found, Snapshot, Table, Txn};

pub(super) const NUMBERS: Table = Table::new("load.numbers");
/// People who share a number.
const SHARING_MAX: usize = 64;
/// Coverages of one member that are looked at.
const COVERAGES_MAX: usize = 64;

/// Somebody behind a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Numbered {
    patient: String,
    birth: String,
    given: String,
    family: String,
}

/// Remembers the numbers of a member who is being enrolled.
pub(super) fn remember(txn: &mut Txn<'_>, person: &Person, patient: &str) -> Result<(), store::Error> {
    let entry = Numbered {
        patient: patient.to_owned(),
        birth: person.birth.to_string(),
        given: person.given.clone(),
        family: person.family.clone(),
    };
    let shared = person.covers.iter().filter_map(|cover| cover.subscriber.as_deref());
    let mut numbers: Vec<&str> = shared.chain([person.member_id.as_str()]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let key = [number, "\u{1f}", &person.member_id].concat();
        if txn.get_json::<Numbered>(NUMBERS, key.as_bytes())?.as_ref() != Some(&entry) {
            txn.put_json(NUMBERS, key.as_bytes(), &entry)?;
        }
    }
    Ok(())
}

/// Answers for one snapshot.
pub(super) struct Roster<'t> {
    target: &'t Target<'t>,
    snapshot: Snapshot,
    view: View,
    /// Coverages of the members who were asked for: records of one member come together.
    covers: RefCell<HashMap<String, Vec<Span>>>,
}

/// A coverage: from, to, its id.
type Span = (String, String, String);

impl<'t> Roster<'t> {
    pub(super) fn new(target: &'t Target<'t>) -> Result<Self, Error> {
        Ok(Self {
            target,
            snapshot: target.store.snapshot()?,
            view: View::operator(target.now),
            covers: RefCell::default(),
        })
    }

    /// The member, if a number and a second fact name exactly one.
    pub(super) fn find(&self, whom: &Whom) -> Result<Option<Whose>, Error> {
        for number in whom.numbers.iter().filter(|number| !number.is_empty()) {
            let prefix = [number.as_str(), "\u{1f}"].concat();
            let rows = self.snapshot.scan_json::<Numbered>(NUMBERS, prefix.as_bytes(), SHARING_MAX)?;
            let mut people: Vec<Numbered> = rows.into_iter().map(|(_, person)| person).collect();
            if people.is_empty() {
                people.extend(self.by_identifier(number)?);
            }
            if let Some(patient) = choose(&people, whom) {
                let coverage = self.coverage(&patient, &whom.day)?;
                return Ok(Some(Whose { patient, coverage }));
            }
        }
        Ok(None)
    }

    /// A Patient that only a FHIR feed told of.
    fn by_identifier(&self, number: &str) -> Result<Option<Numbered>, Error> {
        let Some(id) = (self.target.find)(Kind::PATIENT, "", number) else { return Ok(None) };
        let Found::Here(stored) = self.snapshot.read(&self.view, Kind::PATIENT, &id)? else { return Ok(None) };
        let Ok(node) = json::parse(&stored.body) else { return Ok(None) };
        let text = |node: &json::Node<'_>, name: &str| node.text_of(name).unwrap_or_default().to_owned();
        let name = node.get("name").map(json::Node::items).and_then(|names| names.first().cloned());
        let given = name.as_ref().and_then(|name| name.get("given")).map(json::Node::items);
        let given = given.and_then(|list| list.first().and_then(json::Node::text).map(str::to_owned));
        Ok(Some(Numbered {
            patient: id,
            birth: text(&node, "birthDate"),
            given: given.unwrap_or_default(),
            family: name.map(|name| text(&name, "family")).unwrap_or_default(),
        }))
    }

    /// The coverage on a day; the last that began where no day is said or none fits.
    fn coverage(&self, patient: &str, day: &str) -> Result<Option<String>, Error> {
        let mut known = self.covers.borrow_mut();
        if !known.contains_key(patient) {
            known.insert(patient.to_owned(), self.coverages(patient)?);
        }
        let spans = known.get(patient).map(Vec::as_slice).unwrap_or_default();
        let fits = |(start, end, _): &Span| start.as_str() <= day && (end.is_empty() || day <= end.as_str());
        Ok(spans.iter().max_by_key(|span| (fits(span), &span.0, &span.2)).map(|(_, _, id)| id.clone()))
    }

    fn coverages(&self, patient: &str) -> Result<Vec<Span>, Error> {
        let Some(rid) = self.snapshot.rid(Kind::PATIENT, patient)? else { return Ok(Vec::new()) };
        let kind = Kind::named("Coverage");
        let rids = self.snapshot.compartment(rid, kind, Categories::NONE, 0, COVERAGES_MAX)?;
        let reader = self.snapshot.reader(&self.view, Operation::Read)?;
        let mut spans = Vec::new();
        for stored in reader.get_all(&rids)? {
            let Ok(node) = json::parse(&stored.body) else { continue };
            let period = node.get("period");
            let edge = |name: &str| period.and_then(|period| period.text_of(name)).unwrap_or_default().to_owned();
            spans.push((edge("start"), edge("end"), stored.id.clone()));
        }
        Ok(spans)
    }
}

/// The one person whom a second fact confirms.
fn choose(people: &[Numbered], whom: &Whom) -> Option<String> {
    let same = |one: &str, other: &str| {
        let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_lowercase();
        !one.is_empty() && first(one) == first(other)
    };
    let born = |person: &&Numbered| !whom.birth.is_empty() && person.birth == whom.birth;
    let named = |person: &&Numbered| same(&whom.given, &person.given) && same(&whom.family, &person.family);
    let contradicts =
        |person: &&Numbered| !whom.birth.is_empty() && !person.birth.is_empty() && person.birth != whom.birth;
    let only = |mut found: Vec<&Numbered>| {
        found.dedup_by(|a, b| a.patient == b.patient);
        match found.as_slice() {
            [one] => Some(one.patient.clone()),
            _ => None,
        }
    };
    let by_birth: Vec<&Numbered> = people.iter().filter(born).collect();
    only(by_birth.clone())
        // Twins.
        .or_else(|| only(by_birth.into_iter().filter(|person| same(&whom.given, &person.given)).collect()))
        .or_else(|| only(people.iter().filter(named).filter(|person| !contradicts(person)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(patient: &str, birth: &str, given: &str) -> Numbered {
        Numbered { patient: patient.into(), birth: birth.into(), given: given.into(), family: "Doe".into() }
    }

    fn whom(birth: &str, given: &str, family: &str) -> Whom {
        Whom { birth: birth.into(), given: given.into(), family: family.into(), ..Whom::default() }
    }

    #[test]
    fn a_number_and_a_second_fact_decide() {
        let family =
            [person("a", "1960-01-02", "Ana"), person("b", "2010-05-06", "Ben"), person("c", "2010-05-06", "Cy")];
        for (wanted, expected) in [
            (whom("1960-01-02", "", ""), Some("a")),
            (whom("2010-05-06", "BEN", ""), Some("b")),
            (whom("2010-05-06", "", ""), None),
            (whom("", "cy", "doe"), Some("c")),
            (whom("", "cy", ""), None),
            (whom("1999-01-01", "Ana", "Doe"), None),
            (whom("", "", ""), None),
        ] {
            assert_eq!(choose(&family, &wanted).as_deref(), expected, "{wanted:?}");
        }
    }
}
