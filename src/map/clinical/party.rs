//! People and organizations that a clinical record names. They are mentions: the directory knows more about them.

use super::made::ResourceBuilder;
use crate::fhir::json::{Node, node};
use crate::formats::cells::npi::{Npi, npi};
use crate::formats::cells::text::line;
use crate::map::record::made_id;

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";
const TEXT_MAX: usize = 1024;

/// Somebody or something with a name.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClinicalParty {
    /// The address of an identifier system and a number in it.
    pub(crate) numbers: Vec<(String, String)>,
    pub(crate) family: String,
    pub(crate) given: Vec<String>,
    pub(crate) suffix: String,
    /// The name in one piece, if the source has only that.
    pub(crate) words: String,
}

/// A reference to a party, and the party's resource; without one, the reference has only text.
#[derive(Clone, Debug)]
pub(crate) struct PartyReference {
    pub(crate) reference: Node<'static>,
    pub(crate) resource: Option<Node<'static>>,
}

impl ClinicalParty {
    fn name(&self) -> String {
        let parts = self.given.iter().chain([&self.family, &self.suffix]).map(|part| line(part));
        let whole = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let name = if whole.is_empty() { line(&self.words) } else { whole };
        name.chars().take(TEXT_MAX).collect()
    }

    /// A person; nothing if there is neither a name nor a national number. She gets a resource of her own if a number
    /// distinguishes her from others of the same name.
    pub(crate) fn person(&self) -> Option<PartyReference> {
        let name = self.name();
        let (national, numbers) = self.sorted();
        let family = line(&self.family);
        let id = match (national, numbers.first()) {
            (Some(number), _) => format!("npi-{number}"),
            (None, Some((system, value))) if !family.is_empty() => made_id(&["Practitioner", system, value]),
            _ => return words(&name),
        };
        let mut own = ResourceBuilder::part();
        let given: Vec<String> = self.given.iter().map(|part| line(part)).filter(|part| !part.is_empty()).collect();
        let suffix: Vec<String> = [line(&self.suffix)].into_iter().filter(|part| !part.is_empty()).collect();
        own.set("family", family).set("given", given).set("suffix", suffix);
        let own = own.value();
        let mut out = ResourceBuilder::new("Practitioner", &id);
        out.set("identifier", identifiers(national, &numbers));
        out.set("name", (!own.is_empty()).then(|| node!([own])));
        Some(PartyReference {
            reference: reference("Practitioner", &id, &name),
            resource: Some(out.claim(&["us-core-practitioner"])),
        })
    }

    fn sorted(&self) -> (Option<&str>, Vec<&(String, String)>) {
        let is_national = |number: &&(String, String)| number.0 == NPI && npi(&number.1) == Npi::Good;
        let national = self.numbers.iter().find(is_national).map(|(_, value)| value.as_str());
        let is_other = |number: &&(String, String)| {
            !number.0.is_empty() && !number.1.is_empty() && number.0 != NPI && number.0 != SSN && number.1.len() <= 256
        };
        (national, self.numbers.iter().filter(is_other).collect())
    }
}

/// An organization; nothing if it has no name.
pub(crate) fn organization(name: &str, numbers: Vec<(String, String)>) -> Option<PartyReference> {
    let party = ClinicalParty { words: name.to_owned(), numbers, ..ClinicalParty::default() };
    let name = party.name();
    if name.is_empty() {
        return None;
    }
    let (national, numbers) = party.sorted();
    // Without a national number, the id is made as the directory makes it.
    let id =
        national.map_or_else(|| made_id(&["Organization", &name.to_lowercase()]), |number| format!("npi-{number}"));
    let mut out = ResourceBuilder::new("Organization", &id);
    out.set("identifier", identifiers(national, &numbers)).set("active", true).set("name", name.as_str());
    Some(PartyReference {
        reference: reference("Organization", &id, &name),
        resource: Some(out.claim(&["us-core-organization"])),
    })
}

fn identifiers(national: Option<&str>, numbers: &[&(String, String)]) -> Vec<Node<'static>> {
    let all = national.map(|number| (NPI, number)).into_iter();
    all.chain(numbers.iter().map(|(system, value)| (system.as_str(), value.as_str())))
        .map(|(system, value)| node!({"system": system, "value": value}))
        .collect()
}

fn reference(kind: &str, id: &str, name: &str) -> Node<'static> {
    let mut out = ResourceBuilder::part();
    out.set("reference", format!("{kind}/{id}")).set("display", name);
    out.value()
}

fn words(name: &str) -> Option<PartyReference> {
    (!name.is_empty()).then(|| PartyReference { reference: node!({ "display": name }), resource: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::fixtures_tests::value;

    #[test]
    fn a_number_makes_a_person() {
        let mut party = ClinicalParty {
            family: "Doe".into(),
            given: vec!["Ana".into(), String::new()],
            ..ClinicalParty::default()
        };
        assert_eq!(party.person().unwrap().reference, node!({"display": "Ana Doe"}));
        party.numbers = vec![("urn:oid:1.2".into(), "7".into()), (SSN.into(), "900010001".into())];
        let spoken = party.person().unwrap();
        let resource = value(&spoken.resource.unwrap());
        assert_eq!(resource["identifier"], serde_json::json!([{"system": "urn:oid:1.2", "value": "7"}]));
        assert!(resource["meta"]["profile"][0].as_str().unwrap().ends_with("us-core-practitioner"));
        party.numbers.push((NPI.into(), "1245319599".into()));
        assert_eq!(party.person().unwrap().reference.text_of("reference"), Some("Practitioner/npi-1245319599"));
        assert!(ClinicalParty::default().person().is_none());
        assert!(organization(" ", Vec::new()).is_none());
    }
}
