//! C-CDA documents: the sections that US Core needs, the encounter of the header, and the document itself, kept whole.
//!
//! Invariants: a document is checked against limits before it is parsed (`formats/ccda/text.rs`), so that no input
//! costs more than a small multiple of its size; a fragment of a document (a section, an entry) is recognized and
//! refused, since it names no patient; a statement that is negated, refused or nullified is never mapped as one that
//! holds.
//!
//! Absent on purpose: the patient's demographics (the roster's), family history, advance directives, planned encounters
//! and supplies (their text is kept, and their number is reported), anything that only the narrative states.

mod allergy;
mod device;
mod draft;
mod encounter;
mod header;
mod medication;
mod observation;
mod plan;
mod problem;
mod procedure;
mod section;
mod team;
#[cfg(test)]
mod tests;
mod vaccine;

use std::sync::Arc;

use self::draft::DocumentDraft;
use crate::fhir::json::Node;
use crate::formats::ccda::text::{self, DOCUMENT_MAX, parse};
use crate::formats::issue::{RecordPlace, Rule, place};
use crate::map::clinical::{labels, marked};
use crate::map::record::{KnownMember, NamedMember, PlanContext, ReadPiece, Record, Written};

/// A document about one patient.
struct PatientDocument {
    place: RecordPlace,
    named_member: NamedMember,
    written: Option<Written>,
    /// The set of documents that it is a version of.
    set: Option<String>,
    /// The entries that are not read, in words.
    not_read: Option<String>,
    /// The original bytes, where they differ from the text.
    original: Option<Vec<u8>>,
    /// The text, ready to be parsed.
    text: String,
}

/// Reads a document.
pub(crate) fn read(file: &Arc<str>, text: &[u8]) -> ReadPiece {
    let mut out = ReadPiece::default();
    let place = place(file, 1);
    match patient_document(&place, text) {
        Ok(patient_document) => {
            if let Some(words) = &patient_document.not_read {
                out.reject(&place, Rule::NotRead, words.as_str());
            }
            out.records.push(Box::new(patient_document));
        }
        Err(reason) => out.reject(&place, Rule::Document, reason),
    }
    out
}

fn patient_document(place: &RecordPlace, original: &[u8]) -> Result<PatientDocument, &'static str> {
    if original.len() > DOCUMENT_MAX {
        return Err("a document of more than 32 MiB");
    }
    let decoded = text::decoded(original)?;
    text::weigh(&decoded)?;
    let text = text::declared(&decoded).into_owned();
    let (named_member, written, set, not_read) = {
        let document = parse(&text)?;
        let root = document.root_element();
        (header::named_member(root)?, header::written(root), header::set(root), section::not_read(root))
    };
    let original = (original != text.as_bytes()).then(|| original.to_owned());
    Ok(PatientDocument { place: place.clone(), named_member, written, set, not_read, original, text })
}

impl Record for PatientDocument {
    fn place(&self) -> &RecordPlace {
        &self.place
    }

    fn named_member(&self) -> Option<NamedMember> {
        Some(self.named_member.clone())
    }

    fn written(&self, _resource: &Node<'static>) -> Option<Written> {
        self.written
    }

    fn set(&self) -> Option<String> {
        self.set.clone()
    }

    fn resources(
        &self,
        known_member: &KnownMember,
        _about: PlanContext<'_>,
    ) -> Result<Vec<Node<'static>>, (Rule, String)> {
        let document = parse(&self.text).map_err(|reason| (Rule::Document, reason.to_owned()))?;
        let root = document.root_element();
        let mut draft = DocumentDraft::new(root, &known_member.patient);
        let original = header::original(&mut draft, root, self.original.as_deref().unwrap_or(self.text.as_bytes()));
        section::all(&mut draft, root);
        let mut original = original.resource(&known_member.patient);
        marked(&mut original, &labels(&section::codes(root)));
        draft.resources.insert(0, original);
        let confidentiality = header::confidentiality(root);
        draft.resources.iter_mut().for_each(|resource| marked(resource, &confidentiality));
        draft.resources.append(&mut draft.mentions);
        draft.resources.retain(|resource| !resource.is_empty());
        Ok(draft.resources)
    }
}
