//! Amounts and counts of claims and payments that cannot be read. None of them is zero: such a claim or payment is refused. Pure.

use super::claim::Claim;
use super::remit::{Adjustment, Remit};
use crate::formats::cells::form;

/// An amount or count as X12 writes it: digits with at most one point and one minus. More than two decimals are no amount of money,
/// unless they are zeros.
fn is_number(text: &str, is_money: bool) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let cents = if is_money { part.trim_end_matches('0') } else { part };
    let is_short = whole.len() <= 15 && (!is_money || cents.len() <= 2);
    text.is_empty() || (!(whole.is_empty() && part.is_empty()) && are_digits(whole) && are_digits(part) && is_short)
}

fn wrong(what: &str, text: &str, is_money: bool) -> Option<String> {
    let kind = if is_money { "amount" } else { "number" };
    (!is_number(text, is_money)).then(|| format!("{what} is no {kind} {}", form(text)))
}

fn adjustments(all: &[Adjustment<'_>]) -> Option<String> {
    all.iter().find_map(|one| wrong("the amount of an adjustment (CAS)", one.amount, true))
}

impl Claim<'_> {
    /// The first amount or count that cannot be read, in words.
    pub(crate) fn unreadable(&self) -> Option<String> {
        wrong("the charge of the claim (CLM02)", self.charge, true).or_else(|| {
            self.lines.iter().find_map(|line| {
                wrong("the charge of a line (SV1, SV2, SV3)", line.charge, true)
                    .or_else(|| wrong("the quantity of a line (SV1, SV2, SV3)", line.units, false))
            })
        })
    }
}

impl Remit<'_> {
    /// The first amount that cannot be read, in words.
    pub(crate) fn unreadable(&self) -> Option<String> {
        wrong("the charge (CLP03)", self.charge, true)
            .or_else(|| wrong("the payment (CLP04)", self.paid, true))
            .or_else(|| wrong("what the patient owes (CLP05)", self.patient_owes, true))
            .or_else(|| wrong("the allowed amount (AMT)", self.allowed, true))
            .or_else(|| adjustments(&self.adjustments))
            .or_else(|| {
                self.lines.iter().find_map(|line| {
                    wrong("the charge of a line (SVC02)", line.charge, true)
                        .or_else(|| wrong("the payment of a line (SVC03)", line.paid, true))
                        .or_else(|| wrong("the allowed amount of a line (AMT)", line.allowed, true))
                        .or_else(|| adjustments(&line.adjustments))
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_amount_is_told() {
        for text in ["", "0", "100", "-3.5", ".5", "100.2500", "12."] {
            assert!(is_number(text, true), "{text}");
        }
        for text in ["1,200.00", "$100", "100.005", "7O", "3o", "-", ".", "1e3", "--1"] {
            assert!(!is_number(text, true), "{text}");
        }
        assert!(is_number("2.125", false) && !is_number("one", false));
    }
}
