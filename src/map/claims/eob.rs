//! An adjudicated bill as CARIN's `ExplanationOfBenefit`, whether it came from X12 or a table.
//!
//! A profile is claimed only if its required elements are there: a diagnosis, a date and a place on each line, an
//! admission. Otherwise the resource claims the guide's parent profile, or none.

use super::adjudication::{Amounts, reasons, status, submitted};
use super::money::{cents, money, quantity};
use super::party::Provider;
use crate::fhir::json::{Node, node};
use crate::formats::x12::Adjustment;
use crate::map::code::{C4BB, c4bb, concept, hl7};
use crate::map::plan::PLAN_ID;
use crate::map::record::{KnownMember, PlanContext};

const PROFILE: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-ExplanationOfBenefit";
const VERSION: &str = "2.0.0";
const UCUM: &str = "http://unitsofmeasure.org";
pub(super) const TOOTH: &str = "http://terminology.hl7.org/CodeSystem/ADAUniversalToothDesignationSystem";
pub(super) const AREA: &str = "http://terminology.hl7.org/CodeSystem/ADAAreaOralCavitySystem";
/// Reasons on one line of a claim that is not institutional: CARIN 2.0 allows one.
const REASONS_OF_LINE: usize = 1;
/// Reasons of a line or the head of an institutional claim.
const REASONS_OF_STAY: usize = 30;

/// The kinds of bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BillKind {
    Professional,
    Inpatient,
    Outpatient,
    Oral,
    Vision,
    Pharmacy,
}

/// Supporting information about a claim as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Info<'a> {
    Coded(&'static str, &'static str, &'a str),
    Text(&'static str, &'a str),
    Day(&'static str, String),
    Period(&'static str, String, String),
    Count(&'static str, &'a str),
    /// A reference to a party.
    Who(&'static str, Node<'static>),
}

/// A service line.
#[derive(Clone, Debug, Default)]
pub(crate) struct BillLine<'a> {
    pub(crate) service: Node<'static>,
    pub(crate) modifiers: Vec<Node<'static>>,
    pub(crate) revenue: &'a str,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) place: &'a str,
    pub(crate) units: &'a str,
    /// UCUM's code of the unit, if it is a unit of time; otherwise empty.
    pub(crate) unit: &'static str,
    pub(crate) charge: &'a str,
    pub(crate) diagnoses: Vec<usize>,
    pub(crate) tooth: &'a str,
    pub(crate) surfaces: Vec<&'a str>,
    /// An area of the oral cavity, where no tooth is named.
    pub(crate) area: &'a str,
    /// Sequence numbers of the supporting information of the line, such as further teeth.
    pub(crate) infos: Vec<usize>,
    pub(crate) drug: &'a str,
    pub(crate) decided: Option<Decided<'a>>,
}

/// The decision about a line, or about a claim that was adjudicated as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decided<'a> {
    pub(crate) amounts: Amounts,
    pub(crate) adjustments: Vec<Adjustment<'a>>,
    pub(crate) remarks: Vec<&'a str>,
}

impl Decided<'_> {
    /// The sum of several; nothing if there is none.
    pub(super) fn of_all(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|mut one, other| {
            one.amounts.add(&other.amounts);
            one.adjustments.extend(other.adjustments);
            one.remarks.extend(other.remarks);
            one
        })
    }
}

/// A bill.
#[derive(Clone, Debug)]
pub(crate) struct Bill<'a> {
    pub(crate) id: String,
    pub(crate) kind: BillKind,
    /// The payer's claim control number, or the provider's number where there is none yet.
    pub(crate) number: &'a str,
    pub(crate) cancelled: bool,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) created: String,
    pub(crate) provider: Provider,
    /// Role, provider, taxonomy.
    pub(crate) care: Vec<(&'static str, Provider, &'a str)>,
    pub(crate) infos: Vec<Info<'a>>,
    /// Code, type, present on admission.
    pub(crate) diagnoses: Vec<(Node<'static>, Node<'static>, &'a str)>,
    /// Code, date, whether it is the principal procedure.
    pub(crate) procedures: Vec<(Node<'static>, Option<String>, bool)>,
    pub(crate) lines: Vec<BillLine<'a>>,
    /// Adjudicated as a whole: all amounts are here, and none on the lines.
    pub(crate) decided: Option<Decided<'a>>,
    /// The total; absent while nothing is decided.
    pub(crate) total: Option<Amounts>,
    pub(crate) paid_on: Option<String>,
    pub(crate) denied: bool,
    /// `prior` or `replacedby`, and the number of the other claim.
    pub(crate) related: Vec<(&'static str, &'a str)>,
    /// `innetwork` or `outofnetwork`, where it is known.
    pub(crate) network: Option<&'static str>,
    /// Other payers with whom benefits are coordinated.
    pub(crate) other_payers: Vec<&'a str>,
}

impl BillKind {
    const fn profile(self) -> &'static str {
        match self {
            Self::Professional | Self::Vision => "-Professional-NonClinician",
            Self::Inpatient => "-Inpatient-Institutional",
            Self::Outpatient => "-Outpatient-Institutional",
            Self::Oral => "-Oral",
            Self::Pharmacy => "-Pharmacy",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Professional => "professional",
            Self::Vision => "vision",
            Self::Inpatient | Self::Outpatient => "institutional",
            Self::Oral => "oral",
            Self::Pharmacy => "pharmacy",
        }
    }

    /// The kind of visit, in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Professional => "Visit",
            Self::Vision => "Eye care",
            Self::Inpatient => "Hospital stay",
            Self::Outpatient => "Outpatient care",
            Self::Oral => "Dental care",
            Self::Pharmacy => "Pharmacy",
        }
    }

    pub(crate) const fn is_institutional(self) -> bool {
        matches!(self, Self::Inpatient | Self::Outpatient)
    }
}

/// The resource.
pub(crate) fn eob(bill: &Bill<'_>, known_member: &KnownMember, about: PlanContext<'_>) -> Node<'static> {
    let mut out = Node::object();
    out.set("resourceType", "ExplanationOfBenefit");
    out.set("id", &bill.id);
    out.set("meta", node!({"profile": [profile(bill)]}));
    out.set(
        "identifier",
        node!([{"type": c4bb("C4BBIdentifierType", "uc"), "system": format!("{}/claim", about.ids), "value": &bill.number}]),
    );
    out.set("status", if bill.cancelled { "cancelled" } else { "active" });
    out.set("type", hl7("claim-type", bill.kind.code()));
    match bill.kind {
        BillKind::Inpatient => out.set("subType", c4bb("C4BBInstitutionalClaimSubType", "inpatient")),
        BillKind::Outpatient => out.set("subType", c4bb("C4BBInstitutionalClaimSubType", "outpatient")),
        _ => {}
    }
    out.set("use", "claim");
    out.set("patient", node!({"reference": format!("Patient/{}", known_member.patient)}));
    out.set("billablePeriod", node!({"start": &bill.from, "end": &bill.to}));
    out.set("created", &bill.created);
    out.set("insurer", node!({"reference": format!("Organization/{PLAN_ID}"), "display": about.plan}));
    out.set("provider", bill.provider.reference.clone());
    if !bill.related.is_empty() {
        let row = |(how, number): &(&str, &str)| {
            let relationship = match *how {
                "prior" => hl7("ex-relatedclaimrelationship", "prior"),
                other => c4bb("C4BBRelatedClaimRelationshipCodes", other),
            };
            node!({"relationship": relationship, "reference": {"system": format!("{}/claim", about.ids), "value": number}})
        };
        out.set("related", bill.related.iter().map(row).collect::<Vec<_>>());
    }
    if bill.total.is_some() {
        out.set("payee", node!({"type": hl7("payeetype", "provider"), "party": &bill.provider.reference}));
    }
    out.set("outcome", if bill.total.is_some() { "complete" } else { "queued" });
    list(&mut out, "careTeam", care_team(bill));
    list(&mut out, "supportingInfo", infos(bill));
    list(&mut out, "diagnosis", diagnoses(bill));
    list(&mut out, "procedure", procedures(bill));
    let coverage = match &known_member.coverage {
        Some(id) => node!({"reference": format!("Coverage/{id}")}),
        None => node!({"display": about.plan}),
    };
    let mut insurance = vec![node!({"focal": true, "coverage": coverage})];
    // The plan knows the name of the member's other insurance, and has no Coverage to refer to.
    let other = |payer: &&str| node!({"focal": false, "coverage": {"type": "Coverage", "display": payer}});
    insurance.extend(bill.other_payers.iter().map(other));
    list(&mut out, "insurance", insurance);
    list(&mut out, "item", bill.lines.iter().enumerate().map(|(at, line)| item(bill, at, line)).collect());
    list(&mut out, "adjudication", header(bill));
    list(&mut out, "total", total(bill));
    if let Some(total) = bill.total.as_ref().filter(|total| !total.unknown.paid) {
        out.set("payment", payment(bill, total));
    }
    out
}

fn list(out: &mut Node<'static>, name: &'static str, rows: Vec<Node<'static>>) {
    if !rows.is_empty() {
        out.set(name, rows);
    }
}

/// The profile of the bill's kind, if all its required elements are known.
fn profile(bill: &Bill<'_>) -> String {
    let needs_diagnosis = !matches!(bill.kind, BillKind::Oral | BillKind::Pharmacy);
    let is_whole = match bill.kind {
        BillKind::Inpatient => {
            let admitted = bill.infos.iter().any(|info| matches!(info, Info::Period("admissionperiod", ..)));
            admitted && bill.lines.iter().all(|line| !line.revenue.is_empty())
        }
        BillKind::Outpatient => bill.lines.iter().all(|line| line.from.is_some()),
        BillKind::Oral => {
            bill.network.is_some()
                && bill.provider.is_person
                && bill.lines.iter().all(|line| line.from.is_some() && !line.place.is_empty())
        }
        BillKind::Professional | BillKind::Vision => {
            bill.lines.iter().all(|line| line.from.is_some() && !line.place.is_empty())
        }
        BillKind::Pharmacy => {
            let has = |wanted: &str| {
                bill.infos
                    .iter()
                    .any(|info| matches!(info, Info::Coded(name, ..) | Info::Count(name, _) if *name == wanted))
            };
            bill.lines.iter().all(|line| line.from.is_some())
                && ["dayssupply", "dawcode", "refillnum", "refillsauthorized"].into_iter().all(has)
        }
    };
    let provider_fits = !bill.kind.is_institutional() || !bill.provider.is_person;
    let part = if is_whole && provider_fits && (!needs_diagnosis || !bill.diagnoses.is_empty()) {
        bill.kind.profile()
    } else {
        ""
    };
    format!("{PROFILE}{part}|{VERSION}")
}

fn care_team(bill: &Bill<'_>) -> Vec<Node<'static>> {
    let row = |(at, (role, who, taxonomy)): (usize, &(&str, Provider, &str))| {
        let role = match *role {
            "supervisor" | "primary" => hl7("claimcareteamrole", role),
            role => c4bb("C4BBClaimCareTeamRole", role),
        };
        let mut out = node!({"sequence": at + 1, "provider": &who.reference, "role": role});
        if !taxonomy.is_empty() {
            out.set("qualification", concept("http://nucc.org/provider-taxonomy", taxonomy));
        }
        out
    };
    bill.care.iter().enumerate().map(row).collect()
}

fn infos(bill: &Bill<'_>) -> Vec<Node<'static>> {
    let category = |name: &str| c4bb("C4BBSupportingInfoType", name);
    let row = |(at, info): (usize, &Info<'_>)| {
        let sequence = at + 1;
        match info {
            Info::Coded(name, system, code) => {
                node!({"sequence": sequence, "category": category(name), "code": concept(system, code)})
            }
            Info::Text(name, text) => {
                node!({"sequence": sequence, "category": category(name), "valueString": text})
            }
            Info::Day(name, day) => node!({"sequence": sequence, "category": category(name), "timingDate": day}),
            Info::Period(name, from, to) => {
                node!({"sequence": sequence, "category": category(name), "timingPeriod": {"start": from, "end": to}})
            }
            Info::Count(name, count) => {
                node!({"sequence": sequence, "category": category(name), "valueQuantity": {"value": quantity(count)}})
            }
            Info::Who(name, who) => node!({"sequence": sequence, "category": category(name), "valueReference": who}),
        }
    };
    bill.infos.iter().enumerate().map(row).collect()
}

fn diagnoses(bill: &Bill<'_>) -> Vec<Node<'static>> {
    let row = |(at, (code, kind, present)): (usize, &(Node<'static>, Node<'static>, &str))| {
        let mut out = node!({"sequence": at + 1, "diagnosisCodeableConcept": code, "type": [kind]});
        if !present.is_empty() && bill.kind == BillKind::Inpatient {
            let system = "https://www.nubc.org/CodeSystem/PresentOnAdmissionIndicator";
            out.set("onAdmission", concept(system, present));
        }
        out
    };
    bill.diagnoses.iter().enumerate().map(row).collect()
}

fn procedures(bill: &Bill<'_>) -> Vec<Node<'static>> {
    let row = |(at, (code, day, principal)): (usize, &(Node<'static>, Option<String>, bool))| {
        let kind = c4bb("C4BBClaimProcedureType", if *principal { "principal" } else { "other" });
        let mut out = node!({"sequence": at + 1, "type": [kind], "procedureCodeableConcept": code});
        if let Some(day) = day {
            out.set("date", day);
        }
        out
    };
    bill.procedures.iter().enumerate().map(row).collect()
}

fn item(bill: &Bill<'_>, at: usize, line: &BillLine<'_>) -> Node<'static> {
    let mut out = Node::object();
    out.set("sequence", at + 1);
    let known = |sequence: &usize| (1..=bill.diagnoses.len()).contains(sequence);
    let pointers: Vec<usize> = line.diagnoses.iter().copied().filter(known).collect();
    if !pointers.is_empty() {
        out.set("diagnosisSequence", pointers);
    }
    if !line.revenue.is_empty() {
        out.set("revenue", crate::map::code::nubc("RevenueCodes", line.revenue));
    }
    out.set("productOrService", line.service.clone());
    if !line.modifiers.is_empty() {
        out.set("modifier", &line.modifiers);
    }
    match (&line.from, &line.to) {
        // The profiles allow only single days on outpatient and pharmacy lines.
        (Some(from), Some(to)) if from != to && !matches!(bill.kind, BillKind::Outpatient | BillKind::Pharmacy) => {
            out.set("servicedPeriod", node!({"start": from, "end": to}));
        }
        (Some(from), _) => out.set("servicedDate", from),
        _ => {}
    }
    if !line.place.is_empty() && !bill.kind.is_institutional() {
        out.set("locationCodeableConcept", crate::map::code::place(line.place));
    }
    if let Some(units) = quantity(line.units) {
        let unit = line.unit;
        out.set(
            "quantity",
            if unit.is_empty() {
                node!({"value": units})
            } else {
                node!({"value": units, "system": UCUM, "code": unit})
            },
        );
    }
    if let Some(charge) = cents(line.charge) {
        out.set("net", money(charge));
    }
    if !line.infos.is_empty() {
        out.set("informationSequence", &line.infos);
    }
    if line.tooth.is_empty() && !line.area.is_empty() {
        out.set("bodySite", concept(AREA, line.area));
    }
    if !line.tooth.is_empty() {
        out.set("bodySite", concept(TOOTH, line.tooth));
        let surface = |code: &&str| concept(&format!("{C4BB}C4BBSurfaceCodes"), code);
        if !line.surfaces.is_empty() {
            out.set("subSite", line.surfaces.iter().map(surface).collect::<Vec<_>>());
        }
    }
    if !line.drug.is_empty() {
        let drug = concept("http://hl7.org/fhir/sid/ndc", line.drug);
        out.set("detail", node!([{"sequence": 1, "productOrService": drug}]));
    }
    let rows = line_adjudication(bill, line);
    if !rows.is_empty() {
        out.set("adjudication", rows);
    }
    out
}

fn line_adjudication(bill: &Bill<'_>, line: &BillLine<'_>) -> Vec<Node<'static>> {
    let institutional = bill.kind.is_institutional();
    if institutional && bill.decided.is_some() {
        return Vec::new();
    }
    let mut rows = Vec::new();
    match &line.decided {
        Some(decided) => {
            rows.extend(decided.amounts.rows());
            let most = if institutional { REASONS_OF_STAY } else { REASONS_OF_LINE };
            if bill.kind != BillKind::Pharmacy {
                rows.extend(reasons(&decided.adjustments, &decided.remarks, most));
            }
        }
        None => rows.extend(submitted(cents(line.charge))),
    }
    if !institutional && bill.kind != BillKind::Pharmacy {
        rows.push(status("benefitpaymentstatus", bill.network.unwrap_or("other")));
    }
    rows
}

fn header(bill: &Bill<'_>) -> Vec<Node<'static>> {
    let mut rows = Vec::new();
    if let Some(network) = bill.network {
        rows.push(status("billingnetworkstatus", network));
        if matches!(bill.kind, BillKind::Oral) {
            rows.push(status("renderingnetworkstatus", network));
        }
    }
    if bill.kind.is_institutional() || matches!(bill.kind, BillKind::Oral | BillKind::Pharmacy) {
        rows.push(status("benefitpaymentstatus", bill.network.unwrap_or("other")));
    }
    if let Some(decided) = &bill.decided {
        rows.extend(decided.amounts.rows());
        rows.extend(reasons(&decided.adjustments, &decided.remarks, REASONS_OF_STAY));
    }
    rows
}

fn total(bill: &Bill<'_>) -> Vec<Node<'static>> {
    if let Some(total) = &bill.total {
        return total.rows();
    }
    let charges = || bill.lines.iter().filter_map(|line| cents(line.charge));
    submitted(charges().next().map(|_| charges().sum())).into_iter().collect()
}

fn payment(bill: &Bill<'_>, total: &Amounts) -> Node<'static> {
    let decided = || bill.lines.iter().filter_map(|line| line.decided.as_ref()).chain(&bill.decided);
    let denied = decided().filter(|decided| decided.amounts.is_denied()).count();
    let code = match denied {
        _ if bill.denied => "denied",
        0 => "paid",
        all if all == decided().count() => "denied",
        _ => "partiallypaid",
    };
    let mut out = node!({"type": c4bb("C4BBPayerAdjudicationStatus", code), "amount": money(total.paid)});
    if let Some(day) = &bill.paid_on {
        out.set("date", day);
    }
    out
}
