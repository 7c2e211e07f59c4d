//! A 278 part as a request for prior authorization, or the response to one.

use super::claim::{DateRange, Party};
use super::segment::{Seg, components, segments};

/// A service that is requested or decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service<'a> {
    /// UM: `SC` specialty care, `HS` health services, `AR` admission.
    pub(crate) category: &'a str,
    pub(crate) kind: &'a str,
    /// UM04: place of service; empty where the element holds a type of bill.
    pub(crate) place: &'a str,
    /// UM06: `U` urgent, `03` emergency, `E` elective; empty if not stated.
    pub(crate) level: &'a str,
    /// HCR: `A1` certified, `A3` not certified, `A4` pended, `A6` modified, `CT` contact payer.
    pub(crate) action: &'a str,
    pub(crate) number: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) qualifier: &'a str,
    pub(crate) code: &'a str,
    pub(crate) modifiers: Vec<&'a str>,
    pub(crate) units: &'a str,
    pub(crate) charge: &'a str,
    pub(crate) span: Option<DateRange<'a>>,
}

/// A review.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Review<'a> {
    /// BHT02: 13 request, 11 response.
    pub(crate) is_answer: bool,
    pub(crate) trace: &'a str,
    pub(crate) created: &'a str,
    pub(crate) requester: Party<'a>,
    pub(crate) subscriber: Party<'a>,
    pub(crate) patient: Option<Party<'a>>,
    pub(crate) diagnoses: Vec<(&'a str, &'a str)>,
    /// The first is about the patient event as a whole.
    pub(crate) services: Vec<Service<'a>>,
    pub(crate) provider: Option<Party<'a>>,
}

impl<'a> Review<'a> {
    /// Reads a part; absent if it names no patient event.
    pub(crate) fn read(part: &'a str) -> Option<Self> {
        let mut review = Self::default();
        let mut level = "";
        for seg in segments(part) {
            match seg.name() {
                "BHT" => {
                    review.is_answer = seg.at(2) == "11";
                    (review.trace, review.created) = (seg.at(3), seg.at(4));
                }
                "HL" => {
                    level = seg.at(3);
                    if matches!(level, "EV" | "SS") {
                        review.services.push(Service::default());
                    }
                }
                "TRN" => review.trace = seg.at(2),
                "NM1" => review.name(seg, level),
                "N3" | "N4" | "DMG" => match level {
                    "22" => review.subscriber.more(seg),
                    "23" => {
                        if let Some(patient) = &mut review.patient {
                            patient.more(seg);
                        }
                    }
                    _ => {}
                },
                "HI" => {
                    let pair = |element: &'a str| {
                        let mut parts = components(element);
                        Some((parts.next()?, parts.next()?))
                    };
                    review.diagnoses.extend(seg.from(1).filter_map(pair));
                }
                _ => review.service(seg),
            }
        }
        (!review.services.is_empty()).then_some(review)
    }

    fn name(&mut self, seg: Seg<'a>, level: &str) {
        let party = Party::named(seg);
        match (seg.at(1), level) {
            ("1P" | "FA", "21") => self.requester = party,
            ("IL", _) => self.subscriber = party,
            ("QC", _) => self.patient = Some(party),
            (_, "EV" | "SS") if self.provider.is_none() => self.provider = Some(party),
            _ => {}
        }
    }

    fn service(&mut self, seg: Seg<'a>) {
        let Some(service) = self.services.last_mut() else { return };
        match seg.name() {
            "UM" => {
                (service.category, service.kind, service.level) = (seg.at(1), seg.at(2), seg.at(6));
                service.place = if seg.part(4, 2) == "B" { seg.part(4, 1) } else { "" };
            }
            "HCR" => (service.action, service.number, service.reason) = (seg.at(1), seg.at(2), seg.at(3)),
            "SV1" => service.procedure(seg.at(1), seg.at(2), seg.at(4)),
            "SV2" => service.procedure(seg.at(2), seg.at(3), seg.at(5)),
            // For a dental service: the sixth element is the quantity.
            "SV3" => service.procedure(seg.at(1), seg.at(2), seg.at(6)),
            "HSD" if service.units.is_empty() => service.units = seg.at(2),
            "DTP" if matches!(seg.at(1), "472" | "435" | "AAH" | "007" | "036") && service.span.is_none() => {
                service.span = Some(DateRange::read(seg));
            }
            _ => {}
        }
    }
}

impl<'a> Service<'a> {
    fn procedure(&mut self, element: &'a str, charge: &'a str, units: &'a str) {
        self.charge = charge;
        let mut parts = components(element);
        self.qualifier = parts.next().unwrap_or_default();
        self.code = parts.next().unwrap_or_default();
        // The seventh component is a description.
        self.modifiers = parts.take(4).filter(|modifier| !modifier.is_empty()).collect();
        if !units.is_empty() {
            self.units = units;
        }
    }
}
