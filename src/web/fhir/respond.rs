//! Answers of the FHIR bases: content type, version headers, conditional reads.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use crate::fhir::{Subset, json, xml};
use crate::store::Stored;
use crate::web::ask::Ask;
use crate::web::disclosed::{Disclosed, Outgoing};
use crate::web::problem::Problem;

pub(super) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";
const FHIR_XML: &str = "application/fhir+xml; charset=utf-8";

/// A resource, or the part of it that was asked for, with its version headers.
pub(super) fn resource(stored: Disclosed<Stored>, subset: Option<&Subset>) -> Outgoing {
    stored.answer(|stored| {
        let part = subset.and_then(|subset| subset.of(&stored.body));
        let body = part.map_or_else(|| stored.body.clone(), Bytes::from);
        let mut response = Response::builder().body(body);
        let headers = response.headers_mut();
        // Room for all that follow: a map that grows on the way is built twice.
        headers.reserve(12);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
        version_headers(&mut response, stored.version, stored.updated);
        response
    })
}

/// `Parameters` with the `meta` of a stored resource: what the meta operations return.
pub(super) fn parameters_with_meta(body: &[u8]) -> Response {
    let meta = json::parse(body).ok().and_then(|node| node.get("meta").map(ToString::to_string)).unwrap_or_default();
    let text = format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"return","valueMeta":{meta}}}]}}"#);
    Response::builder()
        .header(header::CONTENT_TYPE, FHIR_JSON)
        .header(header::CACHE_CONTROL, "private, no-cache")
        .body(text)
}

/// True for an answer that is a resource.
pub(in crate::web) fn is_resource(response: &Response) -> bool {
    response.content_type() == Some(FHIR_JSON)
}

/// A resource as XML, or in lines for people (`_pretty=true`), with its media type.
pub(in crate::web) fn rewritten(body: Bytes, xml: bool, pretty: bool) -> (Bytes, &'static str) {
    let Ok(node) = json::parse(&body) else { return (body, FHIR_JSON) };
    if xml {
        return (xml::write(&node, pretty).into(), FHIR_XML);
    }
    let mut out = Vec::with_capacity(body.len() * 2);
    node.write_pretty(&mut out, 0);
    (out.into(), FHIR_JSON)
}

/// `304`, for a reader who has the version already.
pub(super) fn not_modified(stored: Disclosed<Stored>) -> Outgoing {
    stored.answer(|stored| {
        let mut response = Response::builder().status(StatusCode::NOT_MODIFIED).finish();
        version_headers(&mut response, stored.version, stored.updated);
        response
    })
}

pub(super) fn version_headers(response: &mut Response, version: u32, updated: i64) {
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(format!("W/\"{version}\"")) {
        headers.insert(header::ETAG, etag);
    }
    let modified = Timestamp::from_microsecond(updated).ok().and_then(|at| {
        let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?;
        HeaderValue::try_from(text).ok()
    });
    if let Some(modified) = modified {
        headers.insert(header::LAST_MODIFIED, modified);
    }
    // Members' data must not lie in shared caches, and a private one asks again.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

/// True if the caller has this version: `If-None-Match` decides, else `If-Modified-Since` (RFC 9110, 13.2.2).
pub(super) fn is_known(ask: &Ask, stored: &Stored) -> Result<bool, Problem> {
    if let Some(tags) = ask.header(header::IF_NONE_MATCH) {
        let etag = format!("\"{}\"", stored.version);
        return Ok(tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag));
    }
    let Some(since) = ask.header(header::IF_MODIFIED_SINCE) else { return Ok(false) };
    let since =
        rfc2822::DateTimeParser::new().parse_timestamp(since).map_err(|_| Problem::Header("If-Modified-Since"))?;
    Ok(stored.updated.div_euclid(1_000_000) <= since.as_second())
}

/// Refuses callers who want something other than JSON and XML; `_format` overrides `Accept` (FHIR R4, http, 3.1.0.1.11).
pub(super) fn check_format(ask: &Ask) -> Result<(), Problem> {
    format_of(&ask.request).map(drop).ok_or(Problem::NotAcceptable)
}

/// True if the answer is to be XML.
pub(in crate::web) fn wants_xml(request: &Request) -> bool {
    format_of(request) == Some(Format::Xml)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Xml,
}

fn format_of(request: &Request) -> Option<Format> {
    let query = request.uri().query().unwrap_or_default();
    if query.contains("_format")
        && let Some((_, format)) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "_format")
    {
        return format_named(&format);
    }
    let Some(accept) = request.header(header::ACCEPT) else { return Some(Format::Json) };
    let mut best: Option<(f32, Format)> = None;
    for range in accept.split(',') {
        let Some(format) = format_named(range) else { continue };
        let weight = range.split(';').skip(1).find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok());
        let weight: f32 = weight.unwrap_or(1.0);
        // Of two that are as welcome, the first.
        if weight > 0.0 && best.is_none_or(|(known, _)| weight > known) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format)
}

fn format_named(range: &str) -> Option<Format> {
    match range.split(';').next().unwrap_or_default().trim() {
        // A plus sign in a query string arrives as a space. Browsers say what pages they read: they get JSON.
        ""
        | "*/*"
        | "application/*"
        | "json"
        | "application/json"
        | "application/fhir+json"
        | "application/json+fhir"
        | "application/fhir json"
        | "text/json"
        | "text/html"
        | "html" => Some(Format::Json),
        "xml"
        | "application/xml"
        | "application/fhir+xml"
        | "application/xml+fhir"
        | "application/fhir xml"
        | "text/xml" => Some(Format::Xml),
        _ => None,
    }
}
