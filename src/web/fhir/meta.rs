//! `[type]/[id]/$meta`: profiles, tags and security labels of a resource (FHIR R4, resource-operations).

use super::respond;
use crate::access::Operation;
use crate::store::Found;
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

pub(in crate::web) async fn meta(ask: Ask) -> Result<Outgoing, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(&ask)?;
    let stored = match ask.realm.store.snapshot()?.read(&view, kind, &id)? {
        Found::Here(stored) => stored,
        Found::Gone => return Err(Problem::Gone),
        Found::Nothing => return Err(Problem::NotFound),
    };
    let stored = ask.disclose("operation-meta", &Sought::default(), stored, 200)?;
    Ok(stored.answer(|stored| respond::parameters_with_meta(&stored.body)))
}
