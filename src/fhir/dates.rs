//! FHIR's partial dates as spans of time. `2026-03` is the whole of March, a Period without an end is open-ended.
//!
//! A date or time without a zone is read as UTC, on both sides of a comparison; the documentation says so.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::json::Node;

/// From `lo` to just before `hi`, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First microsecond.
    pub lo: i64,
    /// First microsecond after.
    pub hi: i64,
}

impl Span {
    /// No beginning.
    pub const EVER: i64 = i64::MIN;
    /// No end.
    pub const NEVER: i64 = i64::MAX;

    /// True if every moment of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// True if the two have a moment in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.lo < other.hi && other.lo < self.hi
    }

    /// The span of an instant as the server writes it, a millisecond wide.
    #[must_use]
    pub fn instant(at: Timestamp) -> Self {
        let lo = at.as_millisecond().saturating_mul(1_000);
        Self { lo, hi: lo + 1_000 }
    }
}

/// Reads a FHIR date, dateTime or instant of any precision (FHIR R4, datatypes, section 2.24.0.1); also times without
/// seconds, which searches may use.
#[must_use]
pub fn parse(text: &str) -> Option<Span> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next();
    let day = parts.next();
    if parts.next().is_some() || (time.is_some() && day.is_none()) {
        return None;
    }
    let Some(month) = month else {
        let first = Date::new(year, 1, 1).ok()?;
        return span(first, first.last_of_year());
    };
    let month = i8::try_from(digits(month, 2)?).ok()?;
    let Some(day) = day else {
        let first = Date::new(year, month, 1).ok()?;
        return span(first, first.last_of_month());
    };
    let date = Date::new(year, month, i8::try_from(digits(day, 2)?).ok()?).ok()?;
    time.map_or_else(|| span(date, date), |time| moment(date, time))
}

/// The span of a date element: a string, a Period, or a Timing's bounds and events.
pub(super) fn of_node(node: &Node<'_>, mut keep: impl FnMut(Span)) {
    if let Some(text) = node.text() {
        if let Some(span) = parse(text) {
            keep(span);
        }
        return;
    }
    if node.get("start").is_some() || node.get("end").is_some() {
        let start = node.text_of("start").and_then(parse);
        let end = node.text_of("end").and_then(parse);
        if start.is_some() || end.is_some() {
            keep(Span { lo: start.map_or(Span::EVER, |s| s.lo), hi: end.map_or(Span::NEVER, |s| s.hi) });
        }
        return;
    }
    for event in node.get("event").map(Node::items).unwrap_or_default() {
        if let Some(span) = event.text().and_then(parse) {
            keep(span);
        }
    }
    if let Some(bounds) = node.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")) {
        of_node(bounds, keep);
    }
}

fn digits(text: &str, count: usize) -> Option<i16> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn span(first: Date, last: Date) -> Option<Span> {
    let lo = micros(first.to_datetime(Time::midnight()), Offset::UTC)?;
    let hi = last.tomorrow().ok().and_then(|next| micros(next.to_datetime(Time::midnight()), Offset::UTC));
    Some(Span { lo, hi: hi.unwrap_or(Span::NEVER) })
}

fn micros(at: DateTime, offset: Offset) -> Option<i64> {
    Some(TimeZone::fixed(offset).to_timestamp(at).ok()?.as_microsecond())
}

const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

fn moment(date: Date, text: &str) -> Option<Span> {
    let (clock, offset) = split_zone(text)?;
    let mut parts = clock.split(':');
    let hour = i8::try_from(digits(parts.next()?, 2)?).ok()?;
    let minute = i8::try_from(digits(parts.next()?, 2)?).ok()?;
    let seconds = parts.next();
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = match seconds {
        None => (0, None),
        Some(text) => match text.split_once('.') {
            Some((second, fraction)) => (digits(second, 2)?, Some(fraction)),
            None => (digits(text, 2)?, None),
        },
    };
    // A leap second is read as the second before it: clocks in UTC do not show it.
    let time = Time::new(hour, minute, i8::try_from(second.min(59)).ok()?, 0).ok()?;
    if second > 60 {
        return None;
    }
    let start = micros(date.to_datetime(time), offset)?;
    let Some(fraction) = fraction else {
        let width = if seconds.is_some() { SECOND } else { MINUTE };
        return Some(Span { lo: start, hi: start + width });
    };
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let places = fraction.len().min(6);
    let unit = 10_i64.pow(6 - places as u32);
    let lo = start + fraction.get(..places)?.parse::<i64>().ok()? * unit;
    Some(Span { lo, hi: lo + unit })
}

fn split_zone(text: &str) -> Option<(&str, Offset)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, Offset::UTC));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, Offset::UTC)) };
    let (clock, zone) = text.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (i32::from(digits(hours, 2)?), i32::from(digits(minutes, 2)?));
    if hours > 14 || minutes > 59 {
        return None;
    }
    Some((clock, Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span_of(text: &str) -> (String, String) {
        let span = parse(text).unwrap_or_else(|| panic!("{text}"));
        let show = |micros| Timestamp::from_microsecond(micros).unwrap().to_string();
        (show(span.lo), show(span.hi))
    }

    #[test]
    fn precision_decides_the_width() {
        for (text, lo, hi) in [
            ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-12-31T23:59", "2024-12-31T23:59:00Z", "2025-01-01T00:00:00Z"),
            ("2024-12-31T23:59:59-05:00", "2025-01-01T04:59:59Z", "2025-01-01T05:00:00Z"),
            ("2024-01-01T00:00:00.25Z", "2024-01-01T00:00:00.25Z", "2024-01-01T00:00:00.26Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"),
        ] {
            assert_eq!(span_of(text), (lo.to_owned(), hi.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "26",
            "2026-1",
            "2026-13",
            "2026-02-30",
            "2026-02-3x",
            "2026-01-01T",
            "2026-01T10:00",
            "2026-01-01T25:00",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00+15:00",
            "2026-01-01T10:00:61Z",
            "2026-01-01-01",
            "é026",
            "2026-01-01T10:00:00é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_open_period_never_ends() {
        let node = crate::fhir::json::parse(br#"{"start":"2020-05"}"#).unwrap();
        let mut spans = Vec::new();
        of_node(&node, |span| spans.push(span));
        assert_eq!(spans, [Span { lo: parse("2020-05").unwrap().lo, hi: Span::NEVER }]);
    }
}
