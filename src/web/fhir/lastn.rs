//! `Observation/$lastn` by GET and POST.

use super::respond;
use super::search::{PRIVATE, caller, searched, searchset};
use crate::access::Operation;
use crate::fhir::Kind;
use crate::search::{self, MAX_EACH, Query};
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

const OBSERVATION: Kind = Kind::named("Observation");

pub(in crate::web) async fn by_get(ask: Ask) -> Result<Outgoing, Problem> {
    let asked = ask.query();
    ask.work(move |ask| lastn(ask, &asked)).await
}

/// Parameters may come as a `Parameters` resource, as a form, or in the query string.
pub(in crate::web) async fn by_post(mut ask: Ask) -> Result<Outgoing, Problem> {
    let mut asked = ask.query();
    asked.extend(ask.parameters().await?);
    ask.work(move |ask| lastn(ask, &asked)).await
}

/// A search of observations, of which the latest of each code are kept.
fn lastn(ask: &Ask, asked: &[(String, String)]) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    let view = ask.decide(kind, Operation::Search)?;
    if kind != OBSERVATION {
        return Err(Problem::NoRoute);
    }
    respond::check_format(ask)?;
    let is_max = |name: &str| name == "max";
    let max = asked.iter().find(|(name, _)| is_max(name)).map_or(Ok(1), |(_, value)| {
        let expected = format!("a whole number from 1 to {MAX_EACH}");
        let max = value.parse().ok().filter(|max| (1..=MAX_EACH).contains(max));
        max.ok_or(search::Error::Result { name: "max", expected })
    })?;
    let conditions: Vec<_> = asked.iter().filter(|(name, _)| !is_max(name)).cloned().collect();
    if !conditions.iter().any(|(name, _)| matches!(name.split([':', '.']).next(), Some("patient" | "subject"))) {
        return Err(Problem::Asked("the parameter 'patient' or 'subject' is missing".into()));
    }
    if let Some((name, _)) = conditions.iter().find(|(name, _)| matches!(name.as_str(), "_sort" | "_count" | "_cursor"))
    {
        return Err(search::Error::Unsupported { name: name.clone() }.into());
    }
    let base = ask.realm.base(ask.base);
    let query =
        Query::read(ask.realm.definitions.now(), OBSERVATION, &conditions, false, ask.realm.clock.now(), &base)?;
    let caller = caller(ask);
    let page = searched(ask, &caller).lastn(&view, &query, max)?;
    let page = ask.disclose("operation-lastn", &Sought::by(&query), page, 200)?;
    Ok(searchset(&base, &format!("{base}/Observation/$lastn"), asked, page, &[], PRIVATE))
}
