//! Answers of the OAuth endpoints: JSON that nobody keeps.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde::Serialize;

/// JSON with the headers RFC 6749 asks for.
pub(super) fn json(body: &impl Serialize, status: StatusCode) -> Response {
    let text = serde_json::to_string(body).unwrap_or_else(|_| "{}".into());
    let mut response = text.with_content_type("application/json").into_response();
    response.set_status(status);
    for (name, value) in [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
