//! Security labels for the most protected data: 42 CFR Part 2 (treatment of substance use disorders) and HIV. The
//! plan's systems seldom set them, and unlabeled data is shared with every connected app. Pure.
//!
//! A resource that names a listed code gets the label; existing labels stay. Absent on purpose: categories without an
//! agreed list of codes (mental health, reproductive health, violence, genetics); for them the plan's own labels count.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use super::json::Node;

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const SUBSTANCE_USE: &str = "ETH";
const HIV: &str = "HIV";

/// End of the system's address, prefix of the code, label. Diagnoses are listed without nicotine (F17).
const CODES: [(&str, &str, &str); 42] = [
    ("icd-10-cm", "F10", SUBSTANCE_USE),
    ("icd-10-cm", "F11", SUBSTANCE_USE),
    ("icd-10-cm", "F12", SUBSTANCE_USE),
    ("icd-10-cm", "F13", SUBSTANCE_USE),
    ("icd-10-cm", "F14", SUBSTANCE_USE),
    ("icd-10-cm", "F15", SUBSTANCE_USE),
    ("icd-10-cm", "F16", SUBSTANCE_USE),
    ("icd-10-cm", "F18", SUBSTANCE_USE),
    ("icd-10-cm", "F19", SUBSTANCE_USE),
    ("icd-10-cm", "O99.31", SUBSTANCE_USE),
    ("icd-10-cm", "O99.32", SUBSTANCE_USE),
    ("icd-10-cm", "Z71.41", SUBSTANCE_USE),
    ("icd-10-cm", "Z71.51", SUBSTANCE_USE),
    ("icd-10-cm", "B20", HIV),
    ("icd-10-cm", "Z21", HIV),
    ("icd-10-cm", "R75", HIV),
    ("icd-10-cm", "O98.7", HIV),
    ("HCPCSReleaseCodeSets", "H0001", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0003", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0005", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0006", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0007", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0008", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0009", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H001", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0020", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0021", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0022", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0047", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0049", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "H0050", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "G206", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "G207", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "G2086", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "G2087", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "J0570", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "J0571", SUBSTANCE_USE),
    ("HCPCSReleaseCodeSets", "J2315", SUBSTANCE_USE),
    ("MS-DRG-Classifications-and-Software", "894", SUBSTANCE_USE),
    ("MS-DRG-Classifications-and-Software", "895", SUBSTANCE_USE),
    ("MS-DRG-Classifications-and-Software", "896", SUBSTANCE_USE),
    ("MS-DRG-Classifications-and-Software", "897", SUBSTANCE_USE),
];

/// A hash of the list.
#[must_use]
pub fn hash() -> u64 {
    let lines: Vec<String> = CODES.iter().map(|(system, code, label)| format!("{system} {code} {label}")).collect();
    xxh3_64(lines.join("\n").as_bytes())
}

/// Adds the labels that the resource's codes require.
pub fn set(node: &mut Node<'_>) {
    let mut wanted = Vec::new();
    find(node, &mut wanted);
    for label in wanted {
        if !has(node, label) {
            add(node, label);
        }
    }
}

fn find(node: &Node<'_>, wanted: &mut Vec<&'static str>) {
    match node {
        Node::Array(items) => items.iter().for_each(|item| find(item, wanted)),
        Node::Object(members) => {
            // Most codes end here: this runs for every code of every resource of a load.
            let code = node.text_of("code").filter(|code| code.len() >= 3 && code.starts_with(may_be_listed));
            if let (Some(code), Some(system)) = (code, node.text_of("system")) {
                let listed = CODES.iter().filter(|(end, start, _)| code.starts_with(start) && system.ends_with(end));
                for (_, _, label) in listed {
                    if !wanted.contains(label) {
                        wanted.push(label);
                    }
                }
            }
            for (_, value) in members {
                find(value, wanted);
            }
        }
        _ => {}
    }
}

/// Whether a listed code begins with this letter.
fn may_be_listed(first: char) -> bool {
    matches!(first, 'B' | 'F' | 'G' | 'H' | 'J' | 'O' | 'R' | 'Z' | '8')
}

fn has(node: &Node<'_>, label: &str) -> bool {
    let labels = node.get("meta").and_then(|meta| meta.get("security")).map(Node::items).unwrap_or_default();
    labels.iter().any(|known| known.text_of("code") == Some(label))
}

fn add(node: &mut Node<'_>, label: &'static str) {
    let text = |text: &'static str| Node::String(Cow::Borrowed(text));
    let coding = Node::Object(vec![(Cow::Borrowed("system"), text(ACT_CODE)), (Cow::Borrowed("code"), text(label))]);
    let Some(meta) = member(node, "meta", || Node::Object(Vec::new())) else { return };
    if let Some(Node::Array(labels)) = member(meta, "security", || Node::Array(Vec::new())) {
        labels.push(coding);
    }
}

/// The member with that name, added if it is missing.
fn member<'n, 'a>(node: &'n mut Node<'a>, name: &'static str, fresh: fn() -> Node<'a>) -> Option<&'n mut Node<'a>> {
    let Node::Object(members) = node else { return None };
    let at = members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
        members.push((Cow::Borrowed(name), fresh()));
        members.len() - 1
    });
    members.get_mut(at).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json;

    fn labelled(text: &str) -> String {
        let mut node = json::parse(text.as_bytes()).unwrap();
        set(&mut node);
        node.to_string()
    }

    #[test]
    fn listed_codes_are_labelled_once() {
        let claim = r#"{"resourceType":"ExplanationOfBenefit","diagnosis":[{"diagnosisCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]}}],"item":[{"productOrService":{"coding":[{"system":"https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets","code":"H0005"}]}}]}"#;
        let once = labelled(claim);
        assert_eq!(
            once.matches(r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}"#).count(),
            1
        );
        assert_eq!(labelled(&once), once);
    }

    #[test]
    fn the_first_letters_cover_the_list() {
        assert!(CODES.iter().all(|(_, code, _)| code.len() >= 3 && code.starts_with(may_be_listed)));
    }

    #[test]
    fn other_codes_are_not() {
        for text in [
            r#"{"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F17.210"}]}}"#,
            r#"{"code":{"coding":[{"system":"http://example.org/rooms","code":"F10"}]}}"#,
            r#"{"meta":{"security":[{"code":"HIV"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"B20"}]}}"#,
        ] {
            assert_eq!(labelled(text), text);
        }
    }
}
