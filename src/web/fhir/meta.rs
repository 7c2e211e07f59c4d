//! `[type]/[id]/$meta`: profiles, tags and security labels of a resource (FHIR R4, resource-operations).

use poem::Response;

use super::respond;
use crate::access::Operation;
use crate::store::Found;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

pub(in crate::web) async fn meta(ask: Ask) -> Result<Response, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(&ask)?;
    let stored = match ask.realm.store.snapshot()?.read(&view, kind, &id)? {
        Found::Here(stored) => stored,
        Found::Gone => return Err(Problem::Gone),
        Found::Nothing => return Err(Problem::NotFound),
    };
    ask.disclose("operation-meta", std::iter::once(&stored), 200)?;
    Ok(respond::parameters_with_meta(&stored.body))
}
