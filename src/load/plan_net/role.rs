//! What a person does where, for whom, and in which network.

use serde_json::{Map, Value, json};

use super::address::Phone;
use super::build::{NUCC, Source, coded, extension, of_plan_net, put, put_all, reference, start, verified};
use super::{network_id, specialty};
use crate::load::record::{About, made_id};

/// Spans of opening hours in one cell; a week has seven days, and a lunch break doubles them.
const HOURS_MAX: usize = 14;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A person at a place. One role holds all specialties that the person has there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::load) struct Role {
    /// Ids; empty where there is none.
    pub(in crate::load) practitioner: String,
    pub(in crate::load) organization: String,
    pub(in crate::load) location: String,
    pub(in crate::load) service: String,
    pub(in crate::load) endpoint: String,
    /// Key of the network, or empty.
    pub(in crate::load) network: String,
    /// NUCC codes, the most important first.
    pub(in crate::load) specialties: Vec<String>,
    pub(in crate::load) phones: Vec<Phone>,
    pub(in crate::load) accepting: Option<Accepting>,
    pub(in crate::load) hours: Vec<Hours>,
    pub(in crate::load) hours_words: String,
    /// `YYYY-MM-DD`, or empty.
    pub(in crate::load) verified: String,
    pub(in crate::load) from: String,
    pub(in crate::load) until: String,
}

/// Whether new patients are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum Accepting {
    Yes,
    No,
    Existing,
    Families,
}

impl Accepting {
    /// Reads a cell; absent if it says nothing that we know.
    pub(in crate::load) fn read(cell: &str) -> Option<Self> {
        let plain: String = cell.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        match plain.as_str() {
            "" | "unknown" | "na" => None,
            "n" | "no" | "false" | "0" | "closed" | "nopt" => Some(Self::No),
            "y" | "yes" | "true" | "1" | "open" | "newpt" => Some(Self::Yes),
            text if text.contains("famil") || text == "existptfam" => Some(Self::Families),
            text if text.contains("existing") || text.contains("current") || text == "existptonly" => {
                Some(Self::Existing)
            }
            text if text.starts_with("not") || text.starts_with("no") => Some(Self::No),
            text if text.contains("accept") || text.contains("new") => Some(Self::Yes),
            _ => None,
        }
    }

    /// The extension; `network` is the key of the network that it is said for, or empty.
    pub(super) fn value(self, network: &str) -> Value {
        let code = match self {
            Self::Yes => "newpt",
            Self::No => "nopt",
            Self::Existing => "existptonly",
            Self::Families => "existptfam",
        };
        let mut parts =
            vec![json!({"url": "acceptingPatients", "valueCodeableConcept": of_plan_net("AcceptingPatientsCS", code)})];
        if !network.is_empty() {
            parts
                .push(json!({"url": "fromNetwork", "valueReference": reference("Organization", &network_id(network))}));
        }
        extension("newpatients", ("extension", Value::Array(parts)))
    }
}

impl Role {
    /// One person at one place for one organization in one network.
    pub(super) fn id(&self) -> String {
        let network = self.network.to_lowercase();
        made_id(&["PractitionerRole", &self.practitioner, &self.organization, &self.location, &network])
    }

    pub(in crate::load) fn resource(&self, source: Source, about: About<'_>) -> Value {
        let mut out = start("PractitionerRole", &self.id(), "PractitionerRole", source, about);
        put(&mut out, "active", true);
        put(&mut out, "practitioner", reference("Practitioner", &self.practitioner));
        if !self.organization.is_empty() {
            put(&mut out, "organization", reference("Organization", &self.organization));
        }
        for (name, kind, id) in [
            ("location", "Location", &self.location),
            ("healthcareService", "HealthcareService", &self.service),
            ("endpoint", "Endpoint", &self.endpoint),
        ] {
            if !id.is_empty() {
                put(&mut out, name, json!([reference(kind, id)]));
            }
        }
        if let Some(code) = self.specialties.iter().find_map(|code| specialty::of_role(code)) {
            put(&mut out, "code", json!([of_plan_net("ProviderRoleCS", code)]));
        }
        let codes = self.specialties.iter().filter(|code| specialty::is_personal(code));
        put_all(&mut out, "specialty", codes.map(|code| coded(NUCC, code)).collect());
        put(&mut out, "telecom", self.telecom());
        put_all(&mut out, "availableTime", self.hours.iter().map(Hours::of_role).collect());
        if !self.hours_words.is_empty() {
            put(&mut out, "availabilityExceptions", self.hours_words.as_str());
        }
        let mut period = Map::new();
        for (name, day) in [("start", &self.from), ("end", &self.until)] {
            if !day.is_empty() {
                put(&mut period, name, day.as_str());
            }
        }
        if !period.is_empty() {
            put(&mut out, "period", Value::Object(period));
        }
        let mut extensions = Vec::new();
        if !self.network.is_empty() {
            let network = reference("Organization", &network_id(&self.network));
            extensions.push(extension("network-reference", ("valueReference", network)));
        }
        extensions.extend(self.accepting.map(|accepting| accepting.value(&self.network)));
        extensions.extend(verified(&self.verified, about));
        put_all(&mut out, "extension", extensions);
        Value::Object(out)
    }

    /// The profile wants a way to reach somebody; where the source has none, that is what is said.
    fn telecom(&self) -> Value {
        if self.phones.is_empty() {
            let absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            return json!([{"system": "phone", "_value": {"extension": [{"url": absent, "valueCode": "unknown"}]}}]);
        }
        self.phones.iter().map(Phone::value).collect()
    }
}

/// When somebody is there. Times are `HH:MM:SS`; none for all day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::load) struct Hours {
    days: Vec<&'static str>,
    span: Option<(String, String)>,
}

impl Hours {
    pub(super) fn of_role(&self) -> Value {
        self.value("availableStartTime", "availableEndTime")
    }

    pub(super) fn of_location(&self) -> Value {
        self.value("openingTime", "closingTime")
    }

    fn value(&self, opens: &str, closes: &str) -> Value {
        let mut out = Map::new();
        put(&mut out, "daysOfWeek", json!(self.days));
        match &self.span {
            Some((from, to)) => {
                put(&mut out, opens, from.as_str());
                put(&mut out, closes, to.as_str());
            }
            None => put(&mut out, "allDay", true),
        }
        Value::Object(out)
    }
}

/// Reads opening hours: `Mon-Fri 8:00-17:00; Sat 9am-12pm`, `24/7`. Absent if any part cannot be read, so that nothing is
/// said by halves.
pub(in crate::load) fn hours(cell: &str) -> Option<Vec<Hours>> {
    let text = cell.to_lowercase().replace(['–', '—'], "-").replace(" to ", "-");
    if matches!(text.trim(), "24/7" | "24 hours" | "24x7") {
        return Some(vec![Hours { days: DAYS.to_vec(), span: None }]);
    }
    let parts: Vec<&str> = text.split([';', ',', '|']).map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() || parts.len() > HOURS_MAX {
        return None;
    }
    parts.into_iter().map(span).collect()
}

fn span(part: &str) -> Option<Hours> {
    let at = part.find(|c: char| c.is_ascii_digit())?;
    let (days, times) = part.split_at_checked(at)?;
    let days = days.trim().trim_end_matches(':').trim();
    let days = match days.split_once('-') {
        Some((from, to)) => {
            let (from, to) = (day(from)?, day(to)?);
            (0..7).filter(|at| if from <= to { (from..=to).contains(at) } else { *at >= from || *at <= to }).collect()
        }
        None if days == "daily" => (0..7).collect(),
        None => days.split(['/', '&', ' ']).filter(|name| !name.is_empty()).map(day).collect::<Option<Vec<_>>>()?,
    };
    let days: Vec<&'static str> = days.into_iter().filter_map(|at| DAYS.get(at).copied()).collect();
    let (from, to) = times.split_once('-')?;
    // "9-5" means the evening, and "12" noon.
    let (from, to) = (minutes(from, false)?, minutes(to, true)?);
    let to = if to <= from && to < 12 * 60 { to + 12 * 60 } else { to };
    let time = |minutes: u32| format!("{:02}:{:02}:00", minutes / 60, minutes % 60);
    (!days.is_empty() && from < to && to < 24 * 60).then(|| Hours { days, span: Some((time(from), time(to))) })
}

fn day(name: &str) -> Option<usize> {
    let name = name.trim().trim_end_matches('.');
    match name {
        "m" => Some(0),
        "t" | "tu" => Some(1),
        "w" => Some(2),
        "th" => Some(3),
        "f" => Some(4),
        "sa" => Some(5),
        "su" => Some(6),
        _ => DAYS.iter().position(|day| name.starts_with(day)),
    }
}

fn minutes(text: &str, is_end: bool) -> Option<u32> {
    let text = text.trim().replace('.', "");
    let plain = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim();
    let half = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let (hour, minute) = plain.split_once(':').unwrap_or((plain, "0"));
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    if hour > 24 || minute > 59 {
        return None;
    }
    let hour = match half {
        "am" | "a" => hour % 12,
        "pm" | "p" => hour % 12 + 12,
        "" if hour == 24 => return is_end.then_some(23 * 60 + 59),
        "" => hour,
        _ => return None,
    };
    Some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_hours_are_read_or_left_as_words() {
        let read = hours("Mon-Fri 8:00-17:00; Sat 9am-12pm").unwrap();
        assert_eq!(read[0].of_role()["daysOfWeek"], json!(["mon", "tue", "wed", "thu", "fri"]));
        assert_eq!(read[1].of_location()["closingTime"], "12:00:00");
        assert_eq!(hours("Mon 9-5").unwrap()[0].of_role()["availableEndTime"], "17:00:00");
        assert_eq!(hours("M-F: 9am - 5pm, Saturday 10-2").unwrap().len(), 2);
        assert_eq!(hours("24/7").unwrap()[0].of_role()["allDay"], true);
        for words in ["by appointment", "Mon-Fri 8:00", "Foo 8-9", "Mon 25-26", "8-17"] {
            assert_eq!(hours(words), None, "{words}");
        }
    }

    #[test]
    fn accepting_is_said_in_many_ways() {
        for (cell, want) in [
            ("Y", Some(Accepting::Yes)),
            ("accepting", Some(Accepting::Yes)),
            ("accepting in some locations", Some(Accepting::Yes)),
            ("not accepting", Some(Accepting::No)),
            ("Existing patients only", Some(Accepting::Existing)),
            ("existing patients and their families", Some(Accepting::Families)),
            ("?", None),
        ] {
            assert_eq!(Accepting::read(cell), want, "{cell}");
        }
    }
}
