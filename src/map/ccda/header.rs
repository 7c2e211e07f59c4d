//! The header: patient, document type, authors, encounter, and the documents that it replaces.

use super::draft::DocumentDraft;
use super::encounter;
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, attr, ids, is_null, kid, kid_attr, kids, path, text};
use crate::formats::ccda::text::V3;
use crate::formats::cells::text::line;
use crate::map::clinical::{Attached, Original, by_oid, day, moment};
use crate::map::record::{NamedMember, Written};

/// Candidate numbers of the patient, from one document.
const NUMBERS_MAX: usize = 32;

/// The patient of a document.
///
/// # Errors
/// Why it is not a document, or names no patient.
pub(super) fn named_member(root: El<'_>) -> Result<NamedMember, &'static str> {
    match (root.tag_name().name(), root.tag_name().namespace()) {
        ("ClinicalDocument", Some(V3)) => {}
        ("section" | "component" | "entry" | "recordTarget" | "documentationOf" | "structuredBody", _) => {
            return Err("a part of a document; whose it is stands in the document that it was taken from");
        }
        _ => return Err("an XML document that is no clinical document (ClinicalDocument)"),
    }
    let targets: Vec<El<'_>> = kids(root, "recordTarget").collect();
    let [target] = targets.as_slice() else {
        return Err(if targets.is_empty() {
            "the document names no patient (recordTarget)"
        } else {
            "a document about several patients"
        });
    };
    let role = kid(*target, "patientRole").ok_or("the document names no patient (recordTarget)")?;
    let mut numbers: Vec<String> = Vec::new();
    let mut add = |el: El<'_>| {
        for (oid, extension) in ids(el) {
            let number = line(if extension.is_empty() { oid } else { extension });
            if numbers.len() < NUMBERS_MAX && !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    };
    add(role);
    // The payers section has the member's number with her insurer, and the subscriber's.
    for policy in root.descendants().filter(|el| el.has_tag_name((V3, "participant"))) {
        if matches!(attr(policy, "typeCode"), "COV" | "HLD") {
            kids(policy, "participantRole").for_each(&mut add);
        }
    }
    let patient = kid(role, "patient");
    let names = patient.map(|patient| kids(patient, "name").collect::<Vec<_>>()).unwrap_or_default();
    let name = names.iter().find(|name| attr(**name, "use").split(' ').any(|word| word == "L")).or(names.first());
    let part = |wanted: &str| name.and_then(|name| kid(*name, wanted)).map(text).unwrap_or_default();
    let birth = patient.map(|patient| kid_attr(patient, "birthTime", "value")).unwrap_or_default();
    Ok(NamedMember {
        alone: false,
        numbers,
        family: part("family"),
        given: part("given"),
        birth: day(birth).unwrap_or_default(),
        day: day(kid_attr(root, "effectiveTime", "value")).unwrap_or_default(),
    })
}

/// When a document was written.
pub(super) fn written(root: El<'_>) -> Option<Written> {
    let at = moment(kid_attr(root, "effectiveTime", "value"))?;
    Some(Written { at, sent: at, turn: kid_attr(root, "versionNumber", "value").parse().unwrap_or(0) })
}

fn named(el: El<'_>) -> String {
    format!("{}|{}", attr(el, "root"), attr(el, "extension"))
}

/// The set of documents that a document is a version of.
pub(super) fn set(el: El<'_>) -> Option<String> {
    kid(el, "setId").filter(|set| !is_null(*set) && !attr(*set, "root").is_empty()).map(named)
}

/// Identifies a document among all others, including its own earlier versions.
fn key(el: El<'_>) -> Option<String> {
    let own = kid(el, "id").filter(|id| !is_null(*id) && !attr(*id, "root").is_empty()).map(named);
    own.or_else(|| Some(format!("{}|{}", set(el)?, kid_attr(el, "versionNumber", "value"))))
}

/// The document itself, as a document.
pub(super) fn original<'d>(draft: &mut DocumentDraft<'d>, root: El<'d>, bytes: &[u8]) -> Original {
    let document = key(root).unwrap_or_default();
    // Statements about the whole document, such as its plan, keep their ids in its next version.
    draft.document = set(root).unwrap_or_else(|| document.clone());
    let visit = path(root, &["componentOf", "encompassingEncounter"]);
    draft.encounter = visit.map(|visit| encounter::of_header(draft, visit));
    let mut authors = Vec::new();
    for role in all(root, &["author", "assignedAuthor"]) {
        authors.extend(draft.actor(role).filter(|author| !authors.contains(author)));
    }
    let custodian = path(root, &["custodian", "assignedCustodian", "representedCustodianOrganization"]);
    let custodian = custodian.and_then(|custodian| draft.organization(custodian));
    let others = kids(root, "relatedDocument").filter(|related| attr(*related, "typeCode") == "RPLC");
    let others = others.filter_map(|related| key(kid(related, "parentDocument")?)).filter(|key| *key != document);
    let replaces = others.map(|key| draft.ids.same("DocumentReference", &[&key])).collect();
    let period = path(root, &["documentationOf", "serviceEvent"]).and_then(|event| draft.when(event, "effectiveTime"));
    let title = kid(root, "title").map(text).unwrap_or_default();
    let mut attached = vec![Attached::of("application/xml", bytes).titled(&title, draft.made.clone())];
    attached.extend(path(root, &["component", "nonXMLBody", "text"]).and_then(body));
    Original {
        id: draft.ids.same("DocumentReference", &[&document]),
        identifier: DocumentDraft::identifiers(root).into_iter().next(),
        status: "current",
        doc_status: kid(root, "legalAuthenticator").map(|_| "final"),
        kind: draft.concept(kid(root, "code")),
        is_note: true,
        date: draft.made.clone(),
        authors,
        custodian,
        replaces,
        encounter: draft.encounter.clone(),
        period: period.map(|period| period.period()),
        title,
        attached,
    }
}

/// A body that is not XML: a scanned letter, a PDF. A body stored elsewhere cannot be read.
fn body(el: El<'_>) -> Option<Attached> {
    let mime = attr(el, "mediaType");
    if attr(el, "representation") == "B64" {
        return Attached::packed(mime, el.text().unwrap_or_default());
    }
    let words = text(el);
    (!words.is_empty()).then(|| Attached::of(if mime.is_empty() { "text/plain" } else { mime }, words.as_bytes()))
}

/// Labels of a document whose confidentiality is above normal.
pub(super) fn confidentiality(root: El<'_>) -> Vec<Node<'static>> {
    let code = kid_attr(root, "confidentialityCode", "code");
    let system = by_oid(kid_attr(root, "confidentialityCode", "codeSystem"));
    if !matches!(code, "R" | "V") || !system.contains("113883.5.25") {
        return Vec::new();
    }
    vec![node!({"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code})]
}
