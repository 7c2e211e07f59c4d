//! Claims (837) and decisions about them (835) that carry the same control number, folded into what is true now.
//!
//! The order of the parts is the order in which the files were written, not that in which they were loaded, so any order of
//! loading ends the same. A control number is the provider's: two providers may use the same, so parts are told apart by the
//! billing provider and the patient. A payment without its claim gives nothing yet; it waits for the claim.

use std::collections::BTreeSet;

use serde_json::Value;

use super::adjudication::Amounts;
use super::code::{
    ADMISSION_TYPE, DISCHARGE_STATUS, MS_DRG, POINT_OF_ORIGIN, TYPE_OF_BILL, c4bb, diagnosis, hl7, is_stay, modifier,
    procedure, service,
};
use super::eob::{Bill, BillKind, BillLine, Decided, Info, eob};
use super::money::cents;
use super::party::{Provider, provider};
use super::visit::visit;
use super::{Made, day};
use crate::config::ClaimsAsClinical;
use crate::load::record::{About, Whom, Whose, made_id};
use crate::load::report::Rule;
use crate::load::x12::{Adjustment, Claim, ClaimKind, PaidLine, Party, Remit};

/// A claim and everything that was decided about it.
pub(in crate::load) struct Case<'a> {
    /// The claim as it was sent last.
    claim: Claim<'a>,
    /// The decision that stands.
    decision: Option<Remit<'a>>,
    cancelled: bool,
    /// Facility and frequency, as institutions write them.
    bill_type: String,
    /// Numbers that the payer has given it.
    pub(in crate::load) numbers: BTreeSet<&'a str>,
}

/// What the parts of one control number give.
#[derive(Default)]
pub(in crate::load) struct Folded<'a> {
    pub(in crate::load) cases: Vec<Case<'a>>,
    /// Decisions whose claim is not there.
    pub(in crate::load) waiting: usize,
}

/// A claim or a decision, with the order of its file.
pub(in crate::load) enum Said<'a> {
    Claim(Box<Claim<'a>>),
    Decision(Box<Remit<'a>>),
}

struct Cluster<'a> {
    claims: Vec<(usize, Claim<'a>)>,
    decisions: Vec<(usize, Remit<'a>)>,
}

/// Folds what was said, the earliest first.
pub(in crate::load) fn fold<'a>(said: impl IntoIterator<Item = Said<'a>>) -> Folded<'a> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    let mut decisions = Vec::new();
    for (at, said) in said.into_iter().enumerate() {
        match said {
            Said::Decision(remit) => decisions.push((at, *remit)),
            Said::Claim(claim) => match clusters.iter_mut().find(|cluster| cluster.is_of(&claim)) {
                Some(cluster) => cluster.claims.push((at, *claim)),
                None => clusters.push(Cluster { claims: vec![(at, *claim)], decisions: Vec::new() }),
            },
        }
    }
    let mut folded = Folded::default();
    for (at, remit) in decisions {
        match choose(&mut clusters, &remit) {
            Some(cluster) => cluster.decisions.push((at, remit)),
            None => folded.waiting += 1,
        }
    }
    folded.cases.extend(clusters.into_iter().filter_map(Cluster::case));
    folded
}

impl<'a> Cluster<'a> {
    fn is_of(&self, claim: &Claim<'_>) -> bool {
        let Some((_, own)) = self.claims.first() else { return false };
        let (one, other) = (own.treated(), claim.treated());
        identity(&own.billing) == identity(&claim.billing) && (one.birth, one.given) == (other.birth, other.given)
    }

    fn case(mut self) -> Option<Case<'a>> {
        let numbers = self.decisions.iter().map(|(_, remit)| remit.payer_control).filter(|text| !text.is_empty());
        let numbers: BTreeSet<&str> = numbers.collect();
        let (sent_at, last) = self.claims.pop()?;
        let voided = last.frequency == "8";
        // A void often says only which claim it is about; what that was stays to be seen.
        let (sent_at, claim) = match self.claims.pop() {
            Some(before) if voided && last.lines.len() <= before.1.lines.len() => before,
            _ => (sent_at, last),
        };
        let mut standing: Vec<(usize, Remit<'a>)> = Vec::new();
        let mut reversed = false;
        for (at, remit) in self.decisions {
            if remit.status == "22" {
                let same = standing.iter().rposition(|(_, old)| old.payer_control == remit.payer_control);
                if let Some(at) = same.or_else(|| standing.len().checked_sub(1)) {
                    standing.remove(at);
                }
                reversed = true;
            } else {
                reversed = false;
                standing.push((at, remit));
            }
        }
        let decision = standing.pop();
        // A decision about an earlier version says nothing about the amounts of this one.
        let decision = decision.filter(|(at, remit)| *at > sent_at || cents(remit.charge) == cents(claim.charge));
        let cancelled = voided || (reversed && decision.is_none());
        let bill_type = format!("{}{}", claim.place, claim.frequency);
        Some(Case { bill_type, claim, decision: decision.map(|(_, remit)| remit), cancelled, numbers })
    }
}

/// The claim that a decision is about: the only one, else the one with the same provider, else the same charge.
fn choose<'c, 'a>(clusters: &'c mut [Cluster<'a>], remit: &Remit<'_>) -> Option<&'c mut Cluster<'a>> {
    let only = |mut found: Vec<usize>| if found.len() == 1 { found.pop() } else { None };
    let all: Vec<(usize, &Claim<'_>)> =
        clusters.iter().enumerate().filter_map(|(at, cluster)| Some((at, &cluster.claims.last()?.1))).collect();
    let by = |test: &dyn Fn(&Claim<'_>) -> bool| {
        only(all.iter().filter(|(_, claim)| test(claim)).map(|(at, _)| *at).collect())
    };
    let at = by(&|_| true)
        .or_else(|| by(&|claim| !remit.payee.number.is_empty() && claim.billing.number == remit.payee.number))
        .or_else(|| by(&|claim| cents(&claim.charge.replace('-', "")) == cents(&remit.charge.replace('-', ""))))?;
    clusters.get_mut(at)
}

fn identity<'a>(party: &Party<'a>) -> &'a str {
    [party.number, party.tax, party.family].into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

impl Case<'_> {
    /// The member who was treated, as the claim names her.
    pub(in crate::load) fn whom(&self) -> Whom {
        let treated = self.claim.treated();
        let numbers = [treated.number, self.claim.subscriber.number];
        Whom {
            numbers: numbers.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            family: treated.family.to_owned(),
            given: treated.given.to_owned(),
            birth: day(treated.birth).unwrap_or_default(),
            day: self.days().0.unwrap_or_default(),
            alone: false,
        }
    }

    /// The first and the last day that it is about.
    fn days(&self) -> (Option<String>, Option<String>) {
        let spans = ["434", "435", "096", "472"].into_iter().filter_map(|qualifier| self.claim.date(qualifier));
        let lines = self.claim.lines.iter().filter_map(|line| line.served);
        let all: Vec<(&str, &str)> = spans.chain(lines).map(|span| (span.from, span.to)).collect();
        let first = all.iter().filter_map(|(from, _)| day(from)).min();
        let last = all.iter().filter_map(|(_, to)| day(to)).max();
        (first, last)
    }

    /// The resources: the claim's bill, what it says of care if that is wanted, and who is named in it.
    ///
    /// # Errors
    /// What is missing, if it can be no `ExplanationOfBenefit`.
    pub(in crate::load) fn resources(
        &self,
        replaced_by: &[String],
        whose: &Whose,
        about: About<'_>,
        clinical: ClaimsAsClinical,
    ) -> Result<Made, (Rule, String)> {
        let refuse = |reason: &str| (Rule::Claim, reason.to_owned());
        let (from, to) = self.days();
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
        let mut bill = Bill {
            id: made_id(&["claim", self.claim.control, identity(&self.claim.billing), &whose.patient]),
            kind,
            number: self.numbers.iter().next_back().copied().unwrap_or(self.claim.control),
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
            paid_on: self.decision.as_ref().and_then(|remit| day(remit.day)),
            denied: self.decision.as_ref().is_some_and(|remit| remit.status == "4"),
            related: Vec::new(),
            network: self.decision.as_ref().and_then(network),
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
        let mut made = Made { own: vec![eob(&bill, whose, about)], mentions: vec![biller.resource] };
        let is_wanted = match clinical {
            ClaimsAsClinical::None => false,
            ClaimsAsClinical::Encounters => self.claim.is_report,
            ClaimsAsClinical::All => true,
        };
        if is_wanted {
            made.own.extend(visit(&bill, whose));
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
            // CARIN 2.0: practitioners, but where an institution renders.
            if who.is_person == (role == "rendering" && kind.is_institutional()) {
                continue;
            }
            if !out.iter().any(|(known, other, _)| *known == role && other.reference == who.reference) {
                out.push((role, who, party.taxonomy));
            }
        }
        out
    }

    /// Where it was done, if not at the biller's. The profiles of institutions have no place for it.
    fn facility(&self, kind: BillKind) -> Option<Provider> {
        let (_, party) = self.claim.providers.iter().find(|(code, _)| *code == "77")?;
        provider(party, true).filter(|_| !kind.is_institutional())
    }

    fn infos(&self, kind: BillKind, from: &str, to: &str, facility: Option<&Provider>) -> Vec<Info<'_>> {
        let mut out = Vec::new();
        if let Some(received) = self.decision.as_ref().and_then(|remit| day(remit.received)) {
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
            let drg = drg.or_else(|| self.decision.as_ref().map(|remit| remit.drg).filter(|drg| !drg.is_empty()));
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

    fn diagnoses(&self, kind: BillKind) -> Vec<(Value, Value, &str)> {
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

    fn procedures(&self) -> Vec<(Value, Option<String>, bool)> {
        let is_one = |qualifier: &str| matches!(qualifier, "BBR" | "BBQ" | "BR" | "BQ");
        let codes = self.claim.codes.iter().filter(|coded| is_one(coded.qualifier));
        codes
            .map(|coded| {
                let principal = coded.qualifier.ends_with('R');
                (procedure(coded.qualifier, coded.code), day(coded.day), principal)
            })
            .collect()
    }

    /// Puts the lines in, and what was decided about each.
    fn decide<'s>(&'s self, bill: &mut Bill<'s>) {
        let mut paid = match_lines(&self.claim, self.decision.as_ref());
        let mut total = Amounts::default();
        let facility = self.claim.place;
        for (at, line) in self.claim.lines.iter().enumerate() {
            let decided = paid.get_mut(at).and_then(Option::take).map(decided_line);
            if let Some(decided) = &decided {
                total.add(&decided.amounts);
            }
            let tooth = line.teeth.first();
            bill.lines.push(BillLine {
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
                decided,
            });
        }
        let Some(remit) = &self.decision else { return };
        let whole = Amounts::of(remit.charge, remit.paid, remit.allowed, &remit.adjustments);
        if remit.lines.is_empty() {
            bill.decided = Some(Decided {
                amounts: whole.clone(),
                adjustments: remit.adjustments.clone(),
                remarks: remit.remarks.clone(),
            });
            bill.total = Some(whole);
            return;
        }
        // Reasons of the claim as a whole belong to the total beside those of its lines.
        let head = Amounts::of("0", "0", "0", &remit.adjustments);
        total.add(&head);
        total.submitted = whole.submitted;
        total.paid = whole.paid;
        bill.total = Some(total);
    }

    /// What the totals of the decision leave open, if the claim does not balance to the cent.
    pub(in crate::load) fn balances(&self) -> bool {
        let Some(remit) = &self.decision else { return true };
        let mut all = Amounts::of(remit.charge, remit.paid, "", &remit.adjustments);
        for line in &remit.lines {
            let amounts = Amounts::of(line.charge, line.paid, "", &line.adjustments);
            if !amounts.balances() {
                return false;
            }
            all.adjusted += amounts.adjusted;
        }
        all.balances()
    }

    /// Whether the decision has lines that the claim has not.
    pub(in crate::load) fn lines_agree(&self) -> bool {
        let Some(remit) = &self.decision else { return true };
        match_lines(&self.claim, Some(remit)).iter().filter(|line| line.is_some()).count() == remit.lines.len()
    }

    /// Whether the NPI of somebody on the claim was mistyped. Such a number identifies nobody, so it is left out.
    pub(in crate::load) fn has_mistyped_npi(&self) -> bool {
        let of_lines = self.claim.lines.iter().filter_map(|line| line.rendering.as_ref());
        let of_claim = self.claim.providers.iter().map(|(_, party)| party);
        [&self.claim.billing].into_iter().chain(of_claim).chain(of_lines).any(Party::is_mistyped)
    }

    /// Whether anything was decided.
    pub(in crate::load) const fn is_decided(&self) -> bool {
        self.decision.is_some()
    }
}

/// The decided line of each line of a claim: by control number, else by service and charge, else by service.
fn match_lines<'a, 'c>(claim: &Claim<'c>, decision: Option<&'a Remit<'c>>) -> Vec<Option<&'a PaidLine<'c>>> {
    let mut out = vec![None; claim.lines.len()];
    let Some(remit) = decision else { return out };
    let mut left: Vec<&PaidLine<'_>> = remit.lines.iter().collect();
    for strictness in 0..3 {
        for (line, slot) in claim.lines.iter().zip(&mut out) {
            if slot.is_some() {
                continue;
            }
            let same_code = |paid: &PaidLine<'_>| {
                if line.code.is_empty() { paid.revenue == line.revenue } else { paid.code == line.code }
            };
            let control = if line.control.is_empty() { line.number } else { line.control };
            let found = left.iter().position(|paid| match strictness {
                0 => !paid.control.is_empty() && paid.control == control,
                1 => same_code(paid) && cents(paid.charge) == cents(line.charge) && paid.modifiers == line.modifiers,
                _ => same_code(paid),
            });
            if let Some(at) = found {
                *slot = Some(left.remove(at));
            }
        }
    }
    out
}

fn decided_line<'a>(paid: &PaidLine<'a>) -> Decided<'a> {
    Decided {
        amounts: Amounts::of(paid.charge, paid.paid, paid.allowed, &paid.adjustments),
        adjustments: paid.adjustments.clone(),
        remarks: paid.remarks.clone(),
    }
}

/// What the reasons say about the provider's contract: a charge that is lowered under a contract (CO 45) comes from a
/// contracted provider; one that is left to the member (PR 45), or reason 242, from one that is not.
fn network(remit: &Remit<'_>) -> Option<&'static str> {
    let all = || remit.adjustments.iter().chain(remit.lines.iter().flat_map(|line| &line.adjustments));
    let has = |test: &dyn Fn(&Adjustment<'_>) -> bool| all().any(test);
    if has(&|one| one.reason == "242" || (one.group == "PR" && one.reason == "45")) {
        Some("outofnetwork")
    } else if has(&|one| one.group == "CO" && one.reason == "45") {
        Some("innetwork")
    } else {
        None
    }
}
