//! What 834 files said about a family over time, folded into who its members are and how each is covered.
//!
//! An addition or a change opens a span of coverage or says again when it ends; a termination closes it, also with a day in
//! the past; a reinstatement opens it again. A full file that leaves somebody out does not end her coverage.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::load::fhir::Place;
use crate::load::members::{Address, Cover, Person, Relative};
use crate::load::record::made_id;
use crate::load::report::{Reject, Rule};
use crate::load::x12::{Event, Upkeep};

/// Years from this one on mean "no end".
const END_OF_TIME: i16 = 2099;

/// A member as the events so far tell of her.
#[derive(Default)]
struct State<'a> {
    last: Option<Event<'a>>,
    place: Option<Place>,
    birth: &'a str,
    gender: &'a str,
    lines: Vec<&'a str>,
    city_state_zip: [&'a str; 3],
    phones: Vec<&'a str>,
    emails: Vec<&'a str>,
    spans: Vec<Span<'a>>,
    rows: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Span<'a> {
    line: &'a str,
    plan: &'a str,
    group: &'a str,
    start: Option<Date>,
    end: Option<Date>,
}

/// The members of a family, from everything said under one subscriber's number, the earliest first.
pub(in crate::load) fn people<'a>(
    events: impl IntoIterator<Item = (Place, Event<'a>)>,
    rejects: &mut Vec<(Rule, Reject)>,
) -> Vec<Person> {
    let mut states: BTreeMap<String, State<'a>> = BTreeMap::new();
    let mut subscriber: Option<Relative> = None;
    for (place, event) in events {
        if event.is_subscriber {
            subscriber = Some(Relative {
                given: event.who.given.to_owned(),
                family: event.who.family.to_owned(),
                number: event.number.to_owned(),
            });
        }
        states.entry(key(&event)).or_default().take(place, event);
    }
    states.into_iter().filter_map(|(id, state)| state.person(id, subscriber.as_ref(), rejects)).collect()
}

/// The member's own number: the plan's, or the subscriber's for the subscriber herself, or one made from it.
fn key(event: &Event<'_>) -> String {
    // 34 is a social security number, which is no member number.
    let named = if event.who.qualifier == "34" { "" } else { event.who.number };
    let differs = !event.is_subscriber && !event.subscriber.is_empty() && event.number != event.subscriber;
    let own = [event.own_number, named].into_iter().find(|text| !text.is_empty());
    match own {
        Some(own) if own != event.number || event.is_subscriber => own.to_owned(),
        _ if event.is_subscriber || differs => event.number.to_owned(),
        _ => {
            let made = made_id(&[&event.who.given.to_lowercase(), event.who.birth]);
            format!("{}-{}", event.number, made.get(..6).unwrap_or_default())
        }
    }
}

fn date(text: &str) -> Option<Date> {
    super::day(text.get(..8)?)?.parse().ok().filter(|date: &Date| date.year() < END_OF_TIME)
}

impl<'a> State<'a> {
    fn take(&mut self, place: Place, event: Event<'a>) {
        self.rows += 1;
        self.place = Some(place);
        let who = &event.who;
        for (into, from) in [(&mut self.birth, who.birth), (&mut self.gender, who.gender)] {
            if !from.is_empty() {
                *into = from;
            }
        }
        if !who.lines.is_empty() {
            self.lines.clone_from(&who.lines);
            self.city_state_zip = [who.city, who.state, who.zip];
        }
        if !event.phones.is_empty() {
            self.phones.clone_from(&event.phones);
        }
        if !event.emails.is_empty() {
            self.emails.clone_from(&event.emails);
        }
        match event.upkeep {
            Upkeep::Ends => self.end_all(&event),
            Upkeep::Holds => {
                for product in &event.products {
                    let start = date(product.start).or_else(|| date(event.start));
                    let end = date(product.end).or_else(|| date(event.end));
                    let span = Span { line: product.line, plan: product.plan, group: event.group, start, end };
                    if product.ends { self.end(span) } else { self.hold(span) }
                }
            }
        }
        // A name may be left out where only coverage changes.
        let named = !event.who.family.is_empty() || self.last.is_none();
        match &mut self.last {
            Some(last) if !named => last.relationship = event.relationship,
            last => *last = Some(event),
        }
    }

    fn hold(&mut self, span: Span<'a>) {
        let same = |old: &&mut Span<'_>| {
            old.line == span.line && old.plan == span.plan && (old.start == span.start || span.start.is_none())
        };
        match self.spans.iter_mut().rev().find(same) {
            Some(old) => (old.end, old.group) = (span.end, span.group),
            None => self.spans.push(span),
        }
    }

    fn end(&mut self, span: Span<'a>) {
        for old in &mut self.spans {
            let covers = old.line == span.line && (span.plan.is_empty() || old.plan == span.plan);
            if covers && old.end.is_none_or(|end| span.end.is_some_and(|new| new < end)) {
                old.end = span.end.or(old.end).or(span.start);
            }
        }
        // A coverage that ends before it begins never was.
        self.spans.retain(|span| !matches!((span.start, span.end), (Some(start), Some(end)) if end < start));
    }

    fn end_all(&mut self, event: &Event<'a>) {
        if event.products.is_empty() {
            let lines: Vec<&str> = self.spans.iter().map(|span| span.line).collect();
            for line in lines {
                self.end(Span { line, plan: "", group: "", start: date(event.start), end: date(event.end) });
            }
            return;
        }
        for product in &event.products {
            let end = date(product.end).or_else(|| date(event.end));
            let start = date(product.start);
            if !self.spans.iter().any(|span| span.line == product.line) {
                self.spans.push(Span { line: product.line, plan: product.plan, group: event.group, start, end });
            }
            self.end(Span { line: product.line, plan: product.plan, group: event.group, start, end });
        }
    }

    fn person(
        self,
        member_id: String,
        subscriber: Option<&Relative>,
        rejects: &mut Vec<(Rule, Reject)>,
    ) -> Option<Person> {
        let (event, place) = (self.last?, self.place?);
        let mut refuse = |reason: &str| {
            rejects.push(place.reject(Rule::Member, reason));
            None
        };
        let Some(birth) = date(self.birth) else { return refuse("no file says when the member was born (DMG02)") };
        if event.who.family.is_empty() || event.who.given.is_empty() {
            return refuse("no file gives the member's whole name (NM103, NM104)");
        }
        let relationship = relationship(event.relationship, event.is_subscriber);
        let cover = |span: Span<'_>| Cover {
            plan: [span.plan, span.line].into_iter().find(|text| !text.is_empty()).map(str::to_owned),
            group: Some(span.group).filter(|text| !text.is_empty()).map(str::to_owned),
            subscriber: Some(event.number.to_owned()).filter(|text| !text.is_empty()),
            relationship,
            start: span.start,
            end: span.end,
        };
        let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        let [city, state, zip] = self.city_state_zip;
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Some(Person {
            numbers: Vec::new(),
            place,
            member_id,
            patient: None,
            given: event.who.given.to_owned(),
            family: event.who.family.to_owned(),
            birth,
            emails: owned(&self.emails),
            phones: owned(&self.phones),
            represents: Vec::new(),
            rows: self.rows,
            middle: some(event.who.middle),
            gender: match self.gender {
                "M" => "male",
                "F" => "female",
                "X" => "other",
                _ => "unknown",
            },
            address: Address { lines: owned(&self.lines), city: some(city), state: some(state), zip: some(zip) },
            covers: self.spans.into_iter().map(cover).collect(),
            died: date(event.died),
            sponsor: some(event.sponsor),
            subscriber: subscriber.filter(|_| relationship != "self").cloned(),
        })
    }
}

/// INS02 in FHIR's words.
fn relationship(code: &str, is_subscriber: bool) -> &'static str {
    match code {
        _ if is_subscriber => "self",
        "18" => "self",
        "01" => "spouse",
        "53" => "common",
        "03" => "parent",
        "09" | "10" | "15" | "17" | "19" | "24" | "38" => "child",
        _ => "other",
    }
}
