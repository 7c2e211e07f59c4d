//! `[load]`: files that load themselves, and what is made of claims.

use std::path::PathBuf;

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
    }
}
