//! Retires resources that no file lists any more, or that belong to a deactivated provider. Pure.

use serde_json::Value;

use super::build::{DirectorySource, put};

/// Whether a resource of the directory or the drug list is shown as current.
pub(crate) fn is_current(resource: &Value) -> bool {
    let says = |name: &str, word: &str| resource.get(name).is_some_and(|value| value == word);
    match resource.get("resourceType").and_then(Value::as_str) {
        Some("Basic") => availability(resource).is_some_and(|status| status == "active"),
        Some("Location" | "Endpoint") => says("status", "active"),
        _ => resource.get("active") == Some(&Value::Bool(true)),
    }
}

/// The resource, retired; absent if it already is, or if none of these readers made it. A retired directory resource is
/// not public, since the profiles mark all their resources as active; the drug list has a status of its own.
///
/// After that it counts as mentioned only: any source that lists it again brings it back.
pub(crate) fn retired(resource: &Value) -> Option<Value> {
    let source = DirectorySource::of(resource).filter(|_| is_current(resource))?;
    let mut out = resource.as_object()?.clone();
    // The server's own.
    out.remove("text");
    let is_drug = match out.get("resourceType").and_then(Value::as_str) {
        Some("Basic") => true,
        Some("Location") => {
            put(&mut out, "status", "inactive");
            false
        }
        Some("Endpoint") => {
            put(&mut out, "status", "off");
            false
        }
        _ => {
            put(&mut out, "active", false);
            false
        }
    };
    let meta = out.get_mut("meta").and_then(Value::as_object_mut)?;
    if let Some(Value::String(named)) = meta.get_mut("source") {
        *named = named.replace(&source.path(), &DirectorySource::Mentioned.path());
    }
    if !is_drug {
        meta.remove("profile");
    }
    let mut out = Value::Object(out);
    if let Some(status) = is_drug.then(|| availability_mut(&mut out)).flatten() {
        *status = "retired".into();
    }
    Some(out)
}

fn is_availability(extension: &Value) -> bool {
    let url = extension.get("url").and_then(Value::as_str).unwrap_or_default();
    url.ends_with("/usdf-AvailabilityStatus-extension")
}

fn availability(item: &Value) -> Option<&Value> {
    item.get("extension")?.as_array()?.iter().find(|one| is_availability(one))?.get("valueCode")
}

fn availability_mut(item: &mut Value) -> Option<&mut Value> {
    let mut extensions = item.get_mut("extension")?.as_array_mut()?.iter_mut();
    extensions.find(|one| is_availability(one))?.get_mut("valueCode")
}
