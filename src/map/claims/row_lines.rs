//! Rows of a table about one line of a claim over time: decided, reversed, decided again.

use std::collections::BTreeMap;

use super::money::{Cents, cents};
use super::row_amounts::{is_denied, is_pending};
use crate::formats::records::{ClaimField, ClaimRow, Turn};

/// The lines of a claim, by their keys.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<Key, Line>);

/// The part of the claim, the service where the table does not number its lines, and the number.
type Key = (String, String, u32);

#[derive(Default)]
struct Line {
    /// The position on the claim.
    place: u32,
    /// Rows that were not reversed, the earliest first.
    standing: Vec<ClaimRow>,
    /// The row that was reversed last.
    taken: Option<ClaimRow>,
}

impl Lines {
    /// Takes the next row.
    pub(super) fn take(&mut self, row: ClaimRow) {
        let is_void = row.turn() == Turn::Void;
        if is_void && row.is_of_claim() && !self.0.is_empty() {
            self.0.values_mut().for_each(|line| line.take_back(row.clone()));
            return;
        }
        if row.replaces_all() {
            let is_later = |old: &ClaimRow| old.day() >= row.day();
            self.0.values_mut().for_each(|line| line.standing.retain(is_later));
        }
        let (service, number) = row.line_key(true);
        let place = row.line;
        let line =
            self.0.entry((row.facet.clone(), service, number)).or_insert_with(|| Line { place, ..Line::default() });
        if is_void { line.take_back(row) } else { line.standing.push(row) }
    }

    /// Whether every line was reversed.
    pub(super) fn are_void(&self) -> bool {
        self.0.values().all(|line| line.standing.is_empty())
    }

    /// Whether any of these parts of the claim is there.
    pub(super) fn has(&self, facets: &[&str]) -> bool {
        self.0.keys().any(|(facet, ..)| facets.contains(&facet.as_str()))
    }

    /// Whether two rows of one line contradict each other and neither states that it is later.
    pub(super) fn are_doubtful(&self) -> bool {
        self.0.values().any(|line| match line.standing.as_slice() {
            [.., before, last] => before.day() == last.day() && weight(before) == weight(last),
            _ => false,
        })
    }

    /// The current row of each line, or the reversed one if `void`.
    pub(super) fn rows(self, void: bool) -> Vec<ClaimRow> {
        let place = |(facet, service, number): &Key, line: &Line| {
            (facet.clone(), if service.is_empty() { *number } else { line.place }, service.clone(), *number)
        };
        let mut lines: Vec<(Key, Line)> = self.0.into_iter().collect();
        lines.sort_by_cached_key(|(key, line)| place(key, line));
        let mut rows = Vec::new();
        for ((_, _, number), mut line) in lines {
            let stands = line.stands().map(|at| line.standing.swap_remove(at));
            let Some(mut row) = stands.or(line.taken.filter(|_| void)) else { continue };
            // Lines that the table does not number are numbered by position.
            row.line = if row.nth == 0 { number } else { rows.len() as u32 + 1 };
            rows.push(row);
        }
        rows
    }
}

impl Line {
    /// The last row of the last day, by weight.
    fn stands(&self) -> Option<usize> {
        let last = self.standing.last()?.day();
        let of_day = self.standing.iter().enumerate().filter(|(_, row)| row.day() == last);
        of_day.max_by_key(|(at, row)| (weight(row), *at)).map(|(at, _)| at)
    }

    /// Takes back the row that this row reverses, and those that it had replaced. Adjustments come in pairs of one day,
    /// so a row of an earlier day is preferred, with the same amounts if there is one.
    fn take_back(&mut self, row: ClaimRow) {
        let undone = amounts(&row);
        let same = |old: &ClaimRow| undone.is_some() && amounts(old) == undone;
        let earlier = |old: &ClaimRow| old.day() < row.day();
        let last = |test: &dyn Fn(&ClaimRow) -> bool| self.standing.iter().rposition(test);
        let at = last(&|old| same(old) && earlier(old))
            .or_else(|| last(&same))
            .or_else(|| last(&earlier))
            .or_else(|| self.standing.len().checked_sub(1));
        let is_whole = row.said_turn() == Turn::Void || row.get(ClaimField::Charge).starts_with('-');
        let is_part = !is_whole && !at.and_then(|at| self.standing.get(at)).is_some_and(same);
        if let Some(old) = at.filter(|_| is_part).and_then(|at| self.standing.get_mut(at)) {
            // Only the payment is negative, and differs from the row's: it is taken back in part.
            less(old, &row);
            return;
        }
        match at.map(|at| self.standing.remove(at)) {
            Some(old) => {
                self.standing.retain(|other| other.day() >= old.day());
                self.taken = Some(old);
            }
            None if self.taken.is_none() => self.taken = Some(undone_by(row)),
            None => {}
        }
    }
}

/// The weight of a row among those of one day: decided outweighs pending, and paid outweighs denied.
fn weight(row: &ClaimRow) -> u8 {
    if is_pending(&row.facts) { 0 } else { 1 + u8::from(!is_denied(&row.facts)) }
}

/// Subtracts the amounts of a partial reversal.
fn less(old: &mut ClaimRow, row: &ClaimRow) {
    for field in [ClaimField::Paid, ClaimField::ClaimPaid] {
        if let (Some(paid), Some(part)) = (cents(old.get(field)), cents(row.get(field))) {
            let left = paid + part;
            let sign = if left < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:02}", left.abs() / 100, left.abs() % 100);
            old.facts.insert((field, 0), text);
        }
    }
}

const AMOUNTS: [ClaimField; 9] = [
    ClaimField::Charge,
    ClaimField::ClaimCharge,
    ClaimField::Allowed,
    ClaimField::Paid,
    ClaimField::ClaimPaid,
    ClaimField::Share,
    ClaimField::Deductible,
    ClaimField::Coinsurance,
    ClaimField::Copay,
];

/// The row that a reversal takes back if it never arrived: the same amounts, without the minus.
fn undone_by(mut row: ClaimRow) -> ClaimRow {
    for ((field, _), text) in &mut row.facts {
        if AMOUNTS.contains(field) && text.starts_with('-') {
            text.remove(0);
        }
    }
    row
}

/// Charge and payment, whatever their signs; absent if the row states neither.
fn amounts(row: &ClaimRow) -> Option<[Cents; 2]> {
    let of = |fields: [ClaimField; 2]| fields.iter().find_map(|field| cents(row.get(*field))).map(Cents::abs);
    let (charged, paid) =
        (of([ClaimField::Charge, ClaimField::ClaimCharge]), of([ClaimField::Paid, ClaimField::ClaimPaid]));
    (charged.is_some() || paid.is_some()).then(|| [charged.unwrap_or_default(), paid.unwrap_or_default()])
}
