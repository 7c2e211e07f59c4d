//! Recognizes the format of a file by its first bytes, not by its name. Pure.

use crate::formats::qhp::cut;
use crate::formats::tables::cclf;
use crate::formats::tables::csv_rows::delimiter;
use crate::formats::tables::kind::{self, TableVerdict};
use crate::formats::tables::mapping::Mapping;
use crate::formats::tables::start::TableStart;
use crate::formats::{Format, encoding, ncpdp, nppes};

/// The verdict on the beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A format that can be loaded.
    Is(Format),
    /// Nothing to load and nothing wrong: an empty file.
    Empty,
    /// A known format that is meant for another system or is of no use here; a description.
    Foreign(String),
    /// A file that must be converted first, such as a spreadsheet; a description.
    Packed(String),
    /// Any other file; a description.
    Other(String),
}

/// Bytes by which formats other than tables are recognized.
const HEAD_BYTES: usize = 8 << 10;

/// Recognizes a file by its beginning, already unpacked.
pub(crate) fn look(start: &[u8], mapping: &Mapping) -> Look {
    let whole = start;
    let start = start.get(..HEAD_BYTES).unwrap_or(start);
    // The only UTF-16 text that arrives undecoded is XML.
    let wide = encoding::utf_16(start).map(|utf_16| encoding::start(start, utf_16));
    let start = wide.as_deref().map_or(start, str::as_bytes);
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start();
    let is = |words: &str| Look::Other(words.to_owned());
    let foreign = |words: &str| Look::Foreign(words.to_owned());
    match text.chars().next() {
        None => return Look::Empty,
        Some('{' | '[') if cut::looks_like(start) => return Look::Is(Format::Qhp),
        Some('{' | '[') => return Look::Is(Format::Fhir),
        _ => {}
    }
    if start.starts_with(b"PK\x03\x04") {
        // Readable archives were opened when the files were found.
        let is_office = text.contains("[Content_Types].xml") || text.contains("xl/");
        return Look::Packed(
            if is_office { "a spreadsheet; save it as CSV" } else { "a ZIP archive within another, or a damaged one" }
                .to_owned(),
        );
    }
    if text.starts_with("ISA") || text.starts_with("GS*") || text.starts_with("ST*") {
        return x12(text);
    }
    if text.starts_with("MSH|") || text.starts_with("FHS|") || text.starts_with("BHS|") {
        return Look::Is(Format::Hl7v2);
    }
    if text.starts_with('<') {
        let is_ccda = text.contains("ClinicalDocument") || text.contains("urn:hl7-org:v3");
        if text.contains("ncpdp.org") || text.contains("<NewRx") || text.contains("<CancelRx") {
            return foreign("a prescription (NCPDP SCRIPT), which is no claim: nothing was dispensed or paid yet");
        }
        return if is_ccda { Look::Is(Format::Ccda) } else { is("an XML document that is no C-CDA") };
    }
    if start.contains(&0) {
        return is("a binary file");
    }
    if ncpdp::looks_like(start) {
        return Look::Is(Format::ClaimRows);
    }
    let line = text.lines().next().unwrap_or_default();
    match cclf::feed(start.split(|byte| *byte == b'\n').next().unwrap_or_default()) {
        Some(cclf::Feed::Claims(_)) => return Look::Is(Format::ClaimRows),
        Some(cclf::Feed::Beneficiaries | cclf::Feed::FormerNumbers) => return Look::Is(Format::Members),
        Some(cclf::Feed::Models) => return foreign(MODELS),
        None => {}
    }
    if line.starts_with("File Number") && line.contains("Record Length") {
        // CCLF0 counts the records of the files that accompany it.
        return Look::Empty;
    }
    let delimiter = char::from(delimiter(line.as_bytes()));
    let cells: Vec<&str> = line.split(delimiter).map(|cell| cell.trim().trim_matches('"')).collect();
    if cells.iter().any(|cell| cell.eq_ignore_ascii_case("CLM_NGACO_PBPMT_SW")) {
        return foreign(MODELS);
    }
    if nppes::looks_like(&cells) {
        return Look::Is(Format::Nppes);
    }
    match kind::decide(&table(whole), mapping) {
        TableVerdict::Is(format) => Look::Is(format),
        TableVerdict::Foreign(words) => Look::Foreign(words),
        TableVerdict::Unknown(words) => Look::Other(words),
    }
}

/// Whether the first row of a table holds the names of its columns: files of fixed columns and messages have none.
pub(crate) fn has_names(start: &[u8]) -> bool {
    !ncpdp::looks_like(start) && cclf::feed(start.split(|byte| *byte == b'\n').next().unwrap_or_default()).is_none()
}

/// The beginning of a file as a table. Of a longer file the last row may be cut off.
pub(crate) fn table(start: &[u8]) -> TableStart {
    TableStart::read(start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start), start.len() >= HEAD_BYTES)
}

/// The parts of CMS's feed that are left out, and why.
const MODELS: &str = "CMS's benefit enhancement and demonstration codes (CCLFA, CCLFB): under which of its models a claim was paid, which \
                      no profile has a place for; the claims themselves are in CCLF1 to CCLF7";

/// Recognized by the first transaction set that is loaded; a file may hold several kinds, and each part is handled by
/// its own kind.
fn x12(text: &str) -> Look {
    let element = text.chars().nth(if text.starts_with("ISA") { 3 } else { 2 }).unwrap_or('*');
    let mut sets = text.match_indices("ST").filter_map(|(at, _)| {
        let rest = text.get(at + 2..)?.strip_prefix(element)?;
        let number = rest.get(..3)?;
        let starts = at == 0 || !text.get(..at)?.ends_with(|before: char| before.is_ascii_alphanumeric());
        (starts && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
    });
    let Some(first) = sets.next() else { return Look::Other("an X12 file without a transaction set (ST)".to_owned()) };
    let known = |set: &str| match set {
        "834" => Some(Format::Enrolment),
        "837" => Some(Format::Claims),
        "835" => Some(Format::Payments),
        "278" => Some(Format::Reviews),
        _ => None,
    };
    let others: Vec<&str> = sets.collect();
    if let Some(format) = known(first).or_else(|| others.iter().find_map(|set| known(set))) {
        return Look::Is(format);
    }
    if others.iter().chain([&first]).any(|set| matches!(*set, "270" | "271")) {
        return Look::Is(Format::Eligibility);
    }
    let what = match first {
        "276" | "277" => "questions about claims (276, 277), which are for a clearing house",
        "997" | "999" => "acknowledgements (997, 999), which hold no plan data",
        "820" => "premium payments (820), which no rule asks for",
        _ => "an X12 file of a kind that is not loaded",
    };
    Look::Foreign(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Look {
        look(text.as_bytes(), &Mapping::default())
    }

    #[test]
    fn content_decides() {
        assert_eq!(of("\u{feff}  {\"resourceType\""), Look::Is(Format::Fhir));
        assert_eq!(of(""), Look::Empty);
        assert_eq!(of("member_id,last_name,first_name,dob\n1,A,B,2000-01-01"), Look::Is(Format::Members));
        assert_eq!(of("representative_member_id,member_id\n"), Look::Is(Format::Representatives));
        assert_eq!(of("ISA*00*~GS*HS~ST*270*0001"), Look::Is(Format::Eligibility));
        let Look::Foreign(words) = of("ISA*00*~GS*FA~ST*999*0001") else { panic!("an acknowledgement") };
        assert!(words.contains("acknowledgements"));
        for (text, words) in [
            ("ISA*00*", "X12"),
            ("<?xml version", "XML"),
            ("Id,NAME,ADDRESS,CITY,PHONE\n", "no column for the first name"),
            ("just words", "no table"),
        ] {
            let Look::Other(found) = of(text) else { panic!("{text}") };
            assert!(found.contains(words), "{text}: {found}");
        }
        let Look::Packed(found) = of("PK\u{3}\u{4}rest") else { panic!("an archive") };
        assert!(found.contains("ZIP"));
    }
}
