//! What a column of a table shows about whom the table is about: a member, her care, or money. Told by the words of its name and by
//! its cells, whatever the name. Pure.

use super::claims;
use super::members;
use super::start::StartColumn;
use crate::formats::cells;
use crate::formats::columns::Own;
use crate::formats::records::{ClaimField, NAMES, Shape};

/// What a column looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sign {
    BirthDate,
    SocialSecurity,
    Diagnosis,
    Amount,
    ServiceDay,
    ClaimNumber,
    Authorization,
    /// A number on a member's card.
    MemberNumber,
    /// Anything said of a member, patient or subscriber.
    Member,
    /// A day whose column does not say what happened on it.
    Day,
}

impl Sign {
    /// In words, after "looks like".
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::BirthDate => "a birth date",
            Self::SocialSecurity => "a social security number",
            Self::Diagnosis => "a diagnosis",
            Self::Amount => "an amount of money",
            Self::ServiceDay => "a day of service",
            Self::ClaimNumber => "the number of a claim",
            Self::Authorization => "the number of an authorization or referral",
            Self::MemberNumber => "a member's number",
            Self::Member => "something about a member or patient",
            Self::Day => "a day of an unknown kind, such as a birth date",
        }
    }

    /// Whether nothing that has it may be published, whatever anybody says that the table is.
    pub(crate) const fn is_private(self) -> bool {
        matches!(
            self,
            Self::BirthDate
                | Self::SocialSecurity
                | Self::Diagnosis
                | Self::Amount
                | Self::ServiceDay
                | Self::ClaimNumber
        )
    }

    /// Whether a roster does not have it.
    pub(crate) const fn is_of_care(self) -> bool {
        matches!(self, Self::Diagnosis | Self::Amount | Self::ServiceDay | Self::ClaimNumber | Self::Authorization)
    }
}

/// Words of names that are said of providers.
const PROVIDER: [&str; 7] = ["provider", "prov", "prvdr", "practitioner", "physician", "doctor", "prescriber"];

/// Words for days that a provider or a drug list has, too.
const KNOWN_DAYS: [&str; 37] = [
    "eff",
    "effective",
    "term",
    "termination",
    "exp",
    "expires",
    "expiration",
    "expiry",
    "start",
    "end",
    "begin",
    "from",
    "until",
    "thru",
    "cert",
    "certified",
    "certification",
    "recert",
    "issue",
    "issued",
    "grad",
    "graduation",
    "verified",
    "attested",
    "attestation",
    "updated",
    "update",
    "modified",
    "created",
    "license",
    "licence",
    "contract",
    "credentialed",
    "hire",
    "joined",
    "added",
    "published",
];

/// Whether the name of the column says that it is about a provider.
pub(crate) fn is_of_provider(column: &StartColumn) -> bool {
    column.says(&PROVIDER) || PROVIDER.iter().any(|word| word.len() > 5 && column.plain.starts_with(word))
}

/// What the name of a column says.
pub(crate) fn by_name(column: &StartColumn) -> Option<Sign> {
    let plain = column.plain.as_str();
    let has = |parts: &[&str]| parts.iter().any(|part| plain.contains(part));
    // "Accepting new patients", "panel status": said of providers. So is whatever a provider was born on.
    if has(&["patients", "accept", "panel"]) {
        return None;
    }
    if has(&["birth", "brth"]) || column.says(&["dob", "bday"]) || plain.starts_with("dob") || plain.ends_with("dob") {
        return Some(Sign::BirthDate).filter(|_| !is_of_provider(column));
    }
    if column.says(&["ssn"]) || plain.starts_with("ssn") || plain.ends_with("ssn") || has(&["socialsec"]) {
        return Some(Sign::SocialSecurity).filter(|_| !is_of_provider(column));
    }
    if column.says(&["dx", "diag", "dgns", "icd"])
        || has(&["diagnos", "dgns"])
        || ["dx", "diag", "icd"].iter().any(|start| plain.starts_with(start))
    {
        return Some(Sign::Diagnosis);
    }
    let field = claims::find(plain, &Own::default(), &NAMES).map(|(field, _)| field);
    if column.says(&["claim", "clm", "icn", "dcn"]) || field == Some(ClaimField::Claim) {
        return Some(Sign::ClaimNumber);
    }
    if is_authorization(column) {
        return Some(Sign::Authorization);
    }
    if is_amount(column, field) {
        return Some(Sign::Amount);
    }
    if is_service_day(column) {
        return Some(Sign::ServiceDay);
    }
    let of_member = [
        "member",
        "mbr",
        "mem",
        "bene",
        "beneficiary",
        "subscriber",
        "sbr",
        "enrollee",
        "enrolee",
        "cardholder",
        "insured",
        "policyholder",
        "patient",
        "pat",
        "ptnt",
        "pt",
    ];
    if column.says(&of_member) || has(&["member", "patient", "subscriber", "beneficiar", "enrollee", "cardholder"]) {
        return Some(Sign::Member);
    }
    if column.says(&["mbi", "hic", "hicn", "mrn", "card"]) || members::is_number(plain) {
        return Some(Sign::MemberNumber);
    }
    None
}

fn is_authorization(column: &StartColumn) -> bool {
    let number = column.says(&["nbr", "no", "num", "number", "id"]);
    column.says(&["auth", "authorization", "precert", "referral"])
        || (number && column.says(&["ref", "reference", "case", "pa"]))
        || ["authn", "authid", "authorizationn", "referral", "referencen"].iter().any(|it| column.plain.starts_with(it))
}

fn is_amount(column: &StartColumn, field: Option<ClaimField>) -> bool {
    let words = [
        "amt",
        "amount",
        "paid",
        "pd",
        "billed",
        "allowed",
        "alwd",
        "charge",
        "charges",
        "charged",
        "copay",
        "coins",
        "coinsurance",
        "deductible",
        "balance",
        "liability",
    ];
    let is_known = field.is_some_and(|field| field.shape() == Shape::Amount && field != ClaimField::NotCovered);
    let ends = ["amt", "amount"].iter().any(|end| column.plain.ends_with(end));
    !column.plain.contains("premium") && (is_known || ends || column.says(&words))
}

fn is_service_day(column: &StartColumn) -> bool {
    let care =
        ["svc", "srvc", "srv", "service", "fill", "filled", "dispensed", "admit", "admission", "discharge", "visit"];
    let day = ["dt", "date", "day", "from", "thru", "to"];
    let joined = [
        "svcd",
        "srvcd",
        "servicedate",
        "dateofservice",
        "servicefrom",
        "servicethru",
        "filldate",
        "datefilled",
        "admitd",
    ];
    (column.says(&care) && column.says(&day))
        || column.says(&["dos"])
        || joined.iter().any(|it| column.plain.contains(it))
}

/// What the cells of a column say, whatever its name. `is_known` columns hold what their names say.
pub(crate) fn by_cells(column: &StartColumn, is_known: bool) -> Option<Sign> {
    let cells = &column.cells;
    if cells.iter().any(|cell| is_social_security(cell)) {
        return Some(Sign::SocialSecurity);
    }
    if cells.iter().any(|cell| is_medicare(cell)) {
        return Some(Sign::MemberNumber);
    }
    let most =
        |is: fn(&str) -> bool| !cells.is_empty() && cells.iter().filter(|cell| is(cell)).count() * 2 > cells.len();
    if most(is_diagnosis) {
        return Some(Sign::Diagnosis);
    }
    if is_known {
        return None;
    }
    let is_measure =
        || column.says(&["rating", "score", "lat", "lon", "lng", "latitude", "longitude", "miles", "distance"]);
    if most(is_money) && !is_measure() {
        return Some(Sign::Amount);
    }
    (most(is_day) && !column.says(&KNOWN_DAYS)).then_some(Sign::Day)
}

/// `123-45-6789`.
fn is_social_security(cell: &str) -> bool {
    let parts: Vec<usize> = cell.split('-').map(str::len).collect();
    parts == [3, 2, 4] && cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// A number on a Medicare card: `1EG4-TE5-MK73`, with or without its hyphens.
fn is_medicare(cell: &str) -> bool {
    let letter = |c: u8| c.is_ascii_uppercase() && !matches!(c, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z');
    let digit = |c: u8| c.is_ascii_digit();
    let either = |c: u8| letter(c) || digit(c);
    let forms: [&dyn Fn(u8) -> bool; 11] =
        [&digit, &letter, &either, &digit, &letter, &either, &digit, &letter, &letter, &digit, &digit];
    let mut plain = cell.bytes().filter(|byte| *byte != b'-');
    cell.len() <= 13 && forms.iter().all(|form| plain.next().is_some_and(*form)) && plain.next().is_none()
}

/// An ICD-10 code with its point: `E11.9`.
fn is_diagnosis(cell: &str) -> bool {
    let Some((category, rest)) = cell.split_once('.') else { return false };
    let category: Vec<u8> = category.bytes().collect();
    matches!(category.as_slice(), [letter, digit, other]
        if letter.is_ascii_alphabetic() && digit.is_ascii_digit() && other.is_ascii_alphanumeric())
        && (1..=4).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An amount with its cents or its sign; a plain number may be anything.
fn is_money(cell: &str) -> bool {
    let cents = cell.rsplit_once('.').is_some_and(|(_, cents)| cents.len() == 2);
    (cents || cell.contains('$')) && cells::amount(cell).value().is_some()
}

/// A day. Numbers of five digits are ZIP codes as well as days of a spreadsheet.
fn is_day(cell: &str) -> bool {
    cell.len() >= 6
        && !cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && cells::date(cell).value().is_some()
        || (cell.len() == 8 && cell.bytes().all(|byte| byte.is_ascii_digit()) && cells::date(cell).value().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::tables::start::TableStart;

    fn named(name: &str) -> Option<Sign> {
        by_name(&TableStart::read(name.as_bytes(), false).columns[0])
    }

    #[test]
    fn names_tell() {
        for (sign, names) in [
            (
                Sign::BirthDate,
                &["BIRTH_DT", "MBR_DOB", "dob", "DateOfBirth", "MBRDOB", "BENE_BRTH_DT", "patientBirthDate"][..],
            ),
            (Sign::SocialSecurity, &["SSN", "MEMBER_SSN", "social_security_number", "PAT_SSN"]),
            (Sign::Diagnosis, &["DIAG_1", "DX1", "dx", "PRNCPAL_DGNS_CD", "icd10", "Primary Diagnosis"]),
            (Sign::Amount, &["PAID_AMT", "NET_PD", "billedamount", "COPAY", "Charge"]),
            (Sign::ServiceDay, &["SVC_DT", "SVCDT", "dos", "ServiceDate", "fill_date"]),
            (Sign::ClaimNumber, &["CLM_REF", "claim", "ClaimId", "CLAIM_NUM", "icn"]),
            (Sign::Authorization, &["AUTH_NBR", "referral_id", "REF_NO", "authnumber"]),
            (Sign::MemberNumber, &["MEDICAID_ID", "CARD_ID", "MBI", "mrn"]),
            (Sign::Member, &["MBR_NBR", "PATIENT_ACCT", "member_id", "PatientName", "SubscriberId"]),
        ] {
            for name in names {
                assert_eq!(named(name), Some(sign), "{name}");
            }
        }
        let harmless = [
            "npi",
            "Accepting New Patients",
            "Provider_DOB",
            "Provider_Taxonomy",
            "effective_date",
            "Address",
            "panel_status",
            "Last Verified",
            "Medical Group",
            "specialty",
            "tax_id",
            "Service Location",
            "network",
            "plan_id",
        ];
        for name in harmless {
            assert_eq!(named(name), None, "{name}");
        }
    }

    #[test]
    fn cells_tell_whatever_the_name() {
        let sign = |name: &str, cells: &[&str]| {
            let text = format!("{name}\n\"{}\"", cells.join("\"\n\""));
            by_cells(&TableStart::read(text.as_bytes(), false).columns[0], false)
        };
        for (name, cells, expected) in [
            ("x", &["1970-01-01", "1980-12-24"][..], Some(Sign::Day)),
            ("x", &["02141970"], Some(Sign::Day)),
            ("term_dt", &["2026-12-31"], None),
            ("x", &["E11.9", "I10", "F10.20"], Some(Sign::Diagnosis)),
            ("x", &["a", "123-45-6789"], Some(Sign::SocialSecurity)),
            ("x", &["1EG4-TE5-MK73"], Some(Sign::MemberNumber)),
            ("x", &["1EG4TE5MK73"], Some(Sign::MemberNumber)),
            ("x", &["80.00", "$5"], Some(Sign::Amount)),
            ("rating", &["4.50"], None),
            ("x", &["06103", "12345"], None),
            ("x", &["1234567893"], None),
            ("x", &["207Q00000X"], None),
            ("x", &["860-555-0101"], None),
            ("x", &["12-3456789"], None),
        ] {
            assert_eq!(sign(name, cells), expected, "{name}: {cells:?}");
        }
    }
}
