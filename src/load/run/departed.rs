//! Providers whom the registry deactivated, as far as this run meets them: what stands with them goes with them.
//!
//! A provider is known by the NPI, which is in every id and every reference. So one number is remembered for each, and what
//! refers to one is seen in the text. Absent: providers without an NPI, of whom the registry says nothing.

use std::collections::HashSet;

use crate::fhir::Prepared;
use crate::store::Outcome;

/// Types that may refer to a provider by whom they stand.
pub(super) const TIED: [&str; 5] =
    ["PractitionerRole", "OrganizationAffiliation", "HealthcareService", "Location", "Endpoint"];
const PERSON: &str = "Practitioner";
const ORGANIZATION: &str = "Organization";

/// Who is gone.
#[derive(Debug, Default)]
pub(super) struct Departed {
    all: Providers,
    /// Those who were here before this run.
    newly: Providers,
    /// An earlier run ended before it looked at what stands with them: then nobody counts as seen to.
    pub(super) is_unsettled: bool,
}

/// NPIs, doubled, and one more for an organization.
#[derive(Debug, Default)]
pub(super) struct Providers(HashSet<u64>);

impl Departed {
    /// Takes notice of a provider as stored now.
    pub(super) fn see(&mut self, prepared: &Prepared, outcome: Outcome) {
        let Some(key) = prepared.id.strip_prefix("npi-").and_then(|npi| key(prepared.kind.name(), npi)) else { return };
        if memchr::memmem::find(prepared.text(), br#""active":false"#).is_none() {
            self.all.0.remove(&key);
            self.newly.0.remove(&key);
            return;
        }
        self.all.0.insert(key);
        if outcome == Outcome::Updated || self.is_unsettled {
            self.newly.0.insert(key);
        }
    }

    /// Whether a resource stands with somebody who is gone.
    pub(super) fn concerns(&self, prepared: &Prepared) -> bool {
        !self.all.0.is_empty() && TIED.contains(&prepared.kind.name()) && self.all.are_named_in(prepared.text())
    }

    /// Those who went in this run and were here before; what they had may be in the store.
    pub(super) fn take(&mut self) -> Providers {
        std::mem::take(&mut self.newly)
    }
}

impl Providers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether organizations are among them.
    pub(super) fn has_organizations(&self) -> bool {
        self.0.iter().any(|key| key % 2 == 1)
    }

    /// Whether a text refers to one of them.
    pub(super) fn are_named_in(&self, text: &[u8]) -> bool {
        memchr::memmem::find_iter(text, b"/npi-").any(|at| {
            let (before, after) = text.split_at(at);
            let npi = after.get(5..15).and_then(|npi| std::str::from_utf8(npi).ok()).unwrap_or_default();
            let kind = if before.ends_with(PERSON.as_bytes()) { PERSON } else { ORGANIZATION };
            key(kind, npi).is_some_and(|key| self.0.contains(&key))
        })
    }
}

fn key(kind: &str, npi: &str) -> Option<u64> {
    let number: u64 = npi.parse().ok()?;
    match kind {
        PERSON => Some(number * 2),
        ORGANIZATION => Some(number * 2 + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::prepare;

    #[test]
    fn who_is_gone_is_found_in_what_refers_to_her() {
        let of = |text: &str| prepare(text.as_bytes()).unwrap();
        let role = of(
            r#"{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/npi-1234567893"}}"#,
        );
        let person =
            |active: bool| of(&format!(r#"{{"resourceType":"Practitioner","id":"npi-1234567893","active":{active}}}"#));
        let mut departed = Departed::default();
        departed.see(&of(r#"{"resourceType":"Organization","id":"npi-1234567893","active":false}"#), Outcome::Created);
        assert!(!departed.concerns(&role), "another of the same number");
        departed.see(&person(false), Outcome::Updated);
        assert!(departed.concerns(&role));
        departed.see(&person(true), Outcome::Updated);
        assert!(!departed.concerns(&role) && departed.take().is_empty());
        departed.see(&person(false), Outcome::Unchanged);
        assert!(departed.concerns(&role) && departed.take().is_empty());
    }
}
