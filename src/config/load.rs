//! `[load]`: files that load themselves, and what is made of claims.

use std::path::PathBuf;

use serde::Deserialize;

use super::key::section;

section! {
    /// How plan data comes in.
    "load" => Load {
        /// A folder that `ingle serve` looks into every few seconds: files that are put there are loaded and then moved to
        /// `done` or `failed` below it, with their report. Relative to the folder of this file. Names that begin with a dot or
        /// end in `.part`, `.tmp` or `.filepart` are files on their way and are left alone.
        Optional inbox: Option<PathBuf> = r#""inbox""#;
        /// Whether claims also become clinical records: an encounter, the diagnoses and the procedures of each. Say no
        /// where clinical feeds (HL7 v2, C-CDA) bring the same.
        Default claims_as_clinical: bool = "true";
        /// Whom files of the national registry (NPPES) tell about. `all`: every row becomes a provider of the directory.
        /// `listed`: only rows of providers whom the plan's own files have named; with the registry in full, this is what you
        /// want.
        Default registry: Registry = r#""all""#;
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
