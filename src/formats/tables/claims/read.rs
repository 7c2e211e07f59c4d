//! Turns rows of a table into parts.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::header::ClaimHeader;
use crate::formats::cells;
use crate::formats::cells::{code, is_blank};
use crate::formats::records::{ClaimField, ClaimRow, ClaimSource, Facts, Part, Shape, first};

/// The longest meaningful cell.
const CELL_MAX: usize = 400;
/// The first day of ICD-10 in claims of the United States.
const TENTH_REVISION: &str = "2015-10-01";
/// Lines of one claim.
const LINES_MAX: u32 = 9_999;
/// Claims whose lines are counted where the table does not number them; beyond this, a claim's rows must be adjacent.
const COUNTED_MAX: usize = 1 << 20;

/// What a row came to.
pub(crate) struct RowParts {
    pub(crate) parts: Vec<Part>,
    /// The fields whose cells have not the form of their code system.
    pub(crate) odd: Vec<&'static str>,
}

/// Reads rows one after the other, and counts lines where the table does not.
pub(crate) struct ClaimRowReader {
    header: ClaimHeader,
    counted: HashMap<u64, u32>,
}

impl ClaimRowReader {
    pub(crate) fn new(header: ClaimHeader) -> Self {
        Self { header, counted: HashMap::new() }
    }

    /// The parts of a row.
    ///
    /// # Errors
    /// The mistake in the row.
    pub(crate) fn read(&mut self, at: u64, cells: &csv::StringRecord) -> Result<RowParts, String> {
        // With one cell too many, every later cell is in the wrong column.
        if cells.iter().skip(self.header.len()).any(|cell| !cell.trim().is_empty()) {
            return Err("the row has more cells than the header".to_owned());
        }
        let (mut facts, mut is_short) = (Facts::new(), false);
        for (field, index, text) in self.header.cells(cells) {
            if is_blank(text) {
                continue;
            }
            if text.len() > CELL_MAX {
                return Err(format!("the cell for {} is longer than any is", field.name()));
            }
            if let Some(day) = plain(field, text)? {
                is_short |= field == ClaimField::Birth && day.get(..4).is_some_and(|year| !text.contains(year));
                facts.entry((field, index)).or_insert(day);
            }
        }
        if is_short {
            before_care(&mut facts);
        }
        let odd = of_another_form(&facts);
        let source = self.header.source;
        if first(&facts, ClaimField::Member).is_empty() {
            return Err("the member id is empty".to_owned());
        }
        let key = key(source, &facts).ok_or("the number of the claim or authorization is empty")?;
        if first(&facts, ClaimField::Claim).is_empty() {
            facts.insert((ClaimField::Claim, 0), key.replace('\u{1f}', "-"));
        }
        let source = if self.header.is_drugs() && source == ClaimSource::Plan { ClaimSource::Drugs } else { source };
        if self.header.is_wide {
            return Ok(RowParts {
                parts: wide(facts).into_iter().map(|row| row.part(source, &key, at)).collect(),
                odd,
            });
        }
        let (line, nth) = match first(&facts, ClaimField::Line) {
            "" if self.header.has(ClaimField::Line) || self.header.is_drugs() || source.is_cms() => (1, 0),
            "" => (self.count(&facts, false), self.count(&facts, true)),
            text => (line(text).ok_or("the line number is none")?, 0),
        };
        facts.remove(&(ClaimField::Line, 0));
        if source == ClaimSource::CmsReviews
            && let Some(decision) = facts.get_mut(&(ClaimField::Status, 0))
        {
            // CMS's letters: affirmed, non-affirmed, pending.
            *decision = match decision.as_str() {
                "A" => "approved".to_owned(),
                "N" => "denied".to_owned(),
                "P" => "pending".to_owned(),
                _ => std::mem::take(decision),
            };
        }
        let row = ClaimRow { facet: self.header.facet.to_owned(), line, nth, facts };
        Ok(RowParts { parts: vec![row.part(source, &key, at)], odd })
    }

    /// The number of a line whose table does not number lines: how many lines of the claim with the same decision date
    /// came before; or how many `of_service`.
    fn count(&mut self, facts: &Facts, of_service: bool) -> u32 {
        let fields =
            [ClaimField::Claim, ClaimField::Processed, ClaimField::PaidOn, ClaimField::Status, ClaimField::Frequency];
        let mut marks: Vec<&str> = fields.iter().map(|field| first(facts, *field)).collect();
        if of_service {
            let services = [
                ClaimField::Service,
                ClaimField::Modifier,
                ClaimField::Revenue,
                ClaimField::Ndc,
                ClaimField::Tooth,
                ClaimField::From,
            ];
            marks.extend(services.iter().map(|field| first(facts, *field)));
            marks.push(first(facts, ClaimField::LineFrom));
            // A reversal is not counted among the lines that it reverses.
            marks.push(if first(facts, ClaimField::Charge).starts_with('-') { "-" } else { "+" });
        }
        let mark = xxh3_64(marks.join("\u{1f}").as_bytes());
        if self.counted.len() >= COUNTED_MAX {
            self.counted.clear();
        }
        let count = self.counted.entry(mark).or_default();
        *count = (*count + 1).min(LINES_MAX);
        *count
    }
}

/// Corrects a birth date with a two-digit year: nobody is born after receiving care, so it belongs to the previous
/// century.
fn before_care(facts: &mut Facts) {
    let days =
        [ClaimField::From, ClaimField::LineFrom, ClaimField::Processed, ClaimField::PaidOn, ClaimField::Received];
    let care =
        days.map(|field| first(facts, field)).into_iter().find(|day| !day.is_empty()).unwrap_or_default().to_owned();
    let Some(birth) = facts.get_mut(&(ClaimField::Birth, 0)) else { return };
    if !care.is_empty()
        && *birth > care
        && let Some((year, rest)) = birth.split_at_checked(4)
        && let Ok(year) = year.parse::<u16>()
    {
        *birth = format!("{}{rest}", year.saturating_sub(100));
    }
}

/// A line's number; digits after a point and letters before the number, which some systems add, are dropped.
fn line(text: &str) -> Option<u32> {
    let number = cells::number(text).value()?;
    number.split('.').next()?.parse().ok().filter(|line| *line <= LINES_MAX)
}

/// The fields of a row whose cells have not the form of their code system, and are shown without a code therefore.
pub(super) fn of_another_form(facts: &Facts) -> Vec<&'static str> {
    let day = [ClaimField::From, ClaimField::LineFrom].map(|field| first(facts, field));
    let day = day.into_iter().find(|day| !day.is_empty()).unwrap_or_default();
    let mut out = Vec::new();
    for ((field, index), text) in facts {
        let fits = match field {
            ClaimField::Place => code::is_place(text),
            ClaimField::Service => code::is_service(text),
            ClaimField::Ndc => code::ndc(text).is_some(),
            ClaimField::Principal
            | ClaimField::Diagnosis
            | ClaimField::Admitting
            | ClaimField::ReasonForVisit
            | ClaimField::External => {
                text.split([',', ';', '|', ' ', '^']).filter(|code| !code.is_empty()).all(|code| {
                    let (ninth, tenth) = (code::is_ninth_diagnosis(code), code::is_tenth_diagnosis(code));
                    let stated = facts.get(&(ClaimField::DiagnosisVersion, *index));
                    let stated = stated.or_else(|| facts.get(&(ClaimField::DiagnosisVersion, 0)));
                    match revision(stated.map_or("", String::as_str), day) {
                        Some(true) => tenth,
                        Some(false) => ninth,
                        None => ninth || tenth,
                    }
                })
            }
            _ => true,
        };
        if !fits && !out.contains(&field.name()) {
            out.push(field.name());
        }
    }
    out
}

/// Whether diagnoses are of ICD-10: as the row states it, else by the day of service. Absent where nothing tells.
pub(crate) fn revision(stated: &str, day: &str) -> Option<bool> {
    match stated.trim_start_matches("ICD").trim_start_matches('-') {
        "9" | "09" => Some(false),
        "0" | "10" => Some(true),
        _ => (!day.is_empty()).then_some(day >= TENTH_REVISION),
    }
}

/// The group key of the rows of one claim.
///
/// CMS sends changes of a claim under new numbers; they share the fields that CMS's guide calls the natural key.
fn key(source: ClaimSource, facts: &Facts) -> Option<String> {
    let text = |field: ClaimField| first(facts, field);
    let join = |fields: &[ClaimField]| fields.iter().map(|field| text(*field)).collect::<Vec<_>>().join("\u{1f}");
    let claim = text(ClaimField::Claim);
    let drug = [
        ClaimField::Prescription,
        ClaimField::Fill,
        ClaimField::From,
        ClaimField::PharmacyNpi,
        ClaimField::PharmacyName,
        ClaimField::Member,
    ];
    match source {
        ClaimSource::Reviews | ClaimSource::CmsReviews => Some(claim.to_owned()).filter(|number| !number.is_empty()),
        _ if claim.is_empty() && text(ClaimField::Prescription).is_empty() => None,
        ClaimSource::Cclf if !text(ClaimField::Ndc).is_empty() => Some(join(&drug)),
        ClaimSource::Cclf if !text(ClaimField::BillingNumber).is_empty() => {
            Some(join(&[ClaimField::BillingNumber, ClaimField::From, ClaimField::To, ClaimField::Member]))
        }
        ClaimSource::Cclf if !text(ClaimField::Control).is_empty() => {
            Some(join(&[ClaimField::Control, ClaimField::Member]))
        }
        _ if claim.is_empty() => Some(join(&drug)),
        _ => Some(claim.to_owned()),
    }
}

/// A cell in its normal form; absent if it says nothing.
fn plain(field: ClaimField, text: &str) -> Result<Option<String>, String> {
    let cell = match field.shape() {
        Shape::Day => cells::day(text),
        Shape::Amount => cells::amount(text),
        Shape::Number => cells::number(text),
        Shape::Npi | Shape::Text => {
            let words: Vec<&str> =
                text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
            return Ok(Some(words.join(" ")).filter(|text| !text.is_empty()));
        }
    };
    cell.read().map_err(|why| format!("the cell for {} is {why}", field.name()))
}

/// Splits a row that holds several service lines side by side; each line gets the claim-level cells of the row.
fn wide(facts: Facts) -> Vec<ClaimRow> {
    let (mut shared, mut lines) = (Facts::new(), HashMap::<u16, Facts>::new());
    for ((field, index), text) in facts {
        if index > 0 && field.is_of_line() {
            lines.entry(index).or_default().insert((field, 0), text);
        } else {
            shared.insert((field, index), text);
        }
    }
    // A line exists if it names a service; amounts of zero stand in every column.
    let mut numbers: Vec<u16> = lines
        .iter()
        .filter(|(_, facts)| facts.contains_key(&(ClaimField::Service, 0)))
        .map(|(number, _)| *number)
        .collect();
    numbers.sort_unstable();
    if numbers.is_empty() {
        return vec![ClaimRow { line: 1, facts: shared, ..ClaimRow::default() }];
    }
    let row = |number: u16| {
        let mut facts = shared.clone();
        facts.extend(lines.get(&number).cloned().unwrap_or_default());
        ClaimRow { line: u32::from(number), facts, ..ClaimRow::default() }
    };
    numbers.into_iter().map(row).collect()
}
