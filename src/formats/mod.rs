//! Readers of plan data: bytes become records of their own format, and issues. Pure.
//!
//! ```text
//! bytes -> sniff (which format) -> x12 | hl7v2 | ccda | tables | qhp | nppes | ncpdp | fhir -> records + issues
//! ```
//! Invariants: no reader panics, looks anything up or opens a file; every refused record is named by file and line with
//! a reason that quotes nothing from it; no format uses another, only the layers that all share (`issue`, `cells`,
//! `columns`, `records`).
//!
//! Absent: FHIR made of records (`map`), files and runs (`load`).

pub(crate) mod ccda;
pub(crate) mod cells;
pub(crate) mod columns;
pub(crate) mod encoding;
pub(crate) mod fhir;
pub(crate) mod hl7v2;
pub(crate) mod issue;
pub(crate) mod ncpdp;
pub(crate) mod nppes;
pub(crate) mod qhp;
pub(crate) mod records;
pub(crate) mod sniff;
pub(crate) mod tables;
pub(crate) mod x12;

/// The formats that can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// FHIR R4 JSON: NDJSON, a Bundle, or one resource.
    Fhir,
    /// The national registry of providers, as CSV.
    Nppes,
    /// The plan's own providers, as CSV.
    Providers,
    /// Providers, plans and drugs of an exchange plan, as JSON.
    Qhp,
    /// The plan's drug list, as CSV.
    Formulary,
    /// The roster, as CSV.
    Members,
    /// X12 834.
    Enrolment,
    /// X12 837, professional, institutional or dental.
    Claims,
    /// X12 835.
    Payments,
    /// X12 278.
    Reviews,
    /// X12 270 and 271, which are read and not kept.
    Eligibility,
    /// Claims or prior authorizations as CSV or fixed columns.
    ClaimRows,
    /// HL7 version 2 messages.
    Hl7v2,
    /// C-CDA documents.
    Ccda,
    /// Representatives and their members, as CSV.
    Representatives,
}

impl Format {
    /// All of them, in the order they are loaded: members must be known before the records about them.
    pub const ALL: [Self; 15] = [
        Self::Fhir,
        Self::Nppes,
        Self::Providers,
        Self::Qhp,
        Self::Formulary,
        Self::Members,
        Self::Enrolment,
        Self::Claims,
        Self::Payments,
        Self::Reviews,
        Self::Eligibility,
        Self::ClaimRows,
        Self::Hl7v2,
        Self::Ccda,
        Self::Representatives,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Nppes => "nppes",
            Self::Providers => "providers",
            Self::Qhp => "qhp",
            Self::Formulary => "formulary",
            Self::Members => "members",
            Self::Enrolment => "834",
            Self::Claims => "837",
            Self::Payments => "835",
            Self::Reviews => "278",
            Self::Eligibility => "270",
            Self::ClaimRows => "claims",
            Self::Hl7v2 => "hl7v2",
            Self::Ccda => "ccda",
            Self::Representatives => "representatives",
        }
    }

    /// The format with that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}
