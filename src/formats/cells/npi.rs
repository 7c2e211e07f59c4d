//! National Provider Identifiers: ten digits, the last of which is a check digit.

/// The text of a cell for an NPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Npi {
    Good,
    /// Ten digits whose check digit is wrong: a typing error.
    Mistyped,
    /// Not ten digits.
    Other,
}

/// The Luhn sum of the prefix `80840`, which stands before every NPI.
const PREFIX_SUM: u32 = 24;

/// Classifies an NPI.
pub(crate) fn npi(text: &str) -> Npi {
    if text.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Npi::Other;
    }
    let sum: u32 = text
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            match (at % 2 == 1, digit) {
                (true, 5..) => digit * 2 - 9,
                (true, _) => digit * 2,
                _ => digit,
            }
        })
        .sum();
    if (sum + PREFIX_SUM).is_multiple_of(10) { Npi::Good } else { Npi::Mistyped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_counts() {
        assert_eq!(npi("1234567893"), Npi::Good);
        assert_eq!(npi("1234567892"), Npi::Mistyped);
        assert_eq!(npi("123456789"), Npi::Other);
        assert_eq!(npi("12345678९3"), Npi::Other);
    }
}
