//! Member matching: a record belongs to a member if it has a number of hers together with her birth date or name. One alone never
//! decides (THREATS 19). Loads ask here; `$member-match` will.
//!
//! | table | key | value |
//! |---|---|---|
//! | `load.numbers` | number, 0x1f, member id | [`NumberOwner`] as JSON |
//!
//! A family may share a number, so a number leads to several people; the second fact tells them apart.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::access::{Categories, Operation, View};
use crate::fhir::{Kind, json};
use crate::formats::fhir::Find;
use crate::formats::records::{KnownAs, Person};
use crate::map::members::patient_id;
use crate::map::record::{KnownMember, NamedMember};
use crate::store::{self, Found, Snapshot, Store, Table, Txn};

pub(crate) const NUMBERS: Table = Table::new("load.numbers");
/// People who share a number.
const SHARING_MAX: usize = 64;
/// Coverages of one member that are looked at.
const COVERAGES_MAX: usize = 64;

/// A person who has a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct NumberOwner {
    patient: String,
    birth: String,
    given: String,
    family: String,
    /// Whether the number is hers and not her subscriber's.
    #[serde(default)]
    own: bool,
}

/// Remembers the numbers of a member who is being enrolled.
pub(crate) fn remember(txn: &mut Txn<'_>, person: &Person, patient: &str) -> Result<(), store::Error> {
    let is_own = |number: &str| number == person.member_id || person.numbers.iter().any(|own| own == number);
    let entry = |number: &str| NumberOwner {
        own: is_own(number),
        patient: patient.to_owned(),
        birth: person.birth.to_string(),
        given: person.given.clone(),
        family: person.family.clone(),
    };
    let shared = person.covers.iter().filter_map(|cover| cover.subscriber.as_deref());
    let own = person.numbers.iter().map(String::as_str).chain([person.member_id.as_str()]);
    let mut numbers: Vec<&str> = shared.chain(own).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let key = [number, "\u{1f}", &person.member_id].concat();
        let entry = entry(number);
        if txn.get_json::<NumberOwner>(NUMBERS, key.as_bytes())?.as_ref() != Some(&entry) {
            txn.put_json(NUMBERS, key.as_bytes(), &entry)?;
        }
    }
    Ok(())
}

/// Whether the member's number is on the roster as somebody else's. Two of given name, last name and birth date must be hers,
/// or all three must once have been: nobody who only shares one of them is taken for her.
pub(crate) fn is_anothers(txn: &mut Txn<'_>, person: &Person) -> Result<bool, store::Error> {
    let key = [&person.member_id, "\u{1f}", &person.member_id].concat();
    let Some(row) = txn.get_json::<NumberOwner>(NUMBERS, key.as_bytes())? else { return Ok(false) };
    Ok(!person.known_as.iter().any(|known| agree(&row, known) >= 2))
}

/// The people of one file, by what a number may not pass on: a digest of given name, last name and birth date, and one of the
/// member's number. Two numbers are kept for each.
#[derive(Default)]
pub(crate) struct PeopleOfFile(HashMap<u64, u64>);

impl PeopleOfFile {
    pub(crate) fn new(people: &[Person]) -> Self {
        let entry = |person: &Person| {
            (identity(&person.given, &person.family, &person.birth.to_string()), xxh3_64(person.member_id.as_bytes()))
        };
        Self(people.iter().map(entry).collect())
    }
}

fn identity(given: &str, family: &str, birth: &str) -> u64 {
    xxh3_64([given.to_lowercase().as_str(), &family.to_lowercase(), birth].join("\u{1f}").as_bytes())
}

/// Whether a table gives a number that is on the roster to another person: two of given name, last name and birth date are
/// others, or who had the number stands in the same file under another one, as when two rows swap.
pub(crate) fn passes_on(txn: &mut Txn<'_>, person: &Person, file: &PeopleOfFile) -> Result<bool, store::Error> {
    let key = [&person.member_id, "\u{1f}", &person.member_id].concat();
    let Some(row) = txn.get_json::<NumberOwner>(NUMBERS, key.as_bytes())? else { return Ok(false) };
    let birth = person.birth.to_string();
    let now = KnownAs { given: person.given.clone(), family: person.family.clone(), birth };
    Ok(match agree(&row, &now) {
        3 => false,
        2 => {
            let elsewhere = file.0.get(&identity(&row.given, &row.family, &row.birth));
            elsewhere.is_some_and(|number| *number != xxh3_64(person.member_id.as_bytes()))
        }
        _ => true,
    })
}

/// How much of given name, last name and birth date is the same.
fn agree(row: &NumberOwner, known: &KnownAs) -> usize {
    let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    let facts = [same(&row.given, &known.given), same(&row.family, &known.family), row.birth == known.birth];
    facts.into_iter().filter(|fact| *fact).count()
}

/// Forgets a member under an id that she had while less was known of her: one person under two ids would be found by neither.
pub(crate) fn forget(txn: &mut Txn<'_>, person: &Person) -> Result<(), store::Error> {
    let shared = person.covers.iter().filter_map(|cover| cover.subscriber.as_deref());
    let numbers: Vec<&str> = person
        .numbers
        .iter()
        .chain(&person.other_ids)
        .map(String::as_str)
        .chain(shared)
        .chain([&*person.member_id])
        .collect();
    for id in &person.other_ids {
        // Fast exit: an id that is in use is also in this table under itself.
        if txn.get(NUMBERS, [id, "\u{1f}", id].concat().as_bytes())?.is_none() {
            continue;
        }
        for number in &numbers {
            let key = [number, "\u{1f}", id].concat();
            let Some(row) = txn.get_json::<NumberOwner>(NUMBERS, key.as_bytes())? else { continue };
            if row.patient == patient_id(id) && person.known_as.iter().any(|known| agree(&row, known) == 3) {
                txn.delete(NUMBERS, key.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// The result of linking two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// She is found by both now.
    New,
    /// She was already.
    Known,
    /// Neither is anybody's.
    Nobody,
    /// They are two people's.
    Two,
}

/// Two numbers are one member's: the one she has and one that she had. Whichever the roster knows leads to her, and so does the
/// other from now on.
pub(crate) fn link(txn: &mut Txn<'_>, now: &str, before: &str) -> Result<Linked, store::Error> {
    if now.is_empty() || before.is_empty() {
        return Ok(Linked::Nobody);
    }
    let mut owner = |number: &str| -> Result<Option<(String, NumberOwner)>, store::Error> {
        let prefix = [number, "\u{1f}"].concat();
        let rows = txn.scan_json::<NumberOwner>(NUMBERS, prefix.as_bytes(), SHARING_MAX)?;
        let own = rows.into_iter().find(|(_, person)| person.own);
        // Behind the number stands the member's id.
        let member = |key: &[u8]| String::from_utf8(key.get(prefix.len()..).unwrap_or_default().to_vec()).ok();
        Ok(own.and_then(|(key, person)| Some((member(&key)?, person))))
    };
    let (number, (member, person)) = match (owner(now)?, owner(before)?) {
        (None, None) => return Ok(Linked::Nobody),
        (Some((_, one)), Some((_, other))) if one.patient != other.patient => return Ok(Linked::Two),
        (Some(_), Some(_)) => return Ok(Linked::Known),
        (Some(owner), None) => (before, owner),
        (None, Some(owner)) => (now, owner),
    };
    txn.put_json(NUMBERS, [number, "\u{1f}", &member].concat().as_bytes(), &person)?;
    Ok(Linked::New)
}

/// Answers for one snapshot.
pub(crate) struct Roster<'t> {
    find: Find<'t>,
    snapshot: Snapshot,
    view: View,
    /// Coverages of the members who were asked for: records of one member come together.
    covers: RefCell<HashMap<String, Vec<CoverageSpan>>>,
}

/// A coverage: from, to, its id.
type CoverageSpan = (String, String, String);

impl<'t> Roster<'t> {
    /// The roster as it is now; `find` looks up Patients of FHIR feeds by identifier.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn new(store: &Store, find: Find<'t>, now: Timestamp) -> Result<Self, store::Error> {
        Ok(Self { find, snapshot: store.snapshot()?, view: View::operator(now), covers: RefCell::default() })
    }

    /// The member, if a number and a second fact name exactly one.
    pub(crate) fn find(&self, whom: &NamedMember) -> Result<Option<KnownMember>, store::Error> {
        for number in whom.numbers.iter().filter(|number| !number.is_empty()) {
            let prefix = [number.as_str(), "\u{1f}"].concat();
            let rows = self.snapshot.scan_json::<NumberOwner>(NUMBERS, prefix.as_bytes(), SHARING_MAX)?;
            let mut people: Vec<NumberOwner> = rows.into_iter().map(|(_, person)| person).collect();
            if people.is_empty() {
                people.extend(self.by_identifier(number)?);
            }
            if let Some(patient) = choose(&people, whom) {
                let coverage = self.coverage(&patient, &whom.day)?;
                let birth = people.into_iter().find(|person| person.patient == patient).map(|person| person.birth);
                return Ok(Some(KnownMember { patient, coverage, birth: birth.unwrap_or_default() }));
            }
        }
        Ok(None)
    }

    /// A Patient who came with a FHIR feed and is not on the roster.
    fn by_identifier(&self, number: &str) -> Result<Option<NumberOwner>, store::Error> {
        let Some(id) = (self.find)(Kind::PATIENT, "", number) else { return Ok(None) };
        let Found::Here(stored) = self.snapshot.read(&self.view, Kind::PATIENT, &id)? else { return Ok(None) };
        let Ok(node) = json::parse(&stored.body) else { return Ok(None) };
        let text = |node: &json::Node<'_>, name: &str| node.text_of(name).unwrap_or_default().to_owned();
        let name = node.get("name").map(json::Node::items).and_then(|names| names.first().cloned());
        let given = name.as_ref().and_then(|name| name.get("given")).map(json::Node::items);
        let given = given.and_then(|list| list.first().and_then(json::Node::text).map(str::to_owned));
        Ok(Some(NumberOwner {
            patient: id,
            birth: text(&node, "birthDate"),
            given: given.unwrap_or_default(),
            family: name.map(|name| text(&name, "family")).unwrap_or_default(),
            own: true,
        }))
    }

    /// The coverage on a day; the last that began where no day is said or none fits.
    fn coverage(&self, patient: &str, day: &str) -> Result<Option<String>, store::Error> {
        let mut known = self.covers.borrow_mut();
        if !known.contains_key(patient) {
            known.insert(patient.to_owned(), self.coverages(patient)?);
        }
        let spans = known.get(patient).map(Vec::as_slice).unwrap_or_default();
        let fits = |(start, end, _): &CoverageSpan| start.as_str() <= day && (end.is_empty() || day <= end.as_str());
        Ok(spans.iter().max_by_key(|span| (fits(span), &span.0, &span.2)).map(|(_, _, id)| id.clone()))
    }

    fn coverages(&self, patient: &str) -> Result<Vec<CoverageSpan>, store::Error> {
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

/// The one person whom a second fact confirms. Where the file has no second fact, the number must be her own, and nobody else's.
fn choose(people: &[NumberOwner], whom: &NamedMember) -> Option<String> {
    if whom.alone {
        return match people {
            [only] if only.own => Some(only.patient.clone()),
            _ => None,
        };
    }
    let same = |one: &str, other: &str| {
        let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_lowercase();
        !one.is_empty() && first(one) == first(other)
    };
    let born = |person: &&NumberOwner| !whom.birth.is_empty() && person.birth == whom.birth;
    let named = |person: &&NumberOwner| same(&whom.given, &person.given) && same(&whom.family, &person.family);
    let contradicts =
        |person: &&NumberOwner| !whom.birth.is_empty() && !person.birth.is_empty() && person.birth != whom.birth;
    let only = |mut found: Vec<&NumberOwner>| {
        found.dedup_by(|a, b| a.patient == b.patient);
        match found.as_slice() {
            [one] => Some(one.patient.clone()),
            _ => None,
        }
    };
    let by_birth: Vec<&NumberOwner> = people.iter().filter(born).collect();
    only(by_birth.clone())
        // Twins.
        .or_else(|| only(by_birth.into_iter().filter(|person| same(&whom.given, &person.given)).collect()))
        .or_else(|| only(people.iter().filter(named).filter(|person| !contradicts(person)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(patient: &str, birth: &str, given: &str) -> NumberOwner {
        NumberOwner {
            patient: patient.into(),
            birth: birth.into(),
            given: given.into(),
            family: "Doe".into(),
            own: true,
        }
    }

    fn whom(birth: &str, given: &str, family: &str) -> NamedMember {
        NamedMember { birth: birth.into(), given: given.into(), family: family.into(), ..NamedMember::default() }
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
        // Nothing but a number: it must be her own and nobody else's.
        let alone = NamedMember { alone: true, ..NamedMember::default() };
        assert_eq!(choose(&family[..1], &alone).as_deref(), Some("a"));
        assert_eq!(choose(&family, &alone), None);
        assert_eq!(choose(&[NumberOwner { own: false, ..person("a", "", "") }], &alone), None);
    }
}
