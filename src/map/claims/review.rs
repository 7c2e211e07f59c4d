//! A prior authorization, requested and decided (278, or a table of the plan's), as `PDex`'s `ExplanationOfBenefit`.
//!
//! The response decides; a request without one is pending. A second request with the same trace number is about the
//! same services.

use super::made::ClaimResources;
use super::money::{cents, money, quantity};
use super::party::{Provider, provider};
use crate::fhir::json::{Node, node};
use crate::formats::cells::compact_day as day;
use crate::formats::issue::Rule;
use crate::formats::x12::{Review, Service};
use crate::map::code::{concept, diagnosis, hl7, modifier, place, service};
use crate::map::plan::PLAN_ID;
use crate::map::record::{KnownMember, NamedMember, PlanContext, made_id};

const PROFILE: &str = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-priorauthorization";
const EXTENSION: &str = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/";

/// One requested service.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReviewRequest<'a> {
    pub(crate) category: &'a str,
    pub(crate) qualifier: &'a str,
    pub(crate) code: &'a str,
    pub(crate) modifiers: Vec<&'a str>,
    /// Place of service.
    pub(crate) place: &'a str,
    /// The requested quantity.
    pub(crate) units: &'a str,
    /// The approved quantity, if stated.
    pub(crate) allowed: &'a str,
    pub(crate) charge: &'a str,
    /// X12 306: `A1` certified, `A3` not certified, `A4` pended, `A6` modified; empty for no decision yet.
    pub(crate) action: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) number: &'a str,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// A prior authorization.
#[derive(Clone, Debug)]
pub(crate) struct Reviewed<'a> {
    pub(crate) trace: &'a str,
    /// The plan's number for it.
    pub(crate) number: &'a str,
    pub(crate) created: String,
    pub(crate) decided_on: Option<String>,
    pub(crate) named_member: NamedMember,
    pub(crate) requester: Provider,
    /// X12 1338: `U` urgent, `03` emergency, `E` elective; empty if not stated.
    pub(crate) level: &'a str,
    pub(crate) diagnoses: Vec<Node<'static>>,
    pub(crate) services: Vec<ReviewRequest<'a>>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// Folds requests and responses with one trace number, the earliest first.
///
/// # Errors
/// What is missing.
pub(crate) fn reviewed<'a>(reviews: &[Review<'a>]) -> Result<Reviewed<'a>, (Rule, String)> {
    let refuse = |reason: &str| (Rule::Review, reason.to_owned());
    let request = reviews.iter().rev().find(|review| !review.is_answer);
    let answer = reviews.iter().rev().find(|review| review.is_answer);
    let main = request.or(answer).ok_or_else(|| refuse("there is no review"))?;
    let treated = main.patient.as_ref().unwrap_or(&main.subscriber);
    let requester = provider(&main.requester, false)
        .or_else(|| main.provider.as_ref().and_then(|party| provider(party, false)))
        .ok_or_else(|| refuse("the review names no provider who asks (NM1*1P)"))?;
    let created = day(main.created).ok_or_else(|| refuse("the review has no date (BHT04)"))?;
    let decided: &[Service<'_>] = answer.map(|answer| answer.services.as_slice()).unwrap_or_default();
    let asked: &[Service<'_>] = request.map_or(decided, |request| request.services.as_slice());
    let event = decided.first().or_else(|| asked.first());
    let about_codes =
        |list: &[Service<'a>]| list.iter().filter(|one| !one.code.is_empty()).cloned().collect::<Vec<_>>();
    let mut wanted = about_codes(asked);
    if wanted.is_empty() {
        wanted.extend(asked.first().cloned());
    }
    // A decision at the patient event level applies to its services.
    let all = || asked.iter().chain(decided);
    let level = all().map(|one| one.level).find(|level| matches!(*level, "U" | "03" | "E")).unwrap_or_default();
    let place = all().map(|one| one.place).find(|place| !place.is_empty()).unwrap_or_default();
    let services: Vec<ReviewRequest<'_>> = wanted
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let about =
                |other: &Service<'_>| !one.code.is_empty() && other.code == one.code && !other.action.is_empty();
            let own = decided.iter().find(|other| about(other) && other.modifiers == one.modifiers);
            let own = own.or_else(|| decided.iter().find(|other| about(other)));
            let stated = own.or_else(|| decided.get(at + 1).filter(|other| !other.action.is_empty())).or(event);
            let stated = stated.filter(|_| answer.is_some());
            let span = stated.and_then(|stated| stated.span).or(one.span);
            ReviewRequest {
                category: if one.kind.is_empty() { event.map_or("", |event| event.kind) } else { one.kind },
                qualifier: one.qualifier,
                code: one.code,
                modifiers: one.modifiers.clone(),
                place: [one.place, place].into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
                units: one.units,
                allowed: stated.map_or("", |stated| stated.units),
                charge: one.charge,
                action: stated.map_or("", |stated| stated.action),
                reason: stated.map_or("", |stated| stated.reason),
                number: stated.map_or("", |stated| stated.number),
                from: span.and_then(|span| day(span.from)),
                to: span.and_then(|span| day(span.to)),
            }
        })
        .collect();
    let number =
        services.iter().map(|one| one.number).chain(event.map(|event| event.number)).find(|text| !text.is_empty());
    let span = event.and_then(|event| event.span).or_else(|| asked.first().and_then(|one| one.span));
    let birth = day(treated.birth).unwrap_or_default();
    Ok(Reviewed {
        trace: main.trace,
        number: number.unwrap_or_default(),
        decided_on: answer.and_then(|answer| day(answer.created)),
        named_member: NamedMember {
            numbers: [treated.number, main.subscriber.number]
                .into_iter()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .collect(),
            family: treated.family.to_owned(),
            given: treated.given.to_owned(),
            birth,
            day: created.clone(),
            alone: false,
        },
        created,
        requester,
        level,
        diagnoses: main.diagnoses.iter().map(|(qualifier, code)| diagnosis(qualifier, code)).collect(),
        services,
        from: span.and_then(|span| day(span.from)),
        to: span.and_then(|span| day(span.to)),
    })
}

impl Reviewed<'_> {
    /// The authorization and its requester.
    pub(crate) fn resources(&self, known_member: &KnownMember, about: PlanContext<'_>) -> ClaimResources {
        let mut out = Node::object();
        let action = self.services.iter().map(|one| one.action).find(|action| !action.is_empty()).unwrap_or("A4");
        out.set("resourceType", "ExplanationOfBenefit");
        out.set("id", made_id(&["authorization", self.trace, &known_member.patient]));
        out.set("meta", node!({"profile": [PROFILE]}));
        // The profile lets it be left out (0..1), and nothing is made up.
        if !self.level.is_empty() {
            out.set(
                "extension",
                node!([{
                    "url": format!("{EXTENSION}extension-levelOfServiceCode"),
                    "valueCodeableConcept": concept("https://codesystem.x12.org/005010/1338", self.level),
                }]),
            );
        }
        let system = format!("{}/authorization", about.ids);
        out.set(
            "identifier",
            node!([{"system": system, "value": if self.number.is_empty() { self.trace } else { self.number }}]),
        );
        out.set("status", if action == "C" { "cancelled" } else { "active" });
        let is_stay = self.services.iter().any(|one| one.category == "1" || one.qualifier == "NU");
        out.set("type", hl7("claim-type", if is_stay { "institutional" } else { "professional" }));
        out.set("use", "preauthorization");
        out.set("patient", node!({"reference": format!("Patient/{}", known_member.patient)}));
        let mut period = Node::object();
        if let Some(day) = &self.from {
            period.set("start", day);
        }
        if let Some(day) = &self.to {
            period.set("end", day);
        }
        if !period.is_empty() {
            out.set("billablePeriod", period.clone());
        }
        out.set("created", &self.created);
        out.set("insurer", node!({"reference": format!("Organization/{PLAN_ID}"), "display": about.plan}));
        out.set("provider", self.requester.reference.clone());
        out.set("priority", hl7("processpriority", if matches!(self.level, "U" | "03") { "stat" } else { "normal" }));
        if !self.number.is_empty() {
            out.set("preAuthRef", node!([self.number]));
        }
        if !period.is_empty() && matches!(action, "A1" | "A2" | "A6") {
            out.set("preAuthRefPeriod", node!([period]));
        }
        out.set("outcome", if action == "A4" { "queued" } else { "complete" });
        let rows: Vec<Node<'static>> = self
            .diagnoses
            .iter()
            .enumerate()
            .map(|(at, code)| node!({"sequence": at + 1, "diagnosisCodeableConcept": code}))
            .collect();
        if !rows.is_empty() {
            out.set("diagnosis", rows);
        }
        let coverage = match &known_member.coverage {
            Some(id) => node!({"reference": format!("Coverage/{id}")}),
            None => node!({"display": about.plan}),
        };
        out.set("insurance", node!([{"focal": true, "coverage": coverage}]));
        out.set("item", self.services.iter().enumerate().map(|(at, one)| self.item(at, one)).collect::<Vec<_>>());
        let asked = self.services.iter().filter_map(|one| cents(one.charge)).sum();
        out.set("total", node!([{"category": hl7("adjudication", "submitted"), "amount": money(asked)}]));
        ClaimResources { own: vec![out], mentions: vec![self.requester.resource.clone()] }
    }

    fn item(&self, at: usize, one: &ReviewRequest<'_>) -> Node<'static> {
        let mut out = Node::object();
        out.set("sequence", at + 1);
        if !one.category.is_empty() {
            out.set("category", concept("https://x12.org/codes/service-type-codes", one.category));
        }
        out.set("productOrService", service(one.qualifier, one.code));
        if !one.modifiers.is_empty() {
            out.set("modifier", one.modifiers.iter().copied().map(modifier).collect::<Vec<_>>());
        }
        if !one.place.is_empty() {
            out.set("locationCodeableConcept", place(one.place));
        }
        match (&one.from, &one.to) {
            (Some(from), Some(to)) if from != to => out.set("servicedPeriod", node!({"start": from, "end": to})),
            (Some(from), _) => out.set("servicedDate", from),
            _ => {}
        }
        let units = quantity(one.units);
        // If only the approved quantity is given, at least that much was requested.
        let allowed = quantity(one.allowed).or_else(|| units.clone());
        if let Some(units) = units.as_ref().or(allowed.as_ref()) {
            out.set("quantity", node!({"value": units}));
        }
        let action = if one.action.is_empty() { "A4" } else { one.action };
        let mut review_action = vec![];
        if !one.number.is_empty() {
            review_action.push(node!({"url": "number", "valueString": &one.number}));
        }
        if !one.reason.is_empty() {
            review_action.push(node!({
                "url": "reasonCode",
                "valueCodeableConcept": reason(one.reason),
            }));
        }
        review_action.push(node!({
            "url": format!("{EXTENSION}extension-reviewActionCode"),
            "valueCodeableConcept": concept("https://codesystem.x12.org/005010/306", action),
        }));
        let mut extensions =
            vec![node!({"url": format!("{EXTENSION}extension-reviewAction"), "extension": review_action})];
        if let Some(day) = self.decided_on.as_ref().filter(|_| action != "A4") {
            extensions.push(node!({"url": format!("{EXTENSION}base-ext-when-adjudicated"), "valueDateTime": day}));
        }
        // The requested quantity carries the decision: the profile leaves only its category and an amount.
        let mut rows = vec![node!({
            "extension": extensions,
            "category": hl7("adjudication", "submitted"),
            "amount": money(cents(one.charge).unwrap_or_default()),
        })];
        if let Some(units) = allowed.filter(|_| matches!(action, "A1" | "A2" | "A6")) {
            let system = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator";
            rows.push(node!({"category": concept(system, "allowedunits"), "value": units}));
        }
        out.set("adjudication", rows);
        out
    }
}

/// Why it was not approved: a code of X12's list, or the plan's own words.
fn reason(text: &str) -> Node<'static> {
    let is_code = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_code { concept("https://codesystem.x12.org/external/886", text) } else { node!({"text": text}) }
}
