//! An 835 part as a payer's decision about a claim.

use super::claim::Party;
use super::segment::{Seg, components, segments};

/// Why less than the charge was paid: group (`CO`, `PR`, `OA`, `PI`), reason code, amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adjustment<'a> {
    pub(crate) group: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) amount: &'a str,
}

/// An adjudicated service line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PaidLine<'a> {
    pub(crate) code: &'a str,
    /// The submitted code, where the payer adjudicated another (SVC06).
    pub(crate) asked: &'a str,
    pub(crate) qualifier: &'a str,
    pub(crate) modifiers: Vec<&'a str>,
    pub(crate) revenue: &'a str,
    pub(crate) charge: &'a str,
    pub(crate) paid: &'a str,
    pub(crate) units: &'a str,
    pub(crate) day: &'a str,
    pub(crate) control: &'a str,
    /// AMT*B6.
    pub(crate) allowed: &'a str,
    pub(crate) adjustments: Vec<Adjustment<'a>>,
    pub(crate) remarks: Vec<&'a str>,
}

/// A decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remit<'a> {
    pub(crate) control: &'a str,
    /// CLP02: 1 primary, 2 secondary, 4 denied, 22 reversal and so on.
    pub(crate) status: &'a str,
    pub(crate) charge: &'a str,
    pub(crate) paid: &'a str,
    pub(crate) patient_owes: &'a str,
    /// The payer's own claim control number.
    pub(crate) payer_control: &'a str,
    pub(crate) drg: &'a str,
    pub(crate) day: &'a str,
    /// DTM*050: the date when the payer received the claim.
    pub(crate) received: &'a str,
    pub(crate) trace: &'a str,
    pub(crate) payee: Party<'a>,
    /// NM1*QC.
    pub(crate) patient: Party<'a>,
    /// NM1*IL, where the subscriber is not the patient.
    pub(crate) insured: Party<'a>,
    /// The first day of the claim (DTM*232), where the payer states it.
    pub(crate) from: &'a str,
    pub(crate) adjustments: Vec<Adjustment<'a>>,
    pub(crate) allowed: &'a str,
    pub(crate) remarks: Vec<&'a str>,
    pub(crate) lines: Vec<PaidLine<'a>>,
}

impl<'a> Remit<'a> {
    /// Reads a part; absent if it has no CLP segment.
    pub(crate) fn read(part: &'a str) -> Option<Self> {
        let mut remit = Self::default();
        let mut found = false;
        for seg in segments(part) {
            match seg.name() {
                "BPR" => remit.day = seg.at(16),
                "TRN" => remit.trace = seg.at(2),
                "N1" if seg.at(1) == "PE" => {
                    let (qualifier, number) = (seg.at(3), seg.at(4));
                    remit.payee = Party { family: seg.at(2), qualifier, number, ..Party::default() };
                }
                "CLP" => {
                    found = true;
                    (remit.control, remit.status) = (seg.at(1), seg.at(2));
                    (remit.charge, remit.paid, remit.patient_owes) = (seg.at(3), seg.at(4), seg.at(5));
                    (remit.payer_control, remit.drg) = (seg.at(7), seg.at(11));
                }
                "SVC" => remit.lines.push(PaidLine::read(seg)),
                _ => remit.detail(seg),
            }
        }
        found.then_some(remit)
    }

    fn detail(&mut self, seg: Seg<'a>) {
        match (seg.name(), self.lines.last_mut()) {
            ("CAS", Some(line)) => line.adjustments.extend(adjustments(seg)),
            ("CAS", None) => self.adjustments.extend(adjustments(seg)),
            ("DTM", Some(line)) if matches!(seg.at(1), "472" | "150") => line.day = seg.at(2),
            ("DTM", None) if seg.at(1) == "232" => self.from = seg.at(2),
            ("NM1", None) if seg.at(1) == "QC" => self.patient = Party::named(seg),
            ("NM1", None) if seg.at(1) == "IL" => self.insured = Party::named(seg),
            ("DTM", None) if seg.at(1) == "050" => self.received = seg.at(2),
            ("REF", Some(line)) if seg.at(1) == "6R" => line.control = seg.at(2),
            ("AMT", Some(line)) if seg.at(1) == "B6" => line.allowed = seg.at(2),
            ("AMT", None) if seg.at(1) == "AU" => self.allowed = seg.at(2),
            ("LQ", Some(line)) if seg.at(1) == "HE" => line.remarks.push(seg.at(2)),
            ("MOA", None) => self.remarks.extend(seg.from(3).take(5).filter(|text| !text.is_empty())),
            ("MIA", None) => {
                let codes = [5, 20, 21, 22, 23].map(|place| seg.at(place));
                self.remarks.extend(codes.into_iter().filter(|text| !text.is_empty()));
            }
            _ => {}
        }
    }
}

impl<'a> PaidLine<'a> {
    /// The submitted code.
    pub(crate) const fn sent(&self) -> &'a str {
        if self.asked.is_empty() { self.code } else { self.asked }
    }

    fn read(seg: Seg<'a>) -> Self {
        let mut parts = components(seg.at(1));
        let qualifier = parts.next().unwrap_or_default();
        let code = parts.next().unwrap_or_default();
        // A revenue code may stand in place of the procedure.
        let (code, revenue) = if qualifier == "NU" { ("", code) } else { (code, seg.at(4)) };
        Self {
            qualifier,
            code,
            modifiers: parts.take(4).filter(|text| !text.is_empty()).collect(),
            revenue,
            charge: seg.at(2),
            paid: seg.at(3),
            units: seg.at(5),
            asked: components(seg.at(6)).nth(1).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Up to six adjustments in one segment: reason, amount and quantity, repeated.
fn adjustments(seg: Seg<'_>) -> Vec<Adjustment<'_>> {
    let rest: Vec<&str> = seg.from(2).collect();
    rest.chunks(3)
        .filter_map(|three| match three {
            [reason, amount, ..] if !reason.is_empty() => Some(Adjustment { group: seg.at(1), reason, amount }),
            _ => None,
        })
        .collect()
}
