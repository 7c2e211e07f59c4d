//! The addresses of code systems and identifier systems, by their object identifiers and by their names in HL7 version
//! 2.

use super::code::known;

/// An object identifier is at most this long.
const OID_MAX: usize = 128;

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const ICD_9: &str = "http://hl7.org/fhir/sid/icd-9-cm";
const ICD_10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const ICD_10_PROCEDURES: &str = "http://www.cms.gov/Medicare/Coding/ICD10";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const HCPCS: &str = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets";
const NDC: &str = "http://hl7.org/fhir/sid/ndc";
const CVX: &str = "http://hl7.org/fhir/sid/cvx";
const MVX: &str = "http://hl7.org/fhir/sid/mvx";
const UCUM: &str = "http://unitsofmeasure.org";
const UNII: &str = "http://fdasis.nlm.nih.gov";
const NCI: &str = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl";
const NDF_RT: &str = "http://hl7.org/fhir/ndfrt";
const NUCC: &str = "http://nucc.org/provider-taxonomy";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const RACE: &str = "urn:oid:2.16.840.1.113883.6.238";

/// Without the prefix `2.16.840.1.113883.`.
const OIDS: [(&str, &str); 33] = [
    ("6.1", LOINC),
    ("6.96", SNOMED),
    ("6.88", RXNORM),
    ("6.103", ICD_9),
    ("6.104", ICD_9),
    ("6.2", ICD_9),
    ("6.3", "http://hl7.org/fhir/sid/icd-10"),
    ("6.90", ICD_10),
    ("6.4", ICD_10_PROCEDURES),
    ("6.12", CPT),
    ("6.13", "http://www.ada.org/cdt"),
    ("6.14", HCPCS),
    ("6.285", HCPCS),
    ("6.69", NDC),
    ("12.292", CVX),
    ("12.227", MVX),
    ("6.8", UCUM),
    ("4.9", UNII),
    ("3.26.1.1", NCI),
    ("3.26.1.5", NDF_RT),
    ("6.209", NDF_RT),
    ("6.101", NUCC),
    ("6.259", "https://www.cdc.gov/nhsn/cdaportal/terminology/codesystem/hsloc.html"),
    ("6.301.5", "https://www.nubc.org/CodeSystem/PatDischargeStatus"),
    ("4.6", "http://hl7.org/fhir/sid/us-npi"),
    ("4.1", "http://hl7.org/fhir/sid/us-ssn"),
    ("5.1", "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"),
    ("5.4", "http://terminology.hl7.org/CodeSystem/v3-ActCode"),
    ("5.8", "http://terminology.hl7.org/CodeSystem/v3-ActReason"),
    ("5.83", "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"),
    ("5.88", "http://terminology.hl7.org/CodeSystem/v3-ParticipationFunction"),
    ("5.111", "http://terminology.hl7.org/CodeSystem/v3-RoleCode"),
    ("5.112", "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"),
];

/// In capitals, with letters and digits only.
const NAMES: [(&str, &str); 40] = [
    ("LN", LOINC),
    ("LOINC", LOINC),
    ("SCT", SNOMED),
    ("SNOMEDCT", SNOMED),
    ("SNOMED", SNOMED),
    ("RXNORM", RXNORM),
    ("RXN", RXNORM),
    ("I9", ICD_9),
    ("I9C", ICD_9),
    ("I9CDX", ICD_9),
    ("I9CM", ICD_9),
    ("ICD9", ICD_9),
    ("ICD9CM", ICD_9),
    ("I10", ICD_10),
    ("I10C", ICD_10),
    ("ICD10", ICD_10),
    ("ICD10CM", ICD_10),
    ("I10P", ICD_10_PROCEDURES),
    ("ICD10PCS", ICD_10_PROCEDURES),
    ("C4", CPT),
    ("CPT", CPT),
    ("CPT4", CPT),
    ("HCPCS", HCPCS),
    ("HPC", HCPCS),
    ("NDC", NDC),
    ("CVX", CVX),
    ("MVX", MVX),
    ("UCUM", UCUM),
    ("UNII", UNII),
    ("NCIT", NCI),
    ("NDFRT", NDF_RT),
    ("NUCC", NUCC),
    ("NUCCPT", NUCC),
    ("DCM", DICOM),
    ("CDCREC", RACE),
    ("NUBC", "https://www.nubc.org/CodeSystem/PatDischargeStatus"),
    ("CDT2", "http://www.ada.org/cdt"),
    ("ADA", "http://www.ada.org/cdt"),
    ("ACTCODE", "http://terminology.hl7.org/CodeSystem/v3-ActCode"),
    ("NIP001", "urn:oid:2.16.840.1.114222.4.5.274"),
];

/// Whether a text is an object identifier.
pub(crate) fn is_oid(text: &str) -> bool {
    let arcs = text.split('.');
    text.len() <= OID_MAX
        && text.contains('.')
        && matches!(text.as_bytes().first(), Some(b'0'..=b'2'))
        && arcs.into_iter().all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The address of the system with that object identifier or UUID; empty if it is neither.
pub(crate) fn by_oid(oid: &str) -> String {
    let oid = oid.trim().trim_start_matches("urn:oid:");
    if let Some(rest) = oid.strip_prefix("2.16.840.1.113883.") {
        if let Some(address) = known(&OIDS, rest) {
            return address.to_owned();
        }
        if let Some(number) = rest.strip_prefix("12.").and_then(|number| number.parse::<u16>().ok()) {
            return format!("http://terminology.hl7.org/CodeSystem/v2-{number:04}");
        }
    }
    match oid {
        "1.2.840.10008.2.16.4" | "1.2.840.10008.6.1.308" => DICOM.to_owned(),
        _ if is_oid(oid) => format!("urn:oid:{oid}"),
        _ if is_uuid(oid) => format!("urn:uuid:{}", oid.to_lowercase()),
        _ => String::new(),
    }
}

/// The address of the system with that name in HL7 version 2 (table 0396); empty if it is unknown.
pub(crate) fn by_name(name: &str) -> String {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    if let Some(address) = known(&NAMES, &plain) {
        return address.to_owned();
    }
    let table =
        plain.strip_prefix("HL7").filter(|number| number.len() <= 4).and_then(|number| number.parse::<u16>().ok());
    if let Some(number) = table {
        return format!("http://terminology.hl7.org/CodeSystem/v2-{number:04}");
    }
    if is_oid(name) { by_oid(name) } else { String::new() }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_have_addresses() {
        for (oid, address) in [
            ("2.16.840.1.113883.6.1", LOINC),
            ("2.16.840.1.113883.12.112", "http://terminology.hl7.org/CodeSystem/v2-0112"),
            ("1.2.3", "urn:oid:1.2.3"),
            ("91A4E6A1-e192-438c-a85d-abb210af6d25", "urn:uuid:91a4e6a1-e192-438c-a85d-abb210af6d25"),
            ("local", ""),
            ("", ""),
        ] {
            assert_eq!(by_oid(oid), address);
        }
        for (name, address) in
            [("LN", LOINC), ("CPT-4", CPT), ("HL70136", "http://terminology.hl7.org/CodeSystem/v2-0136"), ("L", "")]
        {
            assert_eq!(by_name(name), address);
        }
    }
}
