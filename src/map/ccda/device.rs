//! Implants: from the section on medical equipment, and from procedures that implant them.

use super::draft::DocumentDraft;
use super::section::is_negated;
use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, attr, ids, kid};
use crate::map::clinical::{Concept, ResourceBuilder};

/// The FDA: identifiers under it are UDIs.
const REGISTRY: &str = "2.16.840.1.113883.3.3719";
/// The template of a product instance.
const INSTANCE: &str = "2.16.840.1.113883.10.20.22.4.37";

/// Maps an entry of medical equipment.
pub(super) fn map<'d>(draft: &mut DocumentDraft<'d>, el: El<'d>) {
    if is_negated(el) || attr(el, "moodCode") == "INT" || attr(el, "moodCode") == "RQO" {
        return;
    }
    let groups =
        [&["participant", "participantRole"][..], &["component", "supply", "participant", "participantRole"][..]];
    for names in groups {
        for role in all(el, names) {
            implant(draft, role);
        }
    }
}

/// A device, if the role is a device's.
pub(super) fn implant<'d>(draft: &mut DocumentDraft<'d>, role: El<'d>) {
    if !crate::formats::ccda::node::follows(role, INSTANCE) {
        return;
    }
    let kind = kid(role, "playingDevice").map(|device| draft.concept(kid(device, "code"))).unwrap_or_default();
    let carrier = ids(role).into_iter().find(|(root, _)| *root == REGISTRY).map(|(_, extension)| extension);
    let carrier = carrier.filter(|carrier| !carrier.is_empty());
    if kind.is_empty() && carrier.is_none() {
        return;
    }
    let key = carrier.map(Concept::words).unwrap_or_default();
    let key = if carrier.is_some() {
        draft.ids.next("Device", &[&key.key()])
    } else {
        draft.id("Device", role, "", &kind, None)
    };
    let mut out = ResourceBuilder::new("Device", &key);
    out.set("identifier", DocumentDraft::identifiers(role));
    if let Some(carrier) = carrier {
        let parts = parts(carrier);
        let part = |wanted: &str| parts.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text);
        if let Some(device) = part("01") {
            out.set("udiCarrier", node!([{"deviceIdentifier": device, "carrierHRF": carrier}]));
        }
        out.set("manufactureDate", part("11").and_then(day)).set("expirationDate", part("17").and_then(day));
        out.set("lotNumber", part("10")).set("serialNumber", part("21"));
    }
    out.set("type", kind.value()).set("patient", draft.subject());
    draft.resources.push(out.claim(&["us-core-implantable-device"]));
}

/// The parts of a human-readable UDI: a number in parentheses, and its text.
fn parts(carrier: &str) -> Vec<(&str, &str)> {
    carrier.split('(').filter_map(|part| part.split_once(')')).filter(|(_, text)| !text.trim().is_empty()).collect()
}

/// `YYMMDD`.
fn day(text: &str) -> Option<Node<'static>> {
    crate::map::clinical::day(&format!("20{}", text.get(..6).filter(|day| day.len() == text.len())?)).map(Node::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_for_people_is_taken_apart() {
        let found = parts("(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234");
        assert_eq!(found.len(), 5);
        assert_eq!(found[0], ("01", "51022222233336"));
        assert_eq!(day("141231"), Some(node!("2014-12-31")));
        assert_eq!((day("14"), day("149931"), day("1412311")), (None, None, None));
    }
}
