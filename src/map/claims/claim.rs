//! A claim (837) and the decisions about it (835) as resources.

use std::collections::BTreeSet;

use super::adjudication::Amounts;
use super::eob::{AREA, Bill, BillKind, BillLine, Decided, Info, TOOTH, eob};
use super::lines::match_lines;
use super::made::ClaimResources;
use super::money::{Cents, cents};
use super::party::{Provider, provider};
use super::visit::visit;
use crate::config::ClaimsAsClinical;
use crate::fhir::json::Node;
use crate::formats::cells::compact_day as day;
use crate::formats::issue::Rule;
use crate::formats::records::Identity;
use crate::formats::x12::{Claim, ClaimKind, PaidLine, Party, Remit};
use crate::map::code::{
    ADMISSION_TYPE, DISCHARGE_STATUS, MS_DRG, POINT_OF_ORIGIN, TYPE_OF_BILL, c4bb, diagnosis, hl7, is_stay, modifier,
    procedure, service,
};
use crate::map::record::{KnownMember, NamedMember, PlanContext, made_id};

/// A claim and all decisions about it.
pub(crate) struct Case<'a> {
    /// The latest version of the claim.
    pub(super) claim: Claim<'a>,
    /// The current decision; several where the payer has split the claim, the last first.
    pub(super) decisions: Vec<Remit<'a>>,
    pub(super) cancelled: bool,
    /// Facility and frequency, in the form of a type of bill.
    pub(super) bill_type: String,
    /// The claim control number of the current decision, or of the last statement; empty if there is none.
    pub(super) number: &'a str,
    /// Distinguishes it from earlier claims of the biller with the same control number.
    pub(super) again: Option<String>,
    /// All claim control numbers that the payer has given it.
    pub(crate) numbers: BTreeSet<&'a str>,
}

/// The first and the last day of a claim. An institution states the period; elsewhere it follows from the lines, since
/// the dates of the hospital stay (DTP*435) on a doctor's claim are not the dates of the doctor's care.
pub(super) fn days(claim: &Claim<'_>) -> (Option<String>, Option<String>) {
    let at_head = |names: &[&str]| names.iter().filter_map(|name| claim.date(name)).collect::<Vec<_>>();
    let stated = if claim.kind == ClaimKind::Institutional { at_head(&["434"]) } else { Vec::new() };
    let of_lines = claim.lines.iter().filter_map(|line| line.served).chain(at_head(&["472"])).collect();
    let choices = [stated, of_lines, at_head(&["434", "435"])];
    let spans = choices.into_iter().find(|spans| spans.iter().any(|span| day(span.from).is_some())).unwrap_or_default();
    let first = spans.iter().filter_map(|span| day(span.from)).min();
    let last = spans.iter().filter_map(|span| day(span.to)).max();
    (first, last)
}

impl Case<'_> {
    /// The patient, as the claim names her.
    pub(crate) fn named_member(&self) -> NamedMember {
        let treated = self.claim.treated();
        let numbers = [treated.number, self.claim.subscriber.number];
        NamedMember {
            numbers: numbers.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            family: treated.family.to_owned(),
            given: treated.given.to_owned(),
            birth: day(treated.birth).unwrap_or_default(),
            day: days(&self.claim).0.unwrap_or_default(),
            alone: false,
        }
    }

    /// The patient and the billing provider, so that a claim only replaces claims of both.
    pub(crate) fn identity(&self) -> Identity {
        self.claim.identity()
    }

    /// The resources: the `ExplanationOfBenefit`, clinical resources if they are wanted, and the parties that it names.
    ///
    /// # Errors
    /// What is missing for an `ExplanationOfBenefit`.
    pub(crate) fn resources(
        &self,
        replaced_by: &[String],
        known_member: &KnownMember,
        about: PlanContext<'_>,
        clinical: ClaimsAsClinical,
    ) -> Result<ClaimResources, (Rule, String)> {
        let refuse = |reason: &str| (Rule::Claim, reason.to_owned());
        let (from, to) = days(&self.claim);
        let from = from.ok_or_else(|| refuse("the claim has no day of service (DTP*472, DTP*434)"))?;
        let to = to.unwrap_or_else(|| from.clone());
        if self.claim.lines.is_empty() {
            return Err(refuse("the claim has no service line (LX)"));
        }
        let kind = self.kind();
        let biller = provider(&self.claim.billing, kind.is_institutional())
            .ok_or_else(|| refuse("the claim names no billing provider (NM1*85)"))?;
        let care = self.care(kind);
        let facility = self.facility(kind);
        let provider = match (kind, care.iter().find(|(role, ..)| *role == "rendering")) {
            // CARIN wants the dentist here.
            (BillKind::Oral, Some((_, dentist, _))) if !biller.is_person => dentist.clone(),
            _ => biller.clone(),
        };
        let own = ["claim", self.claim.control, self.claim.billing.identity(), &known_member.patient];
        let mut bill = Bill {
            id: match &self.again {
                None => made_id(&own),
                Some(day) => made_id(&[own.as_slice(), &[day]].concat()),
            },
            kind,
            number: [self.number, self.claim.control].into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
            cancelled: self.cancelled || !replaced_by.is_empty(),
            created: day(self.claim.created).unwrap_or_else(|| from.clone()),
            infos: self.infos(kind, &from, &to, facility.as_ref()),
            from,
            to,
            provider,
            care,
            diagnoses: self.diagnoses(kind),
            procedures: self.procedures(),
            lines: Vec::new(),
            decided: None,
            total: None,
            paid_on: self.decisions.first().and_then(|remit| day(remit.day)),
            denied: !self.decisions.is_empty() && self.decisions.iter().all(|remit| remit.status == "4"),
            related: Vec::new(),
            network: self.decisions.iter().find_map(|remit| network(remit, kind == BillKind::Oral)),
            other_payers: self.claim.other_payers.clone(),
        };
        bill.other_payers.dedup();
        if matches!(self.claim.frequency, "7" | "8")
            && let Some(number) = self.claim.reference("F8").filter(|number| !self.numbers.contains(number))
        {
            bill.related.push(("prior", number));
        }
        bill.related.extend(replaced_by.iter().map(|number| ("replacedby", number.as_str())));
        self.decide(&mut bill);
        let mut made = ClaimResources { own: vec![eob(&bill, known_member, about)], mentions: vec![biller.resource] };
        let is_wanted = match clinical {
            ClaimsAsClinical::None => false,
            ClaimsAsClinical::Encounters => self.claim.is_report,
            ClaimsAsClinical::All => true,
        };
        if is_wanted {
            made.own.extend(visit(&bill, known_member));
        }
        for who in bill.care.into_iter().map(|(_, who, _)| who).chain(facility) {
            if !made.mentions.contains(&who.resource) {
                made.mentions.push(who.resource);
            }
        }
        Ok(made)
    }

    fn kind(&self) -> BillKind {
        match self.claim.kind {
            ClaimKind::Professional => BillKind::Professional,
            ClaimKind::Dental => BillKind::Oral,
            ClaimKind::Institutional if is_stay(self.claim.place) => BillKind::Inpatient,
            ClaimKind::Institutional => BillKind::Outpatient,
        }
    }

    fn care(&self, kind: BillKind) -> Vec<(&'static str, Provider, &str)> {
        let mut out: Vec<(&'static str, Provider, &str)> = Vec::new();
        let of_lines = self.claim.lines.iter().filter_map(|line| line.rendering.as_ref()).map(|party| ("82", party));
        for (code, party) in self.claim.providers.iter().map(|(code, party)| (*code, party)).chain(of_lines) {
            let role = match (code, kind.is_institutional()) {
                ("71", true) => "attending",
                ("72", true) => "operating",
                ("ZZ", true) => "otheroperating",
                ("82", _) => "rendering",
                ("DN", _) => "referring",
                ("P3", _) => "primary",
                ("DQ", false) => "supervisor",
                ("QB", false) => "purchasedservice",
                _ => continue,
            };
            let Some(who) = provider(party, false) else { continue };
            // CARIN 2.0: practitioners, except where an institution is the rendering provider.
            if who.is_person == (role == "rendering" && kind.is_institutional()) {
                continue;
            }
            if !out.iter().any(|(known, other, _)| *known == role && other.reference == who.reference) {
                out.push((role, who, party.taxonomy));
            }
        }
        out
    }

    /// The service facility, if it is not the biller's. The institutional profiles have no element for it.
    fn facility(&self, kind: BillKind) -> Option<Provider> {
        let (_, party) = self.claim.providers.iter().find(|(code, _)| *code == "77")?;
        provider(party, true).filter(|_| !kind.is_institutional())
    }

    fn infos(&self, kind: BillKind, from: &str, to: &str, facility: Option<&Provider>) -> Vec<Info<'_>> {
        let mut out = Vec::new();
        if let Some(received) = self.decisions.iter().find_map(|remit| day(remit.received)) {
            out.push(Info::Day("clmrecvddate", received));
        }
        if let Some(facility) = facility {
            out.push(Info::Who("servicefacility", facility.reference.clone()));
        }
        if kind.is_institutional() {
            let admitted = self.claim.date("435").and_then(|span| day(span.from));
            if kind == BillKind::Inpatient {
                let admitted = admitted.filter(|day| day.as_str() <= to).unwrap_or_else(|| from.to_owned());
                out.push(Info::Period("admissionperiod", admitted, to.to_owned()));
            }
            if self.bill_type.len() > 1 {
                out.push(Info::Coded("typeofbill", TYPE_OF_BILL, &self.bill_type));
            }
            let [kind_of, origin, status] = self.claim.admission;
            for (name, system, code) in [
                ("pointoforigin", POINT_OF_ORIGIN, origin),
                ("admtype", ADMISSION_TYPE, kind_of),
                ("discharge-status", DISCHARGE_STATUS, status),
            ] {
                if !code.is_empty() {
                    out.push(Info::Coded(name, system, code));
                }
            }
            let drg = self.claim.codes.iter().find(|code| code.qualifier == "DR").map(|code| code.code);
            let drg = drg.or_else(|| self.decisions.iter().map(|remit| remit.drg).find(|drg| !drg.is_empty()));
            if let Some(drg) = drg.filter(|_| kind == BillKind::Inpatient) {
                out.push(Info::Coded("drg", MS_DRG, drg));
            }
        }
        if let Some(number) = self.claim.reference("EA") {
            out.push(Info::Text("medicalrecordnumber", number));
        }
        out.push(Info::Text("patientaccountnumber", self.claim.control));
        out
    }

    fn diagnoses(&self, kind: BillKind) -> Vec<(Node<'static>, Node<'static>, &str)> {
        let principal = || hl7("ex-diagnosistype", "principal");
        let other = || c4bb("C4BBClaimDiagnosisType", if kind.is_institutional() { "other" } else { "secondary" });
        let mut out = Vec::new();
        for coded in &self.claim.codes {
            let role = match coded.qualifier.trim_start_matches('A') {
                "BK" => principal(),
                "BF" => other(),
                "BJ" if kind == BillKind::Inpatient => hl7("ex-diagnosistype", "admitting"),
                "PR" if kind == BillKind::Outpatient => c4bb("C4BBClaimDiagnosisType", "patientreasonforvisit"),
                "BN" if kind.is_institutional() => c4bb("C4BBClaimDiagnosisType", "externalcauseofinjury"),
                _ => continue,
            };
            out.push((diagnosis(coded.qualifier, coded.code), role, coded.present_on_admission));
        }
        out
    }

    fn procedures(&self) -> Vec<(Node<'static>, Option<String>, bool)> {
        let is_one = |qualifier: &str| matches!(qualifier, "BBR" | "BBQ" | "BR" | "BQ");
        let codes = self.claim.codes.iter().filter(|coded| is_one(coded.qualifier));
        codes
            .map(|coded| {
                let principal = coded.qualifier.ends_with('R');
                (procedure(coded.qualifier, coded.code), day(coded.day), principal)
            })
            .collect()
    }

    /// Adds the lines, and the decision about each.
    fn decide<'s>(&'s self, bill: &mut Bill<'s>) {
        let mut paid = match_lines(&self.claim, &self.decisions);
        let facility = self.claim.place;
        for (at, line) in self.claim.lines.iter().enumerate() {
            let decided = paid.get_mut(at).map(std::mem::take).unwrap_or_default();
            let tooth = line.teeth.first();
            // The first of several sites stands on the line, the others in supporting information.
            let sites =
                line.teeth.iter().map(|(tooth, _)| (TOOTH, *tooth)).chain(line.areas.iter().map(|area| (AREA, *area)));
            let others: Vec<_> = sites.skip(1).filter(|_| bill.kind == BillKind::Oral).collect();
            let first = bill.infos.len() + 1;
            bill.infos.extend(others.into_iter().map(|(system, code)| Info::Coded("additionalbodysite", system, code)));
            bill.lines.push(BillLine {
                infos: (first..=bill.infos.len()).collect(),
                area: line.areas.first().copied().unwrap_or_default(),
                unit: match line.unit {
                    "MJ" => "min",
                    "DA" => "d",
                    _ => "",
                },
                service: service(line.qualifier, line.code),
                modifiers: line.modifiers.iter().map(|code| modifier(code)).collect(),
                revenue: line.revenue,
                from: line.served.and_then(|span| day(span.from)).or_else(|| Some(bill.from.clone())),
                to: line.served.and_then(|span| day(span.to)),
                place: if line.place.is_empty() { facility } else { line.place },
                units: line.units,
                charge: line.charge,
                diagnoses: line.pointers.iter().filter_map(|text| text.parse().ok()).collect(),
                tooth: tooth.map_or("", |(tooth, _)| tooth),
                surfaces: tooth.map(|(_, surfaces)| surfaces.clone()).unwrap_or_default(),
                drug: line.drug,
                decided: Decided::of_all(decided.into_iter().map(decided_line)),
            });
        }
        let Some(whole) = Decided::of_all(self.decisions.iter().map(decided_head)) else { return };
        if self.decisions.iter().all(|remit| remit.lines.is_empty()) {
            bill.total = Some(whole.amounts.clone());
            bill.decided = Some(whole);
            return;
        }
        // Every decided line counts, even one that the claim does not have: its amounts are part of the total.
        let mut total = Amounts::default();
        for remit in &self.decisions {
            if remit.lines.is_empty() {
                total.add(&decided_head(remit).amounts);
                continue;
            }
            remit.lines.iter().for_each(|paid| total.add(&decided_line(paid).amounts));
            // Adjustments at claim level are part of the total, beside those of the lines.
            total.add(&Amounts::of("0", "0", "0", &remit.adjustments));
        }
        total.submitted = whole.amounts.submitted;
        total.paid = whole.amounts.paid;
        bill.total = Some(total);
    }

    /// Whether the adjudicated claim balances to the cent.
    pub(crate) fn balances(&self) -> bool {
        self.decisions.iter().all(|remit| {
            let mut all = decided_head(remit).amounts;
            let of_lines: Vec<Amounts> = remit.lines.iter().map(|paid| decided_line(paid).amounts).collect();
            all.adjusted += of_lines.iter().map(|amounts| amounts.adjusted).sum::<Cents>();
            of_lines.iter().all(Amounts::balances) && all.balances()
        })
    }

    /// Whether the charges of the lines add up to that of the claim, as far as both are stated.
    pub(crate) fn lines_add_up(&self) -> bool {
        let lines = self.claim.lines.iter().filter(|line| !matches!(line.revenue, "0001" | "001"));
        let charges: Option<Vec<Cents>> = lines.map(|line| cents(line.charge)).collect();
        match (cents(self.claim.charge), charges) {
            (Some(charge), Some(charges)) if !charges.is_empty() => charges.iter().sum::<Cents>() == charge,
            _ => true,
        }
    }

    /// Whether the claim has every adjudicated line.
    pub(crate) fn lines_agree(&self) -> bool {
        let decided: usize = self.decisions.iter().map(|remit| remit.lines.len()).sum();
        match_lines(&self.claim, &self.decisions).iter().map(Vec::len).sum::<usize>() == decided
    }

    /// Whether an NPI on the claim has a wrong check digit. Such a number identifies nobody, so it is left out.
    pub(crate) fn has_mistyped_npi(&self) -> bool {
        let of_lines = self.claim.lines.iter().filter_map(|line| line.rendering.as_ref());
        let of_claim = self.claim.providers.iter().map(|(_, party)| party);
        [&self.claim.billing].into_iter().chain(of_claim).chain(of_lines).any(Party::is_mistyped)
    }

    /// Whether the claim was voided, or its decision reversed.
    pub(crate) const fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Whether there is a decision.
    pub(crate) const fn is_decided(&self) -> bool {
        !self.decisions.is_empty()
    }
}

fn decided_line<'a>(paid: &PaidLine<'a>) -> Decided<'a> {
    Decided {
        amounts: Amounts::of(paid.charge, paid.paid, paid.allowed, &paid.adjustments),
        adjustments: paid.adjustments.clone(),
        remarks: paid.remarks.clone(),
    }
}

/// The claim-level amounts of a decision.
fn decided_head<'a>(remit: &Remit<'a>) -> Decided<'a> {
    Decided {
        amounts: Amounts::of(remit.charge, remit.paid, remit.allowed, &remit.adjustments),
        adjustments: remit.adjustments.clone(),
        remarks: remit.remarks.clone(),
    }
}

/// The network status that the adjustments imply: a charge left to the member (PR 45), or reason 242, comes from a provider out of
/// the network. A charge reduced by the plan (CO 45) says nothing about a doctor or hospital: fee schedules and the No Surprises Act
/// reduce charges out of the network, too. No law reduces those of dentists, so there it is the contract.
fn network(remit: &Remit<'_>, is_dental: bool) -> Option<&'static str> {
    let all = || remit.adjustments.iter().chain(remit.lines.iter().flat_map(|line| &line.adjustments));
    if all().any(|one| one.reason == "242" || (one.group == "PR" && one.reason == "45")) {
        return Some("outofnetwork");
    }
    (is_dental && all().any(|one| one.group == "CO" && one.reason == "45")).then_some("innetwork")
}
