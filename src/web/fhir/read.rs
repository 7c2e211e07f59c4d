//! read and vread (FHIR R4, http, 3.1.0.2 and 3.1.0.3), with conditional read.

use poem::Response;

use super::respond;
use crate::access::Operation;
use crate::store::{Found, Stored};
use crate::web::ask::Ask;
use crate::web::problem::Problem;

pub(in crate::web) async fn read(ask: Ask) -> Result<Response, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(&ask)?;
    let stored = here(ask.realm.store.snapshot()?.read(&view, kind, &id)?)?;
    answer(&ask, stored, "read")
}

pub(in crate::web) async fn vread(ask: Ask) -> Result<Response, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(&ask)?;
    let version = ask.segment("version").parse().map_err(|_| Problem::NotFound)?;
    let stored = here(ask.realm.store.snapshot()?.read_version(&view, kind, &id, version)?)?;
    answer(&ask, stored, "vread")
}

fn here(found: Found) -> Result<Stored, Problem> {
    match found {
        Found::Here(stored) => Ok(stored),
        Found::Gone => Err(Problem::Gone),
        Found::Nothing => Err(Problem::NotFound),
    }
}

fn answer(ask: &Ask, stored: Stored, interaction: &str) -> Result<Response, Problem> {
    let known = respond::is_known(ask, &stored)?;
    let status = if known { 304 } else { 200 };
    ask.disclose(interaction, std::iter::once(&stored), status)?;
    Ok(if known { respond::not_modified(&stored) } else { respond::resource(stored) })
}
