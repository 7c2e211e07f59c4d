//! Segments to parts: one claim, payment, member or review each, with the enclosing levels of the file.

use super::asked::{Asked, Cut};
use super::claim::Claim;
use super::cut::RawSegment;
use super::segment::{Plain, Seg, segments};
use crate::formats::records::{Part, Replaces, Set};

/// The longest part. A claim with 999 lines has some hundred thousand bytes.
const PART_MAX: usize = 2 << 20;

/// The member's number in a part; empty if the part has none.
pub(crate) fn member(part: &str) -> &str {
    let mut found = "";
    for seg in segments(part).filter(|seg| seg.name() == "NM1" && matches!(seg.at(1), "IL" | "QC")) {
        if found.is_empty() || seg.at(1) == "IL" {
            found = seg.at(9);
        }
    }
    found
}

/// The claim control number that a part is about, as it is written, with the number that replaces it where the part's
/// own claim replaces it.
pub(crate) fn claim_numbers(set: Set, part: &str) -> Option<(String, Option<Replaces>)> {
    let find = |name: &str, first: Option<&str>| {
        segments(part).find(|seg| seg.name() == name && first.is_none_or(|first| seg.at(1) == first))
    };
    match set {
        Set::Payments => find("CLP", None).map(|clp| (clp.at(7).to_owned(), None)),
        Set::Claims => {
            let (clm, original) = (find("CLM", None)?, find("REF", Some("F8"))?);
            if !matches!(clm.part(5, 3), "7" | "8") {
                return None;
            }
            let replaces = Replaces { by: clm.at(1).to_owned(), identity: Claim::read(part)?.identity() };
            Some((original.at(2).to_owned(), Some(replaces)))
        }
        _ => None,
    }
}

/// A fault of a file, with the number of the segment where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeIssue {
    /// Bytes that are not segments.
    NotX12(u64),
    /// A transaction set that is not loaded; its number.
    OtherSet(u64, String),
    /// A count or control number of the envelope disagrees with the contents.
    Totals(u64, &'static str),
    /// The file ends inside a transaction set; the unfinished part is left out.
    Cut(u64),
    /// A claim, payment, member or review without an identifier.
    Nameless(u64, &'static str),
    /// A part that is too long.
    TooLong(u64),
}

/// Follows the envelope and cuts parts.
#[derive(Default)]
pub(crate) struct Splitter {
    interchange: String,
    group_time: String,
    group_number: String,
    set: Option<Open>,
    last: u64,
    plain: Option<Plain>,
    /// The current segment; reused to avoid an allocation per segment.
    text: String,
}

/// An open transaction set.
struct Open {
    /// Absent for sets that are not loaded.
    set: Option<Set>,
    /// For a 270 or 271: it is read, and nothing of it is loaded.
    asked: Option<Asked>,
    number: String,
    count: u64,
    index: usize,
    /// The segments that every part of the set needs.
    header: String,
    /// Levels of an 837: billing provider, subscriber, patient.
    levels: Vec<String>,
    /// The number on the card of the last subscriber of an 834.
    subscriber: String,
    part: Option<(u64, String)>,
    too_long: bool,
}

/// Receives the results of the splitter.
pub(crate) trait PartTaker {
    fn part(&mut self, part: Part);
    /// A part of a 270 or 271, and the number of its first segment.
    fn asked(&mut self, segment: u64, part: &str);
    fn trouble(&mut self, trouble: EnvelopeIssue);
}

impl Splitter {
    /// Takes the next segment.
    pub(crate) fn take(&mut self, segment: RawSegment<'_>, out: &mut dyn PartTaker) {
        if segment.number == 0 {
            if segment.gap.iter().any(u8::is_ascii_alphanumeric) {
                out.trouble(EnvelopeIssue::NotX12(self.last));
            }
            return;
        }
        self.last = segment.number;
        if self.plain.as_ref().is_none_or(|plain| !plain.is_for(segment.separators)) {
            self.plain = Some(Plain::new(segment.separators));
        }
        let mut text = std::mem::take(&mut self.text);
        if let Some(plain) = &mut self.plain {
            plain.put(segment.text, &mut text);
        }
        self.segment(&text, out);
        self.text = text;
    }

    fn segment(&mut self, text: &str, out: &mut dyn PartTaker) {
        let Some(seg) = segments(text).next() else { return };
        if let Some(open) = &mut self.set {
            open.count += 1;
        }
        match seg.name() {
            "ISA" => {
                self.end(false, out);
                seg.at(13).clone_into(&mut self.interchange);
            }
            "GS" => {
                self.end(false, out);
                let day = seg.at(4);
                let century = if day.len() == 6 { "20" } else { "" };
                self.group_time = format!("{century}{day}{}", seg.at(5));
                seg.at(6).clone_into(&mut self.group_number);
            }
            "ST" => {
                self.end(false, out);
                self.begin(seg, out);
            }
            "SE" => self.close(seg, out),
            "GE" | "IEA" => self.end(false, out),
            _ => self.inside(seg, text, out),
        }
    }

    /// Ends the file.
    pub(crate) fn finish(&mut self, out: &mut dyn PartTaker) {
        self.end(true, out);
    }

    fn begin(&mut self, seg: Seg<'_>, out: &mut dyn PartTaker) {
        let set = match seg.at(1) {
            "834" => Some(Set::Enrolment),
            "837" => Some(Set::Claims),
            "835" => Some(Set::Payments),
            "278" => Some(Set::Reviews),
            "270" | "271" => None,
            other => {
                out.trouble(EnvelopeIssue::OtherSet(self.last, other.to_owned()));
                None
            }
        };
        let asked = matches!(seg.at(1), "270" | "271").then(Asked::default);
        self.set = Some(Open {
            set,
            asked,
            number: seg.at(2).to_owned(),
            count: 1,
            index: 0,
            header: String::new(),
            levels: Vec::new(),
            subscriber: String::new(),
            part: (set == Some(Set::Reviews)).then(|| (self.last, String::new())),
            too_long: false,
        });
    }

    /// Ends a transaction set at its SE segment.
    fn close(&mut self, seg: Seg<'_>, out: &mut dyn PartTaker) {
        self.flush(out);
        let Some(open) = self.set.take() else {
            return out.trouble(EnvelopeIssue::Totals(self.last, "SE stands without its ST"));
        };
        if seg.at(1).parse() != Ok(open.count) {
            out.trouble(EnvelopeIssue::Totals(self.last, "SE01 is not the number of segments in the set"));
        }
        if seg.at(2) != open.number {
            out.trouble(EnvelopeIssue::Totals(self.last, "SE02 is not the control number of its ST"));
        }
    }

    /// Ends a transaction set because the file ends or another set begins.
    fn end(&mut self, at_end: bool, out: &mut dyn PartTaker) {
        let Some(open) = &mut self.set else { return };
        // The last part may lack segments; the complete file will bring it.
        if open.set.is_some() || open.asked.is_some() {
            if at_end {
                (open.part, open.asked) = (None, None);
                out.trouble(EnvelopeIssue::Cut(self.last));
            } else {
                out.trouble(EnvelopeIssue::Totals(self.last, "the set has no SE"));
            }
        }
        self.flush(out);
        self.set = None;
    }

    fn inside(&mut self, seg: Seg<'_>, text: &str, out: &mut dyn PartTaker) {
        let Some(open) = &mut self.set else { return };
        if let Some(asked) = &mut open.asked {
            return give(asked.take(seg, text, self.last), out);
        }
        let Some(set) = open.set else { return };
        let name = seg.name();
        let (starts, ends) = match set {
            Set::Claims => (name == "CLM", name == "HL"),
            Set::Payments => (name == "CLP", matches!(name, "LX" | "TS3" | "TS2" | "PLB")),
            Set::Enrolment => (name == "INS", false),
            Set::Reviews | Set::Rows | Set::ReviewRows => (false, false),
        };
        if starts || ends {
            self.flush(out);
        }
        let Some(open) = &mut self.set else { return };
        if starts {
            open.index += 1;
            open.part = Some((self.last, open.before(text)));
            return;
        }
        match &mut open.part {
            Some((_, part)) if part.len() + text.len() > PART_MAX => open.too_long = true,
            Some((_, part)) => {
                part.push_str(text);
                let subscriber = if set == Set::Enrolment && seg.is("REF", "0F") && part.contains("INS\u{1d}Y") {
                    of_member(part).find(|own| own.is("REF", "0F"))
                } else {
                    None
                };
                if let Some(own) = subscriber {
                    own.at(2).clone_into(&mut open.subscriber);
                }
            }
            None => open.context(set, seg, text),
        }
    }

    fn flush(&mut self, out: &mut dyn PartTaker) {
        let Some(open) = &mut self.set else { return };
        if let Some(asked) = &mut open.asked {
            return give(asked.end(self.last), out);
        }
        let (Some(set), Some((segment, text))) = (open.set, open.part.take()) else { return };
        if std::mem::take(&mut open.too_long) {
            return out.trouble(EnvelopeIssue::TooLong(segment));
        }
        let Some(group) = group(set, &text) else {
            let what = match set {
                Set::Claims => "the claim has no control number (CLM01)",
                Set::Payments => "the payment names no claim (CLP01)",
                Set::Enrolment => "the member has no number (REF*0F, or NM109)",
                Set::Reviews | Set::Rows | Set::ReviewRows => {
                    "the review has no trace or control number (TRN02, BHT03)"
                }
            };
            return out.trouble(EnvelopeIssue::Nameless(segment, what));
        };
        let order = [
            self.group_time.as_str(),
            &self.interchange,
            &self.group_number,
            &open.number,
            &format!("{:08}", open.index),
        ]
        .join("\u{1f}");
        out.part(Part { set, group, order, segment, text });
    }
}

/// Hands on a part of a 270 or 271.
fn give(cut: Option<Cut>, out: &mut dyn PartTaker) {
    match cut {
        Some(Ok((segment, part))) => out.asked(segment, &part),
        Some(Err(segment)) => out.trouble(EnvelopeIssue::TooLong(segment)),
        None => {}
    }
}

impl Open {
    /// The beginning of a part: the header segments of the set that it needs, and its own first segment.
    fn before(&self, first: &str) -> String {
        let mut text = self.header.clone();
        if self.set == Some(Set::Enrolment) && !self.subscriber.is_empty() {
            text.push_str(&["SUB\u{1d}", &self.subscriber, "\u{1e}"].concat());
        }
        text.extend(self.levels.iter().map(String::as_str));
        text.push_str(first);
        text
    }

    /// Takes a segment that stands before the first part.
    fn context(&mut self, set: Set, seg: Seg<'_>, text: &str) {
        match (set, seg.name()) {
            (Set::Claims, "HL") => {
                let level = match seg.at(3) {
                    "20" => 0,
                    "22" => 1,
                    _ => 2,
                };
                self.levels.truncate(level);
                self.levels.resize(level, String::new());
                self.levels.push(text.to_owned());
            }
            // Names of the submitter and the receiver are not part of the claim.
            (Set::Claims, name) => match self.levels.last_mut() {
                Some(level) if level.len() < PART_MAX => level.push_str(text),
                None if name == "BHT" => self.header.push_str(text),
                _ => {}
            },
            (Set::Payments, "LX" | "TS3" | "TS2" | "PLB") => {}
            _ if self.header.len() < PART_MAX => self.header.push_str(text),
            _ => {}
        }
    }
}

/// Segments of an 834 part that are about the member herself: loops about coverage and reporting categories come after
/// them.
fn of_member(part: &str) -> impl Iterator<Item = Seg<'_>> {
    let is_hers = |seg: &Seg<'_>| !matches!(seg.name(), "HD" | "LS" | "LX" | "COB" | "N1");
    segments(part).skip_while(|seg| seg.name() != "INS").take_while(is_hers)
}

fn group(set: Set, part: &str) -> Option<String> {
    let first = |name: &str, place: usize| {
        segments(part)
            .find(|seg| seg.name() == name)
            .map(|seg| seg.at(place).to_owned())
            .filter(|text| !text.is_empty())
    };
    match set {
        Set::Claims => first("CLM", 1),
        Set::Payments => first("CLP", 1),
        Set::Enrolment => {
            let number = of_member(part).find(|seg| seg.is("REF", "0F")).map(|seg| seg.at(2).to_owned());
            let named = || segments(part).find(|seg| seg.name() == "NM1").map(|seg| seg.at(9).to_owned());
            number.or_else(named).filter(|text| !text.is_empty())
        }
        Set::Reviews | Set::Rows | Set::ReviewRows => first("TRN", 2).or_else(|| first("BHT", 3)),
    }
}
