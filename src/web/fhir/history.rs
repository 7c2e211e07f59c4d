//! history of an instance (FHIR R4, http, 3.1.0.9).

use jiff::Timestamp;
use poem::Response;
use poem::http::header;

use super::respond;
use super::search::{caller, link};
use crate::access::{Operation, View};
use crate::fhir::bundle::{Answer, BundleWriter};
use crate::fhir::{Kind, dates};
use crate::index::Place;
use crate::search;
use crate::store::{Snapshot, Stored, Times};
use crate::web::ask::Ask;
use crate::web::disclosed::{Disclosed, Outgoing, Sought};
use crate::web::problem::Problem;

/// Versions in one answer, newest first; `_count` may ask for fewer.
const MAX_VERSIONS: usize = 200;
/// Times that a page reads so many versions in search of those that are asked for.
const MAX_STEPS: usize = 50;

/// What is asked for.
pub(super) struct Asked {
    pub(super) count: usize,
    pub(super) times: Times,
    pub(super) cursor: Option<String>,
    /// The parameters, for links, without the cursor.
    pub(super) used: Vec<(String, String)>,
}

pub(in crate::web) async fn history(ask: Ask) -> Result<Outgoing, Problem> {
    ask.work(of_instance).await
}

fn of_instance(ask: &Ask) -> Result<Outgoing, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(ask)?;
    let asked = read(&ask.query())?;
    let base = ask.realm.base(ask.base);
    let path = format!("{}/{id}", kind.name());
    let address = format!("{base}/{path}/_history");
    let caller = caller(ask);
    let own = link(&address, &asked.used, None);
    let binding: &[&[u8]] = &[caller.as_bytes(), own.as_bytes()];
    let now = ask.realm.clock.now();
    let before = match &asked.cursor {
        Some(text) => {
            let (place, _) = ask.realm.cursors.open(text, binding, now).ok_or(search::Error::Cursor)?;
            u32::try_from(place.rid).map_err(|_| search::Error::Cursor)?
        }
        None => u32::MAX,
    };
    let walked = walk(&ask.realm.store.snapshot()?, &view, (kind, &id), before, &asked)?.ok_or(Problem::NotFound)?;
    let Walked { versions, next } = walked;
    let versions = ask.disclose("history-instance", &Sought::of(kind), versions, 200)?;
    let next = next.map(|version| {
        let place = Place { keys: Vec::new(), rid: version.into() };
        link(&address, &asked.used, Some(&ask.realm.cursors.seal(&place, None, binding, now)))
    });
    let total = (asked.cursor.is_none() && next.is_none()).then_some(versions.len() as u64);
    Ok(bundle(&base, &own, next.as_deref(), total, versions))
}

/// The Bundle of a page of versions.
pub(super) fn bundle(
    base: &str,
    own: &str,
    next: Option<&str>,
    total: Option<u64>,
    versions: Disclosed<Vec<Stored>>,
) -> Outgoing {
    versions.answer(|versions| written(base, own, next, total, &versions))
}

fn written(base: &str, own: &str, next: Option<&str>, total: Option<u64>, versions: &[Stored]) -> Response {
    let mut links = vec![("self", own)];
    links.extend(next.map(|next| ("next", next)));
    let size = versions.iter().map(|stored| stored.body.len() + 512).sum();
    let mut bundle = BundleWriter::new("history", total, &links, size);
    for stored in versions {
        write(&mut bundle, base, &format!("{}/{}", stored.kind, stored.id), stored);
    }
    Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON).body(bundle.finish())
}

/// Reads `_count`, `_since` and `_at`; anything else is refused.
pub(super) fn read(parameters: &[(String, String)]) -> Result<Asked, search::Error> {
    let mut asked = Asked { count: MAX_VERSIONS, times: Times::default(), cursor: None, used: Vec::new() };
    let wrong = |name, expected: &str| search::Error::Result { name, expected: expected.to_owned() };
    let moment = "a time such as 2026-01-31T00:00:00Z";
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "_count" => {
                let count = value.parse().ok().filter(|count| *count > 0);
                let count: usize = count.ok_or_else(|| wrong("_count", "a whole number such as 50"))?;
                asked.count = count.min(MAX_VERSIONS);
            }
            "_since" => asked.times.since = Some(dates::parse(value).ok_or_else(|| wrong("_since", moment))?.lo),
            "_at" => asked.times.at = Some(dates::parse(value).ok_or_else(|| wrong("_at", moment))?),
            "_cursor" => {
                asked.cursor = Some(value.clone());
                continue;
            }
            "_format" | "_pretty" => {}
            _ => return Err(search::Error::Unsupported { name: name.chars().take(64).collect() }),
        }
        let is_other = |(known, its): &(String, String)| known == name && its != value;
        if asked.used.iter().any(is_other) {
            return Err(search::Error::Repeated { name: name.clone() });
        }
        asked.used.push((name.clone(), value.clone()));
    }
    Ok(asked)
}

/// Some versions, and the one before which the next page begins.
struct Walked {
    versions: Vec<Stored>,
    next: Option<u32>,
}

/// The versions of a resource before one, newest first, that the times asked for leave; nothing at all if the resource is
/// not for this caller. A page that looked at too many ends early and has a next one.
fn walk(
    snapshot: &Snapshot,
    view: &View,
    (kind, id): (Kind, &str),
    before: u32,
    asked: &Asked,
) -> Result<Option<Walked>, Problem> {
    // How long a version was current, the one after it says: so the walk begins with that one. One more than asked for
    // tells whether there is a next page.
    let mut from = before.saturating_add(1);
    let step = if asked.times.at.is_some() { MAX_VERSIONS } else { asked.count + 2 };
    let mut until = None;
    let mut versions: Vec<Stored> = Vec::new();
    let mut bytes = 0;
    for _ in 0..MAX_STEPS {
        let Some(some) = snapshot.history(view, kind, id, from, step)? else { return Ok(None) };
        if some.is_empty() {
            return Ok(Some(Walked { versions, next: None }));
        }
        for stored in some {
            from = stored.version;
            if asked.times.since.is_some_and(|since| stored.updated < since) {
                return Ok(Some(Walked { versions, next: None }));
            }
            let is_wanted = stored.version < before && asked.times.admit(stored.updated, until);
            until = Some(stored.updated);
            if is_wanted && (versions.len() >= asked.count || bytes >= search::MAX_PAGE_BYTES) {
                let next = versions.last().map(|stored| stored.version);
                return Ok(Some(Walked { versions, next }));
            }
            if is_wanted {
                bytes += stored.body.len();
                versions.push(stored);
            }
        }
    }
    Ok(Some(Walked { versions, next: Some(from) }))
}

fn write(bundle: &mut BundleWriter, base: &str, path: &str, stored: &Stored) {
    let modified = Timestamp::from_microsecond(stored.updated).map(|at| format!("{at:.3}")).unwrap_or_default();
    let (method, status) = match (stored.deleted, stored.version) {
        (true, _) => ("DELETE", "204"),
        (false, 1) => ("PUT", "201"),
        (false, _) => ("PUT", "200"),
    };
    let resource = (!stored.deleted).then_some(&*stored.body);
    let answer = Answer { status, etag: stored.version, modified: &modified };
    bundle.version(&[base, "/", path], resource, (method, path), &answer);
}
