//! Providers that the registry deactivated, as far as this run meets them: resources that belong to them are retired
//! with them.
//!
//! A provider is known by the NPI, which is in every id and every reference. So one number is remembered per provider,
//! and references are recognized in the text. Absent: providers without an NPI, about which the registry says nothing.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::access::Admitted;
use crate::map::plan_net::virtual_id;
use crate::store::Outcome;

/// Types that may belong to a provider; the first two also to a person.
pub(super) const TIED: [&str; 5] =
    ["PractitionerRole", "HealthcareService", "OrganizationAffiliation", "Location", "Endpoint"];
const PERSON: &str = "Practitioner";
const ORGANIZATION: &str = "Organization";

/// The deactivated providers.
#[derive(Debug, Default)]
pub(super) struct Departed {
    all: Providers,
    /// Those that were in the directory before this run.
    newly: Providers,
    /// An earlier run ended before it retired the resources of deactivated providers; until that is done, none of them
    /// counts as settled.
    pub(super) is_unsettled: bool,
}

/// Some providers.
#[derive(Debug, Default)]
pub(super) struct Providers {
    /// NPIs times two, plus one for an organization.
    keys: HashSet<u64>,
    /// Hashes of the ids of the video services that persons offer.
    services: HashSet<u64>,
}

impl Departed {
    /// Notes a provider as it is stored now.
    pub(super) fn see(&mut self, prepared: &Admitted, outcome: Outcome) {
        let Some(key) = prepared.id.strip_prefix("npi-").and_then(|npi| key(prepared.kind.name(), npi)) else { return };
        if memchr::memmem::find(prepared.text(), br#""active":false"#).is_none() {
            self.all.set(key, &prepared.id, false);
            self.newly.set(key, &prepared.id, false);
            return;
        }
        self.all.set(key, &prepared.id, true);
        if outcome == Outcome::Updated || self.is_unsettled {
            self.newly.set(key, &prepared.id, true);
        }
    }

    /// Whether a resource belongs to a deactivated provider.
    pub(super) fn concerns(&self, prepared: &Admitted) -> bool {
        !self.all.is_empty() && TIED.contains(&prepared.kind.name()) && self.all.have(&prepared.id, prepared.text())
    }

    /// The providers deactivated in this run that were in the directory before; the store may hold resources that
    /// belong to them.
    pub(super) fn take(&mut self) -> Providers {
        std::mem::take(&mut self.newly)
    }
}

impl Providers {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn set(&mut self, key: u64, id: &str, is_gone: bool) {
        let service = hash(&virtual_id(id));
        if is_gone {
            self.keys.insert(key);
            self.services.insert(service);
        } else if self.keys.remove(&key) {
            self.services.remove(&service);
        }
    }

    /// Whether organizations are among them.
    pub(super) fn has_organizations(&self) -> bool {
        self.keys.iter().any(|key| key % 2 == 1)
    }

    /// Whether a resource belongs to one of them: it refers to the provider, or is a service that only this provider
    /// offers.
    pub(super) fn have(&self, id: &str, text: &[u8]) -> bool {
        let refers = memchr::memmem::find_iter(text, b"/npi-").any(|at| {
            let (before, after) = text.split_at(at);
            let npi = after.get(5..15).and_then(|npi| std::str::from_utf8(npi).ok()).unwrap_or_default();
            let kind = if before.ends_with(PERSON.as_bytes()) { PERSON } else { ORGANIZATION };
            key(kind, npi).is_some_and(|key| self.keys.contains(&key))
        });
        refers || self.services.contains(&hash(id))
    }
}

fn hash(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
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

    #[test]
    fn who_is_gone_is_found_in_what_refers_to_her() {
        let of = |text: &str| crate::access::admit_text(text.as_bytes()).unwrap();
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
