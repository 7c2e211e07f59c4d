//! Searches that are not of one type: of a patient's compartment, `Patient/[id]/[type]?…` (FHIR R4, compartments), and of
//! several types at once, `[base]?_type=…` (FHIR R4, http, search of the whole system).

use super::respond;
use super::search::{PRIVATE, caller, is_lenient, searched, searchset};
use crate::access::Operation;
use crate::fhir::Kind;
use crate::search::{self, Page, Query};
use crate::web::ask::Ask;
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;

/// Types of one search.
const MAX_TYPES: usize = 20;
/// Between the number of a type and the cursor within it.
const MARK: char = '-';

pub(in crate::web) async fn of_compartment(ask: Ask) -> Result<Outgoing, Problem> {
    let name = ask.segment("type");
    let parameters = ask.query();
    ask.work(move |ask| compartment(ask, &name, &parameters)).await
}

pub(in crate::web) async fn of_compartment_by_post(mut ask: Ask) -> Result<Outgoing, Problem> {
    let name = ask.segment("type");
    let mut parameters = ask.query();
    parameters.extend(ask.form().await?);
    ask.work(move |ask| compartment(ask, &name, &parameters)).await
}

fn compartment(ask: &Ask, name: &str, parameters: &[(String, String)]) -> Result<Outgoing, Problem> {
    if ask.kind()? != Kind::PATIENT {
        return Err(Problem::NoRoute);
    }
    let patient = ask.instance()?;
    if name.starts_with('$') {
        return Err(Problem::Operation);
    }
    if name == "*" {
        let expected = "one resource type; for all of them ask for 'Patient/[id]/$everything'".to_owned();
        return Err(search::Error::Result { name: "[type]", expected }.into());
    }
    let kind = Kind::parse(name).ok_or_else(|| Problem::UnknownType(name.to_owned()))?;
    let view = ask.decide(kind, Operation::Search)?;
    respond::check_format(ask)?;
    if !kind.is_personal() {
        return Err(Problem::UnknownType(name.to_owned()));
    }
    // The compartment is a narrower View: whoever is not the caller's patient has nothing in it.
    let view = view.of_patient(&patient);
    let base = ask.realm.base(ask.base);
    let query =
        Query::read(ask.realm.definitions.now(), kind, parameters, is_lenient(ask), ask.realm.clock.now(), &base)?;
    let caller = format!("{}\n{patient}", caller(ask));
    let page = searched(ask, &caller).page(&view, &query)?;
    let page = ask.disclose("search-compartment", &Sought::of_patient(kind, &patient), page, 200)?;
    let address = format!("{base}/Patient/{patient}/{name}");
    Ok(searchset(&base, &address, &query.used, page, &query.dropped, PRIVATE))
}

pub(in crate::web) async fn of_base(ask: Ask) -> Result<Outgoing, Problem> {
    let parameters = ask.query();
    ask.work(move |ask| several(ask, &parameters)).await
}

pub(in crate::web) async fn of_base_by_post(mut ask: Ask) -> Result<Outgoing, Problem> {
    let mut parameters = ask.query();
    parameters.extend(ask.form().await?);
    ask.work(move |ask| several(ask, &parameters)).await
}

/// The types are searched one after the other; a page that one does not fill goes on with the next.
fn several(ask: &Ask, parameters: &[(String, String)]) -> Result<Outgoing, Problem> {
    let kinds = kinds(ask, parameters)?;
    respond::check_format(ask)?;
    let (base, now) = (ask.realm.base(ask.base), ask.realm.clock.now());
    let own: Vec<(String, String)> =
        parameters.iter().filter(|(name, _)| name != "_type" && name != "_cursor").cloned().collect();
    let cursor = parameters.iter().find(|(name, _)| name == "_cursor").map(|(_, value)| value.as_str());
    let (first, mut within) = start(cursor)?;
    let mut queries = Vec::with_capacity(kinds.len());
    for kind in &kinds {
        queries.push(Query::read(ask.realm.definitions.now(), *kind, &own, is_lenient(ask), now, &base)?);
    }
    let caller = format!("{}\n{kinds:?}", caller(ask));
    let searched = searched(ask, &caller);
    let mut all = Page { matches: Vec::new(), included: Vec::new(), total: None, next: None, cut: false };
    let wanted = queries.first().map_or(0, |query| query.count);
    let mut total = cursor.is_none().then_some(0);
    for (at, query) in queries.iter_mut().enumerate() {
        let left = wanted.saturating_sub(all.matches.len());
        if at < first || (left == 0 && total.is_none()) {
            // Behind a full page there is more to look at.
            if at >= first && all.next.is_none() && wanted > 0 {
                all.next = Some(format!("{at}{MARK}"));
            }
            continue;
        }
        let view = ask.decide(query.kind, Operation::Search)?;
        query.count = left;
        query.cursor = within.take();
        let page = searched.page(&view, query)?;
        total = total.and_then(|sum| Some(sum + page.total?));
        let before = all.matches.len();
        all.matches.extend(page.matches);
        let known = |stored: &crate::store::Stored, all: &Page| {
            all.matches.iter().chain(&all.included).any(|other| other.rid == stored.rid)
        };
        for stored in page.included {
            if !known(&stored, &all) {
                all.included.push(stored);
            }
        }
        all.cut |= page.cut;
        if all.next.is_none() && wanted > 0 {
            all.next = match page.next {
                Some(cursor) => Some(format!("{at}{MARK}{cursor}")),
                None if left == 0 && page.total.unwrap_or(1) > 0 && all.matches.len() == before => {
                    Some(format!("{at}{MARK}"))
                }
                None => None,
            };
        }
    }
    all.total = total;
    let sought = queries.first().map(Sought::by).unwrap_or_default();
    let all = ask.disclose("search-system", &sought, all, 200)?;
    let used: Vec<(String, String)> = parameters.iter().filter(|(name, _)| name != "_cursor").cloned().collect();
    let dropped = queries.into_iter().next().map(|query| query.dropped).unwrap_or_default();
    Ok(searchset(&base, &base, &used, all, &dropped, PRIVATE))
}

/// The types asked for, each once.
fn kinds(ask: &Ask, parameters: &[(String, String)]) -> Result<Vec<Kind>, Problem> {
    let expected = "a list of up to 20 resource types that this base serves, such as 'Condition,Observation'";
    let wrong = || search::Error::Result { name: "_type", expected: expected.to_owned() };
    let mut kinds: Vec<Kind> = Vec::new();
    for (_, list) in parameters.iter().filter(|(name, _)| name == "_type") {
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let kind = Kind::parse(name).ok_or_else(wrong)?;
            ask.decide(kind, Operation::Search)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    // Whoever may see nothing learns that first.
    if kinds.is_empty() {
        ask.decide(Kind::PATIENT, Operation::Search).map_err(|problem| match problem {
            Problem::SignIn => problem,
            _ => wrong().into(),
        })?;
    }
    if kinds.is_empty() || kinds.len() > MAX_TYPES { Err(wrong().into()) } else { Ok(kinds) }
}

/// Which type a page begins with, and the cursor within it.
fn start(cursor: Option<&str>) -> Result<(usize, Option<String>), Problem> {
    let Some(cursor) = cursor else { return Ok((0, None)) };
    let (at, within) = cursor.split_once(MARK).ok_or(search::Error::Cursor)?;
    let at = at.parse().map_err(|_| search::Error::Cursor)?;
    Ok((at, Some(within.to_owned()).filter(|within| !within.is_empty())))
}
