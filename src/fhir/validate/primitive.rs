//! The forms of primitive values (FHIR R4, datatypes).

use crate::fhir::dates;
use crate::fhir::json::Node;
use crate::fhir::reference::is_id;

/// Characters of a string (FHIR R4, datatypes: string).
const MAX_STRING: usize = 1 << 20;

/// True for the name of a primitive type.
pub(super) fn is_primitive(kind: &str) -> bool {
    kind.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The mistake in a value of a type; nothing if it is valid.
pub(super) fn check(kind: &str, value: &Node<'_>) -> Option<&'static str> {
    match (kind, value) {
        ("boolean", Node::Bool(_)) => None,
        ("boolean", _) => Some("true or false without quotes is expected"),
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", Node::Number(text)) => number(kind, text),
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", _) => Some("a number without quotes is expected"),
        (_, Node::String(text)) => self::text(kind, text),
        _ => Some("a text in quotes is expected"),
    }
}

fn number(kind: &str, text: &str) -> Option<&'static str> {
    if kind == "decimal" {
        return None;
    }
    match (kind, text.parse::<i32>()) {
        (_, Err(_)) => Some("a whole number of 32 bits is expected"),
        ("positiveInt", Ok(..1)) => Some("a whole number above zero is expected"),
        ("unsignedInt", Ok(..0)) => Some("a whole number, zero or above, is expected"),
        _ => None,
    }
}

fn text(kind: &str, text: &str) -> Option<&'static str> {
    let spaced = text.bytes().any(|byte| byte.is_ascii_whitespace());
    match kind {
        "id" if !is_id(text) => Some("1 to 64 letters, digits, '-' and '.' are expected"),
        "code" if text.trim() != text || text.contains("  ") || text.contains(['\n', '\t', '\r']) => {
            Some("a code has no white space around it and single spaces inside")
        }
        "uri" | "url" | "canonical" | "oid" | "uuid" if spaced => Some("an address has no white space"),
        "oid" if !text.starts_with("urn:oid:") => Some("'urn:oid:' and a dotted number are expected"),
        "uuid" if !text.starts_with("urn:uuid:") => Some("'urn:uuid:' and a UUID are expected"),
        "date" if text.contains('T') || !has_year(text) || dates::parse(text).is_none() => {
            Some("a date such as 2026, 2026-01 or 2026-01-31 is expected")
        }
        "dateTime" if !is_date_time(text) => {
            Some("a date, or a time with its zone, such as 2026-01-31T09:00:00Z, is expected")
        }
        "instant" if !text.contains('T') || !is_date_time(text) => Some("a time with seconds and zone is expected"),
        "time" if !is_time(text) => Some("a time of day such as 09:00:00 is expected"),
        "base64Binary" if !is_base64(text) => Some("base64 is expected"),
        "xhtml" if !text.trim_start().starts_with("<div") => Some("a <div> in XHTML is expected"),
        _ if text.trim().is_empty() => Some("the text is empty"),
        _ if text.len() > MAX_STRING && kind != "base64Binary" => Some("the text is longer than one megabyte"),
        _ => None,
    }
}

fn is_date_time(text: &str) -> bool {
    has_year(text) && text.split_once('T').is_none_or(|(_, time)| is_zoned_time(time)) && dates::parse(text).is_some()
}

/// The years of R4 begin with 0001.
fn has_year(text: &str) -> bool {
    !text.starts_with("0000")
}

/// A time of day with seconds, and its zone. A search may leave out the seconds, a resource may not.
fn is_zoned_time(text: &str) -> bool {
    let (clock, zone) = match text.find(['Z', '+', '-']).and_then(|at| text.split_at_checked(at)) {
        Some((clock, "Z")) => (clock, "00:00"),
        Some((clock, zone)) => (clock, zone.get(1..).unwrap_or_default()),
        None => return false,
    };
    let is_zone = zone.split_once(':').is_some_and(|(hours, minutes)| {
        let number = |part: &str, max: u8| {
            part.len() == 2
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && part.parse().is_ok_and(|n: u8| n <= max)
        };
        zone == "14:00" || (number(hours, 13) && number(minutes, 59))
    });
    is_zone && is_time(clock)
}

fn is_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let limits = [24_u32, 60, 61];
    let parts: Vec<&str> = whole.split(':').collect();
    parts.len() == 3
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && parts.iter().zip(limits).all(|(part, limit)| part.len() == 2 && part.parse::<u32>().is_ok_and(|n| n < limit))
}

fn is_base64(text: &str) -> bool {
    let bare: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let padding = bare.iter().rev().take_while(|byte| **byte == b'=').count();
    bare.len().is_multiple_of(4)
        && padding <= 2
        && bare
            .iter()
            .take(bare.len() - padding)
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    #[test]
    fn forms_are_those_of_the_standard() {
        for (kind, good, bad) in [
            ("boolean", "true", "\"true\""),
            ("integer", "-5", "5.0"),
            ("positiveInt", "1", "0"),
            ("unsignedInt", "0", "-1"),
            ("decimal", "1.00", "\"1\""),
            ("id", "\"a-1.B\"", "\"a b\""),
            ("code", "\"a b\"", "\" a\""),
            ("uri", "\"urn:x\"", "\"a b\""),
            ("oid", "\"urn:oid:1.2\"", "\"1.2\""),
            ("date", "\"2026-02\"", "\"2026-02-01T00:00:00Z\""),
            ("dateTime", "\"2026-02-01T09:00:00-05:00\"", "\"2026-02-01T09:00:00\""),
            ("dateTime", "\"2026\"", "\"2026-13\""),
            ("instant", "\"2026-02-01T09:00:00.123Z\"", "\"2026-02-01\""),
            ("instant", "\"2015-02-07T13:28:17+14:00\"", "\"2015-02-07T13:28+02:00\""),
            ("instant", "\"2015-02-07T13:28:17.5-13:59\"", "\"2015-02-07T13:28:17+14:01\""),
            ("dateTime", "\"2015-02-07T13:28:17Z\"", "\"2015-02-07T13:28Z\""),
            ("dateTime", "\"0001\"", "\"0000\""),
            ("dateTime", "\"2015-02-07T23:59:60Z\"", "\"2015-02-07T13:28:17+02\""),
            ("date", "\"0001-01\"", "\"0000-01\""),
            ("time", "\"09:00:00\"", "\"25:00:00\""),
            ("base64Binary", "\"aGk=\"", "\"a$\""),
            ("xhtml", "\"<div>x</div>\"", "\"x\""),
            ("string", "\"x\"", "\"  \""),
            ("markdown", "\"# x\"", "5"),
        ] {
            assert_eq!(check(kind, &parse(good.as_bytes()).unwrap()), None, "{kind} {good}");
            assert!(check(kind, &parse(bad.as_bytes()).unwrap()).is_some(), "{kind} {bad}");
        }
    }
}
