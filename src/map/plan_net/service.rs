//! Services of an organization or a person.

use super::address::Phone;
use super::build::{
    DirectorySource, NUCC, Validity, coded, extension, of_plan_net, put_all, reference, start_while, verified,
};
use super::hours::Hours;
use super::role::Accepting;
use super::specialty;
use crate::fhir::json::{Node, node};
use crate::map::record::{PlanContext, made_id};

/// A service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    /// Identifies the service: its provider, and its kind.
    pub(crate) key: [String; 2],
    pub(crate) name: String,
    /// A code of Plan-Net's service categories.
    pub(crate) category: &'static str,
    /// Id of the organization that provides it, or empty.
    pub(crate) organization: String,
    pub(crate) specialties: Vec<String>,
    /// Id of the location; empty for a service without one, such as a video visit.
    pub(crate) location: String,
    pub(crate) phones: Vec<Phone>,
    pub(crate) accepting: Option<Accepting>,
    pub(crate) hours: Vec<Hours>,
    pub(crate) hours_words: String,
    pub(crate) is_virtual: bool,
    pub(crate) verified: String,
    pub(crate) span: Validity,
}

/// The id of a practitioner's virtual service. The service itself does not name its practitioner.
pub(crate) fn virtual_id(practitioner: &str) -> String {
    made_id(&["HealthcareService", practitioner, VIRTUAL])
}

/// Distinguishes it from the person's other services.
pub(crate) const VIRTUAL: &str = "virtual";

impl Service {
    pub(crate) fn id(&self) -> String {
        made_id(&["HealthcareService", &self.key[0], &self.key[1]])
    }

    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = start_while("HealthcareService", &self.id(), &self.span, source, about);
        out.set("category", node!([of_plan_net("HealthcareServiceCategoryCS", self.category)]));
        if !self.organization.is_empty() {
            out.set("providedBy", reference("Organization", &self.organization));
        }
        let codes = self.specialties.iter().filter(|code| specialty::is_any(code));
        put_all(&mut out, "specialty", codes.map(|code| coded(NUCC, code)).collect());
        if !self.location.is_empty() {
            out.set("location", node!([reference("Location", &self.location)]));
        }
        if !self.name.is_empty() {
            out.set("name", self.name.as_str());
        }
        put_all(&mut out, "telecom", self.phones.iter().map(Phone::value).collect());
        put_all(&mut out, "availableTime", self.hours.iter().map(Hours::of_role).collect());
        if !self.hours_words.is_empty() {
            out.set("availabilityExceptions", self.hours_words.as_str());
        }
        let mut extensions = vec![delivery(self.is_virtual)];
        extensions.extend(self.accepting.map(|accepting| accepting.value("")));
        extensions.extend(verified(&self.verified, about));
        put_all(&mut out, "extension", extensions);
        out
    }
}

fn delivery(is_virtual: bool) -> Node<'static> {
    let code = of_plan_net("DeliveryMethodCS", if is_virtual { "virtual" } else { "physical" });
    let mut out = extension("delivery-method", ("extension", node!([{"url": "type", "valueCodeableConcept": code}])));
    if is_virtual {
        let video = of_plan_net("VirtualModalitiesCS", "video");
        out.push("extension", node!({"url": "virtualModalities", "valueCodeableConcept": video}));
    }
    out
}

/// Plan-Net's category, the affiliation's role and HL7's location type, by the words that tables use for a facility.
pub(crate) fn category(words: &str) -> (&'static str, &'static str, &'static str) {
    let words = words.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    match () {
        () if has(&["pharm", "3336"]) => ("pharm", "pharmacy", "OUTPHARM"),
        () if has(&["urgent", "261qu"]) => ("urg", "urgent", ""),
        () if has(&["hospital", "282n", "va facility", "medical center"]) => ("hosp", "hospital", "HOSP"),
        () if has(&["lab", "291u"]) => ("lab", "laboratory", ""),
        () if has(&["dme", "medical suppl", "durable", "332b"]) => ("dme", "dme", ""),
        () if has(&["home health", "251e"]) => ("home", "home", ""),
        () if has(&["behavioral", "mental", "substance"]) => ("behav", "behavioral", ""),
        () if has(&["dent"]) => ("dent", "outpatient", ""),
        () if has(&["vision", "optic", "eye"]) => ("vis", "outpatient", ""),
        () if has(&["ambulance", "transport"]) => ("trans", "transport", ""),
        () if has(&["group"]) => ("group", "group", ""),
        () => ("outpat", "outpatient", ""),
    }
}
