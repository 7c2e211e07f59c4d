//! Loads tables into the roster: members first, then their representatives.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::commit::{put_all, write};
use super::read::FileOfFormat;
use super::shelf::{Class, KeptPart, Shelf, group_of};
use crate::access::{Admitted, admit_checked};
use crate::fhir::Kind;
use crate::formats::Format;
use crate::formats::fhir::Known;
use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::formats::records::Person;
use crate::formats::tables::cclf::former_numbers;
use crate::formats::tables::members::{Proxy, TABLE_MAX, people, proxies};
use crate::formats::x12::Event;
use crate::identity::family::people as families;
use crate::identity::matching::{self, Linked, PeopleOfFile};
use crate::identity::representation::{self, Basis, Representation};
use crate::identity::roster::{Enrolled, Enrolment, enrol, represent};
use crate::identity::{Contact, ContactKey};
use crate::load::report::Ledger;
use crate::load::source::Source;
use crate::load::{Error, Request, Target};
use crate::map::members::{patient_id, resources};
use crate::store::{self, Outcome};

/// Members in one transaction.
const GROUP: usize = 500;

/// Groups of enrollments that are assembled at a time.
const FAMILIES: usize = 500;

const ANOTHERS: &str = "two people have this member number: somebody with another name or birth date is on the roster under it \
                        and is kept. Give each member a number of her own (NM109 or REF*23), or correct the birth date and the \
                        name";

const PASSED_ON: &str = "the member number is on the roster with another name and birth date, or who has it stands in this file under another \
                         number; the roster stays as it was";

/// Input of a load of the roster.
#[derive(Clone, Copy)]
pub(super) struct RosterInput<'a> {
    pub(super) request: &'a Request,
    pub(super) target: &'a Target<'a>,
    pub(super) known: &'a Known<'a>,
}

/// Loads tables of members and of representatives, and the enrollments of 834 files.
pub(super) fn load(
    tables: &[FileOfFormat],
    shelf: &Shelf<'_>,
    with: RosterInput<'_>,
    ledger: &mut Ledger,
    seen: &mut HashSet<String>,
) -> Result<(), Error> {
    let RosterInput { request, target, known } = with;
    let mut to = Roster { request, target, known, ledger, seen };
    to.families(shelf)?;
    // Former member numbers are read when all members are known.
    let mut former = Vec::new();
    for (path, format) in tables {
        let file: Arc<str> = path.display().to_string().into();
        let Some(bytes) = read(path, &file, to.ledger)? else { continue };
        if *format != Format::Members {
            to.representatives(&file, &bytes)?;
        } else if let Some(rows) = former_numbers(&bytes) {
            former.push((file, rows));
        } else {
            to.members(&file, &bytes)?;
        }
    }
    former.into_iter().try_for_each(|(file, rows)| to.former_numbers(&file, rows))
}

struct Roster<'a> {
    request: &'a Request,
    target: &'a Target<'a>,
    known: &'a Known<'a>,
    ledger: &'a mut Ledger,
    /// Member ids of this run: in a dry run the store does not have them when the representatives are checked.
    seen: &'a mut HashSet<String>,
}

/// One member on her way into the store.
struct RosterEntry {
    enrolment: Enrolment,
    person: Person,
    resources: Vec<Admitted>,
    rows: u64,
}

/// A dirty group of enrollments and the members in it, by member id and place.
struct Family {
    dirty: Vec<u8>,
    members: Vec<(String, u64, Arc<str>)>,
}

impl Family {
    fn has(&self, person: &Person) -> bool {
        self.members
            .iter()
            .any(|(id, line, file)| *id == person.member_id && *line == person.place.line && *file == person.place.file)
    }
}

/// The result of storing a member.
struct PutOutcome {
    rows: u64,
    /// Whether anything about the member is new.
    changed: bool,
    /// The place of a member who was not kept because the number already belongs to somebody else, and the rule.
    refused: Option<(RecordPlace, Rule)>,
    /// The place of a member whose codes go elsewhere than before.
    redirected: Option<RecordPlace>,
}

impl Roster<'_> {
    fn members(&mut self, file: &Arc<str>, bytes: &[u8]) -> Result<(), Error> {
        let today = self.target.now.to_zoned_datetime(TimeZone::UTC).date();
        let mut rejects = Vec::new();
        let people = people(
            file,
            bytes,
            &self.request.mapping.members,
            today,
            &|text| Contact::parse(text).is_some(),
            &mut rejects,
        );
        self.reject(&rejects)?;
        let of_file = Arc::new(PeopleOfFile::new(&people));
        let mut people = people.into_iter().peekable();
        while people.peek().is_some() {
            self.request.stop.check()?;
            let entries = self.entries(people.by_ref().take(GROUP), today)?;
            for put in self.put(entries, Vec::new(), &of_file)? {
                if let Some((place, rule)) = &put.refused {
                    (0..put.rows).try_for_each(|_| self.reject(&[place.reject(*rule, PASSED_ON)]))?;
                    continue;
                }
                self.ledger.kept(Format::Members, put.changed);
                // Further rows of the same person belong to the one entry that was counted.
                (1..put.rows).for_each(|_| self.ledger.kept(Format::Members, false));
            }
        }
        Ok(())
    }

    fn entries(&mut self, people: impl Iterator<Item = Person>, today: Date) -> Result<Vec<RosterEntry>, Error> {
        let mut entries = Vec::new();
        for person in people {
            let place = person.place.clone();
            if person.emails.is_empty() && person.phones.is_empty() {
                self.reject(&[place.reject(Rule::NoContact, "")])?;
            }
            match entry(person, self.target, self.known, today) {
                Ok(entry) => entries.push(entry),
                Err(reason) => self.reject(&[place.reject(Rule::Member, reason)])?,
            }
        }
        if self.request.dry_run {
            self.seen.extend(entries.iter().map(|entry| entry.enrolment.member_id.clone()));
        }
        Ok(entries)
    }

    fn put(
        &mut self,
        entries: Vec<RosterEntry>,
        families: Vec<Family>,
        of_file: &Arc<PeopleOfFile>,
    ) -> Result<Vec<PutOutcome>, Error> {
        let (contacts, now, of_file) = (self.target.contacts.clone(), self.target.now, Arc::clone(of_file));
        let outcomes = write(self.target.store, self.request.dry_run, move |txn| {
            let outcomes = put_members(txn, &contacts, &entries, &of_file, now)?;
            let kept =
                || entries.iter().zip(&outcomes).filter(|(_, put)| put.refused.is_none()).map(|(entry, _)| entry);
            for family in &families {
                let members = kept().filter(|entry| family.has(&entry.person));
                let made: Vec<&Admitted> = members.flat_map(|entry| &entry.resources).collect();
                Shelf::settle(txn, &family.dirty, &made, now)?;
            }
            Ok(outcomes)
        })?;
        for place in outcomes.iter().filter_map(|put| put.redirected.as_ref()) {
            self.reject(&[place.reject(Rule::Redirected, "")])?;
        }
        Ok(outcomes)
    }

    /// Enrolls families from 834 files, as far as their parts are new.
    fn families(&mut self, shelf: &Shelf<'_>) -> Result<(), Error> {
        let today = self.target.now.to_zoned_datetime(TimeZone::UTC).date();
        let mut after = Vec::new();
        loop {
            self.request.stop.check()?;
            let dirty = shelf.dirty(Class::Enrolment, &after, FAMILIES)?;
            let Some(last) = dirty.last() else { return Ok(()) };
            after.clone_from(last);
            after.push(0);
            let reader = shelf.reader()?;
            let (mut all, mut fresh, mut rejects, mut put) = (Vec::new(), 0, Vec::new(), Vec::new());
            for dirty in dirty {
                let Some(group) = group_of(&dirty) else { continue };
                let parts = reader.parts(Class::Enrolment, group)?;
                fresh += u64::from(shelf.take_fresh(&group).iter().sum::<u32>());
                let events =
                    parts.iter().filter_map(|kept: &KeptPart| Some((kept.place.clone(), Event::read(&kept.text)?)));
                let people = families(events, &mut rejects);
                let place =
                    |person: &Person| (person.member_id.clone(), person.place.line, Arc::clone(&person.place.file));
                put.push(Family { dirty, members: people.iter().map(place).collect() });
                all.extend(people);
            }
            self.reject(&rejects)?;
            let mut refused = rejects.iter().filter(|(rule, _)| rule.refuses()).count() as u64;
            let entries = self.entries(all.into_iter(), today)?;
            let outcomes = self.put(entries, put, &Arc::default())?;
            for (place, rule) in outcomes.iter().filter_map(|put| put.refused.as_ref()) {
                self.reject(&[place.reject(*rule, ANOTHERS)])?;
                refused += 1;
            }
            // Each enrollment event is one record: as many events count as changed as members changed.
            let changed = outcomes.iter().filter(|put| put.changed).count() as u64;
            let kept = fresh.saturating_sub(refused);
            (0..kept).for_each(|at| self.ledger.kept(Format::Enrolment, at < changed));
        }
    }

    /// Lets a member also be found by former numbers.
    fn former_numbers(&mut self, file: &Arc<str>, mut rows: Vec<(u64, String, String)>) -> Result<(), Error> {
        while !rows.is_empty() {
            self.request.stop.check()?;
            let later = rows.split_off(rows.len().min(GROUP));
            let group = std::mem::replace(&mut rows, later);
            let outcomes = write(self.target.store, self.request.dry_run, move |txn| {
                group
                    .into_iter()
                    .map(|(line, now, before)| Ok((line, matching::link(txn, &now, &before)?, now, before)))
                    .collect::<Result<Vec<_>, store::Error>>()
            })?;
            for (line, linked, now, before) in outcomes {
                let place = RecordPlace { file: Arc::clone(file), line, entry: None };
                match linked {
                    Linked::New => self.ledger.kept(Format::Members, true),
                    Linked::Known => self.ledger.kept(Format::Members, false),
                    Linked::Nobody if [now, before].iter().any(|number| self.seen.contains(number)) => {
                        self.ledger.kept(Format::Members, true);
                    }
                    Linked::Nobody => {
                        let reason = "nobody on the roster has the present or the former number";
                        self.reject(&[place.reject(Rule::UnknownMember, reason)])?;
                    }
                    Linked::Two => {
                        let reason = "the present and the former number are two members of the roster; enrol her once";
                        self.reject(&[place.reject(Rule::Member, reason)])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn representatives(&mut self, file: &Arc<str>, bytes: &[u8]) -> Result<(), Error> {
        let mut rejects = Vec::new();
        let proxies = proxies(file, bytes, &self.request.mapping.members, &mut rejects);
        self.reject(&rejects)?;
        for proxy in proxies {
            let coming = self.seen.contains(&proxy.representative) && self.seen.contains(&proxy.member);
            let now = self.target.now.as_second();
            let Some(new) = representation(&proxy) else {
                let reason = "the relationship is none of parent, guardian, power of attorney, executor, authorized";
                self.reject(&[proxy.place.reject(Rule::Member, reason)])?;
                continue;
            };
            let work = move |txn: &mut store::Txn<'_>| represent(txn, new, now);
            match write(self.target.store, self.request.dry_run, work)? {
                Some(outcome) => self.ledger.kept(Format::Representatives, outcome != Enrolled::Unchanged),
                None if coming => self.ledger.kept(Format::Representatives, true),
                None => {
                    let reason = "one of the two members is not on the roster";
                    self.reject(&[proxy.place.reject(Rule::UnknownMember, reason)])?;
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, rejects: &[(Rule, Reject)]) -> Result<(), Error> {
        rejects.iter().try_for_each(|(rule, reject)| self.ledger.reject(*rule, reject))
    }
}

/// Stores members; returns each member's rows with the result.
fn put_members(
    txn: &mut store::Txn<'_>,
    contacts: &ContactKey,
    entries: &[RosterEntry],
    of_file: &PeopleOfFile,
    now: Timestamp,
) -> Result<Vec<PutOutcome>, store::Error> {
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        matching::forget(txn, &entry.person)?;
    }
    for entry in entries {
        // An enrollment knows former names and birth dates; of a table only one of the three may change at a time.
        let is_of_table = entry.person.known_as.is_empty();
        let is_refused = if is_of_table {
            matching::passes_on(txn, &entry.person, of_file)?
        } else {
            matching::is_anothers(txn, &entry.person)?
        };
        if is_refused {
            let rule = if is_of_table { Rule::AnotherPerson } else { Rule::Member };
            let refused = Some((entry.person.place.clone(), rule));
            outcomes.push(PutOutcome { rows: entry.rows, changed: false, refused, redirected: None });
            continue;
        }
        let enrolled = enrol(txn, contacts, &entry.enrolment, now.as_second())?;
        matching::remember(txn, &entry.person, &entry.enrolment.patient)?;
        let put = put_all(txn, &entry.resources, now)?;
        if put.iter().any(|outcome| *outcome != Outcome::Unchanged) {
            Shelf::mark_claims_of(txn, &entry.enrolment.patient)?;
        }
        let same = enrolled == Enrolled::Unchanged && put.iter().all(|outcome| *outcome == Outcome::Unchanged);
        let redirected = (enrolled == Enrolled::Redirected).then(|| entry.person.place.clone());
        outcomes.push(PutOutcome { rows: entry.rows, changed: !same, refused: None, redirected });
    }
    Ok(outcomes)
}

fn read(path: &Path, file: &Arc<str>, ledger: &mut Ledger) -> Result<Option<Vec<u8>>, Error> {
    let mut source = Source::open(path, &Arc::new(AtomicU64::new(0)))?;
    let place = RecordPlace { file: Arc::clone(file), line: 0, entry: None };
    let bytes = source.rest(TABLE_MAX);
    if bytes.is_none() {
        let (rule, reject) = place.reject(Rule::TooLong, "a table of more than 300 MiB; split it");
        ledger.reject(rule, &reject)?;
    }
    if source.broken.is_some() {
        let reason = "the packed file is cut off or damaged; good records before the cut are kept";
        let (rule, reject) = place.reject(Rule::Truncated, reason);
        ledger.reject(rule, &reject)?;
    }
    Ok(bytes)
}

fn entry(person: Person, target: &Target<'_>, known: &Known<'_>, today: Date) -> Result<RosterEntry, String> {
    let made = patient_id(&person.member_id);
    let patient = person.patient.clone().or_else(|| known.id(Kind::PATIENT, "", &person.member_id));
    let mut prepared = Vec::new();
    // Where a FHIR feed brought the Patient, the feed knows more than the table, so the table makes none.
    if patient.as_ref().is_none_or(|id| *id == made) {
        for mut resource in resources(&person, target.ids, target.plan, today) {
            prepared.push(admit_checked(&mut resource).map_err(|issue| issue.to_string())?);
        }
    }
    let enrolment = Enrolment {
        member_id: person.member_id.clone(),
        patient: patient.unwrap_or(made),
        given: person.given.clone(),
        family: person.family.clone(),
        birth_date: person.birth.to_string(),
        emails: person.emails.clone(),
        phones: person.phones.clone(),
        represents: person.represents.clone(),
    };
    Ok(RosterEntry { enrolment, resources: prepared, rows: person.rows, person })
}

/// What a row of the table of representatives says; nothing if its role is not known. Days are those of UTC.
fn representation(proxy: &Proxy) -> Option<Representation> {
    let kind = proxy.role.as_deref().map_or(Some(representation::Kind::default()), representation::Kind::parse)?;
    let midnight = |day: Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Timestamp::as_second);
    let new = Representation::new(&proxy.representative, &proxy.member, Basis::RepresentativesFile);
    // The last day counts.
    let until = proxy.last.and_then(|last| last.tomorrow().ok()).and_then(midnight);
    Some(Representation { kind, from: proxy.first.and_then(midnight), until, ..new })
}
