//! What rows of a table say of one line of a claim over time: decided, taken back, decided again.

use std::collections::BTreeMap;

use super::money::{Cents, cents};
use super::row_amounts::is_pending;
use crate::load::claims::{Field, Row, Turn, all};

/// The lines of a claim, each by what tells it from the others.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<Key, Line>);

/// Which part of the claim, which service where the table does not number its lines, and the number.
type Key = (String, String, u32);

#[derive(Default)]
struct Line {
    /// Where it stands on the claim.
    place: u32,
    /// Rows that nothing has taken back, the earliest first.
    standing: Vec<Row>,
    /// What was taken back last.
    taken: Option<Row>,
}

impl Lines {
    /// Takes the next row.
    pub(super) fn take(&mut self, row: Row) {
        let key = match row.nth {
            0 => (row.facet.clone(), String::new(), row.line),
            nth => (row.facet.clone(), service(&row), nth),
        };
        let line = self.0.entry(key).or_insert_with(|| Line { place: row.line, ..Line::default() });
        if row.turn() == Turn::Void { line.take_back(row) } else { line.standing.push(row) }
    }

    /// Whether every line was taken back.
    pub(super) fn are_void(&self) -> bool {
        self.0.values().all(|line| line.standing.is_empty())
    }

    /// Whether a part of the claim is there.
    pub(super) fn has(&self, facets: &[&str]) -> bool {
        self.0.keys().any(|(facet, ..)| facets.contains(&facet.as_str()))
    }

    /// Whether two rows of one line say different things and neither says that it is the later one.
    pub(super) fn are_doubtful(&self) -> bool {
        self.0.values().any(|line| match line.standing.as_slice() {
            [.., before, last] => before.day() == last.day() && is_pending(&before.facts) == is_pending(&last.facts),
            _ => false,
        })
    }

    /// What stands of each line, or what each was if `void`.
    pub(super) fn rows(self, void: bool) -> Vec<Row> {
        let place = |(facet, service, number): &Key, line: &Line| {
            (facet.clone(), if service.is_empty() { *number } else { line.place }, service.clone(), *number)
        };
        let mut lines: Vec<(Key, Line)> = self.0.into_iter().collect();
        lines.sort_by_cached_key(|(key, line)| place(key, line));
        let mut rows = Vec::new();
        for ((_, _, number), mut line) in lines {
            let stands = line.stands().map(|at| line.standing.swap_remove(at));
            let Some(mut row) = stands.or(line.taken.filter(|_| void)) else { continue };
            // Lines that the table does not number go by where they stand.
            row.line = if row.nth == 0 { number } else { rows.len() as u32 + 1 };
            rows.push(row);
        }
        rows
    }
}

impl Line {
    /// The last row of those that decide something, else the last.
    fn stands(&self) -> Option<usize> {
        let last = self.standing.last()?.day();
        let decides = |row: &Row| row.day() == last && !is_pending(&row.facts);
        self.standing.iter().rposition(decides).or_else(|| self.standing.len().checked_sub(1))
    }

    /// Takes back what the row undoes, and what that had replaced. Adjustments come in pairs of one day, so it is a row of an
    /// earlier day if there is one, with these amounts if there is one.
    fn take_back(&mut self, row: Row) {
        let undone = amounts(&row);
        let same = |old: &Row| undone.is_some() && amounts(old) == undone;
        let earlier = |old: &Row| old.day() < row.day();
        let last = |test: &dyn Fn(&Row) -> bool| self.standing.iter().rposition(test);
        let at = last(&|old| same(old) && earlier(old))
            .or_else(|| last(&same))
            .or_else(|| last(&earlier))
            .or_else(|| self.standing.len().checked_sub(1));
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

const AMOUNTS: [Field; 9] = [
    Field::Charge,
    Field::ClaimCharge,
    Field::Allowed,
    Field::Paid,
    Field::ClaimPaid,
    Field::Share,
    Field::Deductible,
    Field::Coinsurance,
    Field::Copay,
];

/// What a row takes back that never came: its amounts are those of the row, without the minus.
fn undone_by(mut row: Row) -> Row {
    for ((field, _), text) in &mut row.facts {
        if AMOUNTS.contains(field) && text.starts_with('-') {
            text.remove(0);
        }
    }
    row
}

/// Charged and paid, whatever their signs; absent if the row says neither.
fn amounts(row: &Row) -> Option<[Cents; 2]> {
    let of = |fields: [Field; 2]| fields.iter().find_map(|field| cents(row.get(*field))).map(Cents::abs);
    let (charged, paid) = (of([Field::Charge, Field::ClaimCharge]), of([Field::Paid, Field::ClaimPaid]));
    (charged.is_some() || paid.is_some()).then(|| [charged.unwrap_or_default(), paid.unwrap_or_default()])
}

/// What was done, on which day: tells lines apart where a table does not number them.
fn service(row: &Row) -> String {
    let fields =
        [Field::Service, Field::Modifier, Field::Revenue, Field::Ndc, Field::Tooth, Field::LineFrom, Field::From];
    let texts = fields.iter().flat_map(|field| all(&row.facts, *field).map(|(_, text)| text));
    texts.collect::<Vec<_>>().join("\u{1f}")
}
