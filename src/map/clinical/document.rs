//! The original of a clinical record, kept whole: a `DocumentReference` with the text inside.
//!
//! The text is inside and not in a Binary: a Binary belongs to no member, so no app may read one. The original is as
//! sensitive as its contents: it carries the labels of every code in it, so that data that a member withholds is
//! withheld here too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::code::Concept;
use super::made::ResourceBuilder;
use crate::fhir::json::{Node, node};
use crate::fhir::labels;

const UNKNOWN: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
const MIME_MAX: usize = 100;
/// Codes that are checked for labels.
const CODES_MAX: usize = 100_000;

/// One form of a document.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    mime: String,
    /// The data, in base64.
    data: String,
    title: String,
    created: Option<String>,
}

impl Attached {
    pub(crate) fn of(mime: &str, bytes: &[u8]) -> Self {
        Self { mime: mime_of(mime), data: STANDARD.encode(bytes), title: String::new(), created: None }
    }

    /// Wraps data that is base64 already; absent if it is not.
    pub(crate) fn packed(mime: &str, base64: &str) -> Option<Self> {
        let data: String = base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        // Some senders leave out the padding.
        let padded = format!(
            "{}{}",
            data.trim_end_matches('='),
            match data.trim_end_matches('=').len() % 4 {
                2 => "==",
                3 => "=",
                _ => "",
            }
        );
        let bytes = STANDARD.decode(padded).ok().filter(|bytes| !bytes.is_empty())?;
        Some(Self::of(mime, &bytes))
    }

    pub(crate) fn titled(mut self, title: &str, created: Option<String>) -> Self {
        self.title = crate::formats::cells::text::line(title);
        self.created = created;
        self
    }

    /// As an `Attachment`.
    pub(crate) fn value(self) -> Node<'static> {
        let mut out = ResourceBuilder::part();
        out.set("contentType", self.mime).set("data", self.data).set("title", self.title).set("creation", self.created);
        out.value()
    }
}

fn mime_of(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '+' | '-');
    let is_mime = text.len() <= MIME_MAX && text.matches('/').count() == 1 && text.chars().all(is_plain);
    if is_mime { text } else { "application/octet-stream".to_owned() }
}

/// A document.
#[derive(Default)]
pub(crate) struct Original {
    pub(crate) id: String,
    pub(crate) identifier: Option<Node<'static>>,
    pub(crate) status: &'static str,
    pub(crate) doc_status: Option<&'static str>,
    pub(crate) kind: Concept,
    /// Written for people to read.
    pub(crate) is_note: bool,
    pub(crate) date: Option<String>,
    pub(crate) authors: Vec<Node<'static>>,
    pub(crate) custodian: Option<Node<'static>>,
    /// Ids of documents that it replaces.
    pub(crate) replaces: Vec<String>,
    pub(crate) encounter: Option<String>,
    pub(crate) period: Option<Node<'static>>,
    pub(crate) title: String,
    pub(crate) attached: Vec<Attached>,
}

impl Original {
    pub(crate) fn resource(self, patient: &str) -> Node<'static> {
        let mut out = ResourceBuilder::new("DocumentReference", &self.id);
        out.set("identifier", self.identifier.map(|one| node!([one])));
        out.set("status", self.status).set("docStatus", self.doc_status);
        // The profile wants LOINC, or the code for "unknown"; a local code stands beside it.
        let mut kind = self.kind;
        if !kind.codes.iter().any(|code| code.system == "http://loinc.org") {
            kind.codes.push(crate::map::clinical::code::Coding::new(UNKNOWN, "UNK", ""));
        }
        out.set("type", kind.value());
        let category = if self.is_note {
            node!([{"coding": [{
                "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                "code": "clinical-note",
            }]}])
        } else {
            node!([{"text": "Message"}])
        };
        out.set("category", category);
        out.set("subject", node!({"reference": format!("Patient/{patient}")}));
        out.set("date", self.date).set("author", self.authors).set("custodian", self.custodian);
        let replaces = self.replaces.iter().filter(|id| **id != self.id);
        let replaces =
            replaces.map(|id| node!({"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}}));
        out.set("relatesTo", replaces.collect::<Vec<_>>());
        out.set("description", crate::formats::cells::text::line(&self.title));
        out.set("content", self.attached.into_iter().map(|one| node!({"attachment": one.value()})).collect::<Vec<_>>());
        let mut context = ResourceBuilder::part();
        context.set("encounter", self.encounter.map(|id| node!([{"reference": format!("Encounter/{id}")}])));
        context.set("period", self.period);
        out.set("context", context.value());
        out.claim(&["us-core-documentreference"])
    }
}

/// The labels that codes, as system and code, call for.
pub(crate) fn labels(codes: &[(String, String)]) -> Vec<Node<'static>> {
    labels::called_for(codes.iter().take(CODES_MAX).map(|(system, code)| (&**system, &**code)))
}

/// Adds security labels to a resource.
pub(crate) fn marked(resource: &mut Node<'static>, labels: &[Node<'static>]) {
    if labels.is_empty() || resource.is_empty() {
        return;
    }
    if resource.get("meta").is_none() {
        resource.set("meta", Node::object());
    }
    let Some(meta) = resource.get_mut("meta") else { return };
    for label in labels {
        if !meta.get("security").is_some_and(|known| known.items().contains(label)) {
            meta.push("security", label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_are_unpacked_first() {
        assert_eq!(Attached::packed("application/PDF", "aGVs\nbG8").unwrap().value().text_of("data"), Some("aGVsbG8="));
        assert!(Attached::packed("application/pdf", "not base64!").is_none());
        assert!(Attached::packed("application/pdf", "").is_none());
        assert_eq!(Attached::of("^x", b"a").value().text_of("contentType"), Some("application/octet-stream"));
    }

    #[test]
    fn the_original_is_as_sensitive_as_what_it_says() {
        let code = |code: &str| ("http://hl7.org/fhir/sid/icd-10-cm".to_owned(), code.to_owned());
        let found = labels(&[code("F10.20"), code("I10"), code("B20")]);
        assert_eq!(found.iter().map(|one| one.text_of("code").unwrap()).collect::<Vec<_>>(), ["ETH", "HIV"]);
        let mut resource = node!({"resourceType": "DocumentReference"});
        marked(&mut resource, &found);
        marked(&mut resource, &found);
        assert_eq!(resource.get("meta").unwrap().get("security"), Some(&node!(found)));
    }
}
