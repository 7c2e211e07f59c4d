//! history of an instance (FHIR R4, http, 3.1.0.9).

use jiff::Timestamp;
use poem::Response;
use poem::http::header;

use super::respond;
use crate::access::Operation;
use crate::fhir::bundle::{Answer, BundleWriter};
use crate::store::Stored;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Versions in one answer, newest first; `_count` may ask for fewer.
const MAX_VERSIONS: usize = 200;

pub(in crate::web) async fn history(ask: Ask) -> Result<Response, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(&ask)?;
    let count = ask.query().into_iter().find(|(key, _)| key == "_count").and_then(|(_, value)| value.parse().ok());
    let limit = count.unwrap_or(MAX_VERSIONS).clamp(1, MAX_VERSIONS);
    let versions = ask.realm.store.snapshot()?.history(&view, kind, &id, limit)?;
    if versions.is_empty() {
        return Err(Problem::NotFound);
    }
    ask.disclose("history-instance", versions.iter(), 200)?;
    let base = ask.realm.base(ask.base);
    let path = format!("{}/{id}", kind.name());
    let link = format!("{base}/{path}/_history");
    let size = versions.iter().map(|stored| stored.body.len() + 512).sum();
    let mut bundle = BundleWriter::new("history", Some(versions.len() as u64), &[("self", &link)], size);
    for stored in &versions {
        write(&mut bundle, &base, &path, stored);
    }
    Ok(Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON).body(bundle.finish()))
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
