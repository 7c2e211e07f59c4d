//! Documents that are the same for everybody: metadata, discovery, public keys. They are made and packed once; who has one
//! already is told so.

use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use xxhash_rust::xxh3::xxh3_128;

use super::ask::Ask;
use super::server::{MIN_COMPRESSED, accepts_gzip, gzipped};
use crate::realm::{Document, Realm};

/// For so long nobody need ask again.
const KEPT: &str = "public, max-age=300";

/// What a document is kept under, and what it is made from.
pub(super) struct Publication {
    pub(super) name: &'static str,
    pub(super) stamp: u64,
    pub(super) content_type: &'static str,
}

/// A document of a realm with its tag, or `304 Not Modified` (RFC 9110, 13.1.2).
pub(super) fn published(ask: &Ask, realm: &Realm, what: &Publication, make: impl FnOnce() -> String) -> Response {
    let document = realm.documents.get(what.name, what.stamp, || {
        let text = make();
        let packed = (text.len() >= MIN_COMPRESSED).then(|| gzipped(text.as_bytes())).flatten();
        Document { tag: format!("\"{:032x}\"", xxh3_128(text.as_bytes())), plain: text.into(), packed }
    });
    // XML and indented JSON are made from the plain text, on the way out.
    let rewritten =
        super::fhir::wants_xml(&ask.request) || ask.uri().query().is_some_and(|q| q.contains("_pretty=true"));
    let known = !rewritten
        && ask.header(header::IF_NONE_MATCH).is_some_and(|tags| {
            tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == document.tag)
        });
    let mut response = if known {
        Response::builder().status(StatusCode::NOT_MODIFIED).finish()
    } else {
        let packed = document.packed.as_ref().filter(|_| !rewritten && accepts_gzip(&ask.request));
        let response = Response::builder().header(header::CONTENT_TYPE, what.content_type);
        match packed {
            Some(packed) => response.header(header::CONTENT_ENCODING, "gzip").body(packed.clone()),
            None => response.body(document.plain.clone()),
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if let (false, Ok(tag)) = (rewritten, HeaderValue::try_from(document.tag.as_str())) {
        headers.insert(header::ETAG, tag);
    }
    response
}
