//! Dates as tables write them.

use jiff::civil::Date;

use super::Cell;

/// The expected form, in words for the end of a reason.
const DATE: &str = "date; write it as 2026-01-31 or 01/31/2026";
const BIRTH_DATE: &str = "date; write it as 1985-01-15 or 01/15/1985";
/// Two-digit years up to this one belong to this century, except in birth dates. Coverage lies near the present, so a
/// fixed border serves until 2040.
const CENTURY_BORDER: i16 = 40;

/// Numbers that are spreadsheet dates: from 1927 to 2064.
const SPREADSHEET_DAYS: std::ops::RangeInclusive<i32> = 10_000..=60_000;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads `2026-11-24` (with or without a time after it), `11/24/2026`, `11-24-2026`, `20261124`, `24-Nov-2026`,
/// `Nov 24, 2026`, and the number of a day as spreadsheets count them (`46350`). Slashes and short forms are read the American
/// way, month first.
pub(crate) fn date(text: &str) -> Cell<Date> {
    Cell::of(parse(text), DATE, text)
}

/// Reads a birth date: a two-digit year that would put it after `today` belongs to the previous century.
pub(crate) fn birth_date(text: &str, today: Date) -> Cell<Date> {
    Cell::of(read(text, Some(today)), BIRTH_DATE, text)
}

fn parse(text: &str) -> Option<Date> {
    read(text, None)
}

/// A day of claims as `YYYY-MM-DD`; zeros and far-future dates are what systems write for "no day".
pub(crate) fn day(text: &str) -> Cell<String> {
    let is_empty = || text.bytes().all(|byte| matches!(byte, b'0' | b'/' | b'-' | b' '));
    match parse(text) {
        Some(day) if (1850..2099).contains(&day.year()) => Cell::Value(day.to_string()),
        Some(_) => Cell::Absent,
        None if is_empty() => Cell::Absent,
        None => Cell::of(None, DATE, text),
    }
}

/// `CCYYMMDD`, as X12 writes days, as a FHIR date; absent if the text is not a day.
pub(crate) fn compact_day(text: &str) -> Option<String> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse().ok();
    let year: i16 = text.get(..4)?.parse().ok()?;
    let date = jiff::civil::Date::new(year, number(4, 6)?, number(6, 8)?).ok()?;
    (text.len() == 8).then(|| date.to_string())
}

fn read(text: &str, last: Option<Date>) -> Option<Date> {
    if let Some(date) = in_words(text) {
        return Some(date);
    }
    let day = text.trim().split(['T', ' ']).next()?;
    if let Some(date) = of_spreadsheet(day) {
        return Some(date);
    }
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        return of_parts(day.get(..4)?, day.get(4..6)?, day.get(6..)?, last);
    }
    let mut parts = day.split(['-', '/', '.']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if first.len() == 4 {
        return of_parts(first, second, third, last);
    }
    if let Some(month) = MONTHS.iter().position(|month| second.to_ascii_lowercase().starts_with(month)) {
        return of_parts(third, &(month + 1).to_string(), first, last);
    }
    of_parts(third, first, second, last)
}

/// `Nov 24, 2026`, `24 November 2026`.
fn in_words(text: &str) -> Option<Date> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).take(4).collect();
    let [one, other, year] = words.as_slice() else { return None };
    let month = |word: &str| {
        let word = word.to_ascii_lowercase();
        MONTHS.iter().position(|month| word.starts_with(month) && word.bytes().all(|b| b.is_ascii_alphabetic()))
    };
    let (month, day) = month(one).map(|month| (month, other)).or_else(|| Some((month(other)?, one)))?;
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, i8::try_from(month + 1).ok()?, day.parse().ok()?).ok()
}

/// Days since the end of 1899: a date cell that somebody formatted as a number.
fn of_spreadsheet(text: &str) -> Option<Date> {
    let days: i32 = text.split('.').next()?.parse().ok().filter(|days| SPREADSHEET_DAYS.contains(days))?;
    let is_number = text.len() >= 5 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_number.then(|| Date::new(1899, 12, 30).ok()?.checked_add(jiff::Span::new().days(days)).ok()).flatten()
}

fn of_parts(year: &str, month: &str, day: &str, last: Option<Date>) -> Option<Date> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(year) || !digits(month) || !digits(day) {
        return None;
    }
    let number: i16 = year.parse().ok()?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    let of = |year: i16| Date::new(year, month, day).ok();
    match (year.len(), last) {
        (4, _) => of(number),
        (2, Some(last)) => of(2000 + number).filter(|date| *date <= last).or_else(|| of(1900 + number)),
        (2, None) if number <= CENTURY_BORDER => of(2000 + number),
        (2, None) => of(1900 + number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_forms_one_day() {
        for text in [
            "1985-01-15",
            "1985-01-15T00:00:00.000000+0001",
            "1985-01-15 10:00:00",
            "01/15/1985",
            "1/15/1985",
            "01-15-1985",
            "19850115",
            "15-Jan-1985",
            "15-JAN-1985",
            "1/15/85",
            " 1985-01-15 ",
            "Jan 15, 1985",
            "January 15 1985",
            "15 Jan 1985",
            "31062",
            "31062.5",
        ] {
            assert_eq!(parse(text).map(|d| d.to_string()).as_deref(), Some("1985-01-15"), "{text}");
        }
        assert_eq!(parse("1/2/26").unwrap().to_string(), "2026-01-02");
    }

    /// Birth years of people aged 86 to 91 were refused as in the future.
    #[test]
    fn nobody_was_born_in_the_future() {
        let today = "2026-11-24".parse().unwrap();
        for (text, expected) in [
            ("7/4/35", "1935-07-04"),
            ("3/12/38", "1938-03-12"),
            ("11/24/26", "2026-11-24"),
            ("11/25/26", "1926-11-25"),
            ("2/29/00", "2000-02-29"),
            ("1/15/85", "1985-01-15"),
            ("15-Jan-41", "1941-01-15"),
            // A four-digit year is taken as written.
            ("7/4/2035", "2035-07-04"),
        ] {
            assert_eq!(birth_date(text, today).value().unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(parse("7/4/35").unwrap().to_string(), "2035-07-04");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "soon",
            "1985",
            "Jan 15",
            "Jan 15, 85",
            "Jan 40, 1985",
            "99999",
            "310621",
            "1985-13-01",
            "02/30/2020",
            "1-2-3-4",
            "15/Jan",
            "-1-02-03",
            "0x/01/1985",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_day_is_told_from_one_that_cannot_be_read() {
        for text in ["01/31/2026", "20260131", "31-JAN-2026", "2026-01-31 00:00:00"] {
            assert_eq!(day(text).value().as_deref(), Some("2026-01-31"), "{text}");
        }
        assert_eq!((day("9999-12-31"), day("00000000")), (Cell::Absent, Cell::Absent));
        let Cell::Unreadable(why) = day("31/31/2026") else { panic!("no day") };
        assert_eq!(why.to_string(), "no date; write it as 2026-01-31 or 01/31/2026 (its form is 99/99/9999)");
    }
}
