//! Amounts in cents.

use crate::fhir::json::{Node, node};

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

/// As FHIR's Money in dollars, to the cent.
pub(super) fn money(amount: Cents) -> Node<'static> {
    let (sign, whole, part) =
        (if amount < 0 { "-" } else { "" }, amount.unsigned_abs() / 100, amount.unsigned_abs() % 100);
    let value = match part {
        0 => format!("{sign}{whole}"),
        part if part % 10 == 0 => format!("{sign}{whole}.{}", part / 10),
        part => format!("{sign}{whole}.{part:02}"),
    };
    node!({"value": Node::Number(value.into()), "currency": "USD"})
}

/// A count with the digits as they are written; absent if it is not a number.
pub(super) fn quantity(text: &str) -> Option<Node<'static>> {
    Node::number(text)
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
        let text = |amount: Cents| money(amount).get("value").unwrap().to_string();
        assert_eq!(text(8184), "81.84");
        assert_eq!([text(1250), text(-5), text(-300), text(0)], ["12.5", "-0.05", "-3", "0"]);
        for amount in [1, 7, 29, 101, 9_999_999, 123_456_789, -1, 99_999_999_999_999_999] {
            let text = text(amount);
            assert_eq!(cents(&text), Some(amount), "{text}");
        }
    }
}
