//! `DocumentReference/$docref` (US Core 6.1, `OperationDefinition` docref): a member's documents, by dates of care and
//! type. It is a search with other names, and answers as one.
//!
//! Deliberately absent: documents made on demand. What the plan has was loaded, and is found as it is.

use super::respond;
use super::search::{PRIVATE, caller, searched, searchset};
use crate::access::Operation;
use crate::fhir::{Kind, dates};
use crate::search::{self, Query};
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

const DOCUMENT: Kind = Kind::named("DocumentReference");

pub(in crate::web) async fn by_get(ask: Ask) -> Result<Outgoing, Problem> {
    let asked = ask.query();
    ask.work(move |ask| docref(ask, &asked)).await
}

/// Parameters may come as a `Parameters` resource, as a form, or in the query string.
pub(in crate::web) async fn by_post(mut ask: Ask) -> Result<Outgoing, Problem> {
    let mut asked = ask.query();
    asked.extend(ask.parameters().await?);
    ask.work(move |ask| docref(ask, &asked)).await
}

fn docref(ask: &Ask, asked: &[(String, String)]) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    let view = ask.decide(kind, Operation::Search)?;
    if kind != DOCUMENT {
        return Err(Problem::NoRoute);
    }
    respond::check_format(ask)?;
    let base = ask.realm.base(ask.base);
    let query =
        Query::read(ask.realm.definitions.now(), DOCUMENT, &parameters(asked)?, false, ask.realm.clock.now(), &base)?;
    let caller = caller(ask);
    let page = searched(ask, &caller).page(&view, &query)?;
    let page = ask.disclose("operation-docref", &Sought::by(&query), page, 200)?;
    let used: Vec<_> = asked.iter().filter(|(name, _)| name != "_cursor").cloned().collect();
    Ok(searchset(&base, &format!("{base}/DocumentReference/$docref"), &used, page, &[], PRIVATE))
}

/// The search that a call stands for. Without dates it means the most recent document.
fn parameters(asked: &[(String, String)]) -> Result<Vec<(String, String)>, Problem> {
    let mut out = Vec::with_capacity(asked.len() + 2);
    let mut dated = false;
    for (name, value) in asked.iter().filter(|(_, value)| !value.is_empty()) {
        let (name, value) = match name.as_str() {
            "patient" | "type" | "_cursor" | "_count" | "_format" => (name.as_str(), value.clone()),
            "start" | "end" => {
                dated = true;
                if dates::parse(&value.replace(' ', "+")).is_none() {
                    let name = if name == "start" { "start" } else { "end" };
                    let expected = "a date such as 2026-01-31".to_owned();
                    return Err(search::Error::Result { name, expected }.into());
                }
                // Care that touches the range: it ends after its start and begins before its end.
                ("period", format!("{}{value}", if name == "start" { "ge" } else { "le" }))
            }
            "profile" => ("_profile", value.clone()),
            "on-demand" if value == "false" => continue,
            _ => {
                let name = name.chars().take(64).collect();
                return Err(search::Error::Unsupported { name }.into());
            }
        };
        out.push((name.to_owned(), value));
    }
    if !out.iter().any(|(name, _)| name == "patient") {
        return Err(Problem::Asked("the parameter 'patient' is missing".into()));
    }
    if !dated {
        out.push(("_sort".into(), "-date".into()));
        if !out.iter().any(|(name, _)| name == "_count") {
            out.push(("_count".into(), "1".into()));
        }
    }
    Ok(out)
}
