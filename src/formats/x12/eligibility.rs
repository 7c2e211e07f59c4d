//! A 270 or 271 part: an inquiry about somebody's coverage, or the response to it. One part is one subscriber with her
//! dependents, below the source (payer) and the receiver (provider) that the file names for her; or a refusal that is
//! about nobody, because it came before anybody was looked up.
//!
//! Nothing of it is kept: coverage follows from the enrollment, and a response is a snapshot of it. It is still read,
//! so that the report can say what these files hold and what is wrong with them.

use super::claim::{DateRange, Party};
use super::segment::{Seg, components, repetitions, segments};

/// The levels of HL03, each below the one before.
const LEVELS: [&str; 4] = ["20", "21", "22", "23"];

/// An inquiry (EQ).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inquiry<'a> {
    /// Service type codes: `30` health benefit plan coverage, `88` pharmacy and so on.
    pub(crate) services: Vec<&'a str>,
    /// Qualifier and code of a procedure.
    pub(crate) procedure: Option<(&'a str, &'a str)>,
    pub(crate) dates: Vec<(&'a str, DateRange<'a>)>,
}

/// A benefit in a response (EB).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Benefit<'a> {
    /// EB01: `1` active coverage, `6` inactive, `B` copayment, `C` deductible and so on.
    pub(crate) what: &'a str,
    /// EB02: `IND`, `FAM` and so on.
    pub(crate) level: &'a str,
    pub(crate) services: Vec<&'a str>,
    /// EB04: `HM`, `PR` and so on.
    pub(crate) insurance: &'a str,
    pub(crate) plan: &'a str,
    pub(crate) period: &'a str,
    pub(crate) amount: &'a str,
    pub(crate) percent: &'a str,
    pub(crate) quantity: (&'a str, &'a str),
    /// EB11 and EB12: `Y`, `N`, `U`, `W`.
    pub(crate) needs_authorization: &'a str,
    pub(crate) in_network: &'a str,
    pub(crate) dates: Vec<(&'a str, DateRange<'a>)>,
    /// Loop 2120: entities related to the benefit, such as a primary care provider.
    pub(crate) related: Vec<Party<'a>>,
}

/// Why the source did not answer (AAA).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    /// AAA03: `72` wrong member number, `75` not found and so on.
    pub(crate) reason: &'a str,
    /// AAA04: the follow-up action.
    pub(crate) follow_up: &'a str,
}

/// A person whose coverage is asked for: loop 2000C, or 2000D for a dependent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub(crate) is_dependant: bool,
    pub(crate) traces: Vec<&'a str>,
    pub(crate) who: Party<'a>,
    /// INS02.
    pub(crate) relationship: &'a str,
    pub(crate) dates: Vec<(&'a str, DateRange<'a>)>,
    pub(crate) inquiries: Vec<Inquiry<'a>>,
    pub(crate) benefits: Vec<Benefit<'a>>,
    pub(crate) refusals: Vec<Refusal<'a>>,
}

impl Subject<'_> {
    /// Whether the inquiry or response is about this person: a subscriber may only lead to her dependents.
    pub(crate) const fn is_meant(&self) -> bool {
        !(self.inquiries.is_empty() && self.benefits.is_empty() && self.refusals.is_empty())
    }
}

/// A mistake: its distance in segments from the first segment of the part, and its description.
pub(crate) type Flaw = (u64, &'static str);

/// Inquiries or responses about one subscriber and her dependents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Eligibility<'a> {
    /// BHT02: 13 inquiry, 11 response.
    pub(crate) is_answer: bool,
    pub(crate) control: &'a str,
    pub(crate) created: &'a str,
    /// Loop 2100A.
    pub(crate) source: Party<'a>,
    /// Loop 2100B.
    pub(crate) receiver: Party<'a>,
    pub(crate) subjects: Vec<Subject<'a>>,
    /// Refusals by the source or about the receiver.
    pub(crate) refusals: Vec<Refusal<'a>>,
}

impl<'a> Eligibility<'a> {
    /// Reads a part, and returns the flaws of its own segments.
    pub(crate) fn read(part: &'a str) -> (Self, Vec<Flaw>) {
        let mut reader = EligibilityReader::default();
        for seg in segments(part) {
            reader.take(seg);
        }
        let EligibilityReader { out, mut flaws, .. } = reader;
        // The levels above people are checked where they stand alone.
        flaws.retain(|(at, _)| *at > 0 || out.subjects.is_empty());
        (out, flaws.into_iter().map(|(at, what)| (at.saturating_sub(1), what)).collect())
    }
}

#[derive(Default)]
struct EligibilityReader<'a> {
    out: Eligibility<'a>,
    /// Counted from 1; 0 for the levels above people.
    flaws: Vec<Flaw>,
    level: &'a str,
    /// HL01 of the last level of each kind.
    numbers: [&'a str; LEVELS.len()],
    /// Segments of the part itself so far; the ones before belong to the levels above it.
    own: u64,
}

impl<'a> EligibilityReader<'a> {
    fn take(&mut self, seg: Seg<'a>) {
        if seg.name() == "HL" {
            self.level(seg);
        } else if self.own > 0 {
            self.own += 1;
        }
        match (seg.name(), self.level) {
            ("BHT", _) => {
                self.out.is_answer = seg.at(2) == "11";
                (self.out.control, self.out.created) = (seg.at(3), seg.at(4));
            }
            ("NM1", "20") => self.out.source = Party::named(seg),
            ("NM1", "21") => self.out.receiver = Party::named(seg),
            ("AAA", "20" | "21") => {
                let refusal = self.refusal(seg);
                self.out.refusals.push(refusal);
            }
            ("N3" | "N4" | "PRV" | "REF", "21") => self.out.receiver.more(seg),
            (_, "22" | "23") => self.about_somebody(seg),
            _ => {}
        }
    }

    fn flaw(&mut self, what: &'static str) {
        self.flaws.push((self.own, what));
    }

    fn level(&mut self, seg: Seg<'a>) {
        self.level = seg.at(3);
        let Some(at) = LEVELS.iter().position(|level| *level == self.level) else {
            self.own += 1;
            return self.flaw("HL03 is none of 20, 21, 22 and 23");
        };
        if at >= 2 {
            self.own += 1;
            self.out.subjects.push(Subject { is_dependant: at == 3, ..Subject::default() });
        }
        let above = at.checked_sub(1).and_then(|above| self.numbers.get(above)).copied().unwrap_or_default();
        if self.own > 0 && seg.at(2) != above {
            self.flaw("HL02 does not name the level above");
        }
        if let Some(number) = self.numbers.get_mut(at) {
            *number = seg.at(1);
        }
    }

    fn refusal(&mut self, seg: Seg<'a>) -> Refusal<'a> {
        if seg.at(3).is_empty() {
            self.flaw("AAA03 is empty: a refusal without a reason");
        }
        Refusal { reason: seg.at(3), follow_up: seg.at(4) }
    }

    fn about_somebody(&mut self, seg: Seg<'a>) {
        let flaw = match seg.name() {
            "EQ" if seg.at(1).is_empty() && seg.part(2, 2).is_empty() => {
                "EQ asks for neither a service nor a procedure"
            }
            "EB" if seg.at(1).is_empty() => "EB01 is empty: a benefit that says nothing",
            "DTP" if !DateRange::read(seg).is_of_days() => "DTP03 is no date",
            _ => "",
        };
        if !flaw.is_empty() {
            self.flaw(flaw);
        }
        let refusal = (seg.name() == "AAA").then(|| self.refusal(seg));
        let Some(subject) = self.out.subjects.last_mut() else { return };
        subject.refusals.extend(refusal);
        subject.take(seg);
    }
}

impl<'a> Subject<'a> {
    fn take(&mut self, seg: Seg<'a>) {
        match seg.name() {
            "TRN" => self.traces.push(seg.at(2)),
            "NM1" if matches!(seg.at(1), "IL" | "03") => self.who = Party::named(seg),
            "NM1" => {
                if let Some(benefit) = self.benefits.last_mut() {
                    benefit.related.push(Party::named(seg));
                }
            }
            "N3" | "N4" | "DMG" if self.benefits.is_empty() => self.who.more(seg),
            "N3" | "N4" => {
                if let Some(party) = self.benefits.last_mut().and_then(|benefit| benefit.related.last_mut()) {
                    party.more(seg);
                }
            }
            "INS" => self.relationship = seg.at(2),
            "EQ" => self.inquiries.push(Inquiry::read(seg)),
            "EB" => self.benefits.push(Benefit::read(seg)),
            "DTP" => {
                let date = (seg.at(1), DateRange::read(seg));
                match (self.benefits.last_mut(), self.inquiries.last_mut()) {
                    (Some(benefit), _) => benefit.dates.push(date),
                    (None, Some(inquiry)) => inquiry.dates.push(date),
                    (None, None) => self.dates.push(date),
                }
            }
            _ => {}
        }
    }
}

impl<'a> Inquiry<'a> {
    fn read(seg: Seg<'a>) -> Self {
        let mut parts = components(seg.at(2));
        let procedure = parts.next().zip(parts.next()).filter(|(_, code)| !code.is_empty());
        Self { services: services(seg.at(1)), procedure, dates: Vec::new() }
    }
}

impl<'a> Benefit<'a> {
    fn read(seg: Seg<'a>) -> Self {
        Self {
            what: seg.at(1),
            level: seg.at(2),
            services: services(seg.at(3)),
            insurance: seg.at(4),
            plan: seg.at(5),
            period: seg.at(6),
            amount: seg.at(7),
            percent: seg.at(8),
            quantity: (seg.at(9), seg.at(10)),
            needs_authorization: seg.at(11),
            in_network: seg.at(12),
            ..Self::default()
        }
    }
}

fn services(element: &str) -> Vec<&str> {
    repetitions(element).filter(|code| !code.is_empty()).collect()
}

/// Totals over several parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) inquiries: u64,
    pub(crate) benefits: u64,
    pub(crate) refusals: u64,
    pub(crate) people: u64,
}

impl Tally {
    /// Counts a part.
    pub(crate) fn add(&mut self, part: &Eligibility<'_>) {
        for subject in part.subjects.iter().filter(|subject| subject.is_meant()) {
            self.people += 1;
            self.inquiries += subject.inquiries.len() as u64;
            self.benefits += subject.benefits.len() as u64;
            self.refusals += subject.refusals.len() as u64;
        }
        // The levels above people are repeated in each of their parts.
        if part.subjects.is_empty() {
            self.refusals += part.refusals.len() as u64;
        }
    }

    /// The totals in words; absent if all are zero.
    pub(crate) fn words(&self) -> Option<String> {
        let of = |count: u64, one: &str, several: &str| format!("{count} {}", if count == 1 { one } else { several });
        let found: Vec<String> = [
            (self.inquiries, "question", "questions"),
            (self.benefits, "benefit", "benefits"),
            (self.refusals, "refusal", "refusals"),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, several)| of(count, one, several))
        .collect();
        let about = of(self.people, "person", "people");
        (!found.is_empty()).then(|| format!("{} about {about}; nothing of it is kept", found.join(", ")))
    }
}
