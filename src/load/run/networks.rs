//! Whether a network has any provider, including those of earlier loads, which are in the store.
//!
//! The store has no path from a network to its providers, so roles and affiliations are read until each network in
//! question was met. A network of a large directory is met soon; if one is not met within a limited number of them,
//! nothing is reported.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::retire::each_while;
use crate::fhir::Kind;
use crate::load::{Error, Stop, Target};

/// Roles and affiliations that are read at most.
const LOOKED_AT: usize = 100_000;

/// Keeps those networks that have no provider.
pub(super) fn without_providers<'n>(
    target: &Target<'_>,
    mut networks: HashSet<&'n str>,
    stop: &Stop,
) -> Result<HashSet<&'n str>, Error> {
    let mut left = LOOKED_AT;
    for name in ["OrganizationAffiliation", "PractitionerRole"] {
        if networks.is_empty() {
            break;
        }
        each_while(target, Kind::named(name), stop, &mut |stored| {
            let Some(fewer) = left.checked_sub(1) else {
                // The search was cut short: a provider may still follow, so nothing is reported.
                networks.clear();
                return ControlFlow::Break(());
            };
            left = fewer;
            if memchr::memmem::find(&stored.body, br#""active":false"#).is_none() {
                meet(&stored.body, &mut networks);
            }
            if networks.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    Ok(networks)
}

/// Removes the networks that a resource's text refers to.
fn meet(text: &[u8], networks: &mut HashSet<&str>) {
    const BEFORE: &[u8] = b"\"Organization/";
    for at in memchr::memmem::find_iter(text, BEFORE) {
        let rest = text.get(at + BEFORE.len()..).unwrap_or_default();
        let id = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
        if let Ok(id) = std::str::from_utf8(id) {
            networks.remove(id);
        }
    }
}
