//! Dates as tables write them.

use jiff::civil::Date;

/// Two-digit years up to this one belong to this century. Births lie in the past and coverage near the present, so a
/// fixed border serves both until 2040.
const CENTURY_BORDER: i16 = 40;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads `2026-11-24` (with or without a time after it), `11/24/2026`, `11-24-2026`, `20261124`, `24-Nov-2026`. Slashes
/// and short forms are read the American way, month first.
pub(in crate::load) fn parse(text: &str) -> Option<Date> {
    let day = text.trim().split(['T', ' ']).next()?;
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        return date(day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    }
    let mut parts = day.split(['-', '/', '.']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if first.len() == 4 {
        return date(first, second, third);
    }
    if let Some(month) = MONTHS.iter().position(|month| second.to_ascii_lowercase().starts_with(month)) {
        return date(third, &(month + 1).to_string(), first);
    }
    date(third, first, second)
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(year) || !digits(month) || !digits(day) {
        return None;
    }
    let number: i16 = year.parse().ok()?;
    let year = match year.len() {
        4 => number,
        2 if number <= CENTURY_BORDER => 2000 + number,
        2 => 1900 + number,
        _ => return None,
    };
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

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
        ] {
            assert_eq!(parse(text).map(|d| d.to_string()).as_deref(), Some("1985-01-15"), "{text}");
        }
        assert_eq!(parse("1/2/26").unwrap().to_string(), "2026-01-02");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "soon", "1985", "1985-13-01", "02/30/2020", "1-2-3-4", "15/Jan", "-1-02-03", "0x/01/1985"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
