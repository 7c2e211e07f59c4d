//! Sections: which are read, and by what.

use super::draft::Draft;
use super::node::{El, attr, is_null, kid, kid_attr, kids};
use super::text::V3;
use super::{allergy, device, encounter, medication, observation, plan, problem, procedure, team, vaccine};
use crate::load::clinical::by_oid;

/// Entries of one document. What is beyond is in the original.
const ENTRIES_MAX: usize = 20_000;

/// Reads the sections of a document, wherever they stand.
pub(super) fn all<'d>(draft: &mut Draft<'d>, root: El<'d>) {
    let mut left = ENTRIES_MAX;
    for section in root.descendants().filter(|el| el.has_tag_name((V3, "section"))) {
        let code = kid_attr(section, "code", "code");
        if is_null(section) {
            continue;
        }
        if matches!(code, "18776-5" | "51847-2") {
            plan::plan(draft, section);
        }
        for entry in kids(section, "entry").filter_map(|entry| entry.first_element_child()) {
            if left == 0 {
                return;
            }
            left -= 1;
            self::entry(draft, code, entry);
        }
    }
}

fn entry<'d>(draft: &mut Draft<'d>, section: &str, entry: El<'d>) {
    match section {
        "48765-2" => allergy::map(draft, entry),
        "11450-4" | "11348-0" => problem::map(draft, entry, problem::Role::Problem),
        "75310-3" => problem::map(draft, entry, problem::Role::Concern),
        "11535-2" | "46241-6" => problem::map(draft, entry, problem::Role::Diagnosis),
        "10160-0" | "10183-2" | "42346-7" | "75311-1" => medication::map(draft, entry),
        "47519-4" => procedure::map(draft, entry),
        "30954-2" => observation::results(draft, entry),
        "8716-3" => observation::vital_signs(draft, entry),
        "29762-2" => observation::social(draft, entry),
        "47420-5" | "10190-7" => observation::functional(draft, entry),
        "11369-6" => vaccine::map(draft, entry),
        "46240-8" => encounter::map(draft, entry),
        "61146-7" => plan::goal(draft, entry),
        "85847-2" => team::map(draft, entry),
        "46264-8" => device::map(draft, entry),
        _ => {}
    }
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

/// Whether an entry says that something is not so.
pub(super) fn is_negated(el: El<'_>) -> bool {
    attr(el, "negationInd") == "true"
}

/// Statements within an act, or the statement itself.
pub(super) fn observations(el: El<'_>) -> Vec<El<'_>> {
    if el.has_tag_name((V3, "observation")) {
        vec![el]
    } else {
        super::node::all(el, &["entryRelationship", "observation"])
    }
}
