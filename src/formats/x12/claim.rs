//! An 837 part as a claim: professional, institutional or dental.

use super::segment::{Seg, components, segments};
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::records::Identity;

/// The kind of services on a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimKind {
    Professional,
    Institutional,
    Dental,
}

/// A party of a claim: a provider, a payer, a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Party<'a> {
    pub(crate) is_person: bool,
    pub(crate) family: &'a str,
    pub(crate) given: &'a str,
    pub(crate) middle: &'a str,
    /// Qualifier of the number: `XX` for an NPI, `MI` for a member's.
    pub(crate) qualifier: &'a str,
    pub(crate) number: &'a str,
    pub(crate) lines: Vec<&'a str>,
    pub(crate) city: &'a str,
    pub(crate) state: &'a str,
    pub(crate) zip: &'a str,
    /// `CCYYMMDD`, as all dates here.
    pub(crate) birth: &'a str,
    pub(crate) gender: &'a str,
    pub(crate) tax: &'a str,
    pub(crate) taxonomy: &'a str,
}

impl<'a> Party<'a> {
    pub(super) fn named(seg: Seg<'a>) -> Self {
        Self {
            is_person: seg.at(2) == "1",
            family: seg.at(3),
            given: seg.at(4),
            middle: seg.at(5),
            qualifier: seg.at(8),
            number: seg.at(9),
            ..Self::default()
        }
    }

    /// Takes a segment that adds to the party named last.
    pub(super) fn more(&mut self, seg: Seg<'a>) {
        match seg.name() {
            "N3" => self.lines = seg.from(1).filter(|line| !line.is_empty()).collect(),
            "N4" => (self.city, self.state, self.zip) = (seg.at(1), seg.at(2), seg.at(3)),
            "DMG" => (self.birth, self.gender) = (seg.at(2), seg.at(3)),
            "REF" if matches!(seg.at(1), "EI" | "TJ") => self.tax = seg.at(2),
            "PRV" => self.taxonomy = seg.at(3),
            _ => {}
        }
    }

    /// Identifies a provider: the number, else the tax number, else the name.
    pub(crate) fn identity(&self) -> &'a str {
        [self.number, self.tax, self.family].into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Whether the NPI is mistyped.
    pub(crate) fn is_mistyped(&self) -> bool {
        self.qualifier == "XX" && npi(self.number) == Npi::Mistyped
    }

    /// The NPI, if the number is one and its check digit is right.
    pub(crate) fn npi(&self) -> Option<&'a str> {
        (self.qualifier == "XX" && npi(self.number) == Npi::Good).then_some(self.number)
    }
}

/// A range of days; both ends are the same for a single day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateRange<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
}

impl<'a> DateRange<'a> {
    /// Reads a DTP segment.
    pub(super) fn read(seg: Seg<'a>) -> Self {
        let text = seg.at(3);
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let day = |text: &'a str| text.get(..8).unwrap_or(text);
        Self { from: day(from), to: day(to) }
    }

    /// Whether both ends are valid days.
    pub(super) fn is_of_days(self) -> bool {
        [self.from, self.to].iter().all(|day| day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// A code with its qualifier, such as a diagnosis (HI segment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coded<'a> {
    pub(crate) qualifier: &'a str,
    pub(crate) code: &'a str,
    pub(crate) day: &'a str,
    pub(crate) present_on_admission: &'a str,
}

/// A service line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) number: &'a str,
    /// `HC`, `AD`, `HP` and so on, then the code and its modifiers.
    pub(crate) qualifier: &'a str,
    pub(crate) code: &'a str,
    pub(crate) modifiers: Vec<&'a str>,
    pub(crate) revenue: &'a str,
    pub(crate) charge: &'a str,
    pub(crate) units: &'a str,
    /// The unit of the quantity: `UN`, `MJ` for minutes, `DA` for days.
    pub(crate) unit: &'a str,
    pub(crate) place: &'a str,
    pub(crate) pointers: Vec<&'a str>,
    pub(crate) served: Option<DateRange<'a>>,
    /// The line's own control number (REF*6R), by which payments name it.
    pub(crate) control: &'a str,
    pub(crate) drug: &'a str,
    pub(crate) teeth: Vec<(&'a str, Vec<&'a str>)>,
    /// Areas of the oral cavity (SV304).
    pub(crate) areas: Vec<&'a str>,
    pub(crate) rendering: Option<Party<'a>>,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    pub(crate) kind: ClaimKind,
    pub(crate) created: &'a str,
    /// Care under a capitation, which is reported and not billed.
    pub(crate) is_report: bool,
    pub(crate) control: &'a str,
    pub(crate) charge: &'a str,
    /// Place of service, or the first two digits of the type of bill.
    pub(crate) place: &'a str,
    /// 1 original, 7 replacement, 8 void.
    pub(crate) frequency: &'a str,
    pub(crate) billing: Party<'a>,
    pub(crate) subscriber: Party<'a>,
    pub(crate) group: &'a str,
    /// Absent where the subscriber is the patient.
    pub(crate) patient: Option<Party<'a>>,
    pub(crate) payer: Party<'a>,
    pub(crate) dates: Vec<(&'a str, DateRange<'a>)>,
    /// REF segments of the claim: qualifier, text.
    pub(crate) references: Vec<(&'a str, &'a str)>,
    /// CL1: type of admission, source of admission, discharge status.
    pub(crate) admission: [&'a str; 3],
    pub(crate) codes: Vec<Coded<'a>>,
    /// Entity code and party.
    pub(crate) providers: Vec<(&'a str, Party<'a>)>,
    pub(crate) lines: Vec<Line<'a>>,
    /// Names of other payers (2330B), who are to pay or have paid.
    pub(crate) other_payers: Vec<&'a str>,
}

/// The party to which further segments belong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NamedParty {
    Billing,
    Subscriber,
    Patient,
    Payer,
    Provider,
    Line,
    Nobody,
}

impl<'a> Claim<'a> {
    /// Reads a part; absent if it has no CLM segment.
    pub(crate) fn read(part: &'a str) -> Option<Self> {
        let clm = segments(part).find(|seg| seg.name() == "CLM")?;
        let kind = kind(part, clm);
        let mut claim = Self {
            kind,
            created: "",
            is_report: false,
            control: clm.at(1),
            charge: clm.at(2),
            place: clm.part(5, 1),
            frequency: clm.part(5, 3),
            billing: Party::default(),
            subscriber: Party::default(),
            group: "",
            patient: None,
            payer: Party::default(),
            dates: Vec::new(),
            references: Vec::new(),
            admission: [""; 3],
            codes: Vec::new(),
            providers: Vec::new(),
            lines: Vec::new(),
            other_payers: Vec::new(),
        };
        let (mut whom, mut in_claim, mut other) = (NamedParty::Nobody, false, false);
        for seg in segments(part) {
            match seg.name() {
                "BHT" => (claim.created, claim.is_report) = (seg.at(4), seg.at(6) == "RP"),
                "CLM" => (in_claim, whom) = (true, NamedParty::Nobody),
                // From here to the lines, the segments are about another payer.
                "SBR" if in_claim => other = true,
                "SBR" => claim.group = seg.at(3),
                "LX" => {
                    (other, whom) = (false, NamedParty::Nobody);
                    claim.lines.push(Line { number: seg.at(1), ..Line::default() });
                }
                "NM1" if other && seg.at(1) == "PR" && !seg.at(3).is_empty() => claim.other_payers.push(seg.at(3)),
                _ if other => {}
                "NM1" => whom = claim.name(seg, in_claim),
                _ if in_claim && !claim.lines.is_empty() => claim.line(seg, &mut whom),
                "DTP" => claim.dates.push((seg.at(1), DateRange::read(seg))),
                "CL1" => claim.admission = [seg.at(1), seg.at(2), seg.at(3)],
                "HI" => claim.codes.extend(codes(seg)),
                "REF" if in_claim && whom == NamedParty::Nobody => claim.references.push((seg.at(1), seg.at(2))),
                "PRV" if !in_claim && whom == NamedParty::Nobody => claim.billing.taxonomy = seg.at(3),
                _ => claim.more(seg, whom),
            }
        }
        Some(claim)
    }

    fn name(&mut self, seg: Seg<'a>, in_claim: bool) -> NamedParty {
        let party = Party::named(seg);
        if let Some(line) = self.lines.last_mut() {
            if seg.at(1) == "82" {
                line.rendering = Some(party);
                return NamedParty::Line;
            }
            // Named for one line, and also on the care team of the claim.
            if matches!(seg.at(1), "DN" | "DQ" | "QB") {
                self.providers.push((seg.at(1), party));
            }
            return NamedParty::Nobody;
        }
        match seg.at(1) {
            "85" => self.billing = Party { taxonomy: self.billing.taxonomy, ..party },
            "IL" => self.subscriber = party,
            "QC" => self.patient = Some(party),
            "PR" => self.payer = party,
            role if in_claim => self.providers.push((role, party)),
            _ => return NamedParty::Nobody,
        }
        match seg.at(1) {
            "85" => NamedParty::Billing,
            "IL" => NamedParty::Subscriber,
            "QC" => NamedParty::Patient,
            "PR" => NamedParty::Payer,
            _ => NamedParty::Provider,
        }
    }

    fn more(&mut self, seg: Seg<'a>, whom: NamedParty) {
        let party = match whom {
            NamedParty::Billing => Some(&mut self.billing),
            NamedParty::Subscriber => Some(&mut self.subscriber),
            NamedParty::Patient => self.patient.as_mut(),
            NamedParty::Payer => Some(&mut self.payer),
            NamedParty::Provider => self.providers.last_mut().map(|(_, party)| party),
            NamedParty::Line | NamedParty::Nobody => None,
        };
        if let Some(party) = party {
            party.more(seg);
        }
    }

    fn line(&mut self, seg: Seg<'a>, whom: &mut NamedParty) {
        let is_dental = self.kind == ClaimKind::Dental;
        let Some(line) = self.lines.last_mut() else { return };
        match seg.name() {
            "SV1" => {
                line.procedure(seg.at(1));
                (line.charge, line.unit, line.units, line.place) = (seg.at(2), seg.at(3), seg.at(4), seg.at(5));
                line.pointers = components(seg.at(7)).filter(|text| !text.is_empty()).collect();
            }
            "SV2" => {
                line.procedure(seg.at(2));
                (line.revenue, line.charge, line.unit, line.units) = (seg.at(1), seg.at(3), seg.at(4), seg.at(5));
            }
            "SV3" => {
                line.procedure(seg.at(1));
                (line.charge, line.place, line.units) = (seg.at(2), seg.at(3), seg.at(6));
                line.areas = components(seg.at(4)).filter(|text| !text.is_empty()).collect();
                line.pointers = components(seg.at(11)).filter(|text| !text.is_empty()).collect();
            }
            "TOO" if is_dental => {
                line.teeth.push((seg.at(2), components(seg.at(3)).filter(|text| !text.is_empty()).collect()));
            }
            "DTP" if seg.at(1) == "472" => line.served = Some(DateRange::read(seg)),
            "REF" if seg.at(1) == "6R" => line.control = seg.at(2),
            "LIN" if seg.at(2) == "N4" => line.drug = seg.at(3),
            "PRV" if *whom == NamedParty::Line => {
                if let Some(rendering) = &mut line.rendering {
                    rendering.taxonomy = seg.at(3);
                }
            }
            // Adjudication by other payers: their payments for the line are in the 835.
            "SVD" => *whom = NamedParty::Nobody,
            _ => {}
        }
    }

    /// The date or dates with a qualifier, of the claim.
    pub(crate) fn date(&self, qualifier: &str) -> Option<DateRange<'a>> {
        self.dates.iter().find(|(known, _)| *known == qualifier).map(|(_, span)| *span)
    }

    /// The claim's reference with a qualifier.
    pub(crate) fn reference(&self, qualifier: &str) -> Option<&'a str> {
        self.references.iter().find(|(known, text)| *known == qualifier && !text.is_empty()).map(|(_, text)| *text)
    }

    /// The patient and the billing provider.
    pub(crate) fn identity(&self) -> Identity {
        let treated = self.treated();
        let given = treated.given.split_whitespace().next().unwrap_or_default();
        let parts = [self.billing.identity(), treated.birth, treated.number, given];
        Identity::of(parts.map(str::to_uppercase))
    }

    /// The patient.
    pub(crate) fn treated(&self) -> &Party<'a> {
        self.patient.as_ref().unwrap_or(&self.subscriber)
    }
}

impl<'a> Line<'a> {
    fn procedure(&mut self, element: &'a str) {
        let mut parts = components(element);
        self.qualifier = parts.next().unwrap_or_default();
        self.code = parts.next().unwrap_or_default();
        self.modifiers = parts.take(4).filter(|text| !text.is_empty()).collect();
    }
}

/// Decided by its lines, and without lines by the qualifier of its facility code.
fn kind(part: &str, clm: Seg<'_>) -> ClaimKind {
    match segments(part).map(Seg::name).find(|name| matches!(*name, "SV1" | "SV2" | "SV3")) {
        Some("SV2") => ClaimKind::Institutional,
        Some("SV3") => ClaimKind::Dental,
        None if clm.part(5, 2) == "A" => ClaimKind::Institutional,
        _ => ClaimKind::Professional,
    }
}

/// The codes of an HI segment. Some systems send qualifier and code as separate elements.
fn codes(seg: Seg<'_>) -> Vec<Coded<'_>> {
    let mut out = Vec::new();
    let mut loose = "";
    for element in seg.from(1).filter(|text| !text.is_empty()) {
        let mut parts = components(element);
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let at = |place: usize| rest.get(place).copied().unwrap_or_default();
        if rest.is_empty() {
            if loose.is_empty() {
                loose = first;
            } else {
                out.push(Coded {
                    qualifier: std::mem::take(&mut loose),
                    code: first,
                    day: "",
                    present_on_admission: "",
                });
            }
            continue;
        }
        out.push(Coded { qualifier: first, code: at(0), day: at(2), present_on_admission: at(7) });
    }
    out.retain(|coded| !coded.code.is_empty());
    out
}
