//! Every route of the product on one page: method, path, guard, realms, handler. A reviewer reads the doors and their
//! locks here, and the authorization matrix test walks this same list.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use poem::Response;
use poem::http::Method;

use super::ask::Ask;
use super::disclosed::Outgoing;
use super::guard::Guard;
use super::pages;
use super::problem::Problem;
use super::router::{Found, Router};
use super::{fhir, oauth};
use crate::access::Base;
use crate::identity::{Audience, Level};

/// What a handler gives back.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// Where a route is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realms {
    /// In the plan's realm and in the sandbox.
    Both,
    /// In the plan's realm only.
    Plan,
    /// Only while `ingle demo` runs.
    Demo,
}

/// One route.
pub struct Route {
    /// Method; GET answers HEAD too.
    pub method: Method,
    /// Path below the realm's prefix, with `:name` for a segment.
    pub path: Arc<str>,
    /// What it asks of its caller.
    pub guard: Guard,
    /// Where it is mounted.
    pub realms: Realms,
    pub(super) handler: Box<dyn Fn(Ask) -> Answer + Send + Sync>,
}

/// Every route.
#[must_use]
pub fn table() -> Vec<Route> {
    let mut table = Vec::new();
    for base in [Base::Fhir, Base::Directory, Base::Formulary] {
        table.extend(fhir_base(base));
    }
    table.extend(oauth());
    table.extend(member_pages());
    table.extend(developer_pages());
    table
}

/// OAuth 2.0, `OpenID` Connect and SMART App Launch.
fn oauth() -> Vec<Route> {
    vec![
        get("/fhir/.well-known/smart-configuration", Guard::Anyone, oauth::discovery::smart),
        get("/.well-known/openid-configuration", Guard::Anyone, oauth::discovery::openid),
        get("/.well-known/oauth-authorization-server", Guard::Anyone, oauth::discovery::server),
        // RFC 8414, 3.1 and OpenID Connect Discovery put the path of an issuer behind the well-known address.
        get("/.well-known/openid-configuration/sandbox", Guard::Anyone, oauth::discovery::openid_of_sandbox)
            .plan_only(),
        get("/.well-known/oauth-authorization-server/sandbox", Guard::Anyone, oauth::discovery::server_of_sandbox)
            .plan_only(),
        get("/oauth/jwks", Guard::Anyone, oauth::discovery::jwks),
        pages::route::open(Method::GET, "/oauth/authorize", oauth::authorize::begin),
        pages::route::open(Method::POST, "/oauth/authorize", oauth::authorize::begin),
        post("/oauth/token", Guard::Client, oauth::token::token),
        post("/oauth/revoke", Guard::Client, oauth::revoke::revoke),
        post("/oauth/introspect", Guard::Client, oauth::introspect::introspect),
    ]
}

/// Pages for members and for anyone.
fn member_pages() -> Vec<Route> {
    use pages::route::{member, visitor};
    let (get_, post, whose) = (Method::GET, Method::POST, Audience::Member);
    vec![
        visitor(get_.clone(), "/", whose, pages::front::show),
        visitor(get_.clone(), "/login", whose, pages::login::show),
        visitor(post.clone(), "/login", whose, pages::login::send),
        visitor(post.clone(), "/login/code", whose, pages::login::check),
        visitor(post.clone(), "/login/birth-date", whose, pages::login::birth_date),
        member(get_.clone(), "/consent", pages::consent::show),
        // Whoever declines need not be signed in.
        visitor(post.clone(), "/consent", whose, pages::consent::decide),
        visitor(post.clone(), "/consent/switch", whose, pages::consent::switch),
        member(get_.clone(), "/member", pages::member::show),
        member(get_.clone(), "/member/stop", pages::member::confirm),
        member(post.clone(), "/member/stop", pages::member::stop),
        visitor(post, "/sign-out", whose, pages::member::sign_out),
        visitor(get_, "/outbox", whose, pages::outbox::show).demo_only(),
        get("/static/:name", Guard::Anyone, pages::static_files::file).plan_only(),
    ]
}

/// Pages for makers of apps. Their accounts are the plan's; their apps live in both realms.
fn developer_pages() -> Vec<Route> {
    use pages::route::{developer, visitor};
    let (get, post, whose) = (Method::GET, Method::POST, Audience::Developer);
    let (full, partial) = (Level::Full, Level::Partial);
    let pages = vec![
        visitor(get.clone(), "/developers", whose, pages::developers::show),
        visitor(post.clone(), "/developers/login", whose, pages::developers::send),
        visitor(post.clone(), "/developers/login/code", whose, pages::developers::check),
        developer(get.clone(), "/developers/authenticator", partial, pages::developers::authenticator),
        developer(post.clone(), "/developers/authenticator", partial, pages::developers::check_authenticator),
        visitor(post.clone(), "/developers/sign-out", whose, pages::developers::sign_out),
        developer(post.clone(), "/developers/apps", full, pages::developer_apps::create),
        developer(get.clone(), "/developers/apps/new", full, pages::developer_apps::blank),
        developer(get, "/developers/apps/:id", full, pages::developer_apps::show),
        developer(post.clone(), "/developers/apps/:id/secret", full, pages::developer_apps::secret),
        developer(post, "/developers/apps/:id/live", full, pages::developer_apps::go_live),
    ];
    pages.into_iter().map(Route::plan_only).collect()
}

/// One FHIR base (FHIR R4, `RESTful` API).
fn fhir_base(base: Base) -> Vec<Route> {
    let open = Guard::Anyone;
    let data = Data(base);
    let at = |rest: &str| format!("/{}{rest}", base.path());
    let mut routes = vec![
        get(at("/metadata"), open, fhir::capability::metadata),
        data.get(at("/:kind"), fhir::search::by_get),
        data.post(at("/:kind/_search"), fhir::search::by_post),
        data.get(at("/:kind/$docref"), fhir::docref::by_get),
        data.post(at("/:kind/$docref"), fhir::docref::by_post),
        data.get(at("/:kind/$lastn"), fhir::lastn::by_get),
        data.post(at("/:kind/$lastn"), fhir::lastn::by_post),
        data.get(at("/:kind/:id"), fhir::read::read),
        data.get(at("/:kind/:id/_history"), fhir::history::history),
        data.get(at("/:kind/:id/_history/:version"), fhir::read::vread),
        data.get(at("/:kind/:id/$everything"), fhir::everything::by_get),
        data.post(at("/:kind/:id/$everything"), fhir::everything::by_post),
        data.get(at("/:kind/:id/$meta"), fhir::meta::meta),
        get(at("/ValueSet/$expand"), open, fhir::terminology::expand),
        post(at("/ValueSet/$expand"), open, fhir::terminology::expand),
        get(at("/ValueSet/$validate-code"), open, fhir::terminology::validate_in_set),
        post(at("/ValueSet/$validate-code"), open, fhir::terminology::validate_in_set),
        get(at("/CodeSystem/$validate-code"), open, fhir::terminology::validate_in_system),
        post(at("/CodeSystem/$validate-code"), open, fhir::terminology::validate_in_system),
        get(at("/CodeSystem/$lookup"), open, fhir::terminology::lookup),
        post(at("/CodeSystem/$lookup"), open, fhir::terminology::lookup),
        data.get(at(""), fhir::everywhere::of_base),
        data.get(at("/"), fhir::everywhere::of_base),
        data.post(at("/_search"), fhir::everywhere::of_base_by_post),
    ];
    if base == Base::Fhir {
        routes.extend(fhir_writes(data));
    }
    routes
}

/// What only back-end clients with `system/` scopes get through, batches excepted.
fn fhir_writes(data: Data) -> Vec<Route> {
    let at = |rest: &str| format!("/fhir{rest}");
    vec![
        data.get(at("/:kind/:id/:type"), fhir::everywhere::of_compartment),
        data.post(at("/:kind/:id/:type/_search"), fhir::everywhere::of_compartment_by_post),
        data.post(at(""), fhir::bundle::bundle),
        data.post(at("/"), fhir::bundle::bundle),
        data.get(at("/_history"), fhir::feed::of_base),
        data.get(at("/:kind/_history"), fhir::feed::of_type),
        data.post(at("/:kind/$validate"), fhir::validate::of_type),
        data.post(at("/:kind/:id/$validate"), fhir::validate::of_instance),
        data.post(at("/:kind"), fhir::write::create),
        data.route(Method::PUT, at("/:kind/:id"), fhir::write::update),
        data.route(Method::PUT, at("/:kind"), fhir::write::update),
        data.route(Method::PATCH, at("/:kind/:id"), fhir::write::patch),
        data.route(Method::PATCH, at("/:kind"), fhir::write::patch),
        data.route(Method::DELETE, at("/:kind/:id"), fhir::write::delete),
        data.route(Method::DELETE, at("/:kind"), fhir::write::delete),
        data.post(at("/:kind/:id/$meta-add"), fhir::write::add_meta),
        data.post(at("/:kind/:id/$meta-delete"), fhir::write::delete_meta),
    ]
}

/// The route that an entry of a Bundle means. `path` is below the base, without a slash in front.
pub(super) fn find(base: Base, method: &Method, path: &str) -> Option<&'static Route> {
    static BASES: LazyLock<Router<Route>> = LazyLock::new(|| {
        let mut router = Router::default();
        for route in [Base::Fhir, Base::Directory, Base::Formulary].into_iter().flat_map(fhir_base) {
            router.put(route.method.clone(), &Arc::clone(&route.path), route);
        }
        router
    });
    // A Bundle in a Bundle is not a thing; a search of the whole base is.
    if path.is_empty() && *method != Method::GET {
        return None;
    }
    match BASES.find(method, &format!("/{}/{path}", base.path())) {
        Found::Here(route) => Some(route),
        Found::OtherMethod | Found::Nothing => None,
    }
}

/// Routes to the records of a base. Their handlers return what is in the audit, and nothing else.
#[derive(Clone, Copy)]
struct Data(Base);

impl Data {
    fn get<F, R>(self, path: impl Into<String>, handler: F) -> Route
    where
        F: Fn(Ask) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Outgoing, Problem>> + Send + 'static,
    {
        self.route(Method::GET, path, handler)
    }

    fn post<F, R>(self, path: impl Into<String>, handler: F) -> Route
    where
        F: Fn(Ask) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Outgoing, Problem>> + Send + 'static,
    {
        self.route(Method::POST, path, handler)
    }

    fn route<F, R>(self, method: Method, path: impl Into<String>, handler: F) -> Route
    where
        F: Fn(Ask) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Outgoing, Problem>> + Send + 'static,
    {
        let handler = move |ask| {
            let answer = handler(ask);
            async move { answer.await.map(Outgoing::into_response) }
        };
        route(method, path, Guard::Fhir(self.0), handler)
    }
}

pub(super) fn get<F, R>(path: impl Into<String>, guard: Guard, handler: F) -> Route
where
    F: Fn(Ask) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    route(Method::GET, path, guard, handler)
}

pub(super) fn post<F, R>(path: impl Into<String>, guard: Guard, handler: F) -> Route
where
    F: Fn(Ask) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    route(Method::POST, path, guard, handler)
}

pub(super) fn route<F, R>(method: Method, path: impl Into<String>, guard: Guard, handler: F) -> Route
where
    F: Fn(Ask) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    let handler = Box::new(move |ask| Box::pin(handler(ask)) as Answer);
    Route { method, path: path.into().into(), guard, realms: Realms::Both, handler }
}

impl Route {
    /// Mounts the route in the plan's realm only.
    #[must_use]
    pub(super) fn plan_only(self) -> Self {
        Self { realms: Realms::Plan, ..self }
    }

    /// Mounts the route only while `ingle demo` runs.
    #[must_use]
    pub(super) fn demo_only(self) -> Self {
        Self { realms: Realms::Demo, ..self }
    }

    /// The FHIR base it belongs to; the plan's own where it is none.
    #[must_use]
    pub fn base(&self) -> Base {
        match self.guard {
            Guard::Fhir(base) => base,
            _ if self.path.starts_with("/directory/") => Base::Directory,
            _ if self.path.starts_with("/formulary/") => Base::Formulary,
            _ => Base::Fhir,
        }
    }
}
