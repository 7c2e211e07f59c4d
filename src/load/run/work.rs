//! The work on one piece of a file: resources of FHIR files, records of all other formats.

use serde_json::{Value, json};

use super::commit::CommitEntry;
use crate::access::{Admitted, admit};
use crate::config::Policy;
use crate::fhir::json::Node;
use crate::formats::Format;
use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::identity::matching::Roster;
use crate::load::signs::{Signs, examine};
use crate::load::{Error, Target};
use crate::map::clinical::digits_of;
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

/// A resource that a mapper made, ready to be stored.
///
/// # Errors
/// The mistake, in words, if it may not be kept.
pub(super) fn prepared(value: &Value, validation: Policy) -> Result<(Admitted, Signs), String> {
    let mut numbers = Vec::new();
    write_numbers(value, &mut numbers);
    let mut node = node(value, &mut numbers.iter());
    let id = node.text_of("id").unwrap_or_default().to_owned();
    // Resources of our own mapper are validated only where that decides something.
    let policy = if validation == Policy::Reject { Policy::Reject } else { Policy::Off };
    let admission = admit(&mut node, &id, policy).map_err(|refused| refused.to_string())?;
    Ok((admission.resource, examine(&node)))
}

/// The numbers of a value as FHIR's JSON has them: as text, in the order of the document.
fn write_numbers(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Number(number) => out.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| write_numbers(item, out)),
        Value::Object(members) => members.values().for_each(|member| write_numbers(member, out)),
        _ => {}
    }
}

/// The node that parsing the value's own text would give, without making the text.
fn node<'v>(value: &'v Value, numbers: &mut std::slice::Iter<'v, String>) -> Node<'v> {
    match value {
        Value::Null => Node::Null,
        Value::Bool(is) => Node::Bool(*is),
        Value::Number(_) => Node::Number(numbers.next().map_or("0", String::as_str)),
        Value::String(text) => match digits_of(text) {
            Some(number) => Node::Number(number),
            None => Node::String(text.as_str().into()),
        },
        Value::Array(items) => Node::Array(items.iter().map(|item| node(item, numbers)).collect()),
        Value::Object(members) => {
            Node::Object(members.iter().map(|(name, member)| (name.as_str().into(), node(member, numbers))).collect())
        }
    }
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
    let values = record.resources(known_member, about)?;
    let mut entry =
        CommitEntry { merge: record.named_member().is_none(), counts: vec![(format, 1)], ..CommitEntry::default() };
    let is_clinical = matches!(format, Format::Hl7v2 | Format::Ccda);
    let mut targets = Vec::new();
    for value in &values {
        let (one, signs) = prepared(value, validation).map_err(|reason| (Rule::Invalid, reason))?;
        if !signs.is_empty() {
            all.push(signs);
        }
        if is_clinical && matches!(one.kind.name(), "Practitioner" | "Organization" | "Location" | "PractitionerRole") {
            entry.mentions.push(one);
            continue;
        }
        if is_clinical && one.kind.name() != "Provenance" {
            targets.push(json!({"reference": format!("{}/{}", one.kind.name(), one.id)}));
        }
        if is_clinical {
            entry.dated.written.push(record.written(value).filter(|written| written.is_by(about.now)));
            entry.dated.replaces.extend(replaced(value));
        }
        entry.resources.push(one);
    }
    entry.dated.set = record.set().map(|set| format!("{}|{set}", known_member.patient));
    if !targets.is_empty() {
        let mut value = provenance(record, format, &targets, known_member, about);
        let author =
            values.iter().find(|value| value.get("resourceType").is_some_and(|kind| kind == "DocumentReference"));
        if let (Some(author), Some(agents)) =
            (author.and_then(author_of), value.get_mut("agent").and_then(Value::as_array_mut))
        {
            agents.push(author);
        }
        entry.provenance = prepared(&value, validation).ok().map(|(one, _)| one);
    }
    Ok((entry, all))
}

/// Ids of the documents that a document replaces.
fn replaced(value: &Value) -> Vec<String> {
    let related = value.get("relatesTo").and_then(Value::as_array).into_iter().flatten();
    let replaced = related.filter(|one| one.get("code").is_some_and(|code| code == "replaces"));
    let reference =
        |one: &Value| one.pointer("/target/reference")?.as_str()?.strip_prefix("DocumentReference/").map(str::to_owned);
    replaced.filter_map(reference).collect()
}

/// The author of a record, as its document names it.
fn author_of(document: &Value) -> Option<Value> {
    let custodian = document.get("custodian");
    let author = document.pointer("/author/0").or(custodian)?;
    let mut agent = json!({
        "type": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
            "code": "author",
        }]},
        "who": author,
    });
    // A person acts on behalf of an organization.
    let is_person = author.get("type").is_none_or(|kind| kind != "Organization")
        && author.get("reference").and_then(Value::as_str).is_none_or(|to| !to.starts_with("Organization/"));
    if let (true, Some(custodian), Some(agent)) = (is_person, custodian, agent.as_object_mut()) {
        agent.insert("onBehalfOf".to_owned(), custodian.clone());
    }
    Some(agent)
}

/// The Provenance of a record's resources: file, line and load.
fn provenance(
    record: &dyn Record,
    format: Format,
    targets: &[Value],
    known_member: &KnownMember,
    about: PlanContext<'_>,
) -> Value {
    let place = record.place();
    let file = place.file.rsplit('/').next().unwrap_or_default();
    // Members read it; the file's name is the plan's own affair, and the plan finds it by the identifier.
    let source = if format == Format::Ccda { "Clinical document (C-CDA)" } else { "HL7 v2 message" };
    let line = place.line.to_string();
    // The document identifies the record: other records may contain the same results.
    let reference = |one: &Value| one.get("reference").and_then(Value::as_str).map(str::to_owned);
    let is_document = |one: &&Value| reference(one).is_some_and(|text| text.starts_with("DocumentReference/"));
    let first = targets.iter().find(is_document).or(targets.first()).map(Value::to_string).unwrap_or_default();
    json!({
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
