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

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads `2026-11-24`, `11/24/2026`, `11-24-2026`, `20261124`, `11242026`, `24-Nov-2026`, `24-NOV-26`, `24NOV2026`,
/// `Nov 24, 2026`, and the number of a day as spreadsheets count them (`46350`). A time may follow behind a space, a colon or a T.
/// Slashes and short forms are read the American way, month first.
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

/// A day of claims as `YYYY-MM-DD`; zeros, and first and last days of years that nobody lives in, are what systems write for
/// "no day". Any other day of such a year is a typing error.
pub(crate) fn day(text: &str) -> Cell<String> {
    let is_empty = || text.bytes().all(|byte| matches!(byte, b'0' | b'/' | b'-' | b' '));
    match parse(text) {
        Some(day) if (1850..2099).contains(&day.year()) => Cell::Value(day.to_string()),
        Some(day) if matches!((day.month(), day.day()), (1, 1) | (12, 30 | 31)) => Cell::Absent,
        None if is_empty() => Cell::Absent,
        Some(_) | None => Cell::of(None, DATE, text),
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
    let day = without_time(text.trim())?;
    if let Some(date) = of_spreadsheet(day) {
        return Some(date);
    }
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        // Years begin with 18 to 21, months with 00 to 12, so no text is both.
        return match day.get(..2)? {
            "18" | "19" | "20" | "21" => of_parts(day.get(..4)?, day.get(4..6)?, day.get(6..)?, last),
            _ => of_parts(day.get(4..)?, day.get(..2)?, day.get(2..4)?, last),
        };
    }
    if let Some((first, second, third)) = of_sas(day) {
        return of_parts(third, &month(second)?, first, last);
    }
    let mut parts = day.split(['-', '/', '.']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, middle, end) = if first.len() == 4 { (first, second, third) } else { (third, second, first) };
    if let Some(month) = month(middle) {
        return of_parts(year, &month, end, last);
    }
    if first.len() == 4 {
        return of_parts(first, second, third, last);
    }
    match month(first) {
        Some(month) => of_parts(third, &month, second, last),
        None => of_parts(third, first, second, last),
    }
}

/// The text before a time. A time begins behind a space, or behind a T or a colon that stands between digits; nothing if
/// what follows the date is no time.
fn without_time(text: &str) -> Option<&str> {
    let is_digit = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
    let begins = |(at, c): &(usize, char)| match c {
        ' ' => true,
        'T' | 't' | ':' => is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)),
        _ => false,
    };
    let Some((at, _)) = text.char_indices().find(begins) else { return Some(text) };
    let time = text.get(at + 1..)?.trim_start();
    let is_time = time.starts_with(|c: char| c.is_ascii_digit()) && !time.contains('/');
    is_time.then(|| text.get(..at)).flatten()
}

/// The number of a month whose name is written in full or begun with three letters at least.
fn month(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let at = MONTHS.iter().position(|name| word.len() >= 3 && name.starts_with(word.as_str()))?;
    Some((at + 1).to_string())
}

/// Day, month and year of `01OCT2025`, as SAS prints days.
fn of_sas(text: &str) -> Option<(&str, &str, &str)> {
    let month = text.find(|c: char| c.is_ascii_alphabetic()).filter(|at| (1..=2).contains(at))?;
    let year = month + text.get(month..)?.find(|c: char| !c.is_ascii_alphabetic())?;
    let (day, year_text) = (text.get(..month)?, text.get(year..)?);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(day) && is_number(year_text)).then_some((day, text.get(month..year)?, year_text))
}

/// `Nov 24, 2026`, `24 November 2026`.
fn in_words(text: &str) -> Option<Date> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).take(4).collect();
    let [one, other, year] = words.as_slice() else { return None };
    let (month, day) = month(one).map(|month| (month, other)).or_else(|| Some((month(other)?, one)))?;
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
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
            "01151985",
            "15JAN1985",
            "15jan85",
            "15JAN1985:00:00:00",
            "15-JAN-85",
            "15-JANUARY-1985",
            "15-JAN-85 12.00.00.000000 AM",
            "JAN-15-1985",
            "1985-JAN-15",
            "1985-01-15 00:00:00",
            "19850115T000000",
        ] {
            assert_eq!(parse(text).map(|d| d.to_string()).as_deref(), Some("1985-01-15"), "{text}");
        }
        assert_eq!(parse("1/2/26").unwrap().to_string(), "2026-01-02");
    }

    /// A month with a T in its name was cut at the T: one twelfth of all claims, and every member born in October.
    #[test]
    fn every_month_is_one_in_every_form() {
        for (at, name) in MONTHS.iter().enumerate() {
            let expected = format!("2025-{:02}-07", at + 1);
            let short = name.get(..3).unwrap();
            for month in [short, name, &short.to_uppercase(), &name.to_uppercase()] {
                for text in [
                    format!("07-{month}-2025"),
                    format!("7-{month}-25"),
                    format!("07{month}2025"),
                    format!("07/{month}/2025"),
                    format!("07-{month}-2025 00:00:00"),
                    format!("07-{month}-2025T00:00:00"),
                    format!("07{month}2025:00:00:00.000"),
                    format!("{month} 7, 2025"),
                    format!("7 {month} 2025"),
                    format!("2025-{month}-07"),
                ] {
                    assert_eq!(parse(&text).map(|day| day.to_string()).as_ref(), Some(&expected), "{text}");
                }
            }
        }
        assert_eq!(parse("3-SEPT-2025").unwrap().to_string(), "2025-09-03");
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
            "31012026",
            "13012026",
            "01-OC-2025",
            "01-OCTOPUS-2025",
            "01-OCT",
            "OCT2025",
            "01/15/1985 02/15/1985",
            "1985-01-15 to 1985-02-01",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_day_is_told_from_one_that_cannot_be_read() {
        for text in ["01/31/2026", "20260131", "31-JAN-2026", "2026-01-31 00:00:00"] {
            assert_eq!(day(text).value().as_deref(), Some("2026-01-31"), "{text}");
        }
        for text in ["9999-12-31", "00000000", "1000-01-01", "2999-12-31"] {
            assert_eq!(day(text), Cell::Absent, "{text}");
        }
        for text in ["1202-03-04", "2205-03-04"] {
            assert!(matches!(day(text), Cell::Unreadable(_)), "{text}");
        }
        let Cell::Unreadable(why) = day("31/31/2026") else { panic!("no day") };
        assert_eq!(why.to_string(), "no date; write it as 2026-01-31 or 01/31/2026 (its form is 99/99/9999)");
    }
}
