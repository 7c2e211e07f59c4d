//! Retires resources that no file lists any more, or that belong to a deactivated provider. Pure.

use super::build::DirectorySource;
use crate::fhir::json::Node;

/// Whether a resource of the directory or the drug list is shown as current.
pub(crate) fn is_current(resource: &Node<'_>) -> bool {
    match resource.text_of("resourceType") {
        Some("Basic") => availability(resource).is_some_and(|status| status.text() == Some("active")),
        Some("Location" | "Endpoint") => resource.text_of("status") == Some("active"),
        _ => resource.get("active") == Some(&Node::Bool(true)),
    }
}

/// The resource, retired; absent if it already is, or if none of these readers made it. A retired directory resource is
/// not public, since the profiles mark all their resources as active; the drug list has a status of its own.
///
/// After that it counts as mentioned only: any source that lists it again brings it back.
pub(crate) fn retired<'n>(resource: &Node<'n>) -> Option<Node<'n>> {
    let source = DirectorySource::of(resource).filter(|_| is_current(resource))?;
    let mut out = resource.clone();
    // The server's own.
    out.remove("text");
    let is_drug = match resource.text_of("resourceType") {
        Some("Basic") => true,
        Some("Location") => {
            out.set("status", "inactive");
            false
        }
        Some("Endpoint") => {
            out.set("status", "off");
            false
        }
        _ => {
            out.set("active", false);
            false
        }
    };
    let meta = out.get_mut("meta")?;
    if let Some(Node::String(named)) = meta.get_mut("source") {
        *named = named.replace(&source.path(), &DirectorySource::Mentioned.path()).into();
    }
    if !is_drug {
        meta.remove("profile");
    }
    if let Some(status) = is_drug.then(|| availability_mut(&mut out)).flatten() {
        *status = "retired".into();
    }
    Some(out)
}

fn is_availability(extension: &Node<'_>) -> bool {
    extension.text_of("url").unwrap_or_default().ends_with("/usdf-AvailabilityStatus-extension")
}

fn availability<'r, 'n>(item: &'r Node<'n>) -> Option<&'r Node<'n>> {
    item.get("extension")?.items().iter().find(|one| is_availability(one))?.get("valueCode")
}

fn availability_mut<'r, 'n>(item: &'r mut Node<'n>) -> Option<&'r mut Node<'n>> {
    let Node::Array(extensions) = item.get_mut("extension")? else { return None };
    extensions.iter_mut().find(|one| is_availability(one))?.get_mut("valueCode")
}
