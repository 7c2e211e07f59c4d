//! Opening hours as people write them.

use crate::fhir::json::Node;

/// Spans of opening hours in one cell; a week has seven days, and a lunch break doubles them.
const HOURS_MAX: usize = 14;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Opening hours. Times are `HH:MM:SS`; none for all day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hours {
    days: Vec<&'static str>,
    span: Option<(String, String)>,
}

impl Hours {
    pub(super) fn of_role(&self) -> Node<'static> {
        self.value("availableStartTime", "availableEndTime")
    }

    pub(super) fn of_location(&self) -> Node<'static> {
        self.value("openingTime", "closingTime")
    }

    fn value(&self, opens: &'static str, closes: &'static str) -> Node<'static> {
        let mut out = Node::object();
        out.set("daysOfWeek", &self.days);
        match &self.span {
            Some((from, to)) => {
                out.set(opens, from.as_str());
                out.set(closes, to.as_str());
            }
            None => out.set("allDay", true),
        }
        out
    }
}

/// Reads opening hours: `Mon-Fri 8:00-17:00; Sat 9am-12pm`, `24/7`. Absent if any part cannot be read, so that no half
/// of them is published.
pub(crate) fn hours(cell: &str) -> Option<Vec<Hours>> {
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
        assert_eq!(read[0].of_role().get("daysOfWeek"), Some(&Node::from(vec!["mon", "tue", "wed", "thu", "fri"])));
        assert_eq!(read[1].of_location().text_of("closingTime"), Some("12:00:00"));
        assert_eq!(hours("Mon 9-5").unwrap()[0].of_role().text_of("availableEndTime"), Some("17:00:00"));
        assert_eq!(hours("M-F: 9am - 5pm, Saturday 10-2").unwrap().len(), 2);
        assert_eq!(hours("24/7").unwrap()[0].of_role().get("allDay"), Some(&true.into()));
        for words in ["by appointment", "Mon-Fri 8:00", "Foo 8-9", "Mon 25-26", "8-17"] {
            assert_eq!(hours(words), None, "{words}");
        }
    }
}
