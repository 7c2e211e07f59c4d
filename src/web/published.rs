//! Documents that are the same for everybody: metadata, discovery, public keys. Who has one already is told so.

use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use xxhash_rust::xxh3::xxh3_128;

use super::ask::Ask;

/// For so long nobody need ask again.
const KEPT: &str = "public, max-age=300";

/// A document with its tag, or `304 Not Modified` (RFC 9110, 13.1.2).
pub(super) fn published(ask: &Ask, content_type: &'static str, text: String) -> Response {
    let tag = format!("\"{:032x}\"", xxh3_128(text.as_bytes()));
    let known = ask.header(header::IF_NONE_MATCH).is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    let mut response = if known {
        Response::builder().status(StatusCode::NOT_MODIFIED).finish()
    } else {
        Response::builder().header(header::CONTENT_TYPE, content_type).body(text)
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
