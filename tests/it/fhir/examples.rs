//! The example resources of R4 and of the guides, where their packages are at hand.

use crate::beside::beside;
use std::io::Read;
use std::path::PathBuf;

use ingle::fhir::json;

/// An earlier version, whose examples have the names of the later one's.
const OLDER: &str = "hl7.fhir.us.carin-bb-2.0.0";

/// Packages whose examples are read.
const EXAMPLES: [&str; 7] = [
    "hl7.fhir.us.core-6.1.0",
    "hl7.fhir.us.carin-bb-2.1.0-compiled",
    OLDER,
    "hl7.fhir.us.davinci-pdex-2.1.0-compiled",
    "hl7.fhir.us.davinci-pdex-plan-net-1.2.0-compiled",
    "hl7.fhir.us.davinci-drug-formulary-2.1.0-compiled",
    "hl7.fhir.r4.examples-4.0.1",
];

const CONFORMANCE: [&str; 10] = [
    "StructureDefinition",
    "ValueSet",
    "CodeSystem",
    "SearchParameter",
    "CapabilityStatement",
    "ImplementationGuide",
    "OperationDefinition",
    "ConceptMap",
    "NamingSystem",
    "CompartmentDefinition",
];

/// The folder of the guides' packages, where it is at hand.
pub(super) fn packages() -> Option<PathBuf> {
    beside("a test of the guides' packages", "spec/packages")
}

/// File name and text of each example.
pub(super) fn examples() -> Option<Vec<(String, Vec<u8>)>> {
    let packages = packages()?;
    let mut out = Vec::new();
    for package in EXAMPLES {
        let file = std::fs::File::open(packages.join(format!("{package}.tgz"))).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let folder = path.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
            let is_json = path.extension().is_some_and(|ending| ending == "json");
            if !is_json || folder.ends_with("openapi") || folder.ends_with("other") {
                continue;
            }
            let mut text = Vec::new();
            entry.read_to_end(&mut text).unwrap();
            let Ok(node) = json::parse(&text) else { continue };
            let kind = node.text_of("resourceType").unwrap_or_default().to_owned();
            if !kind.is_empty() && !CONFORMANCE.contains(&kind.as_str()) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let older = if package == OLDER { "2.0.0/" } else { "" };
                out.push((format!("{older}{name}"), text));
            }
        }
    }
    Some(out)
}
