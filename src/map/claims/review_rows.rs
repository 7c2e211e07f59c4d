//! Rows of a table about one prior authorization, as a request and its decision.
//!
//! Plans and CMS have their own words for decisions; they become X12's (306), which `PDex` wants. A decision without a
//! known word is pending: nothing is made up.

use super::party::provider;
use super::review::{ReviewRequest, Reviewed};
use crate::fhir::json::Node;
use crate::formats::issue::Rule;
use crate::formats::records::{ClaimField, ClaimRow, all};
use crate::formats::x12::Party;
use crate::map::code::diagnosis;
use crate::map::record::NamedMember;

/// Diagnoses that one authorization may have.
const DIAGNOSES_MAX: usize = 50;

/// Folds rows, one for each line.
///
/// # Errors
/// What is missing.
pub(crate) fn review_rows(rows: &[ClaimRow]) -> Result<Reviewed<'_>, (Rule, String)> {
    let refuse = |reason: &str| (Rule::Review, reason.to_owned());
    let first = rows.first().ok_or_else(|| refuse("there is no row"))?;
    let text =
        |field: ClaimField| rows.iter().map(|row| row.get(field)).find(|text| !text.is_empty()).unwrap_or_default();
    let day = |field: ClaimField| Some(text(field)).filter(|day| !day.is_empty()).map(str::to_owned);
    let created = day(ClaimField::Received)
        .or_else(|| day(ClaimField::Processed))
        .ok_or_else(|| refuse("the authorization has no day on which it was asked for or decided"))?;
    let requester = Party {
        family: text(ClaimField::BillingName),
        qualifier: "XX",
        number: text(ClaimField::BillingNpi),
        ..Party::default()
    };
    let requester = provider(&requester, true)
        .or_else(|| {
            let npi = text(ClaimField::RenderingNpi);
            provider(&Party { is_person: true, qualifier: "XX", number: npi, ..Party::default() }, false)
        })
        .ok_or_else(|| refuse("the authorization names no provider who asks"))?;
    let (family, given, birth) = (text(ClaimField::Family), text(ClaimField::Given), text(ClaimField::Birth));
    let services = rows.iter().map(|row| asked(row, first.get(ClaimField::Claim))).collect();
    let level = match text(ClaimField::Urgent).to_ascii_lowercase().as_str() {
        "" => "",
        "y" | "yes" | "true" | "1" | "u" | "urgent" | "expedited" | "stat" | "high" => "U",
        _ => "E",
    };
    Ok(Reviewed {
        trace: first.get(ClaimField::Claim),
        number: first.get(ClaimField::Claim),
        named_member: NamedMember {
            numbers: vec![text(ClaimField::Member).to_owned()],
            family: family.to_owned(),
            given: given.to_owned(),
            birth: birth.to_owned(),
            day: created.clone(),
            alone: [family, given, birth].iter().all(|text| text.is_empty()),
        },
        decided_on: rows
            .iter()
            .map(|row| row.get(ClaimField::Processed))
            .max()
            .filter(|day| !day.is_empty())
            .map(str::to_owned),
        requester,
        level,
        diagnoses: diagnoses(rows, &created),
        services,
        from: rows.iter().map(|row| row.get(ClaimField::From)).filter(|day| !day.is_empty()).min().map(str::to_owned),
        to: rows.iter().map(|row| row.get(ClaimField::To)).max().filter(|day| !day.is_empty()).map(str::to_owned),
        created,
    })
}

fn asked<'a>(row: &'a ClaimRow, number: &'a str) -> ReviewRequest<'a> {
    let day = |field: ClaimField| Some(row.get(field)).filter(|day| !day.is_empty()).map(str::to_owned);
    let action = action(row.get(ClaimField::Status));
    let category = row.get(ClaimField::Category);
    let is_service_type =
        (1..=2).contains(&category.len()) && category.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ReviewRequest {
        category: if is_service_type { category } else { "" },
        qualifier: "HC",
        code: row.get(ClaimField::Service),
        modifiers: Vec::new(),
        place: "",
        units: row.get(ClaimField::Units),
        allowed: row.get(ClaimField::Days),
        charge: row.get(ClaimField::Charge),
        action,
        reason: if action == "A3" { row.get(ClaimField::Reason) } else { "" },
        number: if matches!(action, "A1" | "A2" | "A6") { number } else { "" },
        from: day(ClaimField::From),
        to: day(ClaimField::To),
    }
}

/// A decision in X12's words.
fn action(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    match text.as_str() {
        "a1" | "a" | "certified" | "y" | "yes" => "A1",
        "a2" => "A2",
        "a3" | "d" | "n" | "no" => "A3",
        "a6" => "A6",
        "c" => "C",
        _ if begins(&["partial", "partly", "approved in part", "approved-part", "approved part"]) => "A2",
        _ if begins(&["approved with", "modif", "changed"]) => "A6",
        _ if begins(&["approv", "affirm", "authoriz", "certif", "grant", "overturn"]) => "A1",
        _ if begins(&[
            "den",
            "non-affirm",
            "non affirm",
            "nonaffirm",
            "not certif",
            "not approv",
            "reject",
            "adverse",
        ]) =>
        {
            "A3"
        }
        _ if begins(&["cancel", "void", "withdr"]) => "C",
        _ => "A4",
    }
}

fn diagnoses(rows: &[ClaimRow], created: &str) -> Vec<Node<'static>> {
    let mut out = Vec::new();
    for row in rows {
        for (index, cell) in all(&row.facts, ClaimField::Diagnosis) {
            let version = row.facts.get(&(ClaimField::DiagnosisVersion, index)).map_or("", String::as_str);
            let is_tenth = version != "9" && created >= "2015-10-01";
            for code in cell.split([',', ';', '|', ' ']) {
                let code = code.replace('.', "").to_ascii_uppercase();
                let is_code = (3..=7).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let coded = diagnosis(if is_tenth { "A" } else { "" }, &code);
                if is_code && !out.contains(&coded) && out.len() < DIAGNOSES_MAX {
                    out.push(coded);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::action;

    #[test]
    fn words_for_decisions() {
        for (text, expected) in [
            ("Approved", "A1"),
            ("Partially approved", "A2"),
            ("Approved with changes", "A6"),
            ("DENIED", "A3"),
            ("Non-affirmed", "A3"),
            ("Withdrawn", "C"),
            ("P", "A4"),
            ("in review", "A4"),
            ("", "A4"),
        ] {
            assert_eq!(action(text), expected, "{text}");
        }
    }
}
