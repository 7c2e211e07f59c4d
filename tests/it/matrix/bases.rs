//! The FHIR bases: every route as every holder of a token, for everybody's records of three types.

use ingle::web::{Guard, table};
use poem::http::{Method, StatusCode};

use super::callers::{Caller, OWNERS, all, house};
use crate::server::{TestServer, request};

/// Types, with what the ids of their resources begin with. Conditions are sensitive.
const KINDS: [(&str, &str); 3] = [("Patient", ""), ("Condition", "c-"), ("Observation", "o-")];
/// The type in `Patient/[id]/[type]`.
const WITHIN: &str = "Condition";

/// One route for one record.
struct Cell<'c> {
    method: &'c Method,
    route: &'c str,
    kind: &'c str,
    owner: &'c str,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_keeps_its_lock() {
    let server = house().await;
    let callers = all(&server).await;
    assert!(callers.len() >= 24);
    let mut cells = 0;
    for route in table().into_iter().filter(|route| matches!(route.guard, Guard::Fhir(_))) {
        let in_fhir = route.path.starts_with("/fhir");
        let owners = if in_fhir && route.path.contains(":id") { OWNERS.as_slice() } else { &OWNERS[..1] };
        let kinds = if in_fhir && route.path.contains(":kind") { KINDS.as_slice() } else { &KINDS[..1] };
        for caller in &callers {
            for (kind, start) in kinds {
                for owner in owners {
                    let cell = Cell { method: &route.method, route: &route.path, kind, owner };
                    let path = route
                        .path
                        .replace(":kind", kind)
                        .replace(":id", &format!("{start}{owner}"))
                        .replace(":version", "1")
                        .replace(":type", WITHIN);
                    let (status, text) = call(&server, &route.method, &path, caller).await;
                    assert_eq!(status, expected(&cell, caller), "{} {path} as {}: {text}", route.method, caller.name);
                    for (kind, start) in KINDS {
                        for owner in OWNERS.iter().filter(|owner| !caller.is_good || !caller.sees(kind, owner)) {
                            let leak = format!("\"id\":\"{start}{owner}\"");
                            assert!(!text.contains(&leak), "{} {path} as {} gives {leak}", route.method, caller.name);
                        }
                    }
                    cells += 1;
                }
            }
            // The sandbox is another service: what the plan issued is worth nothing there.
            let path = route.path.replace(":kind", "Patient").replace(":id", "own").replace(":version", "1");
            let path = format!("/sandbox{}", path.replace(":type", WITHIN));
            let (status, _) = call(&server, &route.method, &path, caller).await;
            let expected = if in_fhir {
                StatusCode::UNAUTHORIZED
            } else {
                expected(&Cell { method: &route.method, route: &route.path, kind: "Patient", owner: "own" }, caller)
            };
            assert_eq!(status, expected, "{} {path} as {}", route.method, caller.name);
            cells += 1;
        }
    }
    assert!(cells >= 6_000, "{cells} cells");
}

async fn call(server: &TestServer, method: &Method, path: &str, caller: &Caller) -> (StatusCode, String) {
    let request = request(method.clone(), path, caller.token.as_deref());
    let answer = if *method == Method::POST {
        server.send(request.content_type("application/x-www-form-urlencoded").body("_count=10")).await
    } else {
        server.send(request.finish()).await
    };
    (answer.status, answer.text())
}

fn expected(cell: &Cell<'_>, caller: &Caller) -> StatusCode {
    let Cell { method, route, kind, owner } = *cell;
    // A search of several types names them.
    let of_base = (*method == Method::GET && is_base(route)) || is_base_search(route);
    if !route.starts_with("/fhir") {
        // The public bases are the same for everyone, and serve no Patient to anybody.
        return if of_base { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
    }
    if !caller.is_good {
        return StatusCode::UNAUTHORIZED;
    }
    let ends = |end: &str| route.ends_with(end);
    let may = caller.may(kind);
    let any_search = KINDS.iter().any(|(kind, _)| caller.may(kind).search);
    let is_form_only = *method == Method::POST && is_base(route);
    match route {
        // A form is no Bundle.
        _ if is_form_only => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ if of_base => StatusCode::BAD_REQUEST,
        _ if route.contains(":type") => match () {
            () if kind != "Patient" => StatusCode::NOT_FOUND,
            // Her compartment, or an empty one: it contains nobody else's records.
            () if caller.may(WITHIN).search => StatusCode::OK,
            () => StatusCode::FORBIDDEN,
        },
        // Everybody's changes are for back-end clients.
        "/fhir/_history" => {
            if caller.is_backend && any_search {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            }
        }
        "/fhir/:kind/_history" => {
            if caller.is_backend && may.search {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            }
        }
        // Nothing was sent that could be validated; who may see the resource, is asked first.
        "/fhir/:kind/$validate" => {
            if may.read || may.search {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            } else {
                StatusCode::FORBIDDEN
            }
        }
        "/fhir/:kind/:id/$validate" => instance(caller, kind, owner, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        // Nobody here may change anything.
        _ if matches!(*method, Method::PUT | Method::PATCH | Method::DELETE) || route.contains("$meta-") => {
            StatusCode::FORBIDDEN
        }
        "/fhir/:kind" if *method == Method::POST => StatusCode::FORBIDDEN,
        _ if ends("$docref") => match () {
            () if !may.search => StatusCode::FORBIDDEN,
            () => StatusCode::NOT_FOUND,
        },
        _ if ends("$lastn") => match () {
            () if !may.search => StatusCode::FORBIDDEN,
            // It must say of whom.
            () if kind == "Observation" => StatusCode::BAD_REQUEST,
            () => StatusCode::NOT_FOUND,
        },
        _ if ends("$everything") => match () {
            () if !may.read => StatusCode::FORBIDDEN,
            () if kind != "Patient" => StatusCode::NOT_FOUND,
            () => instance(caller, kind, owner, StatusCode::OK),
        },
        _ if route.contains(":id") => instance(caller, kind, owner, StatusCode::OK),
        _ if may.search => StatusCode::OK,
        _ => StatusCode::FORBIDDEN,
    }
}

/// What is about one resource, if all goes well.
fn instance(caller: &Caller, kind: &str, owner: &str, good: StatusCode) -> StatusCode {
    match () {
        () if !caller.may(kind).read => StatusCode::FORBIDDEN,
        () if caller.sees(kind, owner) => good,
        // Not there and not hers are one answer.
        () => StatusCode::NOT_FOUND,
    }
}

pub fn is_base(route: &str) -> bool {
    ["/fhir", "/directory", "/formulary"].contains(&route.trim_end_matches('/'))
}

fn is_base_search(route: &str) -> bool {
    route.strip_suffix("/_search").is_some_and(is_base)
}
