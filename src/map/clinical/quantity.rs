//! Numbers with units.

use super::code::known;
use super::made::ResourceBuilder;
use crate::fhir::json::{Node, node};
use crate::fhir::ucum;
use crate::formats::cells::text::line;

const UCUM: &str = "http://unitsofmeasure.org";
/// No measurement has more digits.
const DIGITS_MAX: usize = 40;
/// Digits that FHIR promises to keep.
const KEPT_MAX: usize = 18;

/// Units as people write them, in lower case, whose UCUM unit is beyond doubt.
const MEANT: [(&str, &str); 38] = [
    ("mmhg", "mm[Hg]"),
    ("mm hg", "mm[Hg]"),
    ("mm/hg", "mm[Hg]"),
    ("mm(hg)", "mm[Hg]"),
    ("beats/min", "/min"),
    ("bpm", "/min"),
    ("breaths/min", "/min"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("in", "[in_i]"),
    ("inches", "[in_i]"),
    ("kg/m^2", "kg/m2"),
    ("kg/m²", "kg/m2"),
    ("percent", "%"),
    ("degc", "Cel"),
    ("deg c", "Cel"),
    ("mg/dl", "mg/dL"),
    ("gm/dl", "g/dL"),
    ("g/dl", "g/dL"),
    ("mcg/dl", "ug/dL"),
    ("mcg/ml", "ug/mL"),
    ("mcg/l", "ug/L"),
    ("mcg", "ug"),
    ("meq/l", "meq/L"),
    ("iu/l", "[IU]/L"),
    ("iu/ml", "[IU]/mL"),
    ("miu/l", "m[IU]/L"),
    ("miu/ml", "m[IU]/mL"),
    ("uiu/ml", "u[IU]/mL"),
    ("mcu/ml", "u[IU]/mL"),
    ("sec", "s"),
    ("seconds", "s"),
    ("mm/hr", "mm/h"),
    ("ml/min/1.73", "mL/min/{1.73_m2}"),
    ("ml/min/1.73m2", "mL/min/{1.73_m2}"),
    ("ml/min/1.73 m2", "mL/min/{1.73_m2}"),
    ("cells/ul", "{cells}/uL"),
    ("cells/mcl", "{cells}/uL"),
];
/// Ways to write "per cubic millimetre".
const CUBIC: [&str; 7] = ["ul", "mcl", "µl", "μl", "mm3", "cumm", "cmm"];
const THOUSANDS: [&str; 8] = ["k", "th", "thou", "thous", "thousand", "thousands", "1000", "10*3"];
const MILLIONS: [&str; 6] = ["m", "mil", "mill", "million", "millions", "10*6"];

/// The UCUM code of a unit, if its text is unambiguous.
fn ucum_of(unit: &str) -> Option<String> {
    let lower = unit.to_lowercase();
    if let Some(code) = count(&lower) {
        return Some(code);
    }
    let code = known(&MEANT, &lower).unwrap_or(unit);
    // No measurement of a person is in kelvin, and no laboratory counts in farads: such letters abbreviate words.
    let is_letter = |part: &str| matches!(part, "K" | "kK" | "mK" | "MK");
    (!code.split(['/', '.']).any(is_letter) && ucum::parse(code).is_some()).then(|| code.to_owned())
}

/// Cell counts per volume, where every laboratory writes the power of ten in its own way.
fn count(lower: &str) -> Option<String> {
    let (many, volume) = lower.rsplit_once('/')?;
    let many: String = many.chars().filter(|c| !matches!(c, ' ' | ')')).collect();
    let many = many.trim_start_matches(['x', '×']);
    let many = ["10e", "10^", "10x", "10*", "10("]
        .iter()
        .find_map(|start| many.strip_prefix(start))
        .map_or_else(|| many.to_owned(), |power| format!("10*{power}"));
    match volume.trim() {
        volume if CUBIC.contains(&volume) && THOUSANDS.contains(&many.as_str()) => Some("10*3/uL".to_owned()),
        volume if CUBIC.contains(&volume) && MILLIONS.contains(&many.as_str()) => Some("10*6/uL".to_owned()),
        "l" if matches!(many.as_str(), "10*9" | "10*12") => Some(format!("{many}/L")),
        _ => None,
    }
}

/// A number as FHIR writes it, with the digits that it was written with: "7.20" was measured to a hundredth. Absent if the
/// text is not one.
pub(crate) fn number(text: &str) -> Option<Node<'static>> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if !plain || text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let as_written = Node::number(text).filter(|_| text.len() <= KEPT_MAX);
    // JSON has no leading zeros and no bare points.
    as_written.or_else(|| text.parse::<f64>().ok().map(Node::from))
}

/// A `Quantity`. It names UCUM as the unit's system only if the unit is UCUM's.
pub(crate) fn quantity(value: &str, unit: &str, comparator: &str) -> Option<Node<'static>> {
    let mut out = ResourceBuilder::part();
    let value = number(value)?;
    let unit = line(unit);
    let code = ucum_of(&unit);
    if code.is_none() && (unit == "1" || unit.is_empty()) {
        return Some(node!({ "value": value }));
    }
    out.set("value", value);
    out.set("comparator", Some(comparator).filter(|text| matches!(*text, "<" | "<=" | ">" | ">=")));
    out.set("unit", unit);
    if let Some(code) = code {
        out.set("system", UCUM).set("code", code);
    }
    Some(out.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ucum_is_called_so() {
        let text = |value: &str| quantity(value, "%", "").unwrap().to_string();
        for (as_written, kept) in
            [("40.10", "40.10"), ("-0.50", "-0.50"), ("+7.0", "7.0"), ("007.20", "7.2"), ("5", "5"), (".50", "0.5")]
        {
            assert!(text(as_written).contains(&format!("\"value\":{kept},")), "{as_written} {}", text(as_written));
        }
        assert_eq!(
            quantity("40.1", "%", "").unwrap(),
            node!({"value": Node::number("40.1"), "unit": "%", "system": UCUM, "code": "%"})
        );
        assert_eq!(quantity("120", "mmHg", "").unwrap().text_of("code"), Some("mm[Hg]"));
        assert_eq!(quantity("5", "tera.l-1", "<").unwrap(), node!({"value": 5, "comparator": "<", "unit": "tera.l-1"}));
        assert_eq!(quantity("5", "", "").unwrap(), node!({"value": 5}));
        for (unit, code) in [
            ("K/uL", "10*3/uL"),
            ("k/mcL", "10*3/uL"),
            ("x10E3/uL", "10*3/uL"),
            ("10^3/uL", "10*3/uL"),
            ("10*3/uL", "10*3/uL"),
            ("x10(3)/mcL", "10*3/uL"),
            ("X 10 3/UL", ""),
            ("Thous/mcL", "10*3/uL"),
            ("K/cumm", "10*3/uL"),
            ("M/uL", "10*6/uL"),
            ("Mill/mm3", "10*6/uL"),
            ("10E12/L", "10*12/L"),
            ("x10E9/L", "10*9/L"),
            ("K", ""),
            ("K/mL", ""),
            ("F", ""),
            ("MG/DL", "mg/dL"),
            ("IU/mL", "[IU]/mL"),
            ("mEq/L", "meq/L"),
            ("gm/dL", "g/dL"),
            ("fL", "fL"),
            ("index", ""),
        ] {
            let found = quantity("7", unit, "").unwrap();
            assert_eq!(found.text_of("code").unwrap_or_default(), code, "{unit}");
            assert_eq!((found.text_of("unit"), found.get("system").is_some()), (Some(unit), !code.is_empty()));
        }
        for text in ["", "high", "1e5", "1-2", ".", "--1"] {
            assert!(quantity(text, "mg", "").is_none(), "{text}");
        }
    }
}
