//! An 834 part as an event about a member on a date.

use super::claim::Party;
use super::segment::{Seg, segments};

/// The maintenance that an 834 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upkeep {
    /// Addition, change, reinstatement, or audit.
    Holds,
    /// Cancellation or termination.
    Ends,
    /// Deletion of an entry made by mistake: it never existed.
    Deletes,
}

impl Upkeep {
    /// INS03 or HD01.
    fn read(code: &str) -> Self {
        match code {
            "024" => Self::Ends,
            "002" => Self::Deletes,
            _ => Self::Holds,
        }
    }
}

/// A product that covers a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product<'a> {
    pub(crate) upkeep: Upkeep,
    /// `HLT`, `DEN`, `VIS` and so on.
    pub(crate) line: &'a str,
    pub(crate) plan: &'a str,
    pub(crate) start: &'a str,
    pub(crate) end: &'a str,
}

/// One INS loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) is_subscriber: bool,
    /// INS02.
    pub(crate) relationship: &'a str,
    pub(crate) upkeep: Upkeep,
    pub(crate) number: &'a str,
    /// REF*23: a number of the member's own, or the end of one. REF*17 is a class that many members share, and no
    /// member's number.
    pub(crate) own_number: &'a str,
    /// The last subscriber before the member in the file.
    pub(crate) subscriber: &'a str,
    pub(crate) group: &'a str,
    pub(crate) sponsor: &'a str,
    pub(crate) who: Party<'a>,
    /// NM1*70: given name, birth date and number before their correction; empty where the file has none.
    pub(crate) before: Party<'a>,
    pub(crate) phones: Vec<&'a str>,
    pub(crate) emails: Vec<&'a str>,
    pub(crate) died: &'a str,
    pub(crate) start: &'a str,
    pub(crate) end: &'a str,
    pub(crate) products: Vec<Product<'a>>,
}

impl<'a> Event<'a> {
    /// Reads a part; absent if it has no INS segment.
    pub(crate) fn read(part: &'a str) -> Option<Self> {
        let ins = segments(part).find(|seg| seg.name() == "INS")?;
        let mut event = Self {
            is_subscriber: ins.at(1) == "Y",
            relationship: ins.at(2),
            upkeep: Upkeep::read(ins.at(3)),
            number: "",
            own_number: "",
            subscriber: "",
            group: "",
            sponsor: "",
            who: Party::default(),
            before: Party::default(),
            phones: Vec::new(),
            emails: Vec::new(),
            died: ins.at(12),
            start: "",
            end: "",
            products: Vec::new(),
        };
        // Loops about providers, other coverage or reporting categories do not describe the member herself.
        let (mut inside, mut aside, mut named) = (false, false, "");
        for seg in segments(part) {
            match seg.name() {
                "INS" => inside = true,
                "SUB" => event.subscriber = seg.at(1),
                "N1" if !inside && seg.at(1) == "P5" => event.sponsor = seg.at(2),
                _ if !inside => {}
                "LX" | "LS" | "COB" | "N1" => aside = true,
                "LE" => (aside, named) = (false, ""),
                "HD" => {
                    (aside, named) = (false, "");
                    event.products.push(Product {
                        upkeep: Upkeep::read(seg.at(1)),
                        line: seg.at(3),
                        plan: seg.at(4),
                        start: "",
                        end: "",
                    });
                }
                _ if aside => {}
                "NM1" => {
                    named = seg.at(1);
                    // 74 is the corrected name, 70 the incorrect one.
                    match named {
                        "IL" | "74" => event.who = Party::named(seg),
                        "70" => event.before = Party::named(seg),
                        _ => {}
                    }
                }
                _ => event.detail(seg, named),
            }
        }
        Some(event)
    }

    fn detail(&mut self, seg: Seg<'a>, named: &str) {
        let (name, first) = (seg.name(), seg.at(1));
        match (name, self.products.last_mut()) {
            ("REF", _) if !matches!(named, "" | "IL" | "74") => {}
            ("REF", None) => match first {
                "0F" => self.number = seg.at(2),
                "23" => self.own_number = seg.at(2),
                "1L" => self.group = seg.at(2),
                _ => {}
            },
            ("REF", Some(_)) if first == "1L" && self.group.is_empty() => self.group = seg.at(2),
            ("DTP", Some(product)) if first == "348" => product.start = seg.at(3),
            ("DTP", Some(product)) if first == "349" => product.end = seg.at(3),
            ("DTP", None) if matches!(first, "356" | "348" | "303") => {
                if first != "303" || self.start.is_empty() {
                    self.start = seg.at(3);
                }
            }
            ("DTP", None) if matches!(first, "357" | "349") => self.end = seg.at(3),
            ("DMG", _) if named == "70" => self.before.more(seg),
            _ if named != "IL" && named != "74" => {}
            ("PER", _) => self.contacts(seg),
            _ => self.who.more(seg),
        }
    }

    fn contacts(&mut self, seg: Seg<'a>) {
        for place in [3, 5, 7] {
            let text = seg.at(place + 1);
            match seg.at(place) {
                _ if text.is_empty() => {}
                "EM" => self.emails.push(text),
                "TE" | "HP" | "WP" | "CP" | "AP" | "BN" => self.phones.push(text),
                _ => {}
            }
        }
    }
}
