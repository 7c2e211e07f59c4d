//! search of a type by GET and POST (FHIR R4, search).

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use poem::http::{Method, header};
use poem::{Body, Response};

use super::respond;
use crate::access::{Operation, Principal};
use crate::fhir::bundle::{BundleWriter, Mode};
use crate::fhir::outcome;
use crate::search::{Page, Query, Searched};
use crate::store::Stored;
use crate::web::ask::Ask;
use crate::web::disclosed::{Disclosed, Outgoing, Sought};
use crate::web::problem::Problem;

/// A Bundle of more bytes than this is sent while it is made, so that it is not in memory as a whole.
const STREAMED: usize = 128 << 10;
/// Bytes of it that are made at a time: few enough to stay in the processor's cache until they are sent.
const PIECE: usize = 64 << 10;
/// The address of what has none.
const NOWHERE: &str = "urn:uuid:00000000-0000-4000-8000-000000000000";

pub(in crate::web) async fn by_get(ask: Ask) -> Result<Outgoing, Problem> {
    let parameters = ask.query();
    ask.work(move |ask| search(ask, &parameters)).await
}

/// Parameters may stand in the body and in the query string; together they are the search.
pub(in crate::web) async fn by_post(mut ask: Ask) -> Result<Outgoing, Problem> {
    let mut parameters = ask.query();
    parameters.extend(ask.form().await?);
    ask.work(move |ask| search(ask, &parameters)).await
}

fn search(ask: &Ask, parameters: &[(String, String)]) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    let view = ask.decide(kind, Operation::Search)?;
    respond::check_format(ask)?;
    let realm = &ask.realm;
    let base = realm.base(ask.base);
    let query = Query::read(realm.definitions.now(), kind, parameters, is_lenient(ask), realm.clock.now(), &base)?;
    let caller = caller(ask);
    let page = searched(ask, &caller).page(&view, &query)?;
    let page = ask.disclose("search-type", &Sought::by(&query), page, 200)?;
    let address = format!("{base}/{}", query.kind.name());
    // The public bases are the same for everyone and may be cached for a little while.
    let cache = if ask.base == crate::access::Base::Fhir || ask.method() == Method::POST {
        PRIVATE
    } else {
        "public, max-age=60"
    };
    Ok(searchset(&base, &address, &query.used, page, &query.dropped, cache))
}

/// Where a request searches.
pub(super) fn searched<'s>(ask: &'s Ask, caller: &'s str) -> Searched<'s> {
    let realm = &ask.realm;
    Searched { store: &realm.store, index: &realm.index, cursors: &realm.cursors, caller, now: realm.clock.now() }
}

/// `Cache-Control` of what is a member's.
pub(super) const PRIVATE: &str = "private, no-store";

/// The Bundle of a page. `used` are the parameters that its links repeat, `dropped` what was left out of the search.
pub(super) fn searchset(
    base: &str,
    address: &str,
    used: &[(String, String)],
    page: Disclosed<Page>,
    dropped: &[String],
    cache: &'static str,
) -> Outgoing {
    page.answer(|page| {
        let bundle = written(base, address, used, page, dropped);
        let response = Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON);
        response.header(header::CACHE_CONTROL, cache).body(bundle)
    })
}

fn written(base: &str, address: &str, used: &[(String, String)], page: Page, dropped: &[String]) -> Body {
    let own = link(address, used, None);
    let next = page.next.as_deref().map(|cursor| link(address, used, Some(cursor)));
    let mut links = vec![("self", own.as_str())];
    if let Some(next) = &next {
        links.push(("next", next));
    }
    let cut = page.cut.then(|| "more resources would be included than one page may hold; ask for fewer".to_owned());
    let warnings: Vec<Vec<u8>> = dropped.iter().cloned().chain(cut).map(|text| warning(&text)).collect();
    let mut bundle = BundleWriter::new("searchset", page.total, &links, 0);
    let ours = |stored: &Stored| (base.len() + stored.kind.name().len() + stored.id.len() + 2, stored.body.len());
    let matches = page.matches.iter().map(|stored| (ours(stored), Mode::Match));
    let included = page.included.iter().map(|stored| (ours(stored), Mode::Include));
    let outcomes = warnings.iter().map(|text| ((NOWHERE.len(), text.len()), Mode::Outcome));
    let sizes = matches.chain(included).chain(outcomes).map(|((url, body), mode)| (url, body, mode));
    let size = bundle.size_with(sizes);
    let matches = page.matches.into_iter().map(|stored| (stored, Mode::Match));
    let mut entries = matches.chain(page.included.into_iter().map(|stored| (stored, Mode::Include)));
    let base = base.to_owned();
    let piece = if size > STREAMED { PIECE } else { usize::MAX };
    bundle.reserve(if size > STREAMED { PIECE + PIECE / 4 } else { size });
    let mut bundle = Some(bundle);
    let mut pieces = std::iter::from_fn(move || {
        let writer = bundle.as_mut()?;
        for (stored, mode) in entries.by_ref() {
            writer.entry(&[&base, "/", stored.kind.name(), "/", &stored.id], &stored.body, mode);
            if let Some(piece) = writer.take(piece) {
                return Some(piece);
            }
        }
        for text in &warnings {
            writer.entry(&[NOWHERE], text, Mode::Outcome);
        }
        bundle.take().map(BundleWriter::finish)
    });
    if size > STREAMED {
        return BodyExt::boxed(Pieces { pieces, left: size as u64 }).into();
    }
    pieces.next().unwrap_or_default().into()
}

fn warning(text: &str) -> Vec<u8> {
    outcome::Problem { severity: "warning", code: "not-supported", text, expression: None }.to_json()
}

/// A body that is made while it is sent, and whose length is known.
struct Pieces<I> {
    pieces: I,
    left: u64,
}

impl<I: Iterator<Item = Vec<u8>> + Unpin> hyper::body::Body for Pieces<I> {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let piece = self.pieces.next();
        self.left = self.left.saturating_sub(piece.as_ref().map_or(self.left, |piece| piece.len() as u64));
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
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
