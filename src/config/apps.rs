//! `[apps]`: third-party apps and what they are given.

use serde::Deserialize;

use super::key::section;
use super::value::Span;

section! {
    /// Third-party apps and how long what they are given lasts.
    "apps" => Apps {
        /// `review`: staff approve each app before it meets members (`ingle app approve`). `open`: an app with a maker, a
        /// policy, terms and a contact may connect members at once.
        Default registration: Registration = r#""review""#;
        /// How long an access token works.
        Default access_token: Span = r#""1h""#;
        /// How long a member's permission lasts when she does not end it sooner.
        Default grant: Span = r#""365d""#;
        /// Whether developers get the sandbox: the same service over invented members, under `/sandbox`.
        Default sandbox: bool = "true";
    }
}

/// Who may connect members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Every registered app.
    Open,
    /// Apps that staff approved.
    Review,
}

/// Longest life of an access token: a stolen one must die within a working day.
const ACCESS_TOKEN_MAX_SECONDS: u64 = 12 * 3600;

impl Apps {
    pub(super) fn check(&self, refuse: &mut dyn FnMut(&str, String)) {
        let seconds = self.access_token.duration().as_secs();
        if !(60..=ACCESS_TOKEN_MAX_SECONDS).contains(&seconds) {
            refuse("access_token", "must be between 1m and 12h".to_owned());
        }
        if self.grant.duration() < self.access_token.duration() {
            refuse("grant", "must not be shorter than access_token".to_owned());
        }
    }
}
