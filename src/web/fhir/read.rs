//! read and vread (FHIR R4, http, 3.1.0.2 and 3.1.0.3), with conditional read.

use super::respond;
use crate::access::Operation;
use crate::fhir::Subset;
use crate::search;
use crate::store::{Found, Stored};
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

pub(in crate::web) async fn read(ask: Ask) -> Result<Outgoing, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    respond::check_format(&ask)?;
    let stored = here(ask.realm.store.snapshot()?.read(&view, kind, &id)?)?;
    answer(&ask, stored, "read")
}

pub(in crate::web) async fn vread(ask: Ask) -> Result<Outgoing, Problem> {
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

fn answer(ask: &Ask, stored: Stored, interaction: &str) -> Result<Outgoing, Problem> {
    let subset = subset(ask)?;
    let known = respond::is_known(ask, &stored)?;
    let status = if known { 304 } else { 200 };
    let stored = ask.disclose(interaction, &Sought::default(), stored, status)?;
    Ok(if known { respond::not_modified(stored) } else { respond::resource(stored, subset.as_ref()) })
}

/// What `_elements` or `_summary` ask of a read; a count of one resource is the resource.
fn subset(ask: &Ask) -> Result<Option<Subset>, Problem> {
    if !ask.uri().query().is_some_and(|query| query.contains("_elements") || query.contains("_summary")) {
        return Ok(None);
    }
    let wrong = |name, expected: &str| search::Error::Result { name, expected: expected.to_owned() };
    for (name, value) in ask.query() {
        match name.as_str() {
            "_elements" => return Ok(Some(Subset::elements(&value).map_err(|expected| wrong("_elements", expected))?)),
            "_summary" => return Ok(Subset::summary(&value).map_err(|expected| wrong("_summary", expected))?),
            _ => {}
        }
    }
    Ok(None)
}
