//! Plan data in: bytes become records and issues (pure), records become FHIR or roster entries, a run keeps them.
//!
//! Invariants: a bad record never stops a good one; every record that is refused is named by file and line with a
//! reason that quotes nothing from it; running the same files again changes nothing; memory does not grow with the
//! size of the files (two numbers are kept per record).
//!
//! Absent: deletions (a load adds and updates; what has ended stays, as ended), and what is meant for other systems, which is
//! recognised and named.

mod archive;
mod ccda;
mod claims;
mod clinical;
mod columns;
mod compact_day;
mod csv_rows;
mod doctor;
mod drug_list;
mod fhir;
#[cfg(test)]
mod fixtures_tests;
mod form;
mod formulary;
mod hl7v2;
mod issue;
mod map;
mod mapping;
mod members;
mod npi;
mod nppes;
pub mod parse;
mod part;
mod person;
mod plan_net;
pub mod probe;
mod providers;
mod qhp;
mod record;
mod report;
mod run;
mod sniff;
mod source;
mod suggest;
mod table;
mod table_columns;
#[cfg(test)]
mod tests;
mod text;
mod utf16;
mod x12;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

pub use fhir::Find;
pub use mapping::Mapping;
pub use report::{Example, Finding, Reject, Rule, Summary};
pub use run::{Progress, Undone, run, undo};
pub use source::files_in;
pub use suggest::suggest;

use crate::config::{ClaimsAsClinical, Complete, Policy, Registry};
use crate::identity::ContactKey;
use crate::store::{self, Store};

/// What a file holds.
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
    /// Who acts for whom, as CSV.
    Representatives,
}

impl Format {
    /// All of them, in the order they are loaded: whom records are about must be known before the records.
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

    /// The format of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Where a load goes.
pub struct Target<'a> {
    /// The realm's store.
    pub store: &'a Store,
    /// The key under which addresses of members are digested.
    pub contacts: &'a ContactKey,
    /// The time of the new versions.
    pub now: Timestamp,
    /// The look-up of earlier resources.
    pub find: Find<'a>,
    /// The address under which the plan's own identifiers are named, such as `https://plan.example/ids`.
    pub ids: &'a str,
    /// The plan's name, as the payor of coverage that only a table tells of.
    pub plan: &'a str,
}

/// What to load, and how.
pub struct Request {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Takes every file as this format instead of looking.
    pub format: Option<Format>,
    /// Names of columns that the plan uses.
    pub mapping: Mapping,
    /// Reads, checks and counts everything, and keeps nothing.
    pub dry_run: bool,
    /// Where refused records are written; made only if there is one.
    pub report: PathBuf,
    /// What becomes of resources that are not as FHIR and their profiles say.
    pub validation: Policy,
    /// Which claims also become encounters, conditions and procedures.
    pub claims_as_clinical: ClaimsAsClinical,
    /// Whom files of the national registry tell about.
    pub registry: Registry,
    /// Kinds of files that hold complete lists.
    pub complete: Vec<Complete>,
    /// Ends the load before the files do.
    pub stop: Stop,
}

/// Somebody wants the load to end. It does at the next block of a file or group of records, between two transactions: what was
/// kept is whole, and the next load of the same files goes on from there. Clones share.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// # Errors
    /// [`Error::Stopped`] if somebody asked.
    fn check(&self) -> Result<(), Error> {
        if self.is_asked() { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Why a load stopped. Refused records do not stop it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path cannot be read at all.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The report cannot be written.
    #[error("the report {} cannot be written: {cause}; name another with --report", path.display())]
    Report {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// There is nothing to load.
    #[error("no file was found under the given paths")]
    Nothing,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Somebody asked for the end; see [`Stop`].
    #[error("the load was stopped before its end; what was kept so far is whole, load the same files again to go on")]
    Stopped,
    /// A worker ended without its result; a defect.
    #[error("a reading thread ended early; what was kept so far is whole, run the load again")]
    Worker,
}
