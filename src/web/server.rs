//! The whole product as one endpoint: the door of each route, and the wrap around every handler.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, Request, Response};

use super::acts::{self, Act, Strangers};
use super::ask::{Ask, Entered, caller, drain, network};
use super::guard::Guard;
use super::problem::Problem;
use super::router::{Found, Router};
use super::routes::{Realms, Route, table};
use super::work::{ALLOWANCE, LARGE};
use crate::access::{Effort, Principal};
use crate::outbound::Chance;
use crate::realm::{Caller, Realm, RealmKind};

/// Bodies above this are worth compressing.
pub(super) const MIN_COMPRESSED: usize = 1_024;

/// What a server serves.
pub trait App: Endpoint<Output = Response> + 'static {}

impl<E: Endpoint<Output = Response> + 'static> App for E {}

/// The whole product as one endpoint over its realms. `demo` adds the outbox.
#[must_use]
pub fn app(realms: &[Arc<Realm>], demo: bool) -> impl App + use<> {
    let mut doors = Router::default();
    let ids = Arc::new(RequestIds::new(&realms.first().map_or_else(Chance::system, |realm| realm.chance.clone())));
    let sandbox = realms.iter().find(|realm| realm.kind == RealmKind::Sandbox).cloned();
    for realm in realms {
        let strangers = Arc::<Strangers>::default();
        for route in table() {
            let mounted = match route.realms {
                Realms::Both => true,
                Realms::Plan => realm.kind == RealmKind::Plan,
                Realms::Demo => realm.kind == RealmKind::Plan && demo,
            };
            if !mounted {
                continue;
            }
            let path = format!("{}{}", realm.kind.prefix(), route.path);
            let method = route.method.clone();
            let door = Arc::new(Door {
                realm: Arc::clone(realm),
                sandbox: sandbox.clone(),
                ids: Arc::clone(&ids),
                strangers: Arc::clone(&strangers),
                route,
            });
            if method == Method::GET {
                doors.put(Method::HEAD, &path, Arc::clone(&door));
            }
            doors.put(method, &path, door);
        }
    }
    let plan = realms.iter().find(|realm| realm.kind == RealmKind::Plan).cloned();
    Outer { doors, plan }
}

/// One route in one realm: guard, handler, and what every answer carries.
struct Door {
    realm: Arc<Realm>,
    sandbox: Option<Arc<Realm>>,
    ids: Arc<RequestIds>,
    route: Route,
    strangers: Arc<Strangers>,
}

/// Request ids: drawn once per process and then counted, so that they are unique and cost nothing. They are no secret.
struct RequestIds {
    process: String,
    next: AtomicU64,
}

impl RequestIds {
    fn new(chance: &Chance) -> Self {
        let process = chance.id().chars().take(10).collect();
        Self { process, next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        let mut id = String::with_capacity(self.process.len() + 16);
        id.push_str(&self.process);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        id.extend((0..16).rev().map(|place| char::from(hex((number >> (place * 4)) as u8 & 0xF))));
        id
    }
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

impl Door {
    async fn serve(&self, mut request: Request) -> Response {
        let id = self.ids.next();
        let reader = self.reader(&request);
        let manner = self.manner(&request);
        let mut is_left = false;
        let answer = match self.route.guard.principal(&self.realm, &request) {
            Ok(principal) => {
                let caller = manner.is_dear().then(|| caller(&principal, network(&request, &self.realm)));
                let answer = self.answer(request, principal, &id, &reader).await;
                let answer = answer.unwrap_or_else(|problem| self.explain(&problem, &id, &reader));
                manner.dress(answer, &self.realm, caller.as_ref()).await
            }
            Err(problem) => {
                is_left = request.version() < Version::HTTP_2 && !drain(request.take_body()).await;
                Err(problem)
            }
        };
        let mut response = answer.unwrap_or_else(|problem| self.explain(&problem, &id, &reader));
        if is_left {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        stamp(&mut response, id);
        response
    }

    async fn answer(
        &self,
        mut request: Request,
        principal: Principal,
        id: &str,
        reader: &HeaderMap,
    ) -> Result<Response, Problem> {
        let body = request.take_body();
        let entered = Arc::new(Entered::default());
        let asks = principal.clone();
        let ask = Ask {
            realm: Arc::clone(&self.realm),
            sandbox: self.sandbox.clone(),
            principal,
            id: id.to_owned(),
            base: self.route.base(),
            entered: Arc::clone(&entered),
            pattern: Arc::clone(&self.route.path),
            request,
            body,
            effort: Effort::of(ALLOWANCE),
            in_pool: false,
        };
        // A defect in one handler must cost one request, not the process.
        let answer = AssertUnwindSafe((self.route.handler)(ask))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(Problem::Internal(format!("a handler panicked: {}", words(panic.as_ref())))));
        let answer = answer.unwrap_or_else(|problem| self.explain(&problem, id, reader));
        let act = Act { route: &self.route, principal: &asks, request: id, status: answer.status() };
        acts::enter(&self.realm, &self.strangers, &entered, &act)?;
        entered.settle(&self.realm.audit).await?;
        Ok(answer)
    }

    fn manner(&self, request: &Request) -> Manner {
        if !matches!(self.route.guard, Guard::Fhir(_) | Guard::Anyone) {
            return Manner::default();
        }
        let pretty = request.uri().query().is_some_and(|query| query.contains("_pretty=true"));
        Manner { xml: super::fhir::wants_xml(request), pretty, gzip: accepts_gzip(request) }
    }

    /// What a page about a failure needs to know of its reader; nothing elsewhere.
    fn reader(&self, request: &Request) -> HeaderMap {
        if self.route.guard.is_page() { request.headers().clone() } else { HeaderMap::new() }
    }

    fn explain(&self, problem: &Problem, id: &str, reader: &HeaderMap) -> Response {
        match self.route.guard {
            guard if guard.is_page() => problem.to_page(&self.realm, reader, id),
            Guard::Client => problem.to_error_object(id),
            _ => problem.to_outcome(id),
        }
    }
}

/// In what form a request wants its answer; the same for good answers and for errors.
#[derive(Clone, Copy, Default)]
struct Manner {
    xml: bool,
    pretty: bool,
    gzip: bool,
}

impl Manner {
    /// True if an answer is made anew, which takes long for a large one.
    const fn is_dear(self) -> bool {
        self.xml || self.pretty || self.gzip
    }

    /// Rewrites and packs an answer; in the pool if it is large.
    async fn dress(self, response: Response, realm: &Realm, caller: Option<&Caller>) -> Result<Response, Problem> {
        let rewrite = (self.xml || self.pretty) && super::fhir::is_resource(&response);
        let pack = self.gzip
            && response.status() == StatusCode::OK
            && !response.headers().contains_key(header::CONTENT_ENCODING);
        let Some(caller) = caller.filter(|_| rewrite || pack) else { return Ok(response) };
        let (mut parts, body) = response.into_parts();
        let Ok(body) = body.into_bytes().await else { return Err(Problem::BrokenOff) };
        let size = body.len();
        let work = move || {
            let (body, media) = if rewrite {
                let (body, media) = super::fhir::rewritten(body, self.xml, self.pretty);
                (body, Some(media))
            } else {
                (body, None)
            };
            let packed = (pack && body.len() >= MIN_COMPRESSED).then(|| gzipped(&body)).flatten();
            (packed.is_some(), packed.unwrap_or(body), media)
        };
        let (packed, body, media) =
            if size > LARGE { realm.readers.run(caller, &Effort::unlimited(), work).await? } else { work() };
        if let Some(media) = media {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        }
        if packed {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if pack {
            parts.headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        }
        Ok(Response::from_parts(parts, body.into()))
    }
}

/// A panic's message can hold what the panicking code was working on, so only literals are logged.
fn words(panic: &(dyn Any + Send)) -> &'static str {
    panic.downcast_ref::<&'static str>().copied().unwrap_or("with data in its message")
}

/// Addresses that no route has, and methods that a route does not take.
struct Outer {
    doors: Router<Arc<Door>>,
    plan: Option<Arc<Realm>>,
}

impl Endpoint for Outer {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let problem = match self.doors.find(request.method(), request.uri().path()) {
            Found::Here(door) => return Ok(door.serve(request).await),
            _ if request.method() == Method::OPTIONS => return Ok(preflight()),
            // All operations take POST: a name with a dollar sign that does not is none of ours.
            Found::OtherMethod if means_operation(&request) => Problem::Operation,
            Found::OtherMethod => Problem::Method,
            Found::Nothing => Problem::NoRoute,
        };
        // A browser that lost its way gets a page.
        let person = request.header(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
        let mut response = match &self.plan {
            Some(plan) if person => problem.to_page(plan, request.headers(), ""),
            _ => problem.to_outcome(""),
        };
        stamp(&mut response, "-".to_owned());
        Ok(response)
    }
}

/// True for a POST to what looks like an operation; of those that there are, only `$meta` does not take it.
fn means_operation(request: &Request) -> bool {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    request.method() == Method::POST && last.starts_with('$') && last != "$meta"
}

const EXPOSED: &str = "ETag, Last-Modified, Location, Content-Location, Link, X-Request-Id, WWW-Authenticate";

/// Any origin may call: no cookie is ever looked at where an origin other than our own is allowed, and tokens travel in
/// a header that a foreign page must put there itself.
fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
        .header(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, If-Modified-Since, If-None-Exist",
        )
        .header(header::ACCESS_CONTROL_MAX_AGE, "600")
        .finish()
}

fn stamp(response: &mut Response, id: String) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !page {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

pub(super) fn accepts_gzip(request: &Request) -> bool {
    let accepted = request.header("accept-encoding").unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0")
    })
}

/// Bytes packed with gzip. Pages are left alone, since they carry form tokens (BREACH).
pub(super) fn gzipped(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 4), flate2::Compression::fast());
    let packed = std::io::Write::write_all(&mut encoder, bytes).and_then(|()| encoder.finish());
    packed.ok().map(Bytes::from)
}
