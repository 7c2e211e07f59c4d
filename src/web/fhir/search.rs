//! search of a type by GET and POST (FHIR R4, search).

use futures_util::stream;
use poem::http::{Method, header};
use poem::{Body, Response};

use super::respond;
use crate::access::{Operation, Principal};
use crate::fhir::bundle::{BundleWriter, Mode};
use crate::fhir::outcome;
use crate::search::{Page, Query, Searched};
use crate::store::Stored;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Bytes of a Bundle around each resource.
const ENTRY_OVERHEAD: usize = 192;
/// A Bundle of more bytes than this is sent while it is made, so that it is not in memory as a whole.
const STREAMED: usize = 1 << 20;
/// Bytes of it that are made at a time.
const PIECE: usize = 128 << 10;

pub(in crate::web) async fn by_get(ask: Ask) -> Result<Response, Problem> {
    let parameters = ask.query();
    search(&ask, &parameters)
}

/// Parameters may stand in the body and in the query string; together they are the search.
pub(in crate::web) async fn by_post(mut ask: Ask) -> Result<Response, Problem> {
    let mut parameters = ask.query();
    parameters.extend(ask.form().await?);
    search(&ask, &parameters)
}

fn search(ask: &Ask, parameters: &[(String, String)]) -> Result<Response, Problem> {
    let kind = ask.kind()?;
    let view = ask.decide(kind, Operation::Search)?;
    respond::check_format(ask)?;
    let realm = &ask.realm;
    let base = realm.base(ask.base);
    let query = Query::read(kind, parameters, is_lenient(ask), realm.clock.now(), &base)?;
    let caller = caller(ask);
    let page = searched(ask, &caller).page(&view, &query)?;
    ask.disclose("search-type", page.matches.iter().chain(&page.included), 200)?;
    let address = format!("{base}/{}", query.kind.name());
    let bundle = searchset(&base, &address, &query.used, page, &query.dropped);
    let response = Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON);
    // The public bases are the same for everyone and may be cached for a little while.
    let cache = if ask.base == crate::access::Base::Fhir || ask.method() == Method::POST {
        "private, no-store"
    } else {
        "public, max-age=60"
    };
    Ok(response.header(header::CACHE_CONTROL, cache).body(bundle))
}

/// Where a request searches.
pub(super) fn searched<'s>(ask: &'s Ask, caller: &'s str) -> Searched<'s> {
    let realm = &ask.realm;
    Searched { store: &realm.store, index: &realm.index, cursors: &realm.cursors, caller, now: realm.clock.now() }
}

/// The Bundle of a page. `used` are the parameters that its links repeat, `dropped` what was left out of the search.
pub(super) fn searchset(base: &str, address: &str, used: &[(String, String)], page: Page, dropped: &[String]) -> Body {
    let own = link(address, used, None);
    let next = page.next.as_deref().map(|cursor| link(address, used, Some(cursor)));
    let mut links = vec![("self", own.as_str())];
    if let Some(next) = &next {
        links.push(("next", next));
    }
    let size = |resources: &[Stored]| resources.iter().map(|stored| stored.body.len() + ENTRY_OVERHEAD).sum::<usize>();
    let size = size(&page.matches) + size(&page.included);
    let is_large = size > STREAMED;
    let piece = if is_large { PIECE } else { usize::MAX };
    let mut bundle = Some(BundleWriter::new("searchset", page.total, &links, if is_large { PIECE } else { size }));
    let matches = page.matches.into_iter().map(|stored| (stored, Mode::Match));
    let mut entries = matches.chain(page.included.into_iter().map(|stored| (stored, Mode::Include)));
    let cut = page.cut.then(|| "more resources would be included than one page may hold; ask for fewer".to_owned());
    let warnings: Vec<String> = dropped.iter().cloned().chain(cut).collect();
    let base = base.to_owned();
    let mut pieces = std::iter::from_fn(move || {
        let writer = bundle.as_mut()?;
        for (stored, mode) in entries.by_ref() {
            writer.entry(&[&base, "/", stored.kind.name(), "/", &stored.id], &stored.body, mode);
            if let Some(piece) = writer.take(piece) {
                return Some(piece);
            }
        }
        for text in &warnings {
            let warning = outcome::Problem { severity: "warning", code: "not-supported", text, expression: None };
            writer.entry(&["urn:uuid:00000000-0000-4000-8000-000000000000"], &warning.to_json(), Mode::Outcome);
        }
        bundle.take().map(BundleWriter::finish)
    });
    if !is_large {
        return pieces.next().unwrap_or_default().into();
    }
    Body::from_bytes_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)))
}

pub(super) fn link(address: &str, used: &[(String, String)], cursor: Option<&str>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (key, value) in used {
        text.append_pair(key, value);
    }
    if let Some(cursor) = cursor {
        text.append_pair("_cursor", cursor);
    }
    let text = text.finish();
    let mark = if text.is_empty() { "" } else { "?" };
    format!("{address}{mark}{text}")
}

pub(super) fn is_lenient(ask: &Ask) -> bool {
    let prefer = ask.request.headers().get_all("prefer");
    prefer
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case("handling=lenient")))
}

/// Whom a page link is for: app and member, so that no other app and no other member can use it.
pub(super) fn caller(ask: &Ask) -> String {
    match &ask.principal {
        Principal::App(access) => {
            format!(
                "{}\n{}\n{}",
                access.client_id,
                access.member.as_deref().unwrap_or_default(),
                access.patients.join(",")
            )
        }
        _ => String::new(),
    }
}
