//! The authorization matrix, generated from the table of routes: every route, every kind of caller, every owner. What a
//! cell must be follows from what its caller may do, not from what the server does.

mod bases;
mod callers;
mod pages;

use ingle::access::Base;
use ingle::web::{Guard, Realms, table};

/// A route that reads data must say so: everything that is not a FHIR base is listed here by hand, so that a new one is
/// a decision.
#[test]
fn guards_are_what_their_paths_suggest() {
    for route in table() {
        let bases = ["/fhir/", "/directory/", "/formulary/"];
        let in_base = bases::is_base(&route.path) || bases.iter().any(|base| route.path.starts_with(base));
        let is_terminology = ["/ValueSet/$", "/CodeSystem/$"].iter().any(|part| route.path.contains(part));
        let open = route.path.ends_with("/metadata") || route.path.contains("/.well-known/") || is_terminology;
        assert_eq!(matches!(route.guard, Guard::Fhir(_)), in_base && !open, "{}", route.path);
        assert!(route.realms != Realms::Demo || route.path.starts_with("/outbox"), "{}", route.path);
        // What is about a member or a developer is behind her guard.
        let is_hers = ["/member", "/member/stop", "/consent"].contains(&&*route.path);
        if is_hers && route.method == poem::http::Method::GET {
            assert_eq!(route.guard, Guard::Member, "{}", route.path);
        }
        if route.path.starts_with("/developers/apps") {
            assert!(matches!(route.guard, Guard::Developer(_)), "{}", route.path);
        }
    }
    let fhir = table().iter().filter(|route| route.guard == Guard::Fhir(Base::Fhir)).count();
    assert!(fhir >= 30, "{fhir}");
}
