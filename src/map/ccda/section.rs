//! The sections that are read, and their mappers.

use std::collections::BTreeMap;

use super::draft::DocumentDraft;
use super::{allergy, device, encounter, medication, observation, plan, problem, procedure, team, vaccine};
use crate::formats::ccda::node::{El, attr, follows, is_null, kid, kid_attr, kids};
use crate::formats::ccda::text::V3;
use crate::map::clinical::{by_oid, known};

/// Entries of one document; the rest is only in the original.
const ENTRIES_MAX: usize = 20_000;

/// Templates of sections, in any version, with the LOINC code of such a section.
const TEMPLATES: [(&str, &str); 32] = [
    ("2.16.840.1.113883.10.20.22.2.6", "48765-2"),
    ("2.16.840.1.113883.10.20.22.2.6.1", "48765-2"),
    ("2.16.840.1.113883.10.20.22.2.5", "11450-4"),
    ("2.16.840.1.113883.10.20.22.2.5.1", "11450-4"),
    ("2.16.840.1.113883.10.20.22.2.58", "75310-3"),
    ("2.16.840.1.113883.10.20.22.2.24", "11535-2"),
    ("2.16.840.1.113883.10.20.22.2.43", "46241-6"),
    ("2.16.840.1.113883.10.20.22.2.1", "10160-0"),
    ("2.16.840.1.113883.10.20.22.2.1.1", "10160-0"),
    ("2.16.840.1.113883.10.20.22.2.11", "10183-2"),
    ("2.16.840.1.113883.10.20.22.2.11.1", "10183-2"),
    ("2.16.840.1.113883.10.20.22.2.44", "42346-7"),
    ("2.16.840.1.113883.10.20.22.2.7", "47519-4"),
    ("2.16.840.1.113883.10.20.22.2.7.1", "47519-4"),
    ("2.16.840.1.113883.10.20.22.2.3", "30954-2"),
    ("2.16.840.1.113883.10.20.22.2.3.1", "30954-2"),
    ("2.16.840.1.113883.10.20.22.2.4", "8716-3"),
    ("2.16.840.1.113883.10.20.22.2.4.1", "8716-3"),
    ("2.16.840.1.113883.10.20.22.2.17", "29762-2"),
    ("2.16.840.1.113883.10.20.22.2.14", "47420-5"),
    ("2.16.840.1.113883.10.20.22.2.56", "10190-7"),
    ("2.16.840.1.113883.10.20.22.2.2", "11369-6"),
    ("2.16.840.1.113883.10.20.22.2.2.1", "11369-6"),
    ("2.16.840.1.113883.10.20.22.2.22", "46240-8"),
    ("2.16.840.1.113883.10.20.22.2.22.1", "46240-8"),
    ("2.16.840.1.113883.10.20.22.2.60", "61146-7"),
    ("2.16.840.1.113883.10.20.22.2.500", "85847-2"),
    ("2.16.840.1.113883.10.20.22.2.23", "46264-8"),
    ("2.16.840.1.113883.10.20.22.2.10", "18776-5"),
    ("2.16.840.1.113883.10.20.22.2.9", "51847-2"),
    ("2.16.840.1.113883.10.20.22.2.18", PAYERS),
    ("2.16.840.1.113883.10.20.22.2.15", "10157-6"),
];
/// Names of sections whose entries are not read.
const NAMES: [(&str, &str); 10] = [
    ("18776-5", "plan"),
    ("51847-2", "plan"),
    ("10157-6", "family history"),
    ("42348-3", "advance directives"),
    ("29545-1", "physical findings"),
    ("62387-6", "interventions"),
    ("11383-7", "outcomes"),
    ("69730-0", "instructions"),
    ("11506-3", "notes"),
    ("51848-0", "assessment"),
];
/// The payers section: its numbers are read with the header, and the roster decides who is insured.
const PAYERS: &str = "48768-6";
const PLANNED_MEDICINE: &str = "2.16.840.1.113883.10.20.22.4.42";

/// Maps an entry.
type EntryMapper<'d> = fn(&mut DocumentDraft<'d>, El<'d>);

/// Maps the sections of a document, at any depth.
pub(super) fn all<'d>(draft: &mut DocumentDraft<'d>, root: El<'d>) {
    let mut left = ENTRIES_MAX;
    for section in sections(root) {
        let code = code_of(section);
        if matches!(code, "18776-5" | "51847-2") {
            plan::plan(draft, section);
        }
        for entry in entries(section) {
            if left == 0 {
                return;
            }
            left -= 1;
            if let Some(read) = reader(code, entry) {
                read(draft, entry);
            }
        }
    }
}

/// The number of entries of unsupported kinds, in words; nothing if there are none.
pub(super) fn not_read(root: El<'_>) -> Option<String> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let of_kind = |section: El<'_>| known(&NAMES, code_of(section)).unwrap_or("other sections");
    for section in sections(root).filter(|section| code_of(*section) != PAYERS) {
        let count = entries(section).filter(|entry| reader(code_of(section), *entry).is_none()).count();
        if count > 0 {
            *kinds.entry(of_kind(section)).or_default() += count;
        }
    }
    let count: usize = kinds.values().sum();
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let noun = if count == 1 { "entry was" } else { "entries were" };
    (count > 0).then(|| format!("{count} {noun} not read: {}", kinds.join(", ")))
}

fn sections(root: El<'_>) -> impl Iterator<Item = El<'_>> {
    root.descendants().filter(|el| el.has_tag_name((V3, "section")) && !is_null(*el))
}

fn entries(section: El<'_>) -> impl Iterator<Item = El<'_>> {
    kids(section, "entry").filter_map(|entry| entry.first_element_child())
}

/// The code of a section; without one, or with a local one, the code of its template.
fn code_of(section: El<'_>) -> &str {
    let code = kid_attr(section, "code", "code");
    let is_known = TEMPLATES.iter().any(|(_, known)| *known == code) || OTHERS.contains(&code);
    let template = || kids(section, "templateId").find_map(|id| known(&TEMPLATES, attr(id, "root")));
    if is_known { code } else { template().unwrap_or(code) }
}

/// Codes of supported sections that have no template of their own.
const OTHERS: [&str; 2] = ["11348-0", "75311-1"];

fn reader<'d>(section: &str, entry: El<'d>) -> Option<EntryMapper<'d>> {
    let read: EntryMapper<'d> = match section {
        "48765-2" => allergy::map as EntryMapper<'d>,
        "11450-4" | "11348-0" => |draft, entry| problem::map(draft, entry, problem::ConditionRole::Problem),
        "75310-3" => |draft, entry| problem::map(draft, entry, problem::ConditionRole::Concern),
        "11535-2" | "46241-6" => |draft, entry| problem::map(draft, entry, problem::ConditionRole::Diagnosis),
        "10160-0" | "10183-2" | "42346-7" | "75311-1" if medication::is_dispense(entry) => {
            |draft, entry| medication::dispense(draft, entry, None)
        }
        "10160-0" | "10183-2" | "42346-7" | "75311-1" => medication::map as EntryMapper<'d>,
        "47519-4" => procedure::map as EntryMapper<'d>,
        "30954-2" => observation::results as EntryMapper<'d>,
        "8716-3" => observation::vital_signs as EntryMapper<'d>,
        "29762-2" => observation::social as EntryMapper<'d>,
        "47420-5" | "10190-7" => observation::functional as EntryMapper<'d>,
        "11369-6" => vaccine::map as EntryMapper<'d>,
        "46240-8" => encounter::map as EntryMapper<'d>,
        "61146-7" => plan::goal as EntryMapper<'d>,
        "18776-5" | "51847-2" => return plan_reader(entry),
        "85847-2" => team::map as EntryMapper<'d>,
        "46264-8" => device::map as EntryMapper<'d>,
        _ => return None,
    };
    Some(read)
}

/// Plans hold entries of many kinds.
fn plan_reader<'d>(entry: El<'d>) -> Option<EntryMapper<'d>> {
    if attr(entry, "moodCode") == "GOL" {
        return Some(plan::goal);
    }
    if follows(entry, PLANNED_MEDICINE) {
        return Some(medication::map);
    }
    plan::is_order(entry).then_some(plan::order as EntryMapper<'d>)
}

/// Every code of a document, as system and code.
pub(super) fn codes(root: El<'_>) -> Vec<(String, String)> {
    let coded = root.descendants().filter(|el| el.has_attribute("code") && el.has_attribute("codeSystem"));
    coded.map(|el| (by_oid(attr(el, "codeSystem")), attr(el, "code").to_owned())).collect()
}

/// The state of an entry, as its status code has it; `nullified` is an error that was taken back.
pub(super) fn state(el: El<'_>) -> &str {
    kid(el, "statusCode").map(|status| attr(status, "code")).unwrap_or_default()
}

/// Whether an entry is negated.
pub(super) fn is_negated(el: El<'_>) -> bool {
    attr(el, "negationInd") == "true"
}

/// Observations within an act, or the observation itself.
pub(super) fn observations(el: El<'_>) -> Vec<El<'_>> {
    if el.has_tag_name((V3, "observation")) {
        vec![el]
    } else {
        crate::formats::ccda::node::all(el, &["entryRelationship", "observation"])
    }
}
