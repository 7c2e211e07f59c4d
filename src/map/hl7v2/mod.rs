//! HL7 version 2 messages: admissions and visits (ADT), results (ORU), vaccinations (VXU), documents (MDM), problems
//! (PPR).
//!
//! Invariants: any bytes are read without a panic and within limits (`formats/hl7v2`); a message about several patients
//! becomes one record per patient, each with its own part of the text; the text of every kept message stands in a
//! `DocumentReference`.
//!
//! Absent on purpose: acts on records (merges, deletions of patients: an operator's), orders without results, the
//! patient's demographics (the roster's), batch totals (blocks of a file are read separately).

mod draft;
mod note;
mod problem;
mod result;
mod specimen;
#[cfg(test)]
mod tests;
mod vaccine;
mod value;
mod visit;

use std::sync::Arc;

use jiff::Timestamp;

use self::draft::MessageDraft;
use crate::fhir::json::Node;
use crate::formats::encoding;
use crate::formats::hl7v2::{self, Message, messages};
use crate::formats::issue::{RecordPlace, Rule, place};
use crate::map::clinical::{day, moment};
use crate::map::record::{KnownMember, NamedMember, PlanContext, ReadPiece, Record, Written};

/// Candidate numbers of the patient, from one message.
const NUMBERS_MAX: usize = 32;
/// Patients of one message.
const PATIENTS_MAX: usize = 1_000;

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageKind {
    Visit,
    Result,
    Vaccine,
    Note,
    Problem,
}

/// A message about one patient.
struct PatientMessage {
    place: RecordPlace,
    kind: MessageKind,
    named_member: NamedMember,
    written: Option<Written>,
    text: String,
}

/// Reads messages.
pub(crate) fn read(file: &Arc<str>, first: u64, text: &[u8]) -> ReadPiece {
    let mut out = ReadPiece::default();
    let text = encoding::text(text);
    let (messages, is_other_before) = messages(&text);
    if is_other_before {
        out.reject(&place(file, first), Rule::Segment, "no message starts here (MSH)");
    }
    for (line, text) in messages {
        let place = place(file, first + line);
        match patient_messages(&place, text) {
            Ok(patient_messages) => {
                out.records.extend(patient_messages.into_iter().map(|one| Box::new(one) as Box<dyn Record>));
            }
            Err((rule, reason)) => out.reject(&place, rule, reason),
        }
    }
    out
}

fn patient_messages(place: &RecordPlace, text: &str) -> Result<Vec<PatientMessage>, (Rule, &'static str)> {
    let message = Message::read(text).map_err(|wrong| (Rule::Segment, wrong.reason()))?;
    let kind = kind(&message)?;
    let patients: Vec<usize> = positions(&message, "PID");
    let Some(first) = patients.first().copied() else {
        return Err((Rule::Segment, "the message names no patient (PID)"));
    };
    if patients.len() > PATIENTS_MAX {
        return Err((Rule::Segment, "a message about more than 1,000 patients"));
    }
    let one = |text: &str| {
        // The text is a part of a message, and is itself a message.
        let message = Message::read(text).map_err(|wrong| (Rule::Segment, wrong.reason()))?;
        Ok(PatientMessage {
            place: place.clone(),
            kind,
            named_member: named_member(&message),
            written: written(&message),
            text: text.to_owned(),
        })
    };
    if patients.len() == 1 {
        return Ok(vec![one(text)?]);
    }
    // Data about one patient must not reach another, not even in the text that is kept.
    let pieces = |from: usize, to: usize| -> String {
        let segments = message.segments.iter().skip(from).take(to.saturating_sub(from));
        segments.flat_map(hl7v2::Segment::whole).collect()
    };
    let header = pieces(0, first);
    let ends = patients.iter().skip(1).copied().chain([message.segments.len()]);
    patients.iter().zip(ends).map(|(from, to)| one(&format!("{header}{}", pieces(*from, to)))).collect()
}

fn positions(message: &Message<'_>, name: &str) -> Vec<usize> {
    message.segments.iter().enumerate().filter(|(_, segment)| segment.name == name).map(|(at, _)| at).collect()
}

/// The kind of a message, or why it is not loaded.
fn kind(message: &Message<'_>) -> Result<MessageKind, (Rule, &'static str)> {
    let other = |reason| Err((Rule::OtherMessage, reason));
    let code = message.header(9).component(1).text();
    let event = match message.header(9).component(2).text() {
        event if event.is_empty() => message.first("EVN").map(|segment| segment.field(1).text()).unwrap_or_default(),
        event => event,
    };
    let number = |text: &str| text.get(1..).and_then(|digits| digits.parse::<u8>().ok());
    match (code.as_str(), number(&event)) {
        ("ADT", Some(18 | 30 | 34..=37 | 39..=51)) => {
            other("merging, moving or linking of records, which an operator does by hand")
        }
        ("ADT", Some(23 | 24 | 29)) => other("deleting or linking of patients, which an operator does by hand"),
        ("ADT", Some(20 | 19)) => other("the state of a bed or a question, which says nothing of a patient"),
        ("ADT", _) => Ok(MessageKind::Visit),
        ("ORU", _) => Ok(MessageKind::Result),
        ("VXU", _) => Ok(MessageKind::Vaccine),
        ("MDM", _) => Ok(MessageKind::Note),
        ("PPR", _) => Ok(MessageKind::Problem),
        ("ORM" | "OML" | "OMG" | "OMI" | "OMP" | "ORL" | "ORR", _) => {
            other("an order, whose results come by themselves")
        }
        ("RDE" | "RDS" | "RGV" | "RAS" | "RRE", _) => {
            other("an order for a medicine, which claims and documents tell of")
        }
        ("SIU" | "SRM" | "SRR", _) => other("an appointment, which is not loaded"),
        ("REF" | "RRI" | "RPA", _) => other("a referral, which is not loaded"),
        ("DFT" | "BAR", _) => other("charges and accounts, which claims tell of"),
        ("ACK" | "QRY" | "QBP" | "RSP" | "MCF" | "ADR", _) => other("a question or an answer between systems"),
        ("MFN" | "MFK", _) => other("a master file, which is not loaded"),
        _ => other("a message of a kind that is not loaded"),
    }
}

/// The patient of a message. Numbers assigned by an insurer come first: they are the most likely to be on the roster.
fn named_member(message: &Message<'_>) -> NamedMember {
    let Some(patient) = message.first("PID") else { return NamedMember::default() };
    let mut numbers: Vec<String> = Vec::new();
    let mut add = |text: String| {
        if !text.is_empty() && numbers.len() < NUMBERS_MAX && !numbers.contains(&text) {
            numbers.push(text);
        }
    };
    for number in
        patient.field(3).repetitions().filter(|number| matches!(number.component(5).text().as_str(), "MB" | "SN"))
    {
        add(number.component(1).text());
    }
    for insurance in message.all("IN1") {
        add(insurance.field(36).text());
        insurance.field(49).repetitions().for_each(|number| add(number.component(1).text()));
    }
    for field in [2, 3, 4, 18] {
        patient.field(field).repetitions().for_each(|number| add(number.component(1).text()));
    }
    let name = patient.field(5);
    NamedMember {
        alone: false,
        numbers,
        family: name.component(1).text(),
        given: name.component(2).text(),
        birth: day(&patient.field(7).text()).unwrap_or_default(),
        day: day(&message.header(7).text()).unwrap_or_default(),
    }
}

/// When a message was written.
fn written(message: &Message<'_>) -> Option<Written> {
    let event = || moment(&message.first("EVN")?.field(2).text());
    let sent = moment(&message.header(7).text()).or_else(event)?;
    // A numeric control id orders messages of the same second.
    let control = message.header(10).text();
    let prefix = control.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = control.get(prefix.len()..).filter(|_| !prefix.contains(|c: char| c.is_ascii_digit()));
    let turn = number.and_then(|number| number.parse().ok()).unwrap_or(0);
    Some(Written { at: sent, sent, turn })
}

impl Record for PatientMessage {
    fn place(&self) -> &RecordPlace {
        &self.place
    }

    fn named_member(&self) -> Option<NamedMember> {
        Some(self.named_member.clone())
    }

    fn resources(
        &self,
        known_member: &KnownMember,
        about: PlanContext<'_>,
    ) -> Result<Vec<Node<'static>>, (Rule, String)> {
        let message = Message::read(&self.text).map_err(|wrong| (Rule::Segment, wrong.reason().to_owned()))?;
        let mut draft = MessageDraft::new(&message, known_member, about);
        match self.kind {
            MessageKind::Visit => visit::map(&mut draft),
            MessageKind::Result => result::map(&mut draft),
            MessageKind::Vaccine => vaccine::map(&mut draft),
            MessageKind::Note => {}
            MessageKind::Problem => problem::map(&mut draft),
        }
        let original = if self.kind == MessageKind::Note { note::note(&mut draft) } else { note::message(&draft) };
        Ok(draft.finish(original, &self.text))
    }

    fn written(&self, resource: &Node<'static>) -> Option<Written> {
        let written = self.written?;
        // A result that is sent again, with others or in a later batch, keeps the time of its report.
        let issued = resource.text_of("issued").and_then(|text| text.parse::<Timestamp>().ok());
        Some(Written { at: issued.map_or(written.at, Timestamp::as_microsecond), ..written })
    }
}
