//! history of a type and of the whole base (FHIR R4, http, 3.1.0.9): the change feed, newest first, for back-end clients
//! that keep a copy in step. A member's app asks for the history of one resource, or searches by `_lastUpdated`: walking
//! everybody's changes to find one member's would make her wait for the others.

use super::history::{self, bundle};
use super::respond;
use super::search::{caller, link};
use crate::access::{Operation, Reach, View};
use crate::fhir::Kind;
use crate::index::Place;
use crate::search;
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

pub(in crate::web) async fn of_type(ask: Ask) -> Result<Outgoing, Problem> {
    ask.work(|ask| {
        let kind = ask.kind()?;
        let view = ask.decide(kind, Operation::Search)?;
        feed(ask, &view, Some(kind))
    })
    .await
}

pub(in crate::web) async fn of_base(ask: Ask) -> Result<Outgoing, Problem> {
    ask.work(all).await
}

fn all(ask: &Ask) -> Result<Outgoing, Problem> {
    // The View of any type that may be searched; the others are passed over.
    let mut refused = None;
    for kind in Kind::all() {
        match ask.decide(kind, Operation::Search) {
            Ok(view) => return feed(ask, &view, None),
            Err(problem) => refused = Some(problem),
        }
    }
    Err(refused.unwrap_or(Problem::NotFound))
}

fn feed(ask: &Ask, view: &View, kind: Option<Kind>) -> Result<Outgoing, Problem> {
    if view.reach() != Reach::Everything {
        return Err(Problem::BackEndOnly);
    }
    respond::check_format(ask)?;
    let asked = history::read(&ask.query())?;
    let base = ask.realm.base(ask.base);
    let address = kind.map_or_else(|| format!("{base}/_history"), |kind| format!("{base}/{kind}/_history"));
    let (caller, own) = (caller(ask), link(&address, &asked.used, None));
    let binding: &[&[u8]] = &[caller.as_bytes(), own.as_bytes()];
    let now = ask.realm.clock.now();
    let before = match &asked.cursor {
        Some(text) => ask.realm.cursors.open(text, binding, now).ok_or(search::Error::Cursor)?.0.rid,
        None => u64::MAX,
    };
    let page = ask.realm.store.snapshot()?.feed(view, kind, before, &asked.times, asked.count)?;
    let interaction = if kind.is_some() { "history-type" } else { "history-system" };
    let sought = kind.map(Sought::of).unwrap_or_default();
    let versions = ask.disclose(interaction, &sought, page.versions, 200)?;
    let next = page.next.map(|seq| {
        let place = Place { keys: Vec::new(), rid: seq };
        link(&address, &asked.used, Some(&ask.realm.cursors.seal(&place, None, binding, now)))
    });
    Ok(bundle(&base, &own, next.as_deref(), None, versions))
}
