//! Addresses and telephone numbers, written one way so that the same place has the same text in every source.

use crate::fhir::json::{Node, node};

/// Every source has at most two address lines; more than four would break the profiles.
const LINES_MAX: usize = 4;

/// The address of a location.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) lines: Vec<String>,
    pub(crate) city: String,
    pub(crate) state: String,
    /// `06105` or `06105-1208`.
    pub(crate) zip: String,
    /// ISO code; empty for the United States.
    pub(crate) country: String,
}

impl Address {
    /// Builds an address from raw cells; blanks and double spaces are removed.
    pub(crate) fn new<'a>(lines: impl Iterator<Item = &'a str>, city: &str, state: &str, zip: &str) -> Self {
        let mut kept: Vec<String> = Vec::with_capacity(2);
        for line in lines.map(tidy).filter(|line| !line.is_empty()).take(LINES_MAX) {
            if !kept.contains(&line) {
                kept.push(line);
            }
        }
        Self { lines: kept, city: tidy(city), state: self::state(state), zip: self::zip(zip), country: String::new() }
    }

    /// True if nobody could find it.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.city.is_empty() && self.zip.is_empty()
    }

    /// Identifies the address: all of it in lower case, with the five digits of a ZIP code, which cities share.
    pub(crate) fn key(&self) -> String {
        let zip = self.zip.split('-').next().unwrap_or_default();
        let mut key = self.lines.join(" ").to_lowercase();
        key.retain(|c| !matches!(c, '.' | ',' | '#'));
        for part in [self.city.to_lowercase().as_str(), self.state.to_lowercase().as_str(), zip] {
            key.push('|');
            key.push_str(part);
        }
        key
    }

    /// As FHIR's Address.
    pub(super) fn value(&self) -> Node<'static> {
        let mut out = Node::object();
        if !self.lines.is_empty() {
            out.set("line", &self.lines);
        }
        for (name, text) in [("city", &self.city), ("state", &self.state), ("postalCode", &self.zip)] {
            if !text.is_empty() {
                out.set(name, text.clone());
            }
        }
        let country = if self.country.is_empty() { "US" } else { &self.country };
        out.set("country", country.to_owned());
        out
    }
}

/// One line of text without blanks at its ends or two in a row, and without control characters.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn state(text: &str) -> String {
    let text = tidy(text);
    if text.len() == 2 { text.to_ascii_uppercase() } else { text }
}

/// Nine digits get their hyphen, and a leading zero that a spreadsheet dropped is restored.
fn zip(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let only_digits = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ' '));
    match (only_digits, digits.len()) {
        (true, 3..=5) => format!("{digits:0>5}"),
        (true, 8 | 9) => {
            let digits = format!("{digits:0>9}");
            let (five, four) = digits.split_at_checked(5).unwrap_or_default();
            if four == "0000" { five.to_owned() } else { format!("{five}-{four}") }
        }
        _ => tidy(text),
    }
}

/// A telephone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone {
    pub(crate) number: String,
    pub(crate) is_fax: bool,
}

impl Phone {
    pub(super) fn value(&self) -> Node<'static> {
        node!({"system": if self.is_fax { "fax" } else { "phone" }, "value": &self.number})
    }
}

/// Reads a telephone number: ten digits get one form, an extension is kept, others stay as they are. Absent if it has
/// hardly any digits.
pub(crate) fn phone(text: &str, is_fax: bool) -> Option<Phone> {
    let text = tidy(text);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let ten = digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits);
    if digits.len() < 7 || text.chars().any(char::is_control) {
        return None;
    }
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '(' | ')' | '-' | '.' | '+' | '/'));
    let number = match (ten.get(..3), ten.get(3..6), ten.get(6..10)) {
        (Some(area), Some(office), Some(line)) if ten.len() == 10 && plain => format!("{area}-{office}-{line}"),
        _ => text,
    };
    Some(Phone { number, is_fax })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_one_text() {
        let of = |line: &str, zip: &str| Address::new([line, ""].into_iter(), " Hartford ", "ct", zip);
        assert_eq!(of("12  Main St", "061051208").zip, "06105-1208");
        assert_eq!(of("12 Main St.", "6105").key(), of("12 MAIN ST", "06105-0000").key());
        assert_eq!(of("", "061050000").zip, "06105");
        assert_eq!(of("", "K1A 0B1").zip, "K1A 0B1");
    }

    #[test]
    fn numbers_are_written_alike() {
        let of = |text| phone(text, false).map(|phone| phone.number);
        assert_eq!(of("(860) 555-0100").as_deref(), Some("860-555-0100"));
        assert_eq!(of("18605550100").as_deref(), Some("860-555-0100"));
        assert_eq!(of("860-555-0100 ext 3").as_deref(), Some("860-555-0100 ext 3"));
        assert_eq!(of("none"), None);
    }
}
