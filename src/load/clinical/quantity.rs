//! Numbers with units.

use serde_json::{Number, Value, json};

use super::code::known;
use super::line;
use super::made::Made;
use crate::fhir::ucum;

const UCUM: &str = "http://unitsofmeasure.org";
/// More digits than any measurement has.
const DIGITS_MAX: usize = 40;

/// Units as people write them, whose unit in UCUM is beyond doubt.
const MEANT: [(&str, &str); 14] = [
    ("mmHg", "mm[Hg]"),
    ("mm Hg", "mm[Hg]"),
    ("mm(hg)", "mm[Hg]"),
    ("beats/min", "/min"),
    ("bpm", "/min"),
    ("breaths/min", "/min"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("inches", "[in_i]"),
    ("kg/m^2", "kg/m2"),
    ("kg/m²", "kg/m2"),
    ("mg/dl", "mg/dL"),
    ("g/dl", "g/dL"),
    ("percent", "%"),
];

/// A number as FHIR writes it; absent if the text is none.
pub(in crate::load) fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if !plain || text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

/// A `Quantity`. A unit is said to be of UCUM only if it is.
pub(in crate::load) fn quantity(value: &str, unit: &str, comparator: &str) -> Option<Value> {
    let mut out = Made::part();
    out.set("value", Value::Number(number(value)?));
    out.set("comparator", Some(comparator).filter(|text| matches!(*text, "<" | "<=" | ">" | ">=")));
    let unit = line(unit);
    let code = known(&MEANT, &unit).unwrap_or(&unit);
    out.set("unit", unit.as_str());
    if ucum::parse(code).is_some() {
        out.set("system", UCUM).set("code", code);
        if unit.is_empty() {
            out.set("unit", code);
        }
    } else if unit == "1" || unit.is_empty() {
        return Some(json!({"value": number(value)?}));
    }
    Some(out.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ucum_is_called_so() {
        assert_eq!(
            quantity("40.10", "%", "").unwrap(),
            json!({"value": 40.1, "unit": "%", "system": UCUM, "code": "%"})
        );
        assert_eq!(quantity("120", "mmHg", "").unwrap()["code"], "mm[Hg]");
        assert_eq!(quantity("5", "tera.l-1", "<").unwrap(), json!({"value": 5, "comparator": "<", "unit": "tera.l-1"}));
        assert_eq!(quantity("5", "", "").unwrap(), json!({"value": 5}));
        for text in ["", "high", "1e5", "1-2", ".", "--1"] {
            assert!(quantity(text, "mg", "").is_none(), "{text}");
        }
    }
}
