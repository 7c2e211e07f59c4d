//! Specialties. Plan-Net requires codes of the NUCC taxonomy, and only those that existed when the guide was written;
//! many sources have words instead.
//!
//! Absent: the displays of the codes, which have terms of their own.

use std::sync::LazyLock;

use super::build::NUCC;
use crate::fhir::structures::{Codes, codes_of};

const VALUE_SETS: &str = "http://hl7.org/fhir/us/davinci-pdex-plan-net/ValueSet/";

/// A specialty as a source names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Specialty {
    /// A code of the NUCC taxonomy.
    Code(String),
    /// Words without a known code.
    Words(String),
}

impl Specialty {
    /// Reads a cell: a code, words that stand for one, or other words. Absent for an empty cell.
    pub(crate) fn read(cell: &str) -> Option<Self> {
        let cell = crate::map::plan_net::address::tidy(cell);
        let upper = cell.to_ascii_uppercase();
        if is_code(&upper) {
            return Some(Self::Code(upper));
        }
        let known = of_words(&cell).map(|code| Self::Code(code.to_owned()));
        known.or_else(|| (!cell.is_empty()).then_some(Self::Words(cell)))
    }
}

/// True for text in the form of a NUCC code: ten letters and digits, ending with an X.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == 10
        && text.ends_with('X')
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && text.starts_with(|c: char| c.is_ascii_digit())
}

/// True if a role of a person may have this specialty.
pub(crate) fn is_personal(code: &str) -> bool {
    static SET: LazyLock<Option<&'static Codes>> =
        LazyLock::new(|| codes_of(&format!("{VALUE_SETS}IndividualAndGroupSpecialtiesVS")));
    is_in(*SET, code)
}

/// True if a service or an organization in a network may have this specialty.
pub(crate) fn is_any(code: &str) -> bool {
    static SET: LazyLock<Option<&'static Codes>> = LazyLock::new(|| codes_of(&format!("{VALUE_SETS}SpecialtiesVS")));
    is_in(*SET, code)
}

fn is_in(set: Option<&'static Codes>, code: &str) -> bool {
    set.and_then(|codes| codes.get(NUCC)).is_some_and(|codes| codes.contains(code))
}

/// Words that directories use for specialties (letters only, lower case), and their codes.
const WORDS: [(&str, &str); 72] = [
    ("familymedicine familypractice familydoctor", "207Q00000X"),
    ("internalmedicine internist", "207R00000X"),
    ("generalpractice generalpractitioner gp primarycare", "208D00000X"),
    ("pediatrics pediatrician pediatricmedicine", "208000000X"),
    ("dermatology dermatologist", "207N00000X"),
    ("cardiology cardiologist cardiovasculardisease", "207RC0000X"),
    ("oncology medicaloncology oncologist", "207RX0202X"),
    ("hematologyoncology", "207RH0003X"),
    ("gastroenterology gastroenterologist", "207RG0100X"),
    ("endocrinology endocrinologist", "207RE0101X"),
    ("nephrology nephrologist", "207RN0300X"),
    ("rheumatology rheumatologist", "207RR0500X"),
    ("pulmonology pulmonarydisease pulmonologist pulmonarymedicine", "207RP1001X"),
    ("infectiousdisease infectiousdiseases", "207RI0200X"),
    ("geriatrics geriatricmedicine", "207RG0300X"),
    ("allergy allergyimmunology allergyandimmunology allergist", "207K00000X"),
    ("anesthesiology anesthesiologist", "207L00000X"),
    ("emergencymedicine emergencyphysician", "207P00000X"),
    ("obstetrics obgyn obstetricsgynecology obstetricsandgynecology", "207V00000X"),
    ("gynecology gynecologist", "207VG0400X"),
    ("ophthalmology ophthalmologist", "207W00000X"),
    ("orthopedics orthopedicsurgery orthopaedicsurgery orthopaedics", "207X00000X"),
    ("otolaryngology ent earnosethroat", "207Y00000X"),
    ("pathology pathologist", "207ZP0102X"),
    ("neurology neurologist", "2084N0400X"),
    ("psychiatry psychiatrist", "2084P0800X"),
    ("childpsychiatry childandadolescentpsychiatry", "2084P0804X"),
    ("radiology diagnosticradiology radiologist", "2085R0202X"),
    ("radiationoncology", "2085R0001X"),
    ("surgery generalsurgery surgeon", "208600000X"),
    ("plasticsurgery", "208200000X"),
    ("vascularsurgery", "2086S0129X"),
    ("thoracicsurgery cardiothoracicsurgery", "208G00000X"),
    ("neurosurgery neurologicalsurgery", "207T00000X"),
    ("colonandrectalsurgery colorectalsurgery", "208C00000X"),
    ("urology urologist", "208800000X"),
    ("physicalmedicine physiatry physicalmedicineandrehabilitation", "208100000X"),
    ("hospitalist", "208M00000X"),
    ("nuclearmedicine", "207U00000X"),
    ("preventivemedicine", "2083P0901X"),
    ("sportsmedicine", "207QS0010X"),
    ("dentist dentistry generaldentistry", "122300000X"),
    ("orthodontics orthodontist", "1223X0400X"),
    ("oralsurgery oralandmaxillofacialsurgery", "1223S0112X"),
    ("optometry optometrist", "152W00000X"),
    ("podiatry podiatrist", "213E00000X"),
    ("chiropractic chiropractor", "111N00000X"),
    ("acupuncture acupuncturist", "171100000X"),
    ("physicaltherapy physicaltherapist", "225100000X"),
    ("occupationaltherapy occupationaltherapist", "225X00000X"),
    ("speechtherapy speechlanguagepathology speechlanguagepathologist", "235Z00000X"),
    ("audiology audiologist", "231H00000X"),
    ("psychology psychologist", "103T00000X"),
    ("clinicalpsychology clinicalpsychologist", "103TC0700X"),
    ("socialwork socialworker", "104100000X"),
    ("clinicalsocialwork clinicalsocialworker lcsw", "1041C0700X"),
    ("counselor counseling", "101Y00000X"),
    ("mentalhealthcounselor mentalhealth lmhc", "101YM0800X"),
    ("marriageandfamilytherapy marriagefamilytherapist lmft", "106H00000X"),
    ("addictioncounselor substanceabusecounselor", "101YA0400X"),
    ("nursepractitioner np", "363L00000X"),
    ("familynursepractitioner fnp", "363LF0000X"),
    ("physicianassistant pa", "363A00000X"),
    ("midwife nursemidwife certifiednursemidwife", "367A00000X"),
    ("nurseanesthetist crna", "367500000X"),
    ("registerednurse rn", "163W00000X"),
    ("pharmacist", "183500000X"),
    ("dietitian nutritionist registereddietitian", "133V00000X"),
    ("pharmacy", "333600000X"),
    ("hospital generalacutecarehospital acutecarehospital", "282N00000X"),
    ("urgentcare urgentcarecenter urgentcarefacility", "261QU0200X"),
    ("laboratory clinicallaboratory lab", "291U00000X"),
];

/// The code of common words.
pub(crate) fn of_words(words: &str) -> Option<&'static str> {
    let plain: String = words.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    WORDS.into_iter().find(|(names, _)| names.split(' ').any(|name| name == plain)).map(|(_, code)| code)
}

/// Plan-Net's role code for a person with this specialty. The longest matching prefix wins, so it comes first.
pub(crate) fn of_role(code: &str) -> Option<&'static str> {
    const ROLES: [(&str, &str); 40] = [
        ("106S", "bh"),
        ("103K", "ba"),
        ("106H", "mt"),
        ("101Y", "co"),
        ("103", "py"),
        ("104", "sw"),
        ("10", "bh"),
        ("111N", "ch"),
        ("122300", "de"),
        ("1223", "de"),
        ("12", "dp"),
        ("13", "dn"),
        ("146", "em"),
        ("152W", "oo"),
        ("156F", "op"),
        ("163W", "rn"),
        ("164W", "lpn"),
        ("16", "nu"),
        ("1711", "om"),
        ("175F", "na"),
        ("175L", "ho"),
        ("18", "rx"),
        ("202", "ph"),
        ("20", "ph"),
        ("213E", "po"),
        ("2251", "pt"),
        ("225X", "ot"),
        ("2257", "ma"),
        ("2255A", "at"),
        ("2278", "rt"),
        ("2279", "rt"),
        ("22", "drr"),
        ("231H", "au"),
        ("235Z", "sp"),
        ("23", "sh"),
        ("24", "te"),
        ("363L", "crnp"),
        ("363A", "pa"),
        ("367A", "cnw"),
        ("36", "apn"),
    ];
    ROLES.into_iter().find(|(start, _)| code.starts_with(start)).map(|(_, role)| role)
}

/// Plan-Net's type code for an organization with this specialty.
pub(crate) fn organization_type(code: &str) -> &'static str {
    match code.get(..2).unwrap_or_default() {
        "30" => "payer",
        "25" | "26" | "27" | "28" | "29" | "31" | "32" | "33" | "34" | "38" => "fac",
        _ => "prvgrp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_to_a_code_that_plan_net_has() {
        let missing: Vec<&str> = WORDS.into_iter().map(|(_, code)| code).filter(|code| !is_any(code)).collect();
        assert_eq!(missing, [""; 0]);
        assert_eq!(of_words("Obstetrics & Gynecology"), Some("207V00000X"));
        assert_eq!(Specialty::read("207rc0000x"), Some(Specialty::Code("207RC0000X".to_owned())));
        assert_eq!(Specialty::read("Dragon taming"), Some(Specialty::Words("Dragon taming".to_owned())));
        assert_eq!(Specialty::read(" "), None);
    }

    #[test]
    fn what_somebody_is_follows_from_the_specialty() {
        for (code, role) in [("207RC0000X", "ph"), ("363LF0000X", "crnp"), ("1223X0400X", "de"), ("103K00000X", "ba")] {
            assert_eq!(of_role(code), Some(role));
        }
        assert_eq!(of_role("251E00000X"), None);
        assert_eq!(organization_type("3336C0003X"), "fac");
        assert_eq!(organization_type("207Q00000X"), "prvgrp");
    }
}
