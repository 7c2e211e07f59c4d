//! Readers without a store, for `ingle bench` and the fuzz targets.

use crate::fhir::json::Node;
use crate::formats::Format;
use crate::formats::records::{Part, Set};
use crate::formats::x12::{Claim, Cutter, Eligibility, EnvelopeIssue, Event, PartTaker, Remit, Review, Splitter};
use crate::map::record::{KnownMember, PlanContext, ReadPiece};

#[derive(Default)]
struct Count {
    records: usize,
    /// Whether each part is also parsed as its own kind.
    reads: bool,
}

impl PartTaker for Count {
    fn part(&mut self, part: Part) {
        let is_whole = !self.reads
            || match part.set {
                Set::Enrolment => Event::read(&part.text).is_some(),
                Set::Claims => Claim::read(&part.text).is_some(),
                Set::Payments => Remit::read(&part.text).is_some(),
                _ => Review::read(&part.text).is_some(),
            };
        self.records += usize::from(is_whole);
    }

    fn asked(&mut self, _: u64, part: &str) {
        if self.reads {
            let _ = Eligibility::read(part);
        }
        self.records += 1;
    }

    fn trouble(&mut self, _: EnvelopeIssue) {}
}

/// Cuts X12 into claims, payments, members and reviews, and reads each of them if `reads`. Returns how many there are.
#[must_use]
pub fn x12(text: &[u8], reads: bool) -> usize {
    let (mut cutter, mut splitter, mut count) = (Cutter::default(), Splitter::default(), Count { records: 0, reads });
    for block in text.chunks(crate::load::source::BLOCK_BYTES) {
        cutter.push(block, false, &mut |segment| splitter.take(segment, &mut count));
    }
    cutter.push(b"", true, &mut |segment| splitter.take(segment, &mut count));
    splitter.finish(&mut count);
    count.records
}

/// X12 printed again from its segments: the same bytes.
#[must_use]
pub fn x12_printed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    Cutter::default().push(text, true, &mut |segment| segment.print(&mut out));
    out
}

/// Reads a FHIR file: one document, or lines of NDJSON. Returns how many resources can be kept and how many cannot.
#[must_use]
pub fn fhir(text: &[u8]) -> (usize, usize) {
    let mut batch =
        super::resources::Batch { validation: crate::config::Policy::Warn, ..super::resources::Batch::default() };
    batch.file(&"fuzz".into(), text);
    (batch.ready.len() + batch.deferred.len(), batch.rejects.len())
}

/// The format that a file's first bytes show, if it can be loaded.
#[must_use]
pub fn look(start: &[u8]) -> Option<Format> {
    match crate::formats::sniff::look(start, &crate::formats::tables::mapping::Mapping::default()) {
        crate::formats::sniff::Look::Is(format) => Some(format),
        _ => None,
    }
}

/// The resources of HL7 version 2 messages, as if they were about one member.
#[must_use]
pub fn hl7v2(text: &[u8]) -> Vec<Node<'static>> {
    let _ = crate::formats::hl7v2::cut(text);
    resources(&crate::map::hl7v2::read(&"fuzz".into(), 1, text))
}

/// Messages printed again from their parsed parts: the same text, as far as it consists of messages.
#[must_use]
pub fn hl7v2_printed(text: &str) -> Vec<(String, String)> {
    crate::formats::hl7v2::printed(text)
}

/// The resources of a clinical document, as if it were about one member.
#[must_use]
pub fn ccda(text: &[u8]) -> Vec<Node<'static>> {
    resources(&crate::map::ccda::read(&"fuzz".into(), text))
}

fn resources(read: &ReadPiece) -> Vec<Node<'static>> {
    let about = PlanContext { ids: "https://plan.example/ids", plan: "Plan", now: jiff::Timestamp::UNIX_EPOCH };
    let known_member = KnownMember { patient: "p1".to_owned(), coverage: None, ..KnownMember::default() };
    read.records.iter().filter_map(|record| record.resources(&known_member, about).ok()).flatten().collect()
}
