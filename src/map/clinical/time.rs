//! Times as HL7 writes them, in messages and documents alike: `YYYY[MM[DD[HHMM[SS[.SSSS]]]]][+/-ZZZZ]`.
//!
//! FHIR wants a zone with every time of day. If neither the source nor its envelope has one, the day is kept and the
//! time of day is dropped, since the moment is unknown.

use jiff::civil::{Date, Time};

use super::made::ResourceBuilder;
use crate::fhir::dates;
use crate::fhir::json::{Node, node};

/// The largest offset, in both directions.
const HOURS_MAX: u8 = 14;

/// When a statement was true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(String),
    Between(Option<String>, Option<String>),
}

impl When {
    /// A period, or a single moment if it begins and ends in it; nothing if neither end is stated.
    pub(crate) fn between(start: Option<String>, end: Option<String>) -> Option<Self> {
        match (start, end) {
            (None, None) => None,
            (Some(start), Some(end)) if start == end => Some(Self::At(start)),
            // If a period ends before it begins, only its beginning is kept.
            (Some(start), Some(end)) if ends_before(&start, &end) => Some(Self::At(start)),
            (start, end) => Some(Self::Between(start, end)),
        }
    }

    /// The start, or the end if only that is known.
    pub(crate) fn first(&self) -> Option<&str> {
        match self {
            Self::At(at) => Some(at),
            Self::Between(start, end) => start.as_deref().or(end.as_deref()),
        }
    }

    /// As a `Period`.
    pub(crate) fn period(&self) -> Node<'static> {
        let mut out = ResourceBuilder::part();
        match self {
            Self::At(at) => out.set("start", at.as_str()).set("end", at.as_str()),
            Self::Between(start, end) => out.set("start", start.as_deref()).set("end", end.as_deref()),
        };
        out.value()
    }

    /// The member of a choice, and its value.
    pub(crate) fn choice(&self, name: &str) -> (String, Node<'static>) {
        match self {
            Self::At(at) => (format!("{name}DateTime"), node!(at)),
            Self::Between(..) => (format!("{name}Period"), self.period()),
        }
    }
}

fn ends_before(start: &str, end: &str) -> bool {
    dates::parse(start).zip(dates::parse(end)).is_none_or(|(start, end)| end.hi <= start.lo)
}

/// The zone at the end of a time, `+hh:mm` or `-hh:mm`.
pub(crate) fn zone_of(text: &str) -> Option<String> {
    let text = text.trim();
    if text.ends_with('Z') {
        return Some("Z".to_owned());
    }
    let at = text.rfind(['+', '-'])?;
    let (sign, digits) = text.get(at..)?.split_at_checked(1)?;
    let digits = digits.replace(':', "");
    if digits.len() != 4 {
        return None;
    }
    let hours: u8 = digits.get(..2)?.parse().ok()?;
    let minutes: u8 = digits.get(2..)?.parse().ok()?;
    (hours <= HOURS_MAX && minutes < 60).then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

/// As a FHIR `dateTime`, with the precision of the source. `zone` is the envelope's.
pub(crate) fn date_time(text: &str, zone: Option<&str>) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (stamp, rest) = text.split_at_checked(end)?;
    let digits = stamp.split('.').next().unwrap_or_default();
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
    let year: i16 = digits.get(..4)?.parse().ok()?;
    if !(1000..=9999).contains(&year) {
        return None;
    }
    // Zeros stand for an unknown month.
    let Some(month) = number(4, 6).filter(|month| *month != 0) else { return Some(format!("{year:04}")) };
    Date::new(year, month, 1).ok()?;
    let Some(date) = number(6, 8).filter(|day| *day != 0) else { return Some(format!("{year:04}-{month:02}")) };
    let date = Date::new(year, month, date).ok()?;
    let zone = zone_of(rest).or_else(|| zone.map(str::to_owned));
    let time = number(8, 10).zip(number(10, 12)).and_then(|(hour, minute)| {
        let second = number(12, 14).unwrap_or(0);
        Time::new(hour, minute, second, 0).is_ok().then(|| format!("{hour:02}:{minute:02}:{second:02}"))
    });
    Some(match (time, zone) {
        (Some(time), Some(zone)) => format!("{date}T{time}{zone}"),
        _ => date.to_string(),
    })
}

/// As a FHIR `instant`, if it is precise enough.
pub(crate) fn instant(text: &str, zone: Option<&str>) -> Option<String> {
    date_time(text, zone).filter(|text| text.contains('T'))
}

/// The moment in microseconds, for sorting; without a zone it is read as UTC.
pub(crate) fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = |from: usize, to: usize| text.get(..digits)?.get(from..to)?.parse::<i8>().ok();
    let date = Date::new(text.get(..4)?.parse().ok()?, number(4, 6).unwrap_or(1), number(6, 8).unwrap_or(1)).ok()?;
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    let time = Time::new(hour.unwrap_or(0), minute.unwrap_or(0), second.unwrap_or(0), 0).ok()?;
    let fraction = text.get(digits..)?.strip_prefix('.').unwrap_or_default();
    let fraction: String = fraction.chars().take_while(char::is_ascii_digit).chain("000000".chars()).take(6).collect();
    let zone = zone_of(text.get(digits..)?).unwrap_or_default();
    let part = |from: usize| zone.get(from..from + 2).and_then(|digits| digits.parse::<i64>().ok()).unwrap_or(0);
    let offset = (part(1) * 60 + part(4)) * if zone.starts_with('-') { -60 } else { 60 };
    let utc = jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?.as_microsecond();
    Some(utc + fraction.parse::<i64>().unwrap_or(0) - offset * 1_000_000)
}

/// The day, `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Option<String> {
    date_time(text, None)?.get(..10).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_does_not_end_before_it_begins() {
        let between = |start: &str, end: &str| When::between(Some(start.into()), Some(end.into())).unwrap();
        assert_eq!(between("2026-03-09", "1500"), When::At("2026-03-09".into()));
        assert_eq!(between("2026-03-09", "2026-03-08T23:00:00Z"), When::At("2026-03-09".into()));
        for (start, end) in
            [("2026-03-09T10:00:00Z", "2026-03-09"), ("2026-03-09T10:00:00Z", "2026-03-09T09:00:00-05:00")]
        {
            assert!(matches!(between(start, end), When::Between(..)), "{start} {end}");
        }
    }

    #[test]
    fn moments_have_an_order() {
        let order = [
            "2026",
            "20260102",
            "202601020300",
            "20260102030405",
            "20260102030405.2",
            "20260102030405.25",
            "20260102030405-0500",
            "20260102083406Z",
            "20260103",
        ];
        let moments: Vec<i64> = order.iter().map(|text| moment(text).unwrap()).collect();
        assert!(moments.is_sorted_by(|a, b| a < b), "{moments:?}");
        assert_eq!(moment("20260102030405+0100"), moment("20260102020405Z"));
        for text in ["", "soon", "20261301", "20260102256100"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn times_keep_their_precision() {
        for (text, zone, expected) in [
            ("2014", None, Some("2014")),
            ("201410", None, Some("2014-10")),
            ("20141006", None, Some("2014-10-06")),
            ("20141006064500+0700", None, Some("2014-10-06T06:45:00+07:00")),
            ("201410060645-0500", None, Some("2014-10-06T06:45:00-05:00")),
            ("20150624084727.655-0500", None, Some("2015-06-24T08:47:27-05:00")),
            ("20141006064500", Some("-06:00"), Some("2014-10-06T06:45:00-06:00")),
            ("20141006064500", None, Some("2014-10-06")),
            ("2014100606", Some("Z"), Some("2014-10-06")),
            ("20220813124536-500", None, Some("2022-08-13")),
            ("20140000", None, Some("2014")),
            ("20141306", None, None),
            ("20140230", None, None),
            ("2014022999", Some("Z"), None),
            ("20141006256100", Some("Z"), Some("2014-10-06")),
            ("0000", None, None),
            ("soon", None, None),
            ("", None, None),
        ] {
            assert_eq!(date_time(text, zone).as_deref(), expected, "{text}");
        }
        assert_eq!(day("201410060645-0500").as_deref(), Some("2014-10-06"));
        assert_eq!(day("201410").as_deref(), None);
        assert_eq!(day("20141006").as_deref(), Some("2014-10-06"));
    }
}
