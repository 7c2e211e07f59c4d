//! Amounts in cents.

use serde_json::{Number, Value, json};

/// Cents.
pub(crate) type Cents = i64;

/// Reads `12`, `12.5`, `12.25`, `.5`, `-3.00`; nothing else. A number with more than two decimals is not an amount of
/// money.
pub(super) fn cents(text: &str) -> Option<Cents> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty() && !digits.contains('0')) || part.len() > 2 || whole.len() > 15 {
        return None;
    }
    if !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let whole: Cents = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let hundredths: Cents = if part.is_empty() { 0 } else { part.parse().ok()? };
    let hundredths = if part.len() == 1 { hundredths * 10 } else { hundredths };
    Some(sign * (whole * 100 + hundredths))
}

/// As FHIR's Money in dollars.
pub(super) fn money(amount: Cents) -> Value {
    let value = if amount % 100 == 0 {
        Number::from(amount / 100)
    } else {
        // Two decimals print as they were read.
        Number::from_f64(amount as f64 / 100.0).unwrap_or_else(|| Number::from(0))
    };
    json!({"value": value, "currency": "USD"})
}

/// A count as it is written; absent if it is not a number.
pub(super) fn quantity(text: &str) -> Option<Number> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, expected) in [
            ("12", 1200),
            ("12.5", 1250),
            ("12.25", 1225),
            (".5", 50),
            ("-3.00", -300),
            ("0", 0),
            ("1.2300", 123),
            ("0.0", 0),
        ] {
            assert_eq!(cents(text), Some(expected), "{text}");
        }
        for text in ["", "1.234", "a", "1,5", "-", ".", "99999999999999999", "1e3", "--1"] {
            assert_eq!(cents(text), None, "{text}");
        }
        assert_eq!(money(8184)["value"].to_string(), "81.84");
        for amount in [1, 7, 29, 101, 9_999_999, 123_456_789] {
            let text = money(amount)["value"].to_string();
            assert_eq!(cents(&text), Some(amount), "{text}");
        }
    }
}
