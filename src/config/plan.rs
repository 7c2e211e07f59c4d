//! `[plan]`: who the plan is.

use serde::Deserialize;

use super::key::section;
use super::value::BaseUrl;

section! {
    /// Who the plan is and where members reach it.
    "plan" => Plan {
        /// The plan's name, as members know it from their card.
        Required name: String = r#""Alder County Health Plan""#;
        /// The public address of this server: no path, no final slash. It is also the OAuth issuer, so apps stop
        /// working when it changes. `https` unless the host is this machine.
        Required url: BaseUrl = r#""https://fhir.alder.example""#;
        /// The legal name, where it differs; shown in the footer and on the consent page.
        Optional legal_name: Option<String> = r#""Alder County Community Health Plan, Inc.""#;
        /// Where a member who is stuck can write to.
        Optional support_email: Option<String> = r#""help@alder.example""#;
        /// The number a member who is stuck can call.
        Optional support_phone: Option<String> = r#""1-800-555-0100""#;
        /// When that number is answered.
        Optional support_hours: Option<String> = r#""Monday to Friday, 8 am to 6 pm""#;
        /// Languages of the pages; the first is used when the browser asks for none of them.
        Default languages: Vec<Language> = r#"["en", "es"]"#;
    }
}

/// A language the pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Spanish.
    Es,
}

impl Plan {
    pub(super) fn check(&self, refuse: &mut dyn FnMut(&str, String)) {
        if self.name.trim().is_empty() {
            refuse("name", "is empty; write the plan's name".to_owned());
        }
        if self.languages.is_empty() {
            refuse("languages", "is empty; name at least one of \"en\", \"es\"".to_owned());
        }
    }
}
