//! The rows of a claim in the terms of a bill: kind, providers, codes, lines and amounts.

use std::collections::BTreeMap;

use super::adjudication::{Amounts, UnknownAmounts};
use super::eob::{BillKind, BillLine, Decided, Info};
use super::money::{Cents, cents};
use super::party::{Provider, provider};
use super::row_amounts::{decided, is_denied, is_pending, sum};
use super::row_codes::{CODES_MAX, Coded, DiagnosisRole, coded, letters, padded, plain_code, procedures};
use super::rows::merged;
use crate::fhir::json::Node;
use crate::formats::cells::code;
use crate::formats::records::{ClaimField, ClaimRow, Facts, all, first};
use crate::formats::x12::Party;
use crate::map::code::{
    ADMISSION_TYPE, DISCHARGE_STATUS, MS_DRG, POINT_OF_ORIGIN, TYPE_OF_BILL, c4bb, diagnosis, hl7, is_stay, modifier,
    procedure, service,
};

/// Lines of one bill.
const LINES_MAX: usize = 1_000;
/// Modifiers of one line.
const MODIFIERS_MAX: usize = 8;
/// The revenue code of the line that holds the total of the others.
const SUM: &str = "0001";

/// A claim, merged from its rows.
pub(super) struct MergedClaim {
    /// Facts about the claim as a whole.
    pub(super) head: Facts,
    /// Its lines, in order.
    lines: Vec<Facts>,
    coded: Vec<Coded>,
    pub(super) kind: BillKind,
    pub(super) from: String,
    pub(super) to: String,
    bill_type: String,
    procedures: Vec<(String, bool, String)>,
    texts: Padded,
}

/// Codes that tables write without their leading zeros.
#[derive(Default)]
struct Padded {
    discharge: String,
    drg: String,
    revenue: Vec<String>,
    place: Vec<String>,
    drug: Vec<String>,
}

impl MergedClaim {
    pub(super) fn new(rows: impl Iterator<Item = ClaimRow>) -> Self {
        let rows: Vec<ClaimRow> = rows.collect();
        let is_code = |row: &&ClaimRow| matches!(row.facet.as_str(), "diagnosis" | "procedure");
        let mut head = merged(rows.iter().filter(is_code));
        // Rows of codes only identify the member and the claim.
        head.retain(|(field, _), _| {
            matches!(field, ClaimField::Member | ClaimField::Claim | ClaimField::BillingNumber)
        });
        head.extend(merged(rows.iter().filter(|row| !is_code(row))));
        let mut by_line: BTreeMap<u32, Facts> = BTreeMap::new();
        for row in rows.iter().filter(|row| matches!(row.facet.as_str(), "" | "asked" | "answered")) {
            by_line.entry(row.line).or_default().extend(row.facts.clone());
        }
        let mut lines: Vec<Facts> = by_line.into_values().filter(has_service).collect();
        if lines.len() > 1 && lines.iter().any(|line| padded(first(line, ClaimField::Revenue), 4) != SUM) {
            lines.retain(|line| padded(first(line, ClaimField::Revenue), 4) != SUM);
        }
        let bill_type = bill_type(&head);
        let kind = kind(&head, &lines, &bill_type);
        // The statement's days stand; a line's count where there are none.
        let days =
            |field: ClaimField| rows.iter().map(move |row| row.get(field).to_owned()).filter(|day| !day.is_empty());
        let from = days(ClaimField::From).min().or_else(|| days(ClaimField::LineFrom).min()).unwrap_or_default();
        let to = days(ClaimField::To).max().or_else(|| days(ClaimField::LineTo).max());
        let to = to.filter(|to| *to >= from).unwrap_or_else(|| from.clone());
        let padded_of =
            |field: ClaimField, width: usize| lines.iter().map(|line| padded(first(line, field), width)).collect();
        let texts = Padded {
            discharge: padded(first(&head, ClaimField::DischargeStatus), 2),
            drg: padded(first(&head, ClaimField::Drg), 3),
            revenue: padded_of(ClaimField::Revenue, 4),
            place: lines.iter().map(|line| place(first(line, ClaimField::Place))).collect(),
            drug: lines.iter().map(|line| code::ndc(first(line, ClaimField::Ndc)).unwrap_or_default()).collect(),
        };
        let coded = coded(&rows, &from);
        let procedures = procedures(&rows);
        Self { head, lines, coded, kind, from, to, bill_type, procedures, texts }
    }

    /// Whether the claim states its days, and a line has one outside them.
    pub(super) fn has_line_outside(&self) -> bool {
        let is_stated =
            !first(&self.head, ClaimField::From).is_empty() && !first(&self.head, ClaimField::To).is_empty();
        is_stated
            && self.lines.iter().any(|line| {
                let day = first(line, ClaimField::LineFrom);
                !day.is_empty() && (day < self.from.as_str() || day > self.to.as_str())
            })
    }

    pub(super) fn created(&self) -> String {
        let days =
            [ClaimField::Received, ClaimField::Processed, ClaimField::PaidOn].map(|field| first(&self.head, field));
        days.into_iter().find(|day| !day.is_empty()).unwrap_or(&self.to).to_owned()
    }

    pub(super) fn biller(&self) -> Option<Provider> {
        let text = |field: ClaimField| first(&self.head, field);
        if self.kind == BillKind::Pharmacy {
            let pharmacy = party(text(ClaimField::PharmacyNpi), text(ClaimField::PharmacyName), false);
            return provider(&pharmacy, true).or_else(|| {
                provider(&party(text(ClaimField::BillingNpi), text(ClaimField::BillingName), false), true)
            });
        }
        let number = if text(ClaimField::BillingNpi).is_empty() {
            text(ClaimField::BillingNumber)
        } else {
            text(ClaimField::BillingNpi)
        };
        let mut biller = party(number, text(ClaimField::BillingName), false);
        biller.tax = text(ClaimField::BillingTax);
        if !self.kind.is_institutional() && number == text(ClaimField::RenderingNpi) && !number.is_empty() {
            biller.is_person = true;
        }
        provider(&biller, self.kind.is_institutional()).or_else(|| {
            let is_person = !self.kind.is_institutional();
            let rendering = party(text(ClaimField::RenderingNpi), text(ClaimField::RenderingName), is_person);
            provider(&rendering, false).filter(|_| is_person)
        })
    }

    /// The care team: role, provider, taxonomy.
    pub(super) fn care(&self) -> Vec<(&'static str, Provider, &str)> {
        let institutional = self.kind.is_institutional();
        let roles: &[(&'static str, ClaimField, Option<ClaimField>)] = match self.kind {
            BillKind::Pharmacy => &[("prescribing", ClaimField::PrescriberNpi, Some(ClaimField::PrescriberName))],
            _ if institutional => &[
                ("attending", ClaimField::AttendingNpi, Some(ClaimField::AttendingName)),
                ("operating", ClaimField::OperatingNpi, None),
                ("otheroperating", ClaimField::OtherNpi, None),
                ("referring", ClaimField::ReferringNpi, Some(ClaimField::ReferringName)),
            ],
            _ => &[
                ("rendering", ClaimField::RenderingNpi, Some(ClaimField::RenderingName)),
                ("referring", ClaimField::ReferringNpi, Some(ClaimField::ReferringName)),
            ],
        };
        let mut out: Vec<(&'static str, Provider, &str)> = Vec::new();
        for (role, number, name) in roles {
            for facts in std::iter::once(&self.head).chain(&self.lines) {
                let name = name.map_or("", |name| first(facts, name));
                let Some(who) = provider(&party(first(facts, *number), name, true), false) else { continue };
                let to = |who: &Provider| who.reference.get("reference").cloned();
                let known = out.iter().any(|(one, other, _)| one == role && to(other) == to(&who));
                if !known && out.len() < CODES_MAX {
                    out.push((role, who, ""));
                }
            }
        }
        out
    }

    pub(super) fn infos<'s>(&'s self) -> Vec<Info<'s>> {
        let text = |field: ClaimField| first(&self.head, field);
        let mut out = Vec::new();
        let mut coded = |name: &'static str, system: &'static str, code: &'s str| {
            if !code.is_empty() {
                out.push(Info::Coded(name, system, code));
            }
        };
        if self.kind.is_institutional() {
            coded("typeofbill", TYPE_OF_BILL, &self.bill_type);
            coded("pointoforigin", POINT_OF_ORIGIN, text(ClaimField::AdmissionSource));
            coded("admtype", ADMISSION_TYPE, text(ClaimField::AdmissionType));
            coded("discharge-status", DISCHARGE_STATUS, &self.texts.discharge);
        }
        if self.kind == BillKind::Inpatient {
            coded("drg", MS_DRG, &self.texts.drg);
            let within = |day: &&str| !day.is_empty() && **day <= *self.to;
            let start = Some(text(ClaimField::Admitted)).filter(within).unwrap_or(&self.from).to_owned();
            let end = Some(text(ClaimField::Discharged)).filter(|day| **day >= *start).unwrap_or(&self.to).to_owned();
            out.push(Info::Period("admissionperiod", start, end));
        } else if self.kind == BillKind::Pharmacy {
            let line = self.lines.first().unwrap_or(&self.head);
            let on_line = |field: ClaimField| first(line, field);
            coded(
                "dawcode",
                "http://terminology.hl7.org/CodeSystem/NCPDPDispensedAsWrittenOrProductSelectionCode",
                on_line(ClaimField::Daw),
            );
            coded(
                "brandgenericindicator",
                "http://terminology.hl7.org/CodeSystem/NCPDPBrandGenericIndicator",
                on_line(ClaimField::Brand),
            );
            coded(
                "rxorigincode",
                "http://terminology.hl7.org/CodeSystem/NCPDPPrescriptionOriginCode",
                on_line(ClaimField::Origin),
            );
            let compound = if is_yes_or_no(on_line(ClaimField::Compound)) { "" } else { on_line(ClaimField::Compound) };
            coded("compoundcode", "http://terminology.hl7.org/CodeSystem/NCPDPCompoundCode", compound);
            for (name, field) in [
                ("dayssupply", ClaimField::Days),
                ("refillnum", ClaimField::Fill),
                ("refillsauthorized", ClaimField::Refills),
            ] {
                if crate::map::claims::money::quantity(on_line(field)).is_some() {
                    out.push(Info::Count(name, on_line(field)));
                }
            }
        }
        if !text(ClaimField::Received).is_empty() {
            out.push(Info::Day("clmrecvddate", text(ClaimField::Received).to_owned()));
        }
        if !text(ClaimField::Account).is_empty() && self.kind != BillKind::Pharmacy {
            out.push(Info::Text("patientaccountnumber", text(ClaimField::Account)));
        }
        out
    }

    pub(super) fn diagnoses(&self) -> Vec<(Node<'static>, Node<'static>, &str)> {
        if self.kind == BillKind::Pharmacy {
            return Vec::new();
        }
        let c4 = |code: &str| c4bb("C4BBClaimDiagnosisType", code);
        let institutional = self.kind.is_institutional();
        let mut out = Vec::new();
        for one in self.shown() {
            let role = match one.role {
                DiagnosisRole::Principal => hl7("ex-diagnosistype", "principal"),
                DiagnosisRole::Admitting => hl7("ex-diagnosistype", "admitting"),
                DiagnosisRole::Reason => c4("patientreasonforvisit"),
                DiagnosisRole::External => c4("externalcauseofinjury"),
                DiagnosisRole::Other => c4(if institutional { "other" } else { "secondary" }),
            };
            out.push((diagnosis(if one.is_tenth { "A" } else { "" }, &one.code), role, one.present.as_str()));
        }
        out
    }

    /// Diagnoses that a claim of this kind may have.
    fn shown(&self) -> impl Iterator<Item = &Coded> {
        self.coded.iter().filter(|one| match one.role {
            DiagnosisRole::Admitting => self.kind == BillKind::Inpatient,
            DiagnosisRole::Reason => self.kind == BillKind::Outpatient,
            DiagnosisRole::External => self.kind.is_institutional(),
            DiagnosisRole::Principal | DiagnosisRole::Other => true,
        })
    }

    pub(super) fn procedures(&self) -> Vec<(Node<'static>, Option<String>, bool)> {
        if !self.kind.is_institutional() {
            return Vec::new();
        }
        let row = |(at, (code, ..)): (usize, &(String, bool, String))| {
            let (_, is_tenth, day) = self.procedures.get(at).cloned().unwrap_or_default();
            (procedure(if is_tenth { "BB" } else { "B" }, code), Some(day).filter(|day| !day.is_empty()), at == 0)
        };
        self.procedures.iter().enumerate().map(row).collect()
    }

    pub(super) fn bill_lines(&self) -> Vec<BillLine<'_>> {
        let of_head = self.is_decided_as_a_whole();
        self.lines.iter().take(LINES_MAX).enumerate().map(|(at, line)| self.bill_line(at, line, of_head)).collect()
    }

    fn bill_line<'s>(&'s self, at: usize, line: &'s Facts, of_head: bool) -> BillLine<'s> {
        let day = |field: ClaimField| Some(first(line, field)).filter(|day| !day.is_empty()).map(str::to_owned);
        let padded = |texts: &'s [String]| texts.get(at).map_or("", String::as_str);
        let (is_drug, is_dental) = (self.kind == BillKind::Pharmacy, self.kind == BillKind::Oral);
        let drug = padded(&self.texts.drug);
        let is_compound = is_drug
            && matches!(first(line, ClaimField::Compound).to_ascii_lowercase().as_str(), "2" | "y" | "yes" | "true");
        let service = match first(line, ClaimField::Service) {
            _ if is_compound => c4bb("C4BBCompoundLiteral", "compound"),
            _ if is_drug && drug.is_empty() => unknown(first(line, ClaimField::Ndc)),
            _ if is_drug => service("N4", drug),
            "" if self.kind.is_institutional() => service("", ""),
            code if !code::is_service(code) => unknown(code),
            code => service(if is_dental { "AD" } else { "HC" }, code),
        };
        let modifiers = all(line, ClaimField::Modifier).flat_map(|(_, cell)| cell.split([',', ';', ' ', ':']));
        let from_line = day(ClaimField::LineFrom);
        BillLine {
            area: "",
            infos: Vec::new(),
            unit: "",
            service,
            modifiers: modifiers.filter(|code| !code.is_empty()).take(MODIFIERS_MAX).map(modifier).collect(),
            revenue: if self.kind.is_institutional() { padded(&self.texts.revenue) } else { "" },
            to: day(ClaimField::LineTo).or_else(|| day(ClaimField::To).filter(|_| from_line.is_none())),
            from: from_line.or_else(|| day(ClaimField::From)).or_else(|| Some(self.from.clone())),
            place: padded(&self.texts.place),
            units: first(line, ClaimField::Units),
            charge: first(line, ClaimField::Charge),
            diagnoses: self.pointers(first(line, ClaimField::Pointers)),
            tooth: if is_dental { first(line, ClaimField::Tooth) } else { "" },
            surfaces: if is_dental { letters(first(line, ClaimField::Surface)) } else { Vec::new() },
            drug: if is_drug && !is_compound { "" } else { drug },
            decided: decided(line).filter(|_| !of_head),
        }
    }

    /// Sequence numbers of a line's diagnoses: `1,2`, `A B`, or the code itself.
    fn pointers(&self, text: &str) -> Vec<usize> {
        let place = |word: &str| match word.parse::<usize>() {
            Ok(place) if word.len() < 3 => Some(place),
            _ => {
                let letter = word.bytes().next().filter(|byte| word.len() == 1 && byte.is_ascii_uppercase());
                let by_code = || self.shown().position(|one| one.code == plain_code(word)).map(|at| at + 1);
                letter.map(|letter| usize::from(letter - b'A') + 1).or_else(by_code)
            }
        };
        let mut out: Vec<usize> = text.split([',', ';', ' ', ':', '|']).filter_map(place).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Whether a hospital's claim was adjudicated as one sum: CARIN has amounts at claim level or on the lines, never
    /// on both.
    fn is_decided_as_a_whole(&self) -> bool {
        let is_something = |text: &str| cents(text).is_some_and(|amount| amount != 0);
        let on_line = |line: &Facts| {
            is_something(first(line, ClaimField::Paid)) || is_something(first(line, ClaimField::Allowed))
        };
        self.kind.is_institutional()
            && !first(&self.head, ClaimField::ClaimPaid).is_empty()
            && (!self.lines.iter().any(on_line) || self.lines.len() == 1)
    }

    /// The decision about the claim as a whole, if it was adjudicated that way.
    pub(super) fn decided(&self) -> Option<Decided<'_>> {
        self.is_decided_as_a_whole()
            .then(|| Decided { amounts: self.total().unwrap_or_default(), ..Decided::default() })
    }

    pub(super) fn total(&self) -> Option<Amounts> {
        if is_pending(&self.head) {
            return None;
        }
        let (mut out, mut any) = (Amounts::default(), false);
        for line in &self.lines {
            if let Some(decided) = decided(line) {
                out.add(&decided.amounts);
                any = true;
            } else {
                out.submitted += sum(line, ClaimField::Charge);
                out.unknown.submitted |= first(line, ClaimField::Charge).is_empty();
            }
        }
        if !any {
            let submitted = self.lines.is_empty() || out.unknown.submitted;
            out.unknown = UnknownAmounts { submitted, ..UnknownAmounts::ALL };
        }
        let has = |field: ClaimField| !first(&self.head, field).is_empty();
        let mut over = |field: ClaimField, into: &mut Cents| {
            if let Some(amount) = cents(first(&self.head, field)) {
                *into = amount;
                any |= !matches!(field, ClaimField::ClaimCharge);
            }
        };
        over(ClaimField::ClaimCharge, &mut out.submitted);
        over(ClaimField::ClaimPaid, &mut out.paid);
        over(ClaimField::ClaimDeductible, &mut out.deductible);
        over(ClaimField::ClaimCoinsurance, &mut out.coinsurance);
        over(ClaimField::ClaimCopay, &mut out.copay);
        over(ClaimField::ClaimOtherPayer, &mut out.prior_payer);
        over(ClaimField::ClaimNotCovered, &mut out.not_covered);
        let mut eligible = 0;
        over(ClaimField::ClaimAllowed, &mut eligible);
        out.member = out.member.max(out.deductible + out.coinsurance + out.copay);
        out.unknown.submitted &= !has(ClaimField::ClaimCharge);
        out.unknown.paid &= !has(ClaimField::ClaimPaid) && !self.is_denied();
        out.unknown.member &=
            ![ClaimField::ClaimDeductible, ClaimField::ClaimCoinsurance, ClaimField::ClaimCopay].into_iter().any(has);
        out.unknown.eligible &= !has(ClaimField::ClaimAllowed) && !self.is_denied();
        if eligible != 0 {
            out.eligible = eligible;
        } else if !out.unknown.paid
            && !out.unknown.member
            && (out.eligible < out.paid || self.is_decided_as_a_whole() || out.unknown.eligible)
        {
            out.eligible = out.paid + out.member + out.prior_payer;
            out.unknown.eligible = false;
        }
        (any || self.is_denied()).then_some(out)
    }

    pub(super) fn is_denied(&self) -> bool {
        let has = |facts: &Facts| is_denied(facts);
        if self.lines.is_empty() {
            has(&self.head)
        } else {
            self.lines.iter().all(has) || first(&self.head, ClaimField::Denial) == "0"
        }
    }

    pub(super) fn network(&self) -> Option<&'static str> {
        match first(&self.head, ClaimField::Network).to_ascii_lowercase().as_str() {
            "in" | "inn" | "y" | "yes" | "par" | "i" | "in network" | "in-network" | "innetwork" | "participating" => {
                Some("innetwork")
            }
            "out" | "oon" | "n" | "no" | "nonpar" | "non-par" | "o" | "out of network" | "out-of-network"
            | "outofnetwork" => Some("outofnetwork"),
            _ => None,
        }
    }
}

/// A service whose code is not known, or has not the form of any system: then it is shown as a text.
fn unknown(text: &str) -> Node<'static> {
    let mut out = hl7("data-absent-reason", "unknown");
    if !text.is_empty() {
        out.set("text", text);
    }
    out
}

/// A place of service with its leading zero; empty if the text is none.
fn place(text: &str) -> String {
    if code::is_place(text) { padded(text, 2) } else { String::new() }
}

fn has_service(line: &Facts) -> bool {
    let any = |fields: &[ClaimField]| fields.iter().any(|field| !first(line, *field).is_empty());
    any(&[ClaimField::Service, ClaimField::Revenue, ClaimField::Ndc])
        || any(&[
            ClaimField::Charge,
            ClaimField::Allowed,
            ClaimField::Paid,
            ClaimField::ClaimPaid,
            ClaimField::ClaimCharge,
        ])
}

/// Facility, class and frequency: three characters; a leading zero is dropped.
fn bill_type(head: &Facts) -> String {
    let whole = first(head, ClaimField::TypeOfBill);
    let whole = if whole.len() == 4 { whole.strip_prefix('0').unwrap_or(whole) } else { whole };
    if !whole.is_empty() {
        return whole.to_owned();
    }
    let parts = [ClaimField::Facility, ClaimField::Class, ClaimField::Frequency].map(|field| first(head, field));
    if parts.iter().take(2).all(|part| !part.is_empty()) { parts.concat() } else { String::new() }
}

/// The kind of bill: as stated, else by facts that only one kind has.
fn kind(head: &Facts, lines: &[Facts], bill_type: &str) -> BillKind {
    let stated = first(head, ClaimField::Kind).to_ascii_lowercase();
    let any = |field: ClaimField| lines.iter().chain([head]).any(|facts| !first(facts, field).is_empty());
    let stay = || {
        if bill_type.is_empty() {
            any(ClaimField::Admitted) || any(ClaimField::Drg)
        } else {
            is_stay(bill_type.get(..2).unwrap_or_default())
        }
    };
    let hospital = || if stay() { BillKind::Inpatient } else { BillKind::Outpatient };
    let starts = |words: &[&str]| words.iter().any(|word| stated.starts_with(word));
    match stated.as_str() {
        // CMS's numbers of claim types.
        "60" | "61" | "62" | "63" | "64" | "20" | "30" => BillKind::Inpatient,
        "10" | "40" | "50" => BillKind::Outpatient,
        "71" | "72" | "81" | "82" | "p" | "m" | "837p" | "1500" | "medical" => BillKind::Professional,
        "01" | "02" | "03" | "04" | "r" | "x" => BillKind::Pharmacy,
        "i" | "h" | "u" | "837i" | "hospital" => hospital(),
        "d" | "837d" => BillKind::Oral,
        "v" => BillKind::Vision,
        _ if starts(&["prof", "phys", "hcfa", "cms1500", "cms-1500"]) => BillKind::Professional,
        _ if starts(&["inp", "ip"]) => BillKind::Inpatient,
        _ if starts(&["outp", "op"]) => BillKind::Outpatient,
        _ if starts(&["inst", "ub", "facil"]) => hospital(),
        _ if starts(&["dent", "oral"]) => BillKind::Oral,
        _ if starts(&["pharm", "rx", "drug", "presc"]) => BillKind::Pharmacy,
        _ if starts(&["vis"]) => BillKind::Vision,
        _ if any(ClaimField::Ndc) && !any(ClaimField::Service) && !any(ClaimField::Revenue) => BillKind::Pharmacy,
        _ if !bill_type.is_empty()
            || any(ClaimField::Revenue)
            || any(ClaimField::Admitted)
            || any(ClaimField::AttendingNpi) =>
        {
            hospital()
        }
        _ if any(ClaimField::Tooth) || lines.iter().any(|line| is_dental(first(line, ClaimField::Service))) => {
            BillKind::Oral
        }
        _ => BillKind::Professional,
    }
}

fn is_dental(code: &str) -> bool {
    code.strip_prefix('D').is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A provider by number and name. Only a valid NPI is treated as an NPI.
fn party<'a>(number: &'a str, name: &'a str, is_person: bool) -> Party<'a> {
    let (family, given) = match name.split_once(',') {
        _ if !is_person => (name, ""),
        Some((family, given)) => (family.trim(), given.trim()),
        None => name.rsplit_once(' ').map_or((name, ""), |(given, family)| (family, given)),
    };
    Party { is_person, family, given, qualifier: "XX", number, ..Party::default() }
}

fn is_yes_or_no(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "" | "y" | "n" | "yes" | "no" | "true" | "false")
}
