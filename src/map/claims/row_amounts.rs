//! Amounts in rows of claims: the decision about a line, as far as its row states it.

use super::adjudication::{Amounts, UnknownAmounts};
use super::eob::Decided;
use super::money::{Cents, cents};
use crate::formats::records::{ClaimField, Facts, all, first};
use crate::formats::x12::Adjustment;

pub(super) fn is_pending(facts: &Facts) -> bool {
    let status = first(facts, ClaimField::Status).to_ascii_lowercase();
    ["pend", "open", "in process", "received", "suspend", "submitted"].iter().any(|word| status.starts_with(word))
}

pub(super) fn is_denied(facts: &Facts) -> bool {
    let status = first(facts, ClaimField::Status).to_ascii_lowercase();
    status.starts_with("den")
        || status.starts_with("rej")
        || matches!(status.as_str(), "d" | "r" | "4")
        || first(facts, ClaimField::Denial) == "0"
}

pub(super) fn sum(facts: &Facts, field: ClaimField) -> Cents {
    all(facts, field).filter_map(|(_, text)| cents(text)).sum()
}

/// The decision about a line; absent if the row states none.
pub(super) fn decided(line: &Facts) -> Option<Decided<'_>> {
    let has = |field: ClaimField| !first(line, field).is_empty();
    let any = [
        ClaimField::Allowed,
        ClaimField::Paid,
        ClaimField::Share,
        ClaimField::Deductible,
        ClaimField::Coinsurance,
        ClaimField::Copay,
    ];
    if is_pending(line) || (!any.into_iter().any(has) && !is_denied(line)) {
        return None;
    }
    let of = |field: ClaimField| sum(line, field);
    let shares = of(ClaimField::Deductible) + of(ClaimField::Coinsurance) + of(ClaimField::Copay);
    let mut amounts = Amounts {
        submitted: of(ClaimField::Charge),
        paid: of(ClaimField::Paid) + of(ClaimField::PaidBesides),
        deductible: of(ClaimField::Deductible),
        coinsurance: of(ClaimField::Coinsurance),
        copay: of(ClaimField::Copay),
        not_covered: of(ClaimField::NotCovered),
        prior_payer: of(ClaimField::OtherPayer),
        member: if has(ClaimField::Share) { of(ClaimField::Share) } else { shares },
        ..Amounts::default()
    };
    let knows_share =
        [ClaimField::Share, ClaimField::Deductible, ClaimField::Coinsurance, ClaimField::Copay].into_iter().any(has);
    let knows_paid = has(ClaimField::Paid) || has(ClaimField::PaidBesides) || is_denied(line);
    let knows_allowed = has(ClaimField::Allowed) || is_denied(line) || (knows_paid && knows_share);
    amounts.unknown = UnknownAmounts {
        submitted: !has(ClaimField::Charge),
        eligible: !knows_allowed,
        paid: !knows_paid,
        member: !knows_share,
    };
    if has(ClaimField::Allowed) {
        amounts.eligible = of(ClaimField::Allowed);
    } else if knows_paid && knows_share {
        amounts.eligible = amounts.paid + amounts.member + amounts.prior_payer;
    }
    if is_denied(line) && amounts.not_covered == 0 {
        amounts.not_covered = amounts.submitted - amounts.paid;
    }
    let adjustments = all(line, ClaimField::Reason)
        .map(|(index, code)| {
            let (group, reason) = code.split_once(['-', ' ']).unwrap_or(("", code));
            let amount = line.get(&(ClaimField::ReasonAmount, index)).map_or("", String::as_str);
            Adjustment { group, reason: reason.trim(), amount }
        })
        .filter(|one| {
            !one.reason.is_empty()
                && one.reason.len() <= 5
                && one.reason.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        .collect();
    let remarks = all(line, ClaimField::Remark)
        .flat_map(|(_, cell)| cell.split([',', ';', ' ']))
        .filter(|code| (2..=5).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .collect();
    Some(Decided { amounts, adjustments, remarks })
}
