//! Signs in a resource that would make a member or a caller stumble, though no profile forbids them. Pure.

use crate::fhir::json::Node;
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::issue::Rule;

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// Letters of a network's name.
const NAME_MAX: usize = 100;

/// The signs of one resource.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    pub(crate) rules: Vec<Rule>,
    pub(crate) facts: Vec<Fact>,
}

impl Signs {
    /// A member's birth date, as the roster has it: dates of care are compared with it.
    pub(crate) fn born(patient: &str, birth: &str) -> Self {
        let is_known = !patient.is_empty() && !birth.is_empty();
        let facts = is_known.then(|| Fact::Born(patient.to_owned(), birth.to_owned())).into_iter().collect();
        Self { rules: Vec::new(), facts }
    }

    /// Whether the resource has a date of care.
    pub(crate) fn is_of_care(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::Treated(..)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.facts.is_empty()
    }
}

/// A fact that is compared with other resources of the load.
#[derive(Debug)]
pub(crate) enum Fact {
    /// Patient, birth date.
    Born(String, String),
    /// Patient, day of care.
    Treated(String, String),
    /// Id and name.
    Network(String, String),
    /// A provider is part of a network.
    InNetwork(String),
}

/// Examines a resource.
pub(crate) fn examine(node: &Node<'_>) -> Signs {
    let mut signs = Signs::default();
    match node.text_of("resourceType").unwrap_or_default() {
        "ExplanationOfBenefit" => claim(node, &mut signs),
        "Patient" => {
            if let (Some(id), Some(birth)) = (node.text_of("id"), node.text_of("birthDate")) {
                signs.facts.push(Fact::Born(id.to_owned(), birth.to_owned()));
            }
        }
        "Practitioner" => mistyped(node, &mut signs),
        "Organization" => {
            mistyped(node, &mut signs);
            let profiles = node.get("meta").and_then(|meta| meta.get("profile")).map(Node::items).unwrap_or_default();
            if profiles.iter().filter_map(Node::text).any(|profile| profile.contains("plannet-Network"))
                && let Some(id) = node.text_of("id")
            {
                let name = node.text_of("name").unwrap_or_default().chars().filter(|c| !c.is_control());
                signs.facts.push(Fact::Network(id.to_owned(), name.take(NAME_MAX).collect()));
            }
        }
        "Location" => {
            let line = node.get("address").and_then(|address| address.get("line")).map(Node::items).unwrap_or_default();
            if line.iter().filter_map(Node::text).all(str::is_empty) {
                signs.rules.push(Rule::NoStreet);
            }
        }
        "PractitionerRole" | "OrganizationAffiliation" if !matches!(node.get("active"), Some(Node::Bool(false))) => {
            let extensions = node.get("extension").map(Node::items).unwrap_or_default().iter();
            let references = extensions.filter_map(|one| one.get("valueReference"));
            let own = node.get("network").map(Node::items).unwrap_or_default().iter();
            signs.facts.extend(
                references
                    .chain(own)
                    .filter_map(|reference| reference.text_of("reference")?.strip_prefix("Organization/"))
                    .map(|id| Fact::InNetwork(id.to_owned())),
            );
        }
        "Encounter" => {
            treated(node, "subject", node.get("period").and_then(|period| period.text_of("start")), &mut signs);
        }
        "Observation" | "DiagnosticReport" => treated(node, "subject", began(node, "effective"), &mut signs),
        "Procedure" => treated(node, "subject", began(node, "performed"), &mut signs),
        "Immunization" => treated(node, "patient", node.text_of("occurrenceDateTime"), &mut signs),
        _ => {}
    }
    signs
}

/// The day on which care was given, or began.
fn began<'n>(node: &'n Node<'_>, name: &str) -> Option<&'n str> {
    let period = || node.get(&format!("{name}Period")).and_then(|period| period.text_of("start"));
    node.text_of(&format!("{name}DateTime")).or_else(period)
}

fn claim(node: &Node<'_>, signs: &mut Signs) {
    let start = node.get("billablePeriod").and_then(|period| period.text_of("start"));
    treated(node, "patient", start, signs);
    if node.text_of("use") != Some("claim") {
        return;
    }
    let items = node.get("item").map(Node::items).unwrap_or_default();
    let rows = |node: &Node<'_>| node.get("adjudication").map_or(0, |rows| rows.items().len());
    if rows(node) == 0 && items.iter().all(|item| rows(item) == 0) {
        signs.rules.push(Rule::NoAdjudication);
    }
    let submitted = |rows: &[Node<'_>]| {
        let row = rows.iter().find(|row| {
            let codings = row.get("category").and_then(|category| category.get("coding")).map(Node::items);
            codings.unwrap_or_default().iter().any(|coding| coding.text_of("code") == Some("submitted"))
        });
        row.and_then(|row| match row.get("amount")?.get("value")? {
            Node::Number(text) => cents(text),
            _ => None,
        })
    };
    let total = submitted(node.get("total").map(Node::items).unwrap_or_default());
    let lines: Option<i64> =
        items.iter().map(|item| submitted(item.get("adjudication").map(Node::items).unwrap_or_default())).sum();
    if let (Some(total), Some(lines)) = (total, lines)
        && total != lines
        && !items.is_empty()
    {
        signs.rules.push(Rule::Unbalanced);
    }
}

/// An amount in cents, if it has no fractions of them.
fn cents(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    let digits = format!("{part:0<2}");
    let part: i64 = digits.get(..2)?.parse().ok()?;
    whole.checked_mul(100)?.checked_add(if text.starts_with('-') { -part } else { part })
}

fn mistyped(node: &Node<'_>, signs: &mut Signs) {
    let identifiers = node.get("identifier").map(Node::items).unwrap_or_default();
    let wrong = identifiers
        .iter()
        .filter(|identifier| identifier.text_of("system") == Some(NPI))
        .filter_map(|identifier| identifier.text_of("value"))
        .any(|value| npi(value) != Npi::Good);
    if wrong {
        signs.rules.push(Rule::DoubtfulNpi);
    }
}

fn treated(node: &Node<'_>, who: &str, when: Option<&str>, signs: &mut Signs) {
    let patient = node.get(who).and_then(|who| who.text_of("reference")?.strip_prefix("Patient/"));
    if let (Some(patient), Some(day)) = (patient, when.and_then(|when| when.get(..10))) {
        signs.facts.push(Fact::Treated(patient.to_owned(), day.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json;

    fn rules(text: &str) -> Vec<Rule> {
        examine(&json::parse(text.as_bytes()).unwrap()).rules
    }

    #[test]
    fn what_people_stumble_over_is_found() {
        let amount = |value: &str| {
            format!(
                r#"{{"category":{{"coding":[{{"code":"submitted"}}]}},"amount":{{"value":{value},"currency":"USD"}}}}"#
            )
        };
        let eob = |total: &str, line: &str| {
            format!(
                r#"{{"resourceType":"ExplanationOfBenefit","use":"claim","item":[{{"adjudication":[{}]}}],"total":[{}]}}"#,
                amount(line),
                amount(total)
            )
        };
        assert_eq!(rules(&eob("12.50", "12.5")), []);
        assert_eq!(rules(&eob("12.51", "12.5")), [Rule::Unbalanced]);
        assert_eq!(
            rules(r#"{"resourceType":"ExplanationOfBenefit","use":"claim","item":[{"sequence":1}]}"#),
            [Rule::NoAdjudication]
        );
        let doctor = |npi: &str| {
            format!(r#"{{"resourceType":"Practitioner","identifier":[{{"system":"{NPI}","value":"{npi}"}}]}}"#)
        };
        assert_eq!(rules(&doctor("1234567893")), []);
        assert_eq!(rules(&doctor("1234567890")), [Rule::DoubtfulNpi]);
        assert_eq!(rules(r#"{"resourceType":"Location","address":{"city":"A"}}"#), [Rule::NoStreet]);
        assert_eq!(rules(r#"{"resourceType":"Location","address":{"line":["1 A St"]}}"#), []);
    }
}
