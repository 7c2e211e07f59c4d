//! batch and transaction (FHIR R4, http, 3.1.0.11). In a batch each entry goes its own way through the routes of this
//! base, with the caller's rights; a transaction's changes are one commit, and its reads come after it.

use jiff::fmt::rfc2822;
use poem::http::{HeaderMap, Method, StatusCode, header};
use poem::{Body, Request, Response};

use super::write::{Changed, location, read_condition, read_tag, status, writing};
use super::{respond, search};
use crate::access::View;
use crate::fhir::bundle::{Answered, answers};
use crate::fhir::json::{self, Node};
use crate::fhir::{Issue, Kind};
use crate::web::ask::Ask;
use crate::web::disclosed::Outgoing;
use crate::web::problem::Problem;
use crate::web::routes;
use crate::web::work::LARGE;
use crate::write::{Change, Done, Entry, Error, Form, MAX_ENTRIES, Target};

/// What one entry asks for.
struct Item {
    method: Method,
    /// Below the base, without a slash in front.
    path: String,
    query: String,
    full_url: Option<String>,
    body: Vec<u8>,
    /// Of the body.
    media: &'static str,
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
    if_none_exist: Option<String>,
}

type Items = Vec<Result<Item, Error>>;

/// Entries that are worked on without going to the pool.
const FEW: usize = 8;

impl Item {
    /// True if it searches before it changes something.
    fn has_condition(&self) -> bool {
        let changes = matches!(self.method, Method::PUT | Method::PATCH | Method::DELETE);
        self.if_none_exist.is_some() || (changes && !self.path.contains('/'))
    }
}

/// An entry's answer, before it is written.
#[derive(Default)]
struct Said {
    status: String,
    location: Option<String>,
    etag: Option<String>,
    modified: Option<String>,
    resource: Option<bytes::Bytes>,
    outcome: Option<bytes::Bytes>,
}

pub(in crate::web) async fn bundle(mut ask: Ask) -> Result<Outgoing, Problem> {
    respond::check_format(&ask)?;
    let body = ask.resource().await?;
    if body.len() > LARGE {
        return ask.perhaps_long(true, move |ask| async move { answered(&ask, read(&body, &ask)?).await }).await;
    }
    let asked = read(&body, &ask)?;
    let is_long = asked.1.len() > FEW || asked.1.iter().flatten().any(Item::has_condition);
    ask.perhaps_long(is_long, move |ask| async move { answered(&ask, asked).await }).await
}

async fn answered(ask: &Ask, (kind, items): (&'static str, Items)) -> Result<Outgoing, Problem> {
    let said = if kind == "transaction" {
        transaction(ask, &items.into_iter().collect::<Result<Vec<_>, _>>()?).await?
    } else {
        batch(ask, items).await
    };
    let answered: Vec<Answered<'_>> = said.iter().map(Said::borrowed).collect();
    let bundle = answers(if kind == "batch" { "batch-response" } else { "transaction-response" }, &answered);
    let response = Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON);
    let response = response.header(header::CACHE_CONTROL, "private, no-store").body(bundle);
    // It is made of answers, each of which is in the audit.
    Ok(Outgoing::without_records(response))
}

const FHIR: &str = "application/fhir+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// Reads the Bundle: `batch` or `transaction`, and its entries. What is wrong with one concerns the others in a transaction
/// only.
fn read(body: &[u8], ask: &Ask) -> Result<(&'static str, Items), Error> {
    let base = &ask.realm.base(ask.base);
    let node = json::parse(body).map_err(Issue::from)?;
    if node.text_of("resourceType") != Some("Bundle") {
        return Err(Error::Bundle("this address takes a Bundle of type 'batch' or 'transaction'"));
    }
    let kind = match node.text_of("type") {
        Some("batch") => "batch",
        Some("transaction") => "transaction",
        _ => return Err(Error::Bundle("the Bundle's type must be 'batch' or 'transaction'")),
    };
    let entries = node.get("entry").map(Node::items).unwrap_or_default();
    if entries.len() > MAX_ENTRIES {
        return Err(Error::TooMany);
    }
    let items = entries.iter().enumerate().map(|(at, entry)| {
        item(entry, base).map_err(|reason| Error::Entry { at, error: Box::new(Error::Bundle(reason)) })
    });
    Ok((kind, items.collect()))
}

fn item(entry: &Node<'_>, base: &str) -> Result<Item, &'static str> {
    let request = entry.get("request").ok_or("an entry needs a 'request'")?;
    let method = match request.text_of("method") {
        Some("GET" | "HEAD") => Method::GET,
        Some("POST") => Method::POST,
        Some("PUT") => Method::PUT,
        Some("PATCH") => Method::PATCH,
        Some("DELETE") => Method::DELETE,
        _ => return Err("'request.method' must be GET, HEAD, POST, PUT, PATCH or DELETE"),
    };
    let url = request.text_of("url").ok_or("'request.url' is missing")?;
    let below = url.strip_prefix(base).unwrap_or(url).trim_start_matches('/');
    let (path, query) = below.split_once('?').unwrap_or((below, ""));
    let (body, media) = match entry.get("resource") {
        Some(resource) if method == Method::PATCH && resource.text_of("resourceType") == Some("Binary") => {
            (patch_in(resource)?, JSON_PATCH)
        }
        Some(resource) => (resource.to_string().into_bytes(), FHIR),
        None => (Vec::new(), ""),
    };
    let text = |name: &str| request.text_of(name).map(str::to_owned);
    Ok(Item {
        method,
        path: path.trim_end_matches('/').to_owned(),
        query: query.to_owned(),
        full_url: entry.text_of("fullUrl").map(str::to_owned),
        body,
        media,
        if_match: text("ifMatch"),
        if_none_match: text("ifNoneMatch"),
        if_modified_since: text("ifModifiedSince"),
        if_none_exist: text("ifNoneExist"),
    })
}

/// A JSON Patch travels in a Binary (FHIR R4, http, 3.1.0.8), a `FHIRPath` Patch as the Parameters it is.
fn patch_in(resource: &Node<'_>) -> Result<Vec<u8>, &'static str> {
    use base64::Engine;
    let is_json_patch = resource.text_of("contentType") == Some("application/json-patch+json");
    let data = resource.text_of("data").filter(|_| is_json_patch);
    let data = data.ok_or("a PATCH entry needs Parameters (a FHIRPath Patch) or a Binary of type 'application/json-patch+json' as its resource")?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(data);
    decoded.map_err(|_| "the 'data' of the Binary is not base64")
}

async fn batch(ask: &Ask, items: Items) -> Vec<Said> {
    let mut said = Vec::with_capacity(items.len());
    for item in items {
        said.push(match item {
            Ok(item) => one(ask, &item).await,
            Err(error) => Said::of(Problem::from(error).to_outcome(&ask.id)).await,
        });
    }
    said
}

/// One entry on its own, as if it had been sent alone.
async fn one(ask: &Ask, item: &Item) -> Said {
    let Some(route) = routes::find(ask.base, &item.method, &item.path) else {
        return Said::of(Problem::NoRoute.to_outcome(&ask.id)).await;
    };
    let uri = format!("/{}?{}", item.path, item.query);
    let mut request = Request::builder().method(item.method.clone()).content_type(item.media);
    if let Ok(uri) = uri.parse() {
        request = request.uri(uri);
    }
    let wanted = ask.prefers("return").unwrap_or_else(|| "minimal".to_owned());
    request = request.header("prefer", format!("return={wanted}"));
    for (name, value) in [
        ("if-match", &item.if_match),
        ("if-none-match", &item.if_none_match),
        ("if-modified-since", &item.if_modified_since),
        ("if-none-exist", &item.if_none_exist),
    ] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let inner = ask.inner(request.finish(), &route.path, Body::from(item.body.clone()));
    let answer = (route.handler)(inner).await;
    Said::of(answer.unwrap_or_else(|problem| problem.to_outcome(&ask.id))).await
}

async fn transaction(ask: &Ask, items: &[Item]) -> Result<Vec<Said>, Problem> {
    let mut entries = Vec::new();
    let mut view: Option<View> = None;
    for (at, item) in items.iter().enumerate() {
        let wrong = |error: Error| Problem::Write(Error::Entry { at, error: Box::new(error) });
        let Some((kind, change)) = change(item).map_err(|reason| wrong(Error::Bundle(reason)))? else { continue };
        view = Some(ask.decide(kind, change.operation())?);
        entries.push(Entry { at, kind, full_url: item.full_url.clone(), change });
    }
    let mut said: Vec<Said> = items.iter().map(|_| Said::default()).collect();
    if let Some(view) = view {
        ask.can_disclose()?;
        let (base, caller) = (ask.realm.base(ask.base), search::caller(ask));
        let made = writing(ask, &caller, &base).transaction(&view, entries).await?;
        let (places, done): (Vec<usize>, Vec<Done>) = made.done.into_iter().unzip();
        let mut done = done.into_iter();
        if let Some(first) = done.next() {
            let changed = Changed::of(ask, first, done.collect())?.disclosed(ask, "transaction", None, 200)?;
            for (at, done) in places.into_iter().zip(changed.all()) {
                if let Some(place) = said.get_mut(at) {
                    *place = Said::done(ask, done);
                }
            }
        }
    }
    for (place, item) in said.iter_mut().zip(items).filter(|(place, _)| place.status.is_empty()) {
        *place = one(ask, item).await;
    }
    Ok(said)
}

/// The change that an entry asks for; nothing for one that reads.
fn change(item: &Item) -> Result<Option<(Kind, Change)>, &'static str> {
    let mut parts = item.path.split('/');
    let (kind, id, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let is_search = item.method == Method::POST && id == Some("_search");
    if item.method == Method::GET || is_search {
        return Ok(None);
    }
    let kind = Kind::parse(kind).ok_or("'request.url' must begin with a resource type")?;
    if rest.is_some() || (item.method == Method::POST && id.is_some()) {
        return Err("a transaction holds creations, updates, patches, deletions, reads and searches only");
    }
    let target = match id {
        Some(id) => Target::Id(id.to_owned()),
        None => Target::Matching(read_condition(&item.query)),
    };
    let unread = "'request.ifMatch' must be a version such as W/\"3\"";
    let expected = item.if_match.as_deref().map(|tag| read_tag(tag).ok_or(unread)).transpose()?;
    if item.body.is_empty() && item.method != Method::DELETE {
        return Err("this entry needs a 'resource'");
    }
    let body = item.body.clone();
    let change = match item.method {
        Method::POST => Change::Create { body, unless: item.if_none_exist.as_deref().map(read_condition) },
        Method::PUT => Change::Update { target, body, expected, absent: item.if_none_match.as_deref() == Some("*") },
        Method::PATCH => {
            let form = if item.media == JSON_PATCH { Form::Json } else { Form::FhirPath };
            Change::Patch { target, body, form, expected }
        }
        _ => Change::Delete { target, expected },
    };
    Ok(Some((kind, change)))
}

impl Said {
    /// What a handler answered.
    async fn of(response: Response) -> Self {
        let status = response.status();
        let headers = response.headers().clone();
        let is_resource = response.content_type().is_some_and(|kind| kind.starts_with("application/fhir+json"));
        let body = response.into_body().into_bytes().await.unwrap_or_default();
        let body = Some(body).filter(|body| is_resource && !body.is_empty());
        let (resource, outcome) = if status.is_success() { (body, None) } else { (None, body) };
        let text = |name| header(&headers, name);
        Self {
            status: line(status),
            location: text(header::LOCATION),
            etag: text(header::ETAG),
            modified: text(header::LAST_MODIFIED).and_then(|date| {
                let at = rfc2822::DateTimeParser::new().parse_timestamp(&date).ok()?;
                Some(format!("{at:.3}"))
            }),
            resource,
            outcome,
        }
    }

    /// What became of a change in a transaction.
    fn done(ask: &Ask, done: &Done) -> Self {
        let there = done.version > 0;
        let at = jiff::Timestamp::from_microsecond(done.updated).ok().filter(|_| there);
        let whole = ask.prefers("return").as_deref() == Some("representation") && !done.deleted;
        Self {
            status: line(status(done)),
            location: (there && !done.deleted).then(|| location(ask, done)),
            etag: there.then(|| format!("W/\"{}\"", done.version)),
            modified: at.map(|at| format!("{at:.3}")),
            resource: whole.then(|| done.body.clone()),
            outcome: None,
        }
    }

    fn borrowed(&self) -> Answered<'_> {
        Answered {
            status: &self.status,
            location: self.location.as_deref(),
            etag: self.etag.as_deref(),
            modified: self.modified.as_deref(),
            resource: self.resource.as_deref(),
            outcome: self.outcome.as_deref(),
        }
    }
}

fn line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}

fn header(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
