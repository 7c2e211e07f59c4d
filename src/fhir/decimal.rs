//! Decimal numbers as search compares them: exactly, with the precision that their text implies (FHIR R4, search,
//! 3.1.1.4.7). 100 matches anything that rounds to 100, 100.00 a much narrower range, 1e2 a wider one.

/// Decimal places that are kept.
const PLACES: i32 = 18;
/// Digits that are read.
const MAX_DIGITS: usize = 30;

/// A number times ten to the eighteenth.
pub type Scaled = i128;

/// A number in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The value.
    pub value: Scaled,
    /// Half a unit of its last digit.
    pub half: Scaled,
}

/// Reads a decimal as JSON and queries write it. Nothing for text that is not a number or is out of range (about 10 to
/// the 20th).
#[must_use]
pub fn parse(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
        return None;
    }
    if digits.len() > MAX_DIGITS || exponent.abs() > 40 {
        return None;
    }
    let number: Scaled = format!("{whole}{fraction}").parse().ok()?;
    let last = exponent - i32::try_from(fraction.len()).ok()?;
    let value = scale(number, last)?;
    // The standard's own examples: 100 is 99.5 to 100.5, and 1e2 is 95 to 105.
    let place = if exponent == 0 { last - 1 } else { last - 2 };
    Some(Decimal { value: if negative { -value } else { value }, half: scale(5, place).unwrap_or(0) })
}

/// `number` times ten to the `exponent`, scaled; digits below the smallest place are cut off.
fn scale(number: Scaled, exponent: i32) -> Option<Scaled> {
    let shift = exponent + PLACES;
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 { number.checked_mul(power) } else { Some(number / power) }
}

/// The number as a float, for units that must be converted.
#[must_use]
pub fn to_float(value: Scaled) -> f64 {
    value as f64 / 1e18
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Scaled = 1_000_000_000_000_000_000;

    #[test]
    fn precision_is_in_the_digits() {
        for (text, value, half) in [
            ("100", 100 * ONE, ONE / 2),
            ("100.00", 100 * ONE, ONE / 200),
            ("1e2", 100 * ONE, 5 * ONE),
            ("1.0E+2", 100 * ONE, ONE / 2),
            ("-0.5", -ONE / 2, ONE / 20),
            ("5.40", 54 * ONE / 10, ONE / 200),
            ("0", 0, ONE / 2),
        ] {
            assert_eq!(parse(text), Some(Decimal { value, half }), "{text}");
        }
        for text in ["", ".", "-", "1e", "e1", "1.2.3", "0x1", "1e99", "NaN", "1234567890123456789012345678901"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
