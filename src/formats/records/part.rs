//! The parts that a file is cut into: one claim, payment, member or review each, as they are kept until their whole
//! group is known. Pure.

use crate::formats::issue::Rule;

/// The kind of a transaction set, or of the rows of a table with the same content. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Set {
    /// 834.
    Enrolment = 0,
    /// 837.
    Claims = 1,
    /// 835.
    Payments = 2,
    /// 278.
    Reviews = 3,
    /// Rows of a table of claims.
    Rows = 4,
    /// Rows of a table of prior authorizations.
    ReviewRows = 5,
}

impl Set {
    /// The number of sets.
    pub(crate) const COUNT: usize = 6;

    /// The set with that number.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Enrolment,
            1 => Self::Claims,
            2 => Self::Payments,
            3 => Self::Reviews,
            4 => Self::Rows,
            5 => Self::ReviewRows,
            _ => return None,
        })
    }
}

/// A piece of a file that can be read by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) set: Set,
    /// The key that parts of one group share: a claim's control number, a member's number, a review's trace number.
    pub(crate) group: String,
    /// Later files sort after earlier ones, whenever they are loaded.
    pub(crate) order: String,
    /// The number of its first segment in the file.
    pub(crate) segment: u64,
    pub(crate) text: String,
}

/// The replacement of one claim by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replaces {
    /// The number of the replacing claim.
    pub(crate) by: String,
    /// The identity of the replacing claim: it only replaces claims of the same member and provider.
    pub(crate) identity: Identity,
}

/// Identifies the patient and the billing provider of a claim: biller, birth date, the patient's own number, first name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity([String; 4]);

impl Identity {
    /// Built from four facts: biller, birth date, member number, given name.
    pub(crate) const fn of(facts: [String; 4]) -> Self {
        Self(facts)
    }

    /// Built for rows of a table, which are identified by the member's number alone.
    pub(crate) fn of_member(number: &str) -> Self {
        Self([String::new(), String::new(), number.to_uppercase(), String::new()])
    }

    /// Whether both identify one patient and biller: by the patient's own number, or by the given name, which some
    /// systems shorten. Different birth dates never match: one is another person's, or is mistyped and proves nothing.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let [_, birth, number, given] = &self.0;
        let [_, other_birth, other_number, other_given] = &other.0;
        let same_birth = birth == other_birth || birth.is_empty() || other_birth.is_empty();
        let same_number = !number.is_empty() && number == other_number;
        let longer = |one: &str, other: &str| !other.is_empty() && one.starts_with(other);
        let same_name = given == other_given || longer(given, other_given) || longer(other_given, given);
        let is_named = !given.is_empty() || !other_given.is_empty() || number.is_empty();
        self.biller() == other.biller() && same_birth && (same_number || (same_name && is_named))
    }

    /// The billing provider.
    pub(crate) fn biller(&self) -> &str {
        let [biller, ..] = &self.0;
        biller
    }

    /// As text, for [`Identity::parse`].
    pub(crate) fn text(&self) -> String {
        self.0.join("|")
    }

    /// Reads the text of [`Identity::text`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '|').map(str::to_owned);
        Some(Self([parts.next()?, parts.next()?, parts.next()?, parts.next()?]))
    }
}

/// A number in its compared form: letters and digits, without leading zeros. Systems write it with and without dashes.
pub(crate) fn plain_number(text: &str) -> String {
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect();
    plain.trim_start_matches('0').to_owned()
}

/// One result of reading a file of rows.
pub(crate) enum RowOutcome {
    Part(Part),
    /// The line, the rule and the reason.
    Refused(u64, Rule, String),
}
