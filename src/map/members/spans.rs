//! Folds the 834 events of a member over time into her spans of coverage.
//!
//! An addition or a change opens a span of coverage or restates its end; a termination closes it, possibly in the past,
//! and a later termination may move the end; a reinstatement opens it again; a deletion removes it. A full file that
//! omits a member does not end her coverage.

use jiff::civil::Date;

use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::formats::records::{Cover, KnownAs, Person, PostalAddress, Relative};
use crate::formats::x12::{Event, Product, Upkeep};

/// Years from this one on mean "no end".
const END_OF_TIME: i16 = 2099;

/// A member's state after the events so far.
#[derive(Default)]
pub(crate) struct State<'a> {
    last: Option<Event<'a>>,
    place: Option<RecordPlace>,
    birth: &'a str,
    gender: &'a str,
    lines: Vec<&'a str>,
    city_state_zip: [&'a str; 3],
    phones: Vec<&'a str>,
    emails: Vec<&'a str>,
    spans: Vec<CoverageSpan<'a>>,
    rows: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct CoverageSpan<'a> {
    line: &'a str,
    plan: &'a str,
    group: &'a str,
    start: Option<Date>,
    end: Option<Date>,
    /// Whether a termination stated the end.
    terminated: bool,
}

fn date(text: &str) -> Option<Date> {
    crate::formats::cells::compact_day(text.get(..8)?)?.parse().ok().filter(|date: &Date| date.year() < END_OF_TIME)
}

impl CoverageSpan<'_> {
    /// Whether it ends before it begins. It is dropped only after all events: a later file may move the end to a later
    /// day.
    fn never_was(&self) -> bool {
        matches!((self.start, self.end), (Some(start), Some(end)) if end < start)
    }

    /// Whether it covers the product that the other names; a span without a plan covers every plan of its line.
    fn is_of(&self, other: &CoverageSpan<'_>) -> bool {
        self.line == other.line && (other.plan.is_empty() || self.plan == other.plan)
    }
}

impl<'a> State<'a> {
    pub(crate) fn take(&mut self, place: RecordPlace, event: Event<'a>) {
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
            Upkeep::Deletes if event.products.is_empty() => self.spans.clear(),
            Upkeep::Deletes => event.products.iter().for_each(|product| self.delete(product)),
            Upkeep::Holds => event.products.iter().for_each(|product| self.product(&event, product)),
        }
        // A change to coverage alone may omit the name.
        let named = !event.who.family.is_empty() || self.last.is_none();
        match &mut self.last {
            Some(last) if !named => last.relationship = event.relationship,
            last => *last = Some(event),
        }
    }

    /// Applies an addition or a change to one product.
    fn product(&mut self, event: &Event<'a>, product: &Product<'a>) {
        let start = date(product.start).or_else(|| date(event.start));
        let end = date(product.end).or_else(|| date(event.end));
        let (line, plan, group) = (product.line, product.plan, event.group);
        let span = CoverageSpan { line, plan, group, start, end, terminated: false };
        match product.upkeep {
            Upkeep::Holds => self.hold(span),
            Upkeep::Ends => self.end(span),
            Upkeep::Deletes => self.delete(product),
        }
    }

    fn hold(&mut self, span: CoverageSpan<'a>) {
        let same = |old: &&mut CoverageSpan<'_>| {
            old.line == span.line && old.plan == span.plan && (old.start == span.start || span.start.is_none())
        };
        match self.spans.iter_mut().rev().find(same) {
            Some(old) => (old.end, old.group, old.terminated) = (span.end, span.group, false),
            None => self.spans.push(span),
        }
    }

    /// Ends spans that are open or end later; the last span may also get a later end than an earlier termination gave
    /// it.
    fn end(&mut self, span: CoverageSpan<'a>) {
        let last = self.last_of(&span).map(|last| last.start);
        for old in self.spans.iter_mut().filter(|old| old.is_of(&span)) {
            let is_last = last == Some(old.start);
            let ends = match (old.end, span.end) {
                (None, _) => true,
                (Some(old_end), Some(end)) => end < old_end || (old.terminated && is_last),
                (Some(_), None) => false,
            };
            if ends {
                (old.end, old.terminated) = (span.end.or(old.end).or(span.start), true);
            }
        }
    }

    /// The span of a product with the latest start.
    fn last_of(&self, span: &CoverageSpan<'a>) -> Option<CoverageSpan<'a>> {
        self.spans.iter().filter(|old| old.is_of(span)).max_by_key(|old| old.start).copied()
    }

    /// Removes a coverage that was deleted: the one that began on that day, or else the last.
    fn delete(&mut self, product: &Product<'a>) {
        let start = date(product.start);
        let span =
            CoverageSpan { line: product.line, plan: product.plan, group: "", start, end: None, terminated: false };
        let is_there = self.spans.iter().any(|old| old.is_of(&span) && old.start == start);
        let start = if is_there { Some(start) } else { self.last_of(&span).map(|last| last.start) };
        self.spans.retain(|old| !(old.is_of(&span) && Some(old.start) == start));
    }

    fn end_all(&mut self, event: &Event<'a>) {
        if event.products.is_empty() {
            let lines: Vec<&str> = self.spans.iter().map(|span| span.line).collect();
            let (start, end) = (date(event.start), date(event.end));
            for line in lines {
                self.end(CoverageSpan { line, plan: "", group: "", start, end, terminated: true });
            }
            return;
        }
        for product in &event.products {
            if product.upkeep == Upkeep::Deletes {
                self.delete(product);
                continue;
            }
            let end = date(product.end).or_else(|| date(event.end));
            let start = date(product.start);
            let (line, plan, group) = (product.line, product.plan, event.group);
            let span = CoverageSpan { line, plan, group, start, end, terminated: true };
            // If it states its start, and all known spans ended before that day, it is another span.
            let is_over = |old: &CoverageSpan<'_>| matches!((old.end, start), (Some(end), Some(start)) if end < start);
            let is_known = self.spans.iter().any(|old| old.line == line);
            let is_new = self.spans.iter().filter(|old| old.is_of(&span)).all(is_over) && start.is_some();
            if !is_known || (is_new && self.last_of(&span).is_some()) {
                self.spans.push(span);
            } else {
                self.end(span);
            }
        }
    }

    /// The member's current name and birth date.
    pub(crate) fn known_as(&self) -> Option<KnownAs> {
        let (who, birth) = (&self.last.as_ref()?.who, date(self.birth)?);
        Some(KnownAs { given: who.given.to_owned(), family: who.family.to_owned(), birth: birth.to_string() })
    }

    pub(crate) fn person(
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
        let cover = |span: CoverageSpan<'_>| Cover {
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
            known_as: Vec::new(),
            other_ids: Vec::new(),
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
            address: PostalAddress { lines: owned(&self.lines), city: some(city), state: some(state), zip: some(zip) },
            covers: self.spans.into_iter().filter(|span| !span.never_was()).map(cover).collect(),
            died: date(event.died),
            sponsor: some(event.sponsor),
            subscriber: subscriber.filter(|_| relationship != "self").cloned(),
        })
    }
}

/// INS02 as FHIR's codes.
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
