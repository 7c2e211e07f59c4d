//! Parts of a resource: `_elements` and `_summary` (FHIR R4, search, 3.1.1.5.8 and 3.1.1.5.9).
//!
//! A reduced resource carries the tag SUBSETTED, and keeps every element that is required or changes the meaning of
//! others. Only elements of the resource itself are selected; the content of an element comes or goes with it.
//! Contained resources stay, since kept elements may refer to them; only `_summary=text` leaves them out.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Kind;
use super::json::{self, Node, write_string};

/// Names in one `_elements`.
const MAX_ELEMENTS: usize = 100;
const TAG: &[u8] = br#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;

/// The requested part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subset {
    /// These elements; a type limits a name to resources of that type.
    Elements(Vec<(Option<Kind>, String)>),
    /// The narrative and the elements that are always kept.
    Text,
    /// Everything but the narrative.
    Data,
    /// The elements that the standard marks as summary.
    Summary,
}

struct Row {
    always: Vec<&'static str>,
    summary: Vec<&'static str>,
}

static TABLE: LazyLock<HashMap<Kind, Row>> = LazyLock::new(|| {
    let names = |cell: Option<&'static str>| cell.unwrap_or_default().split(',').filter(|n| !n.is_empty()).collect();
    let row = |line: &'static str| {
        let mut cells = line.split('\t');
        let kind = Kind::parse(cells.next()?)?;
        Some((kind, Row { always: names(cells.next()), summary: names(cells.next()) }))
    };
    include_str!("definitions/elements.tsv").lines().filter_map(row).collect()
});

impl Subset {
    /// Reads the value of `_elements`.
    ///
    /// # Errors
    /// The expected form, for a name that no element has.
    pub fn elements(value: &str) -> Result<Self, &'static str> {
        let mut names = Vec::new();
        for text in value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let (kind, name) = match text.split_once('.') {
                Some((kind, name)) => (Some(Kind::parse(kind).ok_or(NAMES)?), name),
                None => (None, text),
            };
            if names.len() >= MAX_ELEMENTS || name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                return Err(NAMES);
            }
            names.push((kind, name.to_owned()));
        }
        if names.is_empty() { Err(NAMES) } else { Ok(Self::Elements(names)) }
    }

    /// Reads the value of `_summary`; nothing for `false` and `count`, which leave resources whole.
    ///
    /// # Errors
    /// The expected form.
    pub fn summary(value: &str) -> Result<Option<Self>, &'static str> {
        Ok(match value {
            "true" => Some(Self::Summary),
            "text" => Some(Self::Text),
            "data" => Some(Self::Data),
            "false" | "count" => None,
            _ => return Err("'true', 'text', 'data', 'count' or 'false'"),
        })
    }

    /// The part of a stored resource; nothing if the bytes are not one.
    #[must_use]
    pub fn of(&self, body: &[u8]) -> Option<Vec<u8>> {
        let node = json::parse(body).ok()?;
        let kind = Kind::parse(node.text_of("resourceType")?)?;
        let mut out = Vec::with_capacity(body.len().min(4_096));
        for (name, value) in node.members() {
            let name = &**name;
            if name != "meta" && !self.keeps(kind, name) {
                continue;
            }
            out.push(if out.is_empty() { b'{' } else { b',' });
            write_string(name, &mut out);
            out.push(b':');
            if name == "meta" { tagged(value, &mut out) } else { value.write(&mut out) }
        }
        out.push(b'}');
        Some(out)
    }

    fn keeps(&self, kind: Kind, name: &str) -> bool {
        // The extensions of a primitive stand in a member beside it.
        let name = name.strip_prefix('_').unwrap_or(name);
        if matches!(name, "resourceType" | "id") || (name == "contained" && *self != Self::Text) {
            return true;
        }
        let row = TABLE.get(&kind);
        if row.is_some_and(|row| row.always.iter().any(|element| is(element, name))) {
            return true;
        }
        match self {
            Self::Elements(names) => {
                names.iter().any(|(only, element)| only.is_none_or(|only| only == kind) && named(element, name))
            }
            Self::Text => name == "text",
            Self::Data => name != "text",
            Self::Summary => row.is_some_and(|row| row.summary.iter().any(|element| is(element, name))),
        }
    }
}

const NAMES: &str = "a list of element names such as 'status,type'";

/// True if `name` is the member of an element in the table: in `x[x]` the name of a type replaces `[x]`.
fn is(element: &str, name: &str) -> bool {
    element.strip_suffix("[x]").map_or(element == name, |stem| named(stem, name) && stem != name)
}

/// True if `name` is the requested element, or the choice that it stands for.
fn named(element: &str, name: &str) -> bool {
    name.strip_prefix(element).is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// `meta` with the tag SUBSETTED.
fn tagged(meta: &Node<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (name, value) in meta.members().iter().filter(|(name, _)| name != "tag") {
        write_string(name, out);
        out.push(b':');
        value.write(out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"tag\":[");
    for tag in meta.get("tag").map(Node::items).unwrap_or_default() {
        tag.write(out);
        out.push(b',');
    }
    out.extend_from_slice(TAG);
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBSERVATION: &[u8] = br#"{"resourceType":"Observation","id":"o","meta":{"versionId":"1","tag":[{"code":"a"}]},"text":{"status":"empty","div":"<div/>"},"status":"final","_status":{"id":"s"},"code":{"text":"c"},"valueQuantity":{"value":1.00},"valueless":1,"note":[{"text":"n"}]}"#;

    fn members(subset: &Subset) -> String {
        let part = subset.of(OBSERVATION).unwrap();
        let node = json::parse(&part).unwrap();
        assert!(String::from_utf8(part.clone()).unwrap().contains("SUBSETTED"));
        node.members().iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keeps_what_is_asked_for_and_what_must_stay() {
        for (subset, kept) in [
            (Subset::elements("note").unwrap(), "resourceType id meta status _status code note"),
            (Subset::elements("value").unwrap(), "resourceType id meta status _status code valueQuantity"),
            (
                Subset::elements("Patient.note,Observation.text").unwrap(),
                "resourceType id meta text status _status code",
            ),
            (Subset::Text, "resourceType id meta text status _status code"),
            (Subset::Data, "resourceType id meta status _status code valueQuantity valueless note"),
            (Subset::Summary, "resourceType id meta status _status code valueQuantity"),
        ] {
            assert_eq!(members(&subset), kept, "{subset:?}");
        }
    }

    #[test]
    fn numbers_and_tags_are_kept_to_the_letter() {
        let part = String::from_utf8(Subset::Summary.of(OBSERVATION).unwrap()).unwrap();
        assert!(part.contains("\"value\":1.00") && part.contains(r#""tag":[{"code":"a"},{"system""#), "{part}");
    }

    #[test]
    fn refuses_what_is_no_name() {
        for value in ["", ",", "Cat.name", "name.given", "a b", "na\"me"] {
            assert!(Subset::elements(value).is_err(), "{value}");
        }
        assert!(Subset::summary("some").is_err());
        assert_eq!(Subset::summary("false"), Ok(None));
    }

    #[test]
    fn the_table_has_every_type() {
        for kind in Kind::all() {
            assert!(TABLE.contains_key(&kind), "{kind}");
        }
    }
}
