//! Amounts and counts, each in one normal form. Pure.

use super::Cell;

/// The longest amount, with all its signs.
const AMOUNT_MAX: usize = 32;

/// An amount as plain decimals: `$1,234.50`, `(12.00)`, `1234.5-`, `USD 12`, `-.5`. More than two decimals are rounded
/// to the cent, since benefit managers compute with four.
pub(crate) fn amount(text: &str) -> Cell<String> {
    Cell::of(plain_amount(text), "amount", text)
}

/// A count: digits with at most one point; leading zeros and trailing zeros of decimals are dropped.
pub(crate) fn number(text: &str) -> Cell<String> {
    Cell::of(plain_number(text), "number", text)
}

fn plain_amount(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > AMOUNT_MAX {
        return None;
    }
    let (mut negative, mut digits) = (false, String::with_capacity(text.len()));
    let inside = match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inside) => {
            negative = true;
            inside
        }
        None => text,
    };
    let inside = inside.trim().trim_start_matches("USD").trim_end_matches("USD").trim();
    let inside = match inside.strip_suffix("CR").or_else(|| inside.strip_suffix('-')) {
        Some(rest) => {
            negative = !negative;
            rest.trim_end()
        }
        None => inside,
    };
    for (at, c) in inside.char_indices() {
        match c {
            '-' if digits.is_empty() && !inside.get(..at).unwrap_or_default().contains('-') => negative = !negative,
            '+' if at == 0 => {}
            '$' | ' ' if digits.is_empty() => {}
            ',' if !digits.is_empty() && !digits.contains('.') => {}
            '.' if !digits.contains('.') => digits.push('.'),
            '0'..='9' => digits.push(c),
            _ => return None,
        }
    }
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    // Fixed-width columns are filled with zeros.
    let whole = whole.trim_start_matches('0');
    if whole.len() > 12 {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut hundredths = 0;
    for (at, digit) in part.bytes().take(3).enumerate() {
        let digit = i64::from(digit - b'0');
        hundredths += match at {
            0 => digit * 10,
            1 => digit,
            _ => i64::from(digit >= 5),
        };
    }
    let cents = whole * 100 + hundredths;
    let sign = if negative && cents != 0 { "-" } else { "" };
    Some(format!("{sign}{}.{:02}", cents / 100, cents % 100))
}

fn plain_number(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('+');
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(part) || digits.len() > AMOUNT_MAX || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let part = part.trim_end_matches('0');
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_write_them() {
        for (text, expected) in [
            ("$1,234.50", "1234.50"),
            ("(12.00)", "-12.00"),
            ("($12)", "-12.00"),
            ("1234.5-", "-1234.50"),
            ("-$3.1", "-3.10"),
            ("$-3.1", "-3.10"),
            (" 7 ", "7.00"),
            (".5", "0.50"),
            ("12.345", "12.35"),
            ("0.9999", "1.00"),
            ("-0", "0.00"),
            ("USD 1", "1.00"),
            ("5.00 CR", "-5.00"),
            ("-0000000000000000012.30", "-12.30"),
        ] {
            assert_eq!(amount(text).value().as_deref(), Some(expected), "{text}");
        }
        for text in ["", "-", "$", "1.2.3", "12a", "1e5", "--1", "(5", "9999999999999", "1,2.3,4"] {
            assert_eq!(amount(text).value(), None, "{text}");
        }
    }

    #[test]
    fn counts() {
        for (text, expected) in
            [("0030", "30"), ("1.500", "1.5"), ("000", "0"), ("+4", "4"), (".5", "0.5"), ("-2", "-2")]
        {
            assert_eq!(number(text).value().as_deref(), Some(expected), "{text}");
        }
        assert_eq!((number("x").value(), number("1.2.3").value(), number("").value()), (None, None, None));
    }
}
