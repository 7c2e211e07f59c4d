//! The records that every format but FHIR is read into: each names its member, and becomes resources once the member is
//! known. Pure.
//!
//! A reader never looks anything up and a record never guesses its member: the run asks the roster in between, and a
//! record about nobody on the roster is put aside with a reason (THREATS 19).

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use crate::fhir::json::Node;
use crate::formats::issue::{RecordPlace, Reject, Rule};

/// The member that a record is about, as the file names her.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedMember {
    /// Numbers that may be hers: member id, subscriber id, medical record number; the most specific first.
    pub(crate) numbers: Vec<String>,
    pub(crate) family: String,
    pub(crate) given: String,
    /// `YYYY-MM-DD`, or empty if the file has none.
    pub(crate) birth: String,
    /// The day that selects the coverage, `YYYY-MM-DD`; empty where no day matters.
    pub(crate) day: String,
    /// The file has only the number: then the number decides, if it is her own and nobody shares it.
    pub(crate) alone: bool,
}

/// The member of a record, as the roster knows her.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownMember {
    /// Id of her Patient; empty for records about nobody.
    pub(crate) patient: String,
    /// Id of her Coverage on the day that matters.
    pub(crate) coverage: Option<String>,
    /// Her birth date on the roster, `YYYY-MM-DD`; empty where it has none.
    pub(crate) birth: String,
}

/// The plan that loads, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanContext<'a> {
    /// The address of the plan's own identifiers, without a slash at its end.
    pub(crate) ids: &'a str,
    /// The plan's name.
    pub(crate) plan: &'a str,
    /// When the run began. Resources must not depend on it, or a second run of the same file would change them; the
    /// only exception is whether a validity is over.
    pub(crate) now: Timestamp,
}

impl PlanContext<'_> {
    /// Whether a last day, `YYYY-MM-DD` or empty for none, is over.
    pub(crate) fn is_over(&self, last: &str) -> bool {
        !last.is_empty() && *last < *self.now.strftime("%Y-%m-%d").to_string()
    }
}

/// One record: a message, a document, a row, a claim.
pub(crate) trait Record: Send {
    /// The place of the record.
    fn place(&self) -> &RecordPlace;
    /// The member that it is about; absent for a provider, a network, a drug.
    fn named_member(&self) -> Option<NamedMember>;
    /// Maps the record to resources with ids that are the same in every run. Where profiles are served, they are named in
    /// `meta.profile` with their version. References to the member are `Patient/{known_member.patient}`.
    ///
    /// # Errors
    /// The rule and a reason that quotes nothing of the record, if it cannot be kept.
    fn resources(
        &self,
        known_member: &KnownMember,
        about: PlanContext<'_>,
    ) -> Result<Vec<Node<'static>>, (Rule, String)>;

    /// When one of its resources was written: of two versions of one resource, the one written later wins. Absent where
    /// the one loaded last wins.
    fn written(&self, _resource: &Node<'static>) -> Option<Written> {
        None
    }

    /// The set of documents that it is a version of.
    fn set(&self) -> Option<String> {
        None
    }
}

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// When a resource was written. A later one compares as greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Written {
    /// The time of the statement, in microseconds.
    pub(crate) at: i64,
    /// The time of sending, in microseconds: a correction may repeat the first time of its statement.
    pub(crate) sent: i64,
    /// The number of the version or message, which orders those of equal time.
    pub(crate) turn: i64,
}

impl Written {
    /// Whether it was written by then, allowing for a fast clock. A time years in the future would win against every
    /// correction until then.
    pub(crate) fn is_by(&self, now: Timestamp) -> bool {
        self.at.max(self.sent) <= now.as_microsecond().saturating_add(DAY)
    }

    /// As bytes that sort by time.
    pub(crate) fn bytes(self) -> [u8; 24] {
        let mut out = [0; 24];
        for (to, number) in out.chunks_exact_mut(8).zip([self.at, self.sent, self.turn]) {
            to.copy_from_slice(&(number ^ i64::MIN).to_be_bytes());
        }
        out
    }

    /// Reads the first bytes of a key or value.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let at = |from: usize| Some(i64::from_be_bytes(bytes.get(from..from + 8)?.try_into().ok()?) ^ i64::MIN);
        Some(Self { at: at(0)?, sent: at(8)?, turn: at(16)? })
    }
}

/// The result of reading a piece of a file.
#[derive(Default)]
pub(crate) struct ReadPiece {
    pub(crate) records: Vec<Box<dyn Record>>,
    /// Refusals and notes.
    pub(crate) rejects: Vec<(Rule, Reject)>,
    /// Rows that the configuration leaves out.
    pub(crate) skipped: u64,
}

impl ReadPiece {
    /// Puts a record aside, or notes something about one that is kept, as the rule says.
    pub(crate) fn reject(&mut self, place: &RecordPlace, rule: Rule, reason: impl Into<String>) {
        self.rejects.push(place.reject(rule, reason));
    }
}

/// An id made from texts; the texts cannot be read from it, and the same texts give the same id in every run.
pub(crate) fn made_id(parts: &[&str]) -> String {
    format!("{:032x}", xxh3_128(parts.join("\u{1f}").as_bytes()))
}
