//! The resources of one message while they are built, and the mapping of its fields to parts of them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::{FieldPart, Message};
use crate::map::clinical::{
    Attached, ClinicalParty, Coding, Concept, Ids, Original, PartyReference, ResourceBuilder, by_name, by_oid,
    date_time, instant, is_oid, labels, marked, zone_of,
};
use crate::map::record::{KnownMember, PlanContext};

/// The media type of a message.
const MESSAGE: &str = "x-application/hl7-v2+er7";
/// CLIA numbers of laboratories.
const CLIA: &str = "urn:oid:2.16.840.1.113883.4.7";
const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// Resources of one message.
pub(super) struct MessageDraft<'m> {
    pub(super) message: &'m Message<'m>,
    pub(super) patient: &'m str,
    pub(super) ids: Ids,
    pub(super) resources: Vec<Node<'static>>,
    about: PlanContext<'m>,
    sender: String,
    zone: Option<String>,
    mentions: Vec<Node<'static>>,
}

impl<'m> MessageDraft<'m> {
    pub(super) fn new(message: &'m Message<'m>, known_member: &'m KnownMember, about: PlanContext<'m>) -> Self {
        let facility = message.header(4).text();
        let sender = if facility.is_empty() { message.header(3).text() } else { facility };
        Self {
            message,
            patient: &known_member.patient,
            ids: Ids::new(&known_member.patient, &sender),
            resources: Vec::new(),
            about,
            sender,
            zone: zone_of(&message.header(7).text()),
            mentions: Vec::new(),
        }
    }

    pub(super) fn subject(&self) -> Node<'static> {
        node!({"reference": format!("Patient/{}", self.patient)})
    }

    pub(super) fn date_time(&self, part: FieldPart<'_>) -> Option<String> {
        date_time(&part.text(), self.zone.as_deref())
    }

    pub(super) fn instant(&self, part: FieldPart<'_>) -> Option<String> {
        instant(&part.text(), self.zone.as_deref())
    }

    /// When the message was made.
    pub(super) fn sent(&self) -> Option<String> {
        self.instant(self.message.header(7))
    }

    /// A coded field: code, text, system; the alternate triple; the original text (CE, CWE, CNE).
    pub(super) fn concept(part: FieldPart<'_>) -> Concept {
        let code = |at: usize, identifier: usize| {
            let name = part.component(at + 2).text();
            let oid = part.component(identifier).text();
            let system = if is_oid(&oid) { by_oid(&oid) } else { by_name(&name) };
            Coding::new(&system, &part.component(at).text(), &part.component(at + 1).text())
        };
        let mut codes: Vec<Coding> =
            [code(1, 14), code(4, 17)].into_iter().filter(|one| !one.code.is_empty()).collect();
        codes.dedup();
        let words = part.component(9).text();
        let text =
            [words, part.component(2).text(), part.component(5).text()].into_iter().find(|text| !text.is_empty());
        Concept { codes, text: text.unwrap_or_default() }
    }

    /// A code from an HL7 table, unless the field names another system.
    pub(super) fn of_table(part: FieldPart<'_>, table: &str) -> Concept {
        let mut concept = Self::concept(part);
        for code in concept.codes.iter_mut().filter(|code| code.system.is_empty()) {
            code.system = format!("http://terminology.hl7.org/CodeSystem/v2-{table}");
        }
        concept
    }

    /// The address of an assigning authority's numbers.
    pub(super) fn assigner(&self, part: FieldPart<'_>) -> String {
        let universal = by_oid(&part.sub(2).text());
        if universal.is_empty() { self.local(&part.sub(1).text()) } else { universal }
    }

    fn local(&self, name: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        format!("{}/assigner/{}/{}", self.about.ids, encoded(&self.sender), encoded(name))
    }

    /// An entity identifier (EI): number, namespace, universal id, its type.
    pub(super) fn entity(&self, part: FieldPart<'_>) -> Option<Node<'static>> {
        let value = part.component(1).text();
        let universal = by_oid(&part.component(3).text());
        let system = if universal.is_empty() { self.local(&part.component(2).text()) } else { universal };
        (!value.is_empty()).then(|| node!({"system": system, "value": value}))
    }

    /// A person with a number (XCN), as a reference.
    pub(super) fn person(&mut self, part: FieldPart<'_>) -> Option<Node<'static>> {
        let number = part.component(1).text();
        let assigner = part.component(9);
        let says_national = [part.component(13).text(), assigner.sub(1).text()].iter().any(|text| text.contains("NPI"));
        let system = if says_national { NPI.to_owned() } else { self.assigner(assigner) };
        let party = ClinicalParty {
            numbers: vec![(system, number)],
            family: part.component(2).text(),
            given: vec![part.component(3).text(), part.component(4).text()],
            suffix: part.component(5).text(),
            words: String::new(),
        };
        self.mention(party.person())
    }

    /// The sender of the message, as text: its short name is too little for a directory.
    pub(super) fn facility(&self) -> Option<Node<'static>> {
        let field = self.message.header(4);
        let (name, number, kind) = (field.component(1).text(), field.component(2).text(), field.component(3).text());
        let mut out = ResourceBuilder::part();
        out.set("type", "Organization");
        if kind == "CLIA" {
            out.set("identifier", node!({"system": CLIA, "value": &number}));
        }
        out.set("display", if name.is_empty() { number.as_str() } else { name.as_str() });
        (!name.is_empty() || !number.is_empty()).then(|| out.value())
    }

    pub(super) fn mention(&mut self, spoken: Option<PartyReference>) -> Option<Node<'static>> {
        let spoken = spoken?;
        let is_known = |one: &Node<'static>| self.mentions.iter().any(|other| other.get("id") == one.get("id"));
        if let Some(resource) = spoken.resource.filter(|resource| !is_known(resource)) {
            self.mentions.push(resource);
        }
        Some(spoken.reference)
    }

    /// All resources, including the original, with their labels.
    pub(super) fn finish(mut self, mut original: Original, text: &str) -> Vec<Node<'static>> {
        original.attached.push(Attached::of(MESSAGE, text.as_bytes()).titled("", self.sent()));
        let mut original = original.resource(self.patient);
        marked(&mut original, &labels(&self.codes()));
        self.resources.push(original);
        self.resources.append(&mut self.mentions);
        self.resources
    }

    /// Every code of the message.
    fn codes(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for segment in &self.message.segments {
            for part in segment.parts() {
                for at in [1, 4] {
                    let system = by_name(&part.component(at + 2).text());
                    if !system.is_empty() {
                        out.push((system, part.component(at).text()));
                    }
                }
            }
        }
        out
    }
}
