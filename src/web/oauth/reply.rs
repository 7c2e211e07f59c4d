//! Answers of the OAuth endpoints: JSON that nobody keeps.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde::Serialize;

use crate::oauth::{Code, Error};
use crate::web::problem::Problem;

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

/// An error object for what the app did; everything else is ours and goes to `problem`.
pub(super) fn refused(error: Error) -> Result<Response, Problem> {
    match error {
        Error::Refused(refusal) => {
            let status = match refusal.code {
                Code::InvalidClient => StatusCode::UNAUTHORIZED,
                _ => StatusCode::BAD_REQUEST,
            };
            let body = serde_json::json!({ "error": refusal.code.text(), "error_description": refusal.why });
            let mut response = json(&body, status);
            if status == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
            }
            Ok(response)
        }
        Error::InvalidToken => Err(Problem::Token),
        Error::Store(error) => Err(error.into()),
        other => Err(Problem::Internal(other.to_string())),
    }
}
