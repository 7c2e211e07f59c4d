//! Elements of type `code`: their system is implied by their required value set, and a query may still name it, as in
//! `gender=http://hl7.org/fhir/administrative-gender|female`.

use super::{System, Test, Wanted};
use crate::fhir::definitions::{Kind, Parameter, Path, Step};
use crate::fhir::structures;

/// The prefix of all implied systems; other systems are not looked up.
const OWN: &str = "http://hl7.org/fhir/";

/// Adds, for each code with the element's implied system, the same code without a system, which is the form in the
/// element.
pub(super) fn widen(kind: Kind, parameter: &Parameter, test: &mut Test) {
    let (Test::Any(wanted) | Test::Not(wanted)) = test else { return };
    let plain = |wanted: &Wanted| match wanted {
        Wanted::Token { system: System::Is(system), code: Some(code) } if is_implied(kind, parameter, system, code) => {
            Some(Wanted::Token { system: System::None, code: Some(code.clone()) })
        }
        _ => None,
    };
    let plain: Vec<Wanted> = wanted.iter().filter_map(plain).collect();
    wanted.extend(plain);
}

fn is_implied(kind: Kind, parameter: &Parameter, system: &str, code: &str) -> bool {
    if !system.starts_with(OWN) {
        return false;
    }
    let Some(tree) = structures::find(kind.name()).map(structures::tree) else { return false };
    parameter.paths.iter().any(|path| {
        let element = address(kind, path).and_then(|address| tree.node(tree.find(&address)?));
        element.is_some_and(|element| {
            let codes = element.required.and_then(structures::codes_of).and_then(|codes| codes.get(system));
            element.types.iter().any(|kind| kind.code == "code") && codes.is_some_and(|codes| codes.contains(code))
        })
    })
}

/// `Observation.status`, for a path that consists of names only.
fn address(kind: Kind, path: &Path) -> Option<String> {
    let mut out = kind.name().to_owned();
    for step in &*path.steps {
        let Step::Member(name) = step else { return None };
        out.push('.');
        out.push_str(name);
    }
    Some(out)
}
