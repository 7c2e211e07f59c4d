//! Whether anybody is in a network: providers of earlier loads are in the store.
//!
//! Nothing there leads from a network to its providers, so roles and affiliations are looked through until every network in
//! question was met. A network of a large directory is met soon; where none is met after a number of them, nothing is said.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::retire::each_while;
use crate::fhir::Kind;
use crate::load::{Error, Stop, Target};

/// Roles and affiliations that are looked at.
const LOOKED_AT: usize = 100_000;

/// Those of the networks in which nobody is.
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
                // A provider that was not met yet may come later.
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

/// Takes out what a text refers to.
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
