//! The authorization matrix, generated from the table of routes: every route, every kind of caller, every owner.

use ingle::web::{Guard, Realms, table};
use poem::http::{Method, StatusCode};

use crate::server::{TestServer, request};

/// Whose resource a path names.
const OWNERS: [&str; 3] = ["own", "foreign", "absent"];

struct Caller {
    name: &'static str,
    token: Option<String>,
    /// Reads of her own data succeed.
    may_read: bool,
    may_search: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_keeps_its_lock() {
    let server = TestServer::builder()
        .member("M1", "own", "ana@example.com")
        .member("M2", "foreign", "bob@example.com")
        .start()
        .await;
    let expired = server.tokens("M1", "patient/*.rs").await.access_token;
    server.hand.advance(std::time::Duration::from_secs(4_000));
    let token = |scopes: &'static str| {
        let server = &server;
        async move { Some(server.tokens("M1", scopes).await.access_token) }
    };
    let callers = [
        Caller { name: "nobody", token: None, may_read: false, may_search: false },
        Caller { name: "forged token", token: Some("ing_x".into()), may_read: false, may_search: false },
        Caller { name: "expired token", token: Some(expired), may_read: false, may_search: false },
        Caller { name: "all", token: token("patient/*.rs").await, may_read: true, may_search: true },
        Caller { name: "v1", token: token("patient/Patient.read").await, may_read: true, may_search: true },
        Caller { name: "read only", token: token("patient/Patient.r").await, may_read: true, may_search: false },
        Caller { name: "search only", token: token("patient/Patient.s").await, may_read: false, may_search: true },
        Caller { name: "other type", token: token("patient/Condition.rs").await, may_read: false, may_search: false },
    ];
    let mut cells = 0;
    for route in table().into_iter().filter(|route| matches!(route.guard, Guard::Fhir(_))) {
        for prefix in ["", "/sandbox"] {
            for caller in &callers {
                for owner in OWNERS {
                    let path = format!("{prefix}{}", route.path)
                        .replace(":kind", "Patient")
                        .replace(":id", owner)
                        .replace(":version", "1")
                        .replace(":type", "Condition");
                    let answer = call(&server, &route.method, &path, caller).await;
                    let expected = expected(&route.method, &route.path, prefix, caller, owner);
                    assert_eq!(answer.0, expected, "{} {path} as {}", route.method, caller.name);
                    assert!(!answer.1.contains("\"id\":\"foreign\""), "{path} as {} leaks", caller.name);
                    cells += 1;
                }
            }
        }
    }
    assert!(cells > 500, "{cells}");
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

fn expected(method: &Method, route: &str, prefix: &str, caller: &Caller, owner: &str) -> StatusCode {
    // A search of several types names them.
    let of_base = (*method == Method::GET && is_base(route)) || is_base_search(route);
    if of_base && !route.starts_with("/fhir") {
        return StatusCode::BAD_REQUEST;
    }
    // The public bases do not serve Patient to anybody.
    if !route.starts_with("/fhir") {
        return StatusCode::NOT_FOUND;
    }
    let is_write = matches!(*method, Method::PUT | Method::PATCH | Method::DELETE)
        || (*method == Method::POST && (route == "/fhir/:kind" || route.contains("$meta-")));
    let is_validation = route.ends_with("$validate");
    let is_bundle = *method == Method::POST && is_base(route);
    let is_feed = matches!(route, "/fhir/_history" | "/fhir/:kind/_history");
    let search =
        route == "/fhir/:kind" || route.ends_with("_search") || route.ends_with("$docref") || route.ends_with("$lastn");
    let good = caller.token.is_some() && !caller.name.contains("token");
    if prefix == "/sandbox" || !good {
        return StatusCode::UNAUTHORIZED;
    }
    if of_base {
        return StatusCode::BAD_REQUEST;
    }
    // Her compartment, or an empty one: nobody's else is there.
    if route.contains(":type") {
        let may = matches!(caller.name, "all" | "other type");
        return if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
    }
    // Nothing was sent that could be validated; who may see the resource, is asked first.
    if is_validation {
        let of_type = route == "/fhir/:kind/$validate";
        return match (of_type, caller.may_read, owner) {
            _ if caller.name == "other type" => StatusCode::FORBIDDEN,
            (false, false, _) => StatusCode::FORBIDDEN,
            (false, true, "foreign" | "absent") => StatusCode::NOT_FOUND,
            _ => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
    }
    // Changes and everybody's changes are for back-end clients.
    if is_write || is_feed {
        return StatusCode::FORBIDDEN;
    }
    // A form is no Bundle.
    if is_bundle {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let allowed = if search { caller.may_search } else { caller.may_read };
    match (allowed, search, owner) {
        (false, ..) => StatusCode::FORBIDDEN,
        // Patients have no documents of their own: the operation belongs to another type.
        (true, true, _) if route.ends_with("$docref") || route.ends_with("$lastn") => StatusCode::NOT_FOUND,
        (true, true, _) | (true, false, "own") => StatusCode::OK,
        (true, false, _) => StatusCode::NOT_FOUND,
    }
}

fn is_base(route: &str) -> bool {
    ["/fhir", "/directory", "/formulary"].contains(&route.trim_end_matches('/'))
}

fn is_base_search(route: &str) -> bool {
    route.strip_suffix("/_search").is_some_and(is_base)
}

/// A route that reads data must say so: everything that is not a FHIR base is listed here by hand, so that a new one is
/// a decision.
#[test]
fn guards_are_what_their_paths_suggest() {
    for route in table() {
        let bases = ["/fhir/", "/directory/", "/formulary/"];
        let in_base = is_base(&route.path) || bases.iter().any(|base| route.path.starts_with(base));
        let is_terminology = ["/ValueSet/$", "/CodeSystem/$"].iter().any(|part| route.path.contains(part));
        let open = route.path.ends_with("/metadata") || route.path.contains("/.well-known/") || is_terminology;
        assert_eq!(matches!(route.guard, Guard::Fhir(_)), in_base && !open, "{}", route.path);
        assert!(route.realms != Realms::Demo || route.path.starts_with("/outbox"), "{}", route.path);
    }
}
