//! Every route of the product on one page: method, path, guard, realms, handler. A reviewer reads the doors and their
//! locks here, and the authorization matrix test walks this same list.

use std::future::Future;
use std::pin::Pin;

use poem::Response;
use poem::http::Method;

use super::ask::Ask;
use super::fhir;
use super::guard::Guard;
use super::problem::Problem;
use crate::access::Base;

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
    pub path: String,
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
    table
}

/// One FHIR base (FHIR R4, RESTful API).
fn fhir_base(base: Base) -> Vec<Route> {
    let open = Guard::Anyone;
    let data = Guard::Fhir(base);
    let at = |rest: &str| format!("/{}{rest}", base.path());
    vec![
        get(at("/metadata"), open, fhir::capability::metadata),
        get(at("/:kind"), data, fhir::search::by_get),
        post(at("/:kind/_search"), data, fhir::search::by_post),
        get(at("/:kind/:id"), data, fhir::read::read),
        get(at("/:kind/:id/_history"), data, fhir::history::history),
        get(at("/:kind/:id/_history/:version"), data, fhir::read::vread),
    ]
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

fn route<F, R>(method: Method, path: impl Into<String>, guard: Guard, handler: F) -> Route
where
    F: Fn(Ask) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    let handler = Box::new(move |ask| Box::pin(handler(ask)) as Answer);
    Route { method, path: path.into(), guard, realms: Realms::Both, handler }
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
