//! Tells apart the people that 834 files name under one subscriber's number.
//!
//! A number of her own leads to a member. Where she has none, her given name and birth date do, under the first name that a file
//! gave her. Two people never become one: where a number is given to both, the subscriber or who came first keeps it and the
//! other is refused.

use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::formats::records::{KnownAs, Person, Relative};
use crate::formats::x12::{Event, Party};
use crate::map::members::State;
use crate::map::record::made_id;

/// REF*23 with fewer characters is the end of the number on a card, or a class that many share.
const NUMBER_MIN: usize = 4;

const TWO_PEOPLE: &str = "two people have this member number in the enrolment; the other one is kept. Give each member a number \
                          of her own (NM109 or REF*23), or correct the birth date and the name";
const NO_NUMBER: &str = "the member has no number: neither REF*0F nor NM109 with MI says one";

/// A given name in lower case, and a birth date.
type Name<'a> = (String, &'a str);

/// The members of a family, from everything said under one subscriber's number, the earliest first.
pub(crate) fn people<'a>(
    events: impl IntoIterator<Item = (RecordPlace, Event<'a>)>,
    rejects: &mut Vec<(Rule, Reject)>,
) -> Vec<Person> {
    let events: Vec<(RecordPlace, Event<'a>)> = events.into_iter().collect();
    let mut family = Family::of(&events);
    let mut subscriber: Option<Relative> = None;
    for (place, event) in events {
        let at = match family.who(&event, &place) {
            Ok(at) => at,
            Err(reason) => {
                rejects.push(place.reject(Rule::Member, reason));
                continue;
            }
        };
        if event.is_subscriber && !event.who.family.is_empty() {
            subscriber = Some(Relative {
                given: event.who.given.to_owned(),
                family: event.who.family.to_owned(),
                number: event.number.to_owned(),
            });
        }
        family.take(at, place, event);
    }
    let mut members = family.members;
    members.sort_by(|one, other| one.id.cmp(&other.id));
    members.into_iter().filter_map(|member| member.person(subscriber.as_ref(), rejects)).collect()
}

/// One of them.
struct Member<'a> {
    id: String,
    /// Numbers that only she has.
    numbers: Vec<String>,
    /// As [`Family::first_name`] has it.
    names: Vec<Name<'a>>,
    /// What she was called, and the place of it.
    said: Vec<(Name<'a>, RecordPlace)>,
    known_as: Vec<KnownAs>,
    /// Ids that she may have from earlier loads, when less was known of her.
    ids: Vec<String>,
    is_subscriber: bool,
    state: State<'a>,
}

struct Family<'a> {
    members: Vec<Member<'a>>,
    /// Numbers of subscribers, and who they are.
    holders: Vec<(&'a str, Name<'a>)>,
    /// Names, and what they were before they were corrected. They lead to no circle.
    renamed: Vec<(Name<'a>, Name<'a>)>,
    /// Every name that is said with a birth date.
    names: Vec<Name<'a>>,
}

impl<'a> Family<'a> {
    /// Collects names and subscriber numbers of all events before the first event is taken.
    fn of(events: &[(RecordPlace, Event<'a>)]) -> Self {
        let mut family = Self { members: Vec::new(), holders: Vec::new(), renamed: Vec::new(), names: Vec::new() };
        for (_, event) in events {
            let name = name(&event.who);
            if event.is_subscriber {
                let numbers = [number(&event.who), long(event.own_number), event.number];
                family.holders.extend(numbers.into_iter().filter(|one| !one.is_empty()).map(|one| (one, name.clone())));
            }
            if !name.1.is_empty() && !family.names.contains(&name) {
                family.names.push(name.clone());
            }
            let mut before = self::name(&event.before);
            if before.0.is_empty() {
                before.0.clone_from(&name.0);
            }
            if before.1.is_empty() {
                before.1 = name.1;
            }
            // A member who is renamed back gets her first name again. Two names with one former name belong to twins that had
            // none.
            let is_taken = family.renamed.iter().any(|(_, known)| *known == before);
            if before != name && !name.0.is_empty() && !is_taken && family.first_name(before.clone()) != name {
                family.renamed.push((name, before));
            }
        }
        family
    }

    /// The name that a file gave her before any correction.
    fn first_name(&self, mut name: Name<'a>) -> Name<'a> {
        if name.1.is_empty() {
            let mut known = self.names.iter().filter(|known| known.0 == name.0);
            if let (Some(only), None) = (known.next(), known.next()) {
                name.1 = only.1;
            }
        }
        for _ in 0..self.renamed.len() {
            match self.renamed.iter().find(|(now, _)| *now == name) {
                Some((_, before)) => name.clone_from(before),
                None => break,
            }
        }
        name
    }

    /// Numbers of an event that are hers alone, the most telling first.
    fn numbers(&self, event: &Event<'a>) -> Vec<&'a str> {
        let named = number(&event.who);
        let mut out = vec![named, long(event.own_number)];
        let is_apart = !event.subscriber.is_empty() && event.number != event.subscriber;
        if (event.is_subscriber && named.is_empty()) || (!event.is_subscriber && is_apart) {
            out.push(event.number);
        }
        let is_shared = |number: &str| {
            number == event.subscriber || (number == event.number && !is_apart) || self.is_held(number, event)
        };
        out.retain(|number| !number.is_empty() && (event.is_subscriber || !is_shared(number)));
        out
    }

    /// Whether it is the number of a subscriber who is somebody else.
    fn is_held(&self, number: &str, event: &Event<'a>) -> bool {
        let (given, birth) = name(&event.who);
        self.holders.iter().filter(|(held, _)| *held == number).any(|(_, (other, born))| {
            let same_birth = birth == *born || birth.is_empty() || born.is_empty();
            !(same_birth && (first(&given) == first(other) || given.is_empty()))
        })
    }

    /// The member of an event; a new one if none fits.
    fn who(&mut self, event: &Event<'a>, place: &RecordPlace) -> Result<usize, &'static str> {
        let numbers = self.numbers(event);
        let owner = numbers
            .first()
            .and_then(|number| self.members.iter().position(|member| member.numbers.iter().any(|own| own == number)));
        let owner = owner.and_then(|at| Some((at, self.members.get(at)?.is(event, place))));
        if let Some((at, true)) = owner {
            return Ok(at);
        }
        if let Some(at) = self.by_name(event) {
            return Ok(at);
        }
        if owner.is_some() {
            return Err(TWO_PEOPLE);
        }
        let id = match numbers.first() {
            Some(number) => (*number).to_owned(),
            None if event.number.is_empty() => return Err(NO_NUMBER),
            None => made(event, &self.first_name(name(&event.who))),
        };
        self.members.push(Member {
            id,
            numbers: Vec::new(),
            names: Vec::new(),
            said: Vec::new(),
            known_as: Vec::new(),
            ids: Vec::new(),
            is_subscriber: event.is_subscriber,
            state: State::default(),
        });
        Ok(self.members.len() - 1)
    }

    /// The member with this name, or the only possible one where the file gives no name.
    fn by_name(&self, event: &Event<'a>) -> Option<usize> {
        let named = name(&event.who);
        if !named.0.is_empty() {
            let name = self.first_name(named);
            return self.members.iter().position(|member| member.names.contains(&name));
        }
        if event.is_subscriber {
            return self.members.iter().position(|member| member.is_subscriber);
        }
        let born = |member: &Member<'a>| !named.1.is_empty() && member.names.iter().any(|(_, birth)| *birth == named.1);
        let mut found = self.members.iter().enumerate().filter(|(_, member)| born(member));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    fn take(&mut self, at: usize, place: RecordPlace, event: Event<'a>) {
        let mut numbers: Vec<String> = self.numbers(&event).into_iter().map(str::to_owned).collect();
        if event.is_subscriber {
            numbers.push(event.number.to_owned());
        }
        let end = event.own_number;
        if !end.is_empty() && long(end).is_empty() && !event.number.is_empty() {
            // On the card the number is followed by the member's own digits.
            numbers.push([event.number, end].concat());
        }
        // Without the subscriber whose number it is, it looked like one of her own.
        let former =
            Some(event.number).filter(|number| !event.is_subscriber && !numbers.iter().any(|own| own == number));
        numbers.retain(|number| !number.is_empty() && !self.members.iter().any(|one| one.numbers.contains(number)));
        let name = name(&event.who);
        let first_name = self.first_name(name.clone());
        let Some(member) = self.members.get_mut(at) else { return };
        member.numbers.extend(numbers);
        let former = former.map(str::to_owned);
        for id in [made(&event, &name), made(&event, &first_name)].into_iter().chain(former) {
            if !member.ids.contains(&id) {
                member.ids.push(id);
            }
        }
        if !name.0.is_empty() && !member.names.contains(&first_name) {
            member.names.push(first_name);
        }
        if !name.0.is_empty() {
            member.said.push((name, place.clone()));
        }
        member.is_subscriber |= event.is_subscriber;
        member.state.take(place, event);
        if let Some(known) = member.state.known_as().filter(|known| !member.known_as.contains(known)) {
            member.known_as.push(known);
        }
    }
}

impl<'a> Member<'a> {
    /// Is the holder of this number the same person? The given name or the birth date must be hers too. Of two given names in
    /// one file, neither of which is said to be the former one of the other, each is somebody's: twins.
    fn is(&self, event: &Event<'a>, place: &RecordPlace) -> bool {
        let (given, birth) = name(&event.who);
        let called = |given: &str| self.said.iter().any(|((known, _), _)| first(known) == first(given));
        let before = name(&event.before).0;
        if self.said.is_empty() || given.is_empty() || called(&given) || (!before.is_empty() && called(&before)) {
            return true;
        }
        let born = self.said.iter().any(|((_, known), _)| *known == birth || known.is_empty() || birth.is_empty());
        born && !self.said.iter().any(|(_, said)| said.file == place.file)
    }

    fn person(self, subscriber: Option<&Relative>, rejects: &mut Vec<(Rule, Reject)>) -> Option<Person> {
        let Self { id, mut numbers, mut ids, known_as, state, .. } = self;
        numbers.retain(|number| *number != id);
        ids.extend(numbers.iter().cloned());
        ids.retain(|other| *other != id);
        let person = state.person(id, subscriber, rejects)?;
        Some(Person { numbers, known_as, other_ids: ids, ..person })
    }
}

/// An id for a member without a number.
fn made(event: &Event<'_>, (given, birth): &Name<'_>) -> String {
    let made = made_id(&[given, birth]);
    format!("{}-{}", event.number, made.get(..6).unwrap_or_default())
}

/// 34 is a social security number, which is no member number.
fn number<'a>(party: &Party<'a>) -> &'a str {
    if party.qualifier == "34" { "" } else { party.number }
}

/// A number that can be somebody's own; empty if it cannot.
fn long(number: &str) -> &str {
    let is_one = number.chars().count() >= NUMBER_MIN && number.bytes().any(|byte| byte.is_ascii_digit());
    if is_one { number } else { "" }
}

fn name<'a>(party: &Party<'a>) -> Name<'a> {
    (party.given.to_lowercase(), party.birth)
}

/// Middle names come and go.
fn first(given: &str) -> &str {
    given.split_whitespace().next().unwrap_or_default()
}
