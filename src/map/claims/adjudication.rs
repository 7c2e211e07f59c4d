//! Amounts of an adjudication under CARIN's names.
//!
//! | name | in the 835 |
//! |---|---|
//! | submitted | charge (SVC02, CLP03) |
//! | eligible | allowed amount (AMT*B6, AMT*AU), else paid + patient's share ([`SHARE`]) + paid by others + sequestration |
//! | deductible, coinsurance, copay | CAS PR 1, 2, 3 |
//! | discount | CAS CO 45 |
//! | noncovered | CAS with a reason in [`NOT_COVERED`]; if denied, every reason that is not [`SETTLED`] |
//! | priorpayerpaid | CAS OA 23 |
//! | memberliability | every CAS PR |
//! | benefit, paidtoprovider | paid (SVC03, CLP04) |

use super::money::{Cents, cents, money};
use crate::fhir::json::{Node, node};
use crate::formats::x12::Adjustment;
use crate::map::code::{c4bb, concept, hl7};

/// Claim adjustment reason codes for services that are not covered.
const NOT_COVERED: [&str; 8] = ["26", "27", "49", "50", "96", "119", "167", "204"];
/// Reasons for the patient's share of an allowed amount: deductible, coinsurance, copay, blood deductible, spend-down
/// and similar. Any other patient amount (PR) is beyond the allowed amount.
const SHARE: [&str; 8] = ["1", "2", "3", "66", "178", "241", "247", "248"];
/// Reasons that reduce or shift the payment for a covered service: [`SHARE`], other payers, contracts, capitation,
/// discounts and legislated reductions. A service that is unpaid for other reasons is denied, whatever its status says
/// (CLP02).
const SETTLED: [&str; 22] = [
    "1", "2", "3", "23", "24", "44", "45", "59", "66", "94", "100", "102", "103", "104", "131", "144", "178", "237",
    "241", "247", "248", "253",
];
/// Reasons whose amount reduces the payment, not the allowed amount.
const SEQUESTRATION: &str = "253";

/// The amounts of a line or a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) submitted: Cents,
    pub(crate) eligible: Cents,
    pub(crate) paid: Cents,
    pub(crate) deductible: Cents,
    pub(crate) coinsurance: Cents,
    pub(crate) copay: Cents,
    pub(crate) discount: Cents,
    pub(crate) not_covered: Cents,
    /// Adjusted for reasons that are not [`SETTLED`].
    pub(crate) refused: Cents,
    pub(crate) prior_payer: Cents,
    pub(crate) member: Cents,
    /// What the source does not say. That is left out: nobody may read "the plan paid nothing" where nobody knows.
    pub(crate) unknown: UnknownAmounts,
    /// The sum of all adjustments.
    pub(crate) adjusted: Cents,
}

/// Amounts that a source does not state, and that do not follow from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each amount that every reader looks for")]
pub(crate) struct UnknownAmounts {
    pub(crate) submitted: bool,
    pub(crate) eligible: bool,
    pub(crate) paid: bool,
    pub(crate) member: bool,
}

impl UnknownAmounts {
    /// Of a claim of which no line says anything.
    pub(crate) const ALL: Self = Self { submitted: true, eligible: true, paid: true, member: true };

    const fn or(self, other: Self) -> Self {
        Self {
            submitted: self.submitted || other.submitted,
            eligible: self.eligible || other.eligible,
            paid: self.paid || other.paid,
            member: self.member || other.member,
        }
    }
}

impl Amounts {
    /// Computed from the charge, the payment, and the adjustments.
    pub(super) fn of(charge: &str, paid: &str, allowed: &str, adjustments: &[Adjustment<'_>]) -> Self {
        let mut out = Self {
            submitted: cents(charge).unwrap_or_default(),
            paid: cents(paid).unwrap_or_default(),
            ..Self::default()
        };
        let (mut sequestered, mut share) = (0, 0);
        for adjustment in adjustments {
            let amount = cents(adjustment.amount).unwrap_or_default();
            out.adjusted += amount;
            if adjustment.group == "PR" {
                out.member += amount;
                share += if SHARE.contains(&adjustment.reason) { amount } else { 0 };
            }
            if !SETTLED.contains(&adjustment.reason) {
                out.refused += amount;
            }
            match (adjustment.group, adjustment.reason) {
                ("PR", "1") => out.deductible += amount,
                ("PR", "2") => out.coinsurance += amount,
                ("PR", "3") => out.copay += amount,
                ("CO", "45") => out.discount += amount,
                ("OA", "23") => out.prior_payer += amount,
                (_, SEQUESTRATION) => sequestered += amount,
                (_, reason) if NOT_COVERED.contains(&reason) => out.not_covered += amount,
                _ => {}
            }
        }
        if out.is_denied() {
            out.not_covered = out.refused;
        }
        let by_parts = out.paid + share + out.prior_payer + sequestered;
        out.eligible = cents(allowed).unwrap_or(by_parts);
        out
    }

    /// True if charge, payment and adjustments balance to the cent.
    pub(super) const fn balances(&self) -> bool {
        self.submitted == self.paid + self.adjusted
    }

    /// True if nobody pays anything, and not because the whole amount is the patient's share or under a contract.
    pub(super) const fn is_denied(&self) -> bool {
        let refused = if self.refused > self.not_covered { self.refused } else { self.not_covered };
        let shared = self.deductible + self.coinsurance + self.copay + self.prior_payer;
        self.paid == 0 && shared == 0 && refused > 0 && refused + self.discount >= self.submitted
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.submitted += other.submitted;
        self.eligible += other.eligible;
        self.paid += other.paid;
        self.deductible += other.deductible;
        self.coinsurance += other.coinsurance;
        self.copay += other.copay;
        self.discount += other.discount;
        self.not_covered += other.not_covered;
        self.refused += other.refused;
        self.prior_payer += other.prior_payer;
        self.member += other.member;
        self.adjusted += other.adjusted;
        self.unknown = self.unknown.or(other.unknown);
    }

    /// Each amount as an element with category and amount. Zero amounts are left out, except the four that every reader
    /// looks for, where they are known.
    pub(super) fn rows(&self) -> Vec<Node<'static>> {
        let of_hl7 = [
            // Nothing charged and something paid: the source does not state the charge.
            ("submitted", self.submitted, self.paid == 0 && !self.unknown.submitted),
            ("eligible", self.eligible, !self.unknown.eligible),
            ("deductible", self.deductible, false),
            ("copay", self.copay, false),
            ("benefit", self.paid, !self.unknown.paid),
        ];
        let of_c4bb = [
            ("coinsurance", self.coinsurance, false),
            ("noncovered", self.not_covered, false),
            ("discount", self.discount, false),
            ("priorpayerpaid", self.prior_payer, false),
            ("paidtoprovider", self.paid, false),
            ("memberliability", self.member, !self.unknown.member),
        ];
        let row = |category: Node<'static>, amount: Cents| node!({"category": category, "amount": money(amount)});
        let first = of_hl7.into_iter().filter(|(_, amount, always)| *always || *amount != 0);
        let second = of_c4bb.into_iter().filter(|(_, amount, always)| *always || *amount != 0);
        first
            .map(|(code, amount, _)| row(hl7("adjudication", code), amount))
            .chain(second.map(|(code, amount, _)| row(c4bb("C4BBAdjudication", code), amount)))
            .collect()
    }
}

/// The charge alone: there is no decision yet. Absent if the source does not state it.
pub(super) fn submitted(charge: Option<Cents>) -> Option<Node<'static>> {
    charge.map(|charge| node!({"category": hl7("adjudication", "submitted"), "amount": money(charge)}))
}

/// A status: `innetwork`, `outofnetwork`, or `other` where a claim does not state it.
pub(super) fn status(category: &str, code: &str) -> Node<'static> {
    node!({
        "category": c4bb("C4BBAdjudicationDiscriminator", category),
        "reason": c4bb("C4BBPayerAdjudicationStatus", code),
    })
}

/// Why an amount was not paid, with the remarks of the line; the largest amount first.
pub(super) fn reasons(adjustments: &[Adjustment<'_>], remarks: &[&str], most: usize) -> Vec<Node<'static>> {
    let mut sorted: Vec<&Adjustment<'_>> = adjustments.iter().collect();
    sorted.sort_by_key(|adjustment| std::cmp::Reverse(cents(adjustment.amount).unwrap_or_default().abs()));
    let mut out = Vec::new();
    for adjustment in sorted.into_iter().take(most) {
        let mut reason = concept("https://x12.org/codes/claim-adjustment-reason-codes", adjustment.reason);
        for remark in remarks.iter().filter(|_| out.is_empty()) {
            let system = "https://x12.org/codes/remittance-advice-remark-codes";
            reason.push("coding", node!({"system": system, "code": *remark}));
        }
        out.push(node!({
            "category": c4bb("C4BBAdjudicationDiscriminator", "adjustmentreason"),
            "reason": reason,
            "amount": money(cents(adjustment.amount).unwrap_or_default()),
        }));
    }
    out
}
