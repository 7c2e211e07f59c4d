//! Routes to pages. One call makes the route, its guard, and the proof that its handler receives: a handler that wants a
//! member can be mounted behind [`Guard::Member`] and in no other way. What goes wrong on the way becomes a page too.

use std::future::Future;
use std::pin::Pin;

use poem::Response;
use poem::http::Method;

use super::cookies;
use super::frame::{Frame, see_other};
use super::oops::Oops;
use super::visit::{DeveloperIn, Forms, MemberIn, Visit};
use crate::identity::{Audience, Level};
use crate::oauth::Form;
use crate::web::ask::Ask;
use crate::web::guard::Guard;
use crate::web::problem::Problem;
use crate::web::routes::{Route, route};

type Answer = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// A page for anybody.
pub(in crate::web) fn visitor<F, R>(method: Method, path: &str, audience: Audience, handler: F) -> Route
where
    F: Fn(Visit) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = Result<Response, Oops>> + Send + 'static,
{
    route(
        method,
        path,
        Guard::Visitor(audience),
        adapt(audience, Forms::Ours, |_| Ok(()), move |visit, ()| handler(visit)),
    )
}

/// The authorization endpoint, which apps may send forms to.
pub(in crate::web) fn open<F, R>(method: Method, path: &str, handler: F) -> Route
where
    F: Fn(Visit) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = Result<Response, Oops>> + Send + 'static,
{
    let (audience, forms) = (Audience::Member, Forms::Anyones);
    route(method, path, Guard::Visitor(audience), adapt(audience, forms, |_| Ok(()), move |visit, ()| handler(visit)))
}

/// A page for a member who is signed in.
pub(in crate::web) fn member<F, R>(method: Method, path: &str, handler: F) -> Route
where
    F: Fn(Visit, MemberIn) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = Result<Response, Oops>> + Send + 'static,
{
    route(method, path, Guard::Member, adapt(Audience::Member, Forms::Ours, Visit::member_in, handler))
}

/// A page for a developer who is signed in at least so far.
pub(in crate::web) fn developer<F, R>(method: Method, path: &str, level: Level, handler: F) -> Route
where
    F: Fn(Visit, DeveloperIn) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = Result<Response, Oops>> + Send + 'static,
{
    let prove = move |visit: &Visit| visit.developer_in(level);
    route(method, path, Guard::Developer(level), adapt(Audience::Developer, Forms::Ours, prove, handler))
}

/// A route's handler from a page and the proof that it wants.
fn adapt<P, G, F, R>(
    audience: Audience,
    forms: Forms,
    prove: G,
    handler: F,
) -> impl Fn(Ask) -> Answer + Send + Sync + 'static
where
    P: Send + 'static,
    G: Fn(&Visit) -> Result<P, Oops> + Send + Sync + Copy + 'static,
    F: Fn(Visit, P) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = Result<Response, Oops>> + Send + 'static,
{
    move |ask| {
        Box::pin(async move {
            let (request, method) = (ask.id.clone(), ask.method().clone());
            let (visit, refused) = Visit::open(ask, audience, forms).await?;
            let (frame, given, back) = (visit.frame.clone(), visit.cookies.clone(), way_in(&visit));
            let result = match refused.map_or_else(|| prove(&visit), Err) {
                Err(oops) => Err(oops),
                Ok(proof) => handler(visit, proof).await,
            };
            let mut response = match result {
                Ok(response) => response,
                // A reader of a page who is signed out is shown the way in; a form that was sent is not lost silently.
                Err(Oops::SignedOut) if method == Method::GET => see_other(&back),
                Err(oops) => oops.to_page(frame, &request),
            };
            for line in &given {
                cookies::add_cookie(&mut response, line);
            }
            Ok(response)
        })
    }
}

/// Where whoever is signed out signs in; an authorization request that waits is carried along.
fn way_in(visit: &Visit) -> String {
    let Frame { base, .. } = visit.frame;
    if visit.audience == Audience::Developer {
        return "/developers".into();
    }
    match waiting(&visit.form).as_str() {
        "" => format!("{base}/login"),
        request => format!("{base}/login?request={request}"),
    }
}

/// The waiting authorization request that the forms carry along, if it looks like one.
pub(super) fn waiting(form: &Form) -> String {
    let fit = |id: &&str| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    form.get("request").filter(fit).unwrap_or_default().to_owned()
}
