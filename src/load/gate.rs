//! Resources of FHIR files on their way through the one gate (`access::admit`).

use crate::access::{Admitted, NotAdmitted, admit};
use crate::config::Policy;
use crate::fhir::json::Node;
use crate::formats::fhir::{self, Deferred, Known, Refused, found};

/// What one piece of a FHIR file gave.
pub(super) type Batch = fhir::Batch<Admitted>;

/// An empty batch, whose resources are admitted under a policy.
pub(super) fn batch(validation: Policy) -> Batch {
    Batch::new(pass, validation)
}

fn pass(node: &mut Node<'_>, id: &str, policy: Policy) -> Result<(Admitted, bool), Refused> {
    match admit(node, id, policy) {
        Ok(admission) => Ok((admission.resource, !admission.issues.is_empty())),
        Err(NotAdmitted::Resource(issue)) => Err(Refused::Resource(issue)),
        Err(invalid @ NotAdmitted::Invalid(_)) => Err(Refused::Invalid(invalid.to_string())),
    }
}

/// Finishes a deferred resource. Returns it with the number of references that stay logical.
pub(super) fn settle(deferred: &Deferred, known: &Known<'_>) -> Result<(Admitted, u64), NotAdmitted> {
    let (mut node, unresolved) = found(deferred, known)?;
    // Its first reading was checked; looking up a reference makes nothing wrong.
    Ok((admit(&mut node, &deferred.id, Policy::Off)?.resource, unresolved))
}
