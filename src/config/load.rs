//! `[load]`: files that load themselves, and what is made of claims.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::key::section;

section! {
    /// How plan data comes in.
    "load" => Load {
        /// A folder that `ingle serve` looks into every few seconds: files that are put there are loaded and then moved to
        /// `done` or `failed` below it, with their report. Relative to the folder of this file. Names that begin with a dot or
        /// end in `.part`, `.tmp` or `.filepart` are files on their way and are left alone.
        Optional inbox: Option<PathBuf> = r#""inbox""#;
        /// Which claims also become clinical records: an encounter with its diagnoses and procedures (US Core). `encounters`:
        /// those that report care under a capitation (BHT06 is RP), which nobody bills. `all`: all of them, eight records or
        /// so for each claim; for plans that no clinical feed reaches. `none`: none.
        Default claims_as_clinical: ClaimsAsClinical = r#""encounters""#;
        /// Whom files of the national registry (NPPES) tell about. `all`: every row becomes a provider of the directory.
        /// `listed`: only rows of providers whom the plan's own files have named; with the registry in full, this is what you
        /// want.
        Default registry: Registry = r#""all""#;
        /// Kinds of files of which every load that has one holds the complete list: out of `providers`, `qhp` and `formulary`.
        /// Roles, affiliations, services and drugs that such a list named before and names no longer are then no longer current.
        /// If more than half of a list would go, nothing does: a file that was cut off must not empty the directory.
        Default complete: Vec<Complete> = "[]";
    }
}

/// Which claims become clinical records too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimsAsClinical {
    /// None.
    None,
    /// Those that report care and ask for no payment.
    #[default]
    Encounters,
    /// All.
    All,
}

/// A kind of file that may be a complete list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// The plan's own table of providers.
    Providers,
    /// An exchange plan's providers and drugs.
    Qhp,
    /// The plan's own drug list.
    Formulary,
}

impl<'de> Deserialize<'de> for Complete {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "providers" => Ok(Self::Providers),
            "qhp" => Ok(Self::Qhp),
            "formulary" => Ok(Self::Formulary),
            _ => Err(D::Error::custom("must hold kinds out of \"providers\", \"qhp\" and \"formulary\"")),
        }
    }
}

/// Whom the national registry tells about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Everybody in the file.
    #[default]
    All,
    /// Who is in the directory already.
    Listed,
}
