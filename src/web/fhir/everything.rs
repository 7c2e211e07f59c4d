//! `Patient/[id]/$everything` by GET and POST.

use super::respond;
use super::search::{PRIVATE, caller, searched, searchset};
use crate::access::Operation;
use crate::fhir::Kind;
use crate::search::Everything;
use crate::store::Found;
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

pub(in crate::web) async fn by_get(ask: Ask) -> Result<Outgoing, Problem> {
    let parameters = ask.query();
    ask.work(move |ask| everything(ask, &parameters)).await
}

/// Parameters may come as a `Parameters` resource, as a form, or in the query string.
pub(in crate::web) async fn by_post(mut ask: Ask) -> Result<Outgoing, Problem> {
    let mut parameters = ask.query();
    parameters.extend(ask.parameters().await?);
    ask.work(move |ask| everything(ask, &parameters)).await
}

fn everything(ask: &Ask, parameters: &[(String, String)]) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    let view = ask.decide(kind, Operation::Read)?;
    if kind != Kind::PATIENT {
        return Err(Problem::NoRoute);
    }
    respond::check_format(ask)?;
    let asked = Everything::read(parameters)?;
    let id = ask.instance()?;
    let patient = match ask.realm.store.snapshot()?.read(&view, kind, &id)? {
        Found::Here(stored) => stored,
        Found::Gone => return Err(Problem::Gone),
        Found::Nothing => return Err(Problem::NotFound),
    };
    let caller = caller(ask);
    let page = searched(ask, &caller).everything(&view, &patient, &asked)?;
    let page = ask.disclose("operation-everything", &Sought::of_patient(kind, &id), page, 200)?;
    let base = ask.realm.base(ask.base);
    let address = format!("{base}/Patient/{id}/$everything");
    Ok(searchset(&base, &address, &asked.used, page, &[], PRIVATE))
}
