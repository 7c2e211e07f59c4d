//! One row of a table of claims, and its form on the shelf.
//!
//! A part's text is four lines and then JSON: the member's number, the claim's number, the number of the claim that it
//! replaces, the source; so that parts can be sorted without reading the JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::claim_field::ClaimField;
use super::part::{Identity, Part, Replaces, Set};

/// The source of rows. Claim numbers of different sources are unrelated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimSource {
    /// The plan's claims system.
    Plan,
    /// A pharmacy benefit manager.
    Drugs,
    /// CMS Blue Button RIF.
    Rif,
    /// CMS's public-use files.
    SynPuf,
    /// CMS claim and claim line feed.
    Cclf,
    /// NCPDP messages.
    Ncpdp,
    /// The plan's prior authorizations.
    Reviews,
    /// CMS's prior authorizations.
    CmsReviews,
}

impl ClaimSource {
    /// The name on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Drugs => "drugs",
            Self::Rif => "rif",
            Self::SynPuf => "synpuf",
            Self::Cclf => "cclf",
            Self::Ncpdp => "ncpdp",
            Self::Reviews => "reviews",
            Self::CmsReviews => "cms-reviews",
        }
    }

    /// Whether CMS wrote the rows: they identify the member by number alone.
    pub(crate) const fn is_cms(self) -> bool {
        matches!(self, Self::Rif | Self::SynPuf | Self::Cclf | Self::CmsReviews)
    }
}

/// The facts of a row: by field, and by number where a field stands several times.
pub(crate) type Facts = BTreeMap<(ClaimField, u16), String>;

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClaimRow {
    /// The part of the claim that the row holds; empty for everything.
    pub(crate) facet: String,
    /// The line of the claim; where the table does not number lines, how many lines of the claim came before.
    pub(crate) line: u32,
    /// Where the table does not number lines, the position among the rows about the same service. Otherwise zero.
    pub(crate) nth: u32,
    pub(crate) facts: Facts,
}

/// Whether a row takes back, changes, or reports for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    First = 0,
    Again = 1,
    Changed = 2,
    Void = 3,
}

impl ClaimRow {
    /// The first text of the field; empty if there is none.
    pub(crate) fn get(&self, field: ClaimField) -> &str {
        first(&self.facts, field)
    }

    /// The day of the decision that the row reports; empty if the row has none.
    pub(crate) fn day(&self) -> &str {
        let days = [ClaimField::Processed, ClaimField::PaidOn, ClaimField::Received].map(|field| self.get(field));
        days.into_iter().find(|day| !day.is_empty()).unwrap_or_default()
    }

    /// Identifies the row's line within the claim: its number, or where the table does not number lines, the service.
    /// Decisions about requests may change the days.
    pub(crate) fn line_key(&self, with_days: bool) -> (String, u32) {
        if self.nth == 0 {
            return (String::new(), self.line);
        }
        let days: &[ClaimField] = if with_days { &[ClaimField::LineFrom, ClaimField::From] } else { &[] };
        let fields =
            [ClaimField::Service, ClaimField::Modifier, ClaimField::Revenue, ClaimField::Ndc, ClaimField::Tooth];
        let texts = fields.iter().chain(days).flat_map(|field| all(&self.facts, *field).map(|(_, text)| text));
        (texts.collect::<Vec<_>>().join("\u{1f}"), self.nth)
    }

    /// Whether the row is about the claim as a whole rather than one line.
    pub(crate) fn is_of_claim(&self) -> bool {
        let services = [ClaimField::Service, ClaimField::Revenue, ClaimField::Ndc, ClaimField::Prescription];
        self.facet.is_empty() && services.into_iter().all(|field| self.get(field).is_empty())
    }

    /// Whether its claim replaces all earlier rows of the claim (frequency code 7).
    pub(crate) fn replaces_all(&self) -> bool {
        self.facet.is_empty() && self.get(ClaimField::Frequency) == "7"
    }

    /// Whether the row takes the claim back, or changes it.
    pub(crate) fn turn(&self) -> Turn {
        let amounts = [ClaimField::Charge, ClaimField::ClaimCharge, ClaimField::Paid, ClaimField::ClaimPaid];
        // A reversal may be marked only by a negative charge or payment.
        let negative = amounts.into_iter().any(|field| self.get(field).starts_with('-'));
        match self.said_turn() {
            Turn::Void => Turn::Void,
            _ if negative => Turn::Void,
            turn => turn,
        }
    }

    /// The same, from the words of the row alone.
    pub(crate) fn said_turn(&self) -> Turn {
        let begins = |field: ClaimField, words: &[&str]| {
            let text = self.get(field).to_ascii_lowercase();
            words.iter().any(|word| text.starts_with(word))
        };
        let is = |field: ClaimField, words: &[&str]| words.contains(&self.get(field).to_ascii_lowercase().as_str());
        let taken_back = ["void", "revers", "cancel", "delet", "backout", "back out"];
        if begins(ClaimField::Status, &taken_back)
            || begins(ClaimField::Adjustment, &taken_back)
            || is(ClaimField::Status, &["v", "x", "b2", "22", "reversal"])
            || is(ClaimField::Adjustment, &["v", "b2"])
            || is(ClaimField::CmsAdjustment, &["1", "d"])
            || is(ClaimField::Frequency, &["8"])
            || is(ClaimField::Change, &["delete"])
            || is(ClaimField::Void, &["y", "yes", "true", "t", "1", "x", "v", "r", "void", "reversed", "cancelled"])
        {
            return Turn::Void;
        }
        if is(ClaimField::CmsAdjustment, &["2", "a"])
            || begins(ClaimField::Adjustment, &["adj", "repl", "corr"])
            || is(ClaimField::Frequency, &["7"])
        {
            return Turn::Changed;
        }
        if is(ClaimField::Change, &["update"]) { Turn::Again } else { Turn::First }
    }

    /// The row as a part of a group.
    pub(crate) fn part(&self, source: ClaimSource, key: &str, segment: u64) -> Part {
        let turn = self.turn();
        // A reversal without a date applies whenever the reversed decision was made.
        let none = if turn == Turn::Void { "9999-12-31" } else { "0000-00-00" };
        let day = if self.day().is_empty() { none } else { self.day() };
        let order = match source {
            // A switch writes its messages in sequence, and they carry no time.
            ClaimSource::Ncpdp => format!("{segment:012}"),
            _ => format!("{day}\u{1f}{}\u{1f}{:06}", turn as u8, self.line),
        };
        let mut json = Map::new();
        json.insert("facet".to_owned(), self.facet.clone().into());
        json.insert("line".to_owned(), self.line.into());
        if self.nth > 0 {
            json.insert("nth".to_owned(), self.nth.into());
        }
        for ((field, index), text) in &self.facts {
            let name = if *index == 0 { field.name().to_owned() } else { format!("{}.{index}", field.name()) };
            json.insert(name, text.clone().into());
        }
        let (member, claim) = (self.get(ClaimField::Member), self.get(ClaimField::Claim));
        let text = format!(
            "{member}\n{claim}\n{}\n{}\n{}",
            self.get(ClaimField::Original),
            source.name(),
            Value::Object(json)
        );
        let set =
            if matches!(source, ClaimSource::Reviews | ClaimSource::CmsReviews) { Set::ReviewRows } else { Set::Rows };
        Part { set, group: ["rows", source.name(), key].join("\u{1f}"), order, segment, text }
    }

    /// The member's number in the text of a part.
    pub(crate) fn member_of(text: &str) -> &str {
        text.lines().next().unwrap_or_default()
    }

    /// The claim numbers in the text of a part, as they are written, each with the number that replaces it where the
    /// row states one.
    pub(crate) fn claim_numbers_of(text: &str) -> Vec<(String, Option<Replaces>)> {
        let mut lines = text.lines().map(str::to_owned);
        let [member, own, original] = std::array::from_fn(|_| lines.next().unwrap_or_default());
        let mut out = Vec::new();
        if original != own {
            let identity = Identity::of_member(&member);
            out.push((original, Some(Replaces { by: own.clone(), identity })));
        }
        out.push((own, None));
        out
    }

    /// Reads the text of a part: the name of its source, and the row.
    pub(crate) fn read(text: &str) -> Option<(&str, Self)> {
        let mut lines = text.splitn(5, '\n').skip(3);
        let (source, json) = (lines.next()?, lines.next()?);
        let Ok(Value::Object(json)) = serde_json::from_str(json) else { return None };
        let mut row = Self::default();
        for (name, value) in json {
            match (name.as_str(), value) {
                ("facet", Value::String(text)) => row.facet = text,
                ("line", Value::Number(number)) => row.line = number.as_u64()?.try_into().ok()?,
                ("nth", Value::Number(number)) => row.nth = number.as_u64()?.try_into().ok()?,
                (_, Value::String(text)) => {
                    let (name, index) = name.split_once('.').unwrap_or((&name, "0"));
                    row.facts.insert((ClaimField::parse(name)?, index.parse().ok()?), text);
                }
                _ => return None,
            }
        }
        Some((source, row))
    }
}

/// The first text of a field; empty if there is none.
pub(crate) fn first(facts: &Facts, field: ClaimField) -> &str {
    all(facts, field).next().map_or("", |(_, text)| text)
}

/// Every text of a field with its number.
pub(crate) fn all(facts: &Facts, field: ClaimField) -> impl Iterator<Item = (u16, &str)> {
    facts.range((field, 0)..=(field, u16::MAX)).map(|((_, index), text)| (*index, text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(facts: &[(ClaimField, u16, &str)]) -> ClaimRow {
        let facts = facts.iter().map(|(field, index, text)| ((*field, *index), (*text).to_owned())).collect();
        ClaimRow { line: 3, facts, ..ClaimRow::default() }
    }

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let row = row(&[
            (ClaimField::Claim, 0, "C 1"),
            (ClaimField::Member, 0, "M\"1"),
            (ClaimField::Diagnosis, 12, "E11.9"),
            (ClaimField::Processed, 0, "2026-02-03"),
        ]);
        let part = row.part(ClaimSource::Rif, "C 1", 7);
        assert_eq!((ClaimRow::member_of(&part.text), part.order.as_str()), ("M\"1", "2026-02-03\u{1f}0\u{1f}000003"));
        assert_eq!(ClaimRow::claim_numbers_of(&part.text).last(), Some(&("C 1".to_owned(), None)));
        assert_eq!(ClaimRow::read(&part.text), Some(("rif", row)));
        assert_eq!(ClaimRow::read("a\nb\nc\nd\n{\"colour\":\"x\"}"), None);
        assert_eq!(ClaimRow::read(""), None);
    }

    #[test]
    fn words_for_taking_back() {
        for (field, text, turn) in [
            (ClaimField::Status, "Reversed", Turn::Void),
            (ClaimField::Status, "paid", Turn::First),
            (ClaimField::CmsAdjustment, "1", Turn::Void),
            (ClaimField::CmsAdjustment, "2", Turn::Changed),
            (ClaimField::Adjustment, "Replacement", Turn::Changed),
            (ClaimField::Frequency, "8", Turn::Void),
            (ClaimField::Charge, "-1.00", Turn::Void),
            (ClaimField::Change, "UPDATE", Turn::Again),
            (ClaimField::Change, "DELETE", Turn::Void),
            (ClaimField::Void, "N", Turn::First),
        ] {
            assert_eq!(row(&[(field, 0, text)]).turn(), turn, "{text}");
        }
    }
}
