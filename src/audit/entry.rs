//! One entry of the audit. It records a disclosure (the records, their patients, the recipient) or an act such as a sign-in.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};

use super::head::Head;
use crate::access::{PatientId, Person, Principal};

/// Who was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// An app with a token; its client id.
    App(&'a str),
    /// A member on our own pages; her member id.
    Member(&'a str),
    /// A member of staff; the account id.
    Staff(&'a str),
    /// A developer; the account id.
    Developer(&'a str),
    /// Who runs the server, by a command.
    Operator,
    /// Somebody who did not say.
    Anyone,
}

/// One disclosure or act, as the caller describes it. The time is added when it is written.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The `X-Request-Id` of the answer.
    pub request: &'a str,
    /// Who was answered.
    pub who: Who<'a>,
    /// The grant under which it was allowed, for an app.
    pub grant: Option<&'a str>,
    /// FHIR ids of the patients whose records are in the answer, or who decided something.
    pub patients: &'a [PatientId],
    /// What was asked, in FHIR's words: `read`, `vread`, `search-type`, `history-instance` …; elsewhere the method and the
    /// route, or the command.
    pub interaction: &'a str,
    /// The app or account that an act is about, where it is not who acts.
    pub about: Option<&'a str>,
    /// How many resources of each type are in the answer.
    pub types: &'a [(&'a str, u32)],
    /// HTTP status of the answer.
    pub status: u16,
}

/// What stands in the file: an entry, a signed head, or the note that a torn end was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// When it was written.
    pub time: Timestamp,
    /// The request id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// `app:…`, `member:…`, `staff:…`, `developer:…`, `operator` or `anyone`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Patient ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patients: Vec<String>,
    /// What was asked.
    #[serde(default, rename = "did", skip_serializing_if = "String::is_empty")]
    pub interaction: String,
    /// The app or account that an act is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Resource types with counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<(String, u32)>,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub status: u16,
    /// Present on a signed head only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<Head>,
    /// Present on a note only: how many bytes of a torn end were set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde wants")]
fn is_zero(status: &u16) -> bool {
    *status == 0
}

impl Recorded {
    /// Something other than a disclosure, at `time`.
    pub(super) fn bare(time: Timestamp) -> Self {
        Self {
            time,
            request: String::new(),
            who: String::new(),
            grant: None,
            patients: Vec::new(),
            interaction: String::new(),
            about: None,
            types: Vec::new(),
            status: 0,
            head: None,
            cut: None,
        }
    }

    /// Whether this is a disclosure, and not a head or a note.
    #[must_use]
    pub fn is_entry(&self) -> bool {
        self.head.is_none() && self.cut.is_none()
    }
}

impl<'a> From<&'a Principal> for Who<'a> {
    fn from(principal: &'a Principal) -> Self {
        match principal {
            Principal::Anyone => Self::Anyone,
            Principal::App(access) => Self::App(&access.client_id),
            Principal::Person(Person::Member { member }) => Self::Member(member),
            Principal::Person(Person::Developer { account }) => Self::Developer(account),
            Principal::Person(Person::Staff { account, .. }) => Self::Staff(account),
        }
    }
}

impl Who<'_> {
    /// The kind before the colon, and the id after it.
    pub(super) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::App(id) => ("app:", id),
            Self::Member(id) => ("member:", id),
            Self::Staff(id) => ("staff:", id),
            Self::Developer(id) => ("developer:", id),
            Self::Operator => ("operator", ""),
            Self::Anyone => ("anyone", ""),
        }
    }
}

impl Entry<'_> {
    /// The JSON that [`Recorded`] reads back. Written by hand because every read of a member's record waits for it.
    pub(super) fn payload(&self, time: Timestamp) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"{\"time\":\"");
        // Writing into memory cannot fail.
        drop(DateTimePrinter::new().print_timestamp(&time, &mut out));
        out.extend_from_slice(b"\",\"request\":");
        text(&mut out, &[self.request]);
        let (kind, id) = self.who.parts();
        out.extend_from_slice(b",\"who\":");
        text(&mut out, &[kind, id]);
        if let Some(grant) = self.grant {
            out.extend_from_slice(b",\"grant\":");
            text(&mut out, &[grant]);
        }
        out.extend_from_slice(b",\"patients\":[");
        for (index, patient) in self.patients.iter().enumerate() {
            comma(&mut out, index);
            text(&mut out, &[patient]);
        }
        out.extend_from_slice(b"],\"did\":");
        text(&mut out, &[self.interaction]);
        if let Some(about) = self.about {
            out.extend_from_slice(b",\"about\":");
            text(&mut out, &[about]);
        }
        out.extend_from_slice(b",\"types\":[");
        for (index, (name, count)) in self.types.iter().enumerate() {
            comma(&mut out, index);
            out.push(b'[');
            text(&mut out, &[name]);
            out.push(b',');
            out.extend_from_slice(count.to_string().as_bytes());
            out.push(b']');
        }
        out.extend_from_slice(b"],\"status\":");
        out.extend_from_slice(self.status.to_string().as_bytes());
        out.push(b'}');
        out
    }
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// A JSON string of the parts put together. Ids are plain nearly always; anything else takes the slow way.
fn text(out: &mut Vec<u8>, parts: &[&str]) {
    let plain = |part: &&str| part.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\');
    if parts.iter().all(plain) {
        out.push(b'"');
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    } else {
        // Serialising a string cannot fail.
        out.extend_from_slice(serde_json::to_string(&parts.concat()).unwrap_or_default().as_bytes());
    }
}
