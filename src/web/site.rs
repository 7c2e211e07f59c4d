//! A small site made of one function, for the demo's sample app: it is not part of the product, so it has no realm,
//! no guard and no route in `routes.rs`, and listens on a port of its own.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::http::{StatusCode, header};
use poem::{Endpoint, Request, Response};

/// A request to a small site.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Path, with its first slash.
    pub path: String,
    /// True for POST.
    pub is_post: bool,
    /// Parameters of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The value of the site's one cookie.
    pub cookie: Option<String>,
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A page, with its status.
    Page(u16, String),
    /// Go there; the cookie is set if one is given.
    Redirect {
        /// Where to.
        to: String,
        /// New value of the cookie.
        cookie: Option<String>,
    },
}

/// Name of the cookie. A port is no boundary for cookies, so it must not be one of the product's.
const COOKIE: &str = "sample_app";

/// The function as an endpoint.
pub fn site(visit: impl Fn(Visit) -> BoxFuture<'static, Reply> + Send + Sync + 'static) -> impl crate::web::App {
    Site(Arc::new(visit))
}

struct Site<F>(Arc<F>);

impl<F: Fn(Visit) -> BoxFuture<'static, Reply> + Send + Sync> Endpoint for Site<F> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let visit = Visit {
            path: request.uri().path().to_owned(),
            is_post: request.method() == poem::http::Method::POST,
            query: form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect(),
            cookie: cookie(&request),
        };
        Ok(match (self.0)(visit).await {
            Reply::Page(status, body) => Response::builder()
                .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
                .content_type("text/html; charset=utf-8")
                .header(
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                )
                .header(header::CACHE_CONTROL, "no-store")
                .body(body),
            Reply::Redirect { to, cookie } => {
                let mut response = Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, to);
                if let Some(value) = cookie {
                    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax");
                    response = response.header(header::SET_COOKIE, cookie);
                }
                response.finish()
            }
        })
    }
}

fn cookie(request: &Request) -> Option<String> {
    let cookies = request.header(header::COOKIE)?;
    cookies.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=')).map(str::to_owned)
}
