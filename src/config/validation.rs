//! `[validation]`: what becomes of resources that are not as FHIR and their profiles say.

use std::path::PathBuf;

use serde::Deserialize;

use super::key::section;

section! {
    /// Whether resources are checked against FHIR R4 and the profiles they claim before they are kept.
    "validation" => Validation {
        /// Resources that `ingle load` reads. `off`: kept as they are. `warn`: kept, and counted in the load's findings.
        /// `reject`: those with errors are left out, and the report says why.
        Default loads: Policy = r#""off""#;
        /// Resources that back-end clients write. `warn` tells them with `Prefer: return=OperationOutcome`; `reject` refuses
        /// with 422. What has not the shape of FHIR (unknown elements, a text for an object, "yesterday" for a date) is
        /// refused always.
        Default writes: Policy = r#""off""#;
        /// A folder of FHIR packages (`.tgz`) whose profiles and value sets are checked too. Relative to the folder of this file.
        /// A profile that Ingle has already is known under its version: `address|version`.
        Optional packages: Option<PathBuf> = r#""packages""#;
    }
}

/// What to do about a resource with errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing is checked.
    #[default]
    Off,
    /// Keep it and say so.
    Warn,
    /// Do not keep it.
    Reject,
}
