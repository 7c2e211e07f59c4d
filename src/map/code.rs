//! Codes of claims with the addresses of their code systems.

use crate::fhir::json::{Node, node};

/// CARIN's code systems.
pub(crate) const C4BB: &str = "http://hl7.org/fhir/us/carin-bb/CodeSystem/";
/// HL7's code systems.
pub(crate) const HL7: &str = "http://terminology.hl7.org/CodeSystem/";
/// Code systems of the National Uniform Billing Committee.
const NUBC: &str = "https://www.nubc.org/CodeSystem/";
pub(crate) const TYPE_OF_BILL: &str = "https://www.nubc.org/CodeSystem/TypeOfBill";
pub(crate) const POINT_OF_ORIGIN: &str = "https://www.nubc.org/CodeSystem/PointOfOrigin";
pub(crate) const ADMISSION_TYPE: &str = "https://www.nubc.org/CodeSystem/PriorityTypeOfAdmitOrVisit";
pub(crate) const MS_DRG: &str = "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software";
pub(crate) const DISCHARGE_STATUS: &str = "https://www.nubc.org/CodeSystem/PatDischargeStatus";

/// A `CodeableConcept` of one code.
pub(crate) fn concept(system: &str, code: &str) -> Node<'static> {
    node!({"coding": [{"system": system, "code": code}]})
}

/// A code of a CARIN system.
pub(crate) fn c4bb(system: &str, code: &str) -> Node<'static> {
    concept(&format!("{C4BB}{system}"), code)
}

/// A code of an HL7 system.
pub(crate) fn hl7(system: &str, code: &str) -> Node<'static> {
    concept(&format!("{HL7}{system}"), code)
}

/// A code of the National Uniform Billing Committee.
pub(crate) fn nubc(system: &str, code: &str) -> Node<'static> {
    concept(&format!("{NUBC}{system}"), code)
}

/// A diagnosis. X12 writes it without its dot, and marks ICD-10 with an `A` before the qualifier.
pub(crate) fn diagnosis(qualifier: &str, code: &str) -> Node<'static> {
    let is_tenth = qualifier.starts_with('A');
    let system = if is_tenth { "http://hl7.org/fhir/sid/icd-10-cm" } else { "http://hl7.org/fhir/sid/icd-9-cm" };
    let stem = if !is_tenth && code.starts_with('E') { 4 } else { 3 };
    let code = match code.split_at_checked(stem) {
        Some((stem, rest)) if !rest.is_empty() && !code.contains('.') => format!("{stem}.{rest}"),
        _ => code.to_owned(),
    };
    concept(system, &code)
}

/// A procedure of an inpatient claim.
pub(crate) fn procedure(qualifier: &str, code: &str) -> Node<'static> {
    if qualifier.starts_with("BB") {
        concept("http://www.cms.gov/Medicare/Coding/ICD10", code)
    } else {
        concept("http://hl7.org/fhir/sid/icd-9-cm", code)
    }
}

/// The system of a service code: HCPCS Level II begins with a letter, and Level I is CPT.
pub(crate) fn service_system(qualifier: &str, code: &str) -> &'static str {
    match qualifier {
        "AD" => "http://www.ada.org/cdt",
        "HP" => "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/ProspMedicareFeeSvcPmtGen/HIPPSCodes",
        "N4" => "http://hl7.org/fhir/sid/ndc",
        _ if code.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
        }
        _ => "http://www.ama-assn.org/go/cpt",
    }
}

/// A service; where the line has only a revenue code, the guide's code for that case.
pub(crate) fn service(qualifier: &str, code: &str) -> Node<'static> {
    if code.is_empty() {
        hl7("data-absent-reason", "not-applicable")
    } else {
        concept(service_system(qualifier, code), code)
    }
}

/// A modifier of a service; CPT modifiers are two digits.
pub(crate) fn modifier(code: &str) -> Node<'static> {
    concept(service_system("HC", code), code)
}

/// A place of service.
pub(crate) fn place(code: &str) -> Node<'static> {
    concept("https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set", code)
}

/// Whether the first two digits of a type of bill mean that the patient stayed: in a hospital, a nursing or a similar
/// facility.
pub(crate) fn is_stay(place: &str) -> bool {
    matches!(place, "11" | "12" | "18" | "21" | "22" | "28" | "41" | "65" | "66" | "86")
}
