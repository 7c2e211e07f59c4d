//! Matches decided lines to the lines of a claim.
//!
//! A payment names the line's control number, or else states the service, the date and the charge. A payer may decide
//! one line in several pieces, and under another code than the submitted one (SVC06 has that).

use super::money::{Cents, cents};
use crate::formats::x12::{Claim, Line, PaidLine, Remit};

/// Tests of whether a decided line matches a line of the claim, the strictest first.
const TESTS: [fn(&Line<'_>, &PaidLine<'_>) -> bool; 5] = [
    |line, paid| !paid.control.is_empty() && paid.control == control(line),
    |line, paid| is_same(line, paid) && is_on_day(line, paid, false) && !paid.day.is_empty(),
    |line, paid| is_same(line, paid) && is_on_day(line, paid, true),
    |line, paid| is_same_code(line, paid) && is_on_day(line, paid, true),
    is_same_code,
];

/// The decided lines of each line of a claim.
pub(super) fn match_lines<'a, 'c>(claim: &Claim<'c>, decisions: &'a [Remit<'c>]) -> Vec<Vec<&'a PaidLine<'c>>> {
    let mut out = vec![Vec::new(); claim.lines.len()];
    let mut left: Vec<&PaidLine<'_>> = decisions.iter().flat_map(|remit| &remit.lines).collect();
    for test in TESTS {
        for (line, paid) in claim.lines.iter().zip(&mut out) {
            if paid.is_empty()
                && let Some(at) = left.iter().position(|one| test(line, one))
            {
                paid.push(left.remove(at));
            }
        }
    }
    for one in left {
        let is_piece = |(line, paid): &(&Line<'_>, &mut Vec<&PaidLine<'_>>)| {
            let is_named = !one.control.is_empty() && one.control == control(line);
            is_named || (is_same_code(line, one) && is_on_day(line, one, true) && has_room(line, paid, one))
        };
        if let Some((_, paid)) = claim.lines.iter().zip(&mut out).find(is_piece) {
            paid.push(one);
        }
    }
    out
}

/// REF*6R, or the line's number where it has none.
const fn control<'a>(line: &Line<'a>) -> &'a str {
    if line.control.is_empty() { line.number } else { line.control }
}

fn is_same_code(line: &Line<'_>, paid: &PaidLine<'_>) -> bool {
    if line.code.is_empty() { paid.revenue == line.revenue } else { paid.sent() == line.code }
}

fn is_same(line: &Line<'_>, paid: &PaidLine<'_>) -> bool {
    is_same_code(line, paid) && cents(paid.charge) == cents(line.charge) && paid.modifiers == line.modifiers
}

/// Whether the decided date is among those of the line; `open` is the answer where one of them has none.
fn is_on_day(line: &Line<'_>, paid: &PaidLine<'_>, open: bool) -> bool {
    match line.served {
        Some(span) if !paid.day.is_empty() => (span.from..=span.to).contains(&paid.day),
        _ => open,
    }
}

/// Whether the pieces together do not exceed the charge.
fn has_room(line: &Line<'_>, paid: &[&PaidLine<'_>], one: &PaidLine<'_>) -> bool {
    let sum: Cents = paid.iter().chain([&one]).filter_map(|piece| cents(piece.charge)).sum();
    cents(line.charge).is_some_and(|charge| sum <= charge)
}
