//! Codes in rows of claims: the diagnoses and procedures, their ICD revision, and the form that their code systems
//! require.

use crate::formats::cells::code;
use crate::formats::records::{ClaimField, ClaimRow, all};
use crate::formats::tables::claims::revision;

/// Diagnoses, procedures or people that one bill may have.
pub(super) const CODES_MAX: usize = 100;

/// A diagnosis code with its role and present-on-admission indicator.
pub(super) struct Coded {
    pub(super) code: String,
    pub(super) is_tenth: bool,
    pub(super) role: DiagnosisRole,
    pub(super) present: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DiagnosisRole {
    Principal,
    Other,
    Admitting,
    Reason,
    External,
}

/// Every diagnosis of the rows once; the first mention counts, and the principal one comes first.
pub(super) fn coded(rows: &[ClaimRow], from: &str) -> Vec<Coded> {
    let mut out: Vec<Coded> = Vec::new();
    for row in rows {
        let is_list = row.facet == "diagnosis";
        let is_external = row.get(ClaimField::DiagnosisKind).starts_with('E');
        let lists = [
            (ClaimField::Principal, DiagnosisRole::Principal),
            (ClaimField::Diagnosis, if is_external { DiagnosisRole::External } else { DiagnosisRole::Other }),
            (ClaimField::Admitting, DiagnosisRole::Admitting),
            (ClaimField::ReasonForVisit, DiagnosisRole::Reason),
            (ClaimField::External, DiagnosisRole::External),
        ];
        for (field, role) in lists {
            for (index, cell) in all(&row.facts, field) {
                let present = row.facts.get(&(ClaimField::Present, index)).map_or("", String::as_str);
                let is_tenth = is_tenth(row, index, from);
                let fits = |code: &&str| {
                    if is_tenth { code::is_tenth_diagnosis(code) } else { code::is_ninth_diagnosis(code) }
                };
                for code in cell.split([',', ';', '|', ' ', '^']).filter(fits).map(plain_code) {
                    let is_first = if is_list {
                        row.line == 1
                    } else {
                        !out.iter().any(|one| one.role == DiagnosisRole::Principal)
                    };
                    let role = if role == DiagnosisRole::Other && is_first { DiagnosisRole::Principal } else { role };
                    add(&mut out, Coded { code, is_tenth, role, present: present.to_owned() });
                }
            }
        }
    }
    let mut seen = false;
    for one in &mut out {
        // One principal diagnosis: that of the first row.
        if one.role == DiagnosisRole::Principal && std::mem::replace(&mut seen, true) {
            one.role = DiagnosisRole::Other;
        }
    }
    out.sort_by_key(|one| one.role != DiagnosisRole::Principal);
    out
}

/// The revision of a diagnosis: as the row states it, else by the date.
pub(super) fn is_tenth(row: &ClaimRow, index: u16, from: &str) -> bool {
    let of = |index: u16| row.facts.get(&(ClaimField::DiagnosisVersion, index));
    let stated = of(index).or_else(|| of(0)).map_or("", String::as_str);
    // A claim without a day is refused, so the day decides at last.
    revision(stated, from).unwrap_or(true)
}

pub(super) fn add(out: &mut Vec<Coded>, new: Coded) {
    if let Some(known) = out.iter_mut().find(|one| one.code == new.code && same_list(one.role, new.role)) {
        if new.role == DiagnosisRole::Principal {
            known.role = DiagnosisRole::Principal;
        }
        if known.present.is_empty() {
            known.present = new.present;
        }
    } else if out.len() < CODES_MAX {
        out.push(new);
    }
}

pub(super) fn same_list(one: DiagnosisRole, other: DiagnosisRole) -> bool {
    let main = |role: DiagnosisRole| matches!(role, DiagnosisRole::Principal | DiagnosisRole::Other);
    one == other || (main(one) && main(other))
}

/// Code, whether it is of ICD-10, and the date. Codes of ICD-10 have seven characters, those of ICD-9 three or four digits.
pub(super) fn procedures(rows: &[ClaimRow]) -> Vec<(String, bool, String)> {
    let mut out: Vec<(String, bool, String)> = Vec::new();
    for row in rows {
        for (index, code) in all(&row.facts, ClaimField::Procedure) {
            let code = plain_code(code);
            let day = row.facts.get(&(ClaimField::ProcedureDay, index)).cloned().unwrap_or_default();
            let is_tenth = code.len() == 7 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let is_ninth = (3..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
            if (is_tenth || is_ninth)
                && out.len() < CODES_MAX
                && !out.iter().any(|(known, _, on)| *known == code && *on == day)
            {
                out.push((code, is_tenth, day));
            }
        }
    }
    out
}

pub(super) fn plain_code(text: &str) -> String {
    text.chars().filter(|c| *c != '.').collect::<String>().to_ascii_uppercase()
}

/// Digits with zeros before them up to a width; anything else as it is.
pub(super) fn padded(text: &str, width: usize) -> String {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("{text:0>width$}") } else { text.to_owned() }
}

/// The surfaces of a tooth, each by itself: `MOD` is three of them.
pub(super) fn letters(text: &str) -> Vec<&str> {
    let is_surface = |piece: &&str| matches!(*piece, "M" | "O" | "D" | "B" | "L" | "I" | "F");
    text.split("").filter(is_surface).collect()
}
