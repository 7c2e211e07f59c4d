//! The work on one piece of a file: resources of FHIR files, records of all other formats.

use super::commit::CommitEntry;
use crate::access::{Admitted, admit};
use crate::config::Policy;
use crate::fhir::json::{Node, node};
use crate::formats::Format;
use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::identity::matching::Roster;
use crate::load::signs::{Signs, examine};
use crate::load::{Error, Target};
use crate::map::record::{KnownMember, PlanContext, ReadPiece, Record, made_id};

/// The result of a piece of a file of records.
#[derive(Default)]
pub(super) struct Worked {
    pub(super) entries: Vec<CommitEntry>,
    pub(super) rejects: Vec<(Rule, Reject)>,
    pub(super) signs: Vec<(RecordPlace, Signs)>,
    /// Rows of the registry about providers who are not the plan's.
    pub(super) skipped: u64,
}

/// A resource that a mapper made, ready to be stored. It is left with its labels.
///
/// # Errors
/// The mistake, in words, if it may not be kept.
pub(super) fn prepared(resource: &mut Node<'_>, validation: Policy) -> Result<(Admitted, Signs), String> {
    let id = resource.text_of("id").unwrap_or_default().to_owned();
    // Resources of our own mapper are validated only where that decides something.
    let policy = if validation == Policy::Reject { Policy::Reject } else { Policy::Off };
    let admission = admit(resource, &id, policy).map_err(|refused| refused.to_string())?;
    Ok((admission.resource, examine(resource)))
}

/// Finds the member of each record, maps the record, and prepares its resources.
pub(super) fn records(
    read: ReadPiece,
    format: Format,
    target: &Target<'_>,
    validation: Policy,
) -> Result<Worked, Error> {
    let roster = Roster::new(target.store, target.find, target.now)?;
    let about = PlanContext { ids: target.ids, plan: target.plan, now: target.now };
    let mut out = Worked { rejects: read.rejects, skipped: read.skipped, ..Worked::default() };
    for record in read.records {
        let found = match record.named_member() {
            None => Some(KnownMember::default()),
            Some(named_member) => roster.find(&named_member)?,
        };
        let Some(known_member) = found else {
            let reason = "no member on the roster has this number together with this birth date or name";
            out.rejects.push(record.place().reject(Rule::UnknownMember, reason));
            continue;
        };
        match entry(record.as_ref(), format, &known_member, about, validation) {
            Ok((mut entry, signs)) => {
                entry.pack(target);
                out.entries.push(entry);
                let place = record.place();
                out.signs.extend(
                    signs
                        .iter()
                        .any(Signs::is_of_care)
                        .then(|| (place.clone(), Signs::born(&known_member.patient, &known_member.birth))),
                );
                out.signs.extend(signs.into_iter().map(|signs| (record.place().clone(), signs)));
            }
            Err((rule, reason)) => out.rejects.push(record.place().reject(rule, reason)),
        }
    }
    Ok(out)
}

/// The resources of one record; none of them if one cannot be kept.
fn entry(
    record: &dyn Record,
    format: Format,
    known_member: &KnownMember,
    about: PlanContext<'_>,
    validation: Policy,
) -> Result<(CommitEntry, Vec<Signs>), (Rule, String)> {
    let mut all = Vec::new();
    let mut made = record.resources(known_member, about)?;
    let mut entry =
        CommitEntry { merge: record.named_member().is_none(), counts: vec![(format, 1)], ..CommitEntry::default() };
    let is_clinical = matches!(format, Format::Hl7v2 | Format::Ccda);
    let mut targets = Vec::new();
    for resource in &mut made {
        let (one, signs) = prepared(resource, validation).map_err(|reason| (Rule::Invalid, reason))?;
        if !signs.is_empty() {
            all.push(signs);
        }
        if is_clinical && matches!(one.kind.name(), "Practitioner" | "Organization" | "Location" | "PractitionerRole") {
            entry.mentions.push(one);
            continue;
        }
        if is_clinical && one.kind.name() != "Provenance" {
            targets.push(node!({"reference": format!("{}/{}", one.kind.name(), one.id)}));
        }
        if is_clinical {
            entry.dated.written.push(record.written(resource).filter(|written| written.is_by(about.now)));
            entry.dated.replaces.extend(replaced(resource));
        }
        entry.resources.push(one);
    }
    entry.dated.set = record.set().map(|set| format!("{}|{set}", known_member.patient));
    if !targets.is_empty() {
        let mut provenance = provenance(record, format, targets, known_member, about);
        let document = made.iter().find(|resource| resource.text_of("resourceType") == Some("DocumentReference"));
        if let Some(author) = document.and_then(author_of) {
            provenance.push("agent", author);
        }
        entry.provenance = prepared(&mut provenance, validation).ok().map(|(one, _)| one);
    }
    Ok((entry, all))
}

/// Ids of the documents that a document replaces.
fn replaced(document: &Node<'_>) -> Vec<String> {
    let related = document.get("relatesTo").map(Node::items).unwrap_or_default();
    let replaced = related.iter().filter(|one| one.text_of("code") == Some("replaces"));
    let id =
        |one: &Node<'_>| one.get("target")?.text_of("reference")?.strip_prefix("DocumentReference/").map(str::to_owned);
    replaced.filter_map(id).collect()
}

/// The author of a record, as its document names it.
fn author_of(document: &Node<'static>) -> Option<Node<'static>> {
    let custodian = document.get("custodian");
    let author = document.get("author").and_then(|authors| authors.items().first()).or(custodian)?;
    let mut agent = node!({
        "type": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
            "code": "author",
        }]},
        "who": author,
    });
    // A person acts on behalf of an organization.
    let is_person = author.text_of("type") != Some("Organization")
        && author.text_of("reference").is_none_or(|to| !to.starts_with("Organization/"));
    if let (true, Some(custodian)) = (is_person, custodian) {
        agent.set("onBehalfOf", custodian);
    }
    Some(agent)
}

/// The Provenance of a record's resources: file, line and load.
fn provenance(
    record: &dyn Record,
    format: Format,
    targets: Vec<Node<'static>>,
    known_member: &KnownMember,
    about: PlanContext<'_>,
) -> Node<'static> {
    let place = record.place();
    let file = place.file.rsplit('/').next().unwrap_or_default();
    // Members read it; the file's name is the plan's own affair, and the plan finds it by the identifier.
    let source = if format == Format::Ccda { "Clinical document (C-CDA)" } else { "HL7 v2 message" };
    let line = place.line.to_string();
    // The document identifies the record: other records may contain the same results.
    let is_document =
        |one: &&Node<'_>| one.text_of("reference").is_some_and(|text| text.starts_with("DocumentReference/"));
    let first = targets.iter().find(is_document).or(targets.first()).map(Node::to_string).unwrap_or_default();
    node!({
        "resourceType": "Provenance",
        "id": made_id(&["Provenance", &known_member.patient, &first]),
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-provenance"]},
        "target": targets,
        "recorded": about.now.to_string(),
        "agent": [{
            "type": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                "code": "assembler",
            }]},
            "who": {"display": about.plan},
        }],
        "entity": [{
            "role": "source",
            "what": {
                "identifier": {"system": format!("{}/load", about.ids), "value": made_id(&[file, &line])},
                "display": source,
            },
        }],
    })
}
