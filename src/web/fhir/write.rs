//! create, update, patch and delete, with and without conditions, and `$meta-add` and `$meta-delete` (FHIR R4, http,
//! 3.1.0.4 to 3.1.0.8). For back-end clients with `system/` scopes.

use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

use super::respond;
use super::search::{caller, searched};
use crate::access::Operation;
use crate::fhir::{Issue, Kind, outcome};
use crate::store::Outcome;
use crate::web::ask::Ask;
use crate::web::disclosed::{Disclosed, Outgoing, Records, Sought};
use crate::web::problem::Problem;
use crate::web::work::LARGE;
use crate::write::{Change, Condition, Done, Error, Form, Target, Writing};

pub(in crate::web) async fn create(mut ask: Ask) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    ask.decide(kind, Operation::Create)?;
    respond::check_format(&ask)?;
    let unless = ask.text_header("if-none-exist").map(read_condition);
    let body = ask.resource().await?;
    run(ask, kind, Change::Create { body, unless }).await
}

pub(in crate::web) async fn update(mut ask: Ask) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    ask.decide(kind, Operation::Update)?;
    respond::check_format(&ask)?;
    let (target, expected) = (target(&ask)?, expected(&ask)?);
    let absent = match ask.header(header::IF_NONE_MATCH) {
        None => false,
        Some("*") => true,
        Some(_) => return Err(Problem::Header("If-None-Match")),
    };
    let body = ask.resource().await?;
    run(ask, kind, Change::Update { target, body, expected, absent }).await
}

pub(in crate::web) async fn patch(mut ask: Ask) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    ask.decide(kind, Operation::Update)?;
    respond::check_format(&ask)?;
    let (target, expected) = (target(&ask)?, expected(&ask)?);
    let (body, form) = match ask.media() {
        "application/json-patch+json" => (ask.bytes().await?, Form::Json),
        _ => (ask.resource().await.map_err(patch_type)?, Form::FhirPath),
    };
    run(ask, kind, Change::Patch { target, body, form, expected }).await
}

/// What is neither patch is told which patches there are.
fn patch_type(problem: Problem) -> Problem {
    if matches!(problem, Problem::ResourceType) { Problem::PatchType } else { problem }
}

pub(in crate::web) async fn delete(ask: Ask) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    ask.decide(kind, Operation::Delete)?;
    let change = Change::Delete { target: target(&ask)?, expected: expected(&ask)? };
    run(ask, kind, change).await
}

pub(in crate::web) async fn add_meta(ask: Ask) -> Result<Outgoing, Problem> {
    change_meta(ask, Form::MetaAdd).await
}

pub(in crate::web) async fn delete_meta(ask: Ask) -> Result<Outgoing, Problem> {
    change_meta(ask, Form::MetaDelete).await
}

async fn change_meta(mut ask: Ask, form: Form) -> Result<Outgoing, Problem> {
    let kind = ask.kind()?;
    ask.decide(kind, Operation::Update)?;
    respond::check_format(&ask)?;
    let target = target(&ask)?;
    let body = ask.resource().await?;
    let change = Change::Patch { target, body, form, expected: None };
    ask.perhaps_long(is_long(&change), move |ask| async move {
        let changed = changed(&ask, kind, change).await?;
        Ok(changed.answer(|changed| respond::parameters_with_meta(&changed.first().body)))
    })
    .await
}

/// True for a change that is planned in the pool: it searches, or it is large.
pub(super) fn is_long(change: &Change) -> bool {
    let searches = |target: &Target| matches!(target, Target::Matching(_));
    match change {
        Change::Create { body, unless } => unless.is_some() || body.len() > LARGE,
        Change::Update { target, body, .. } | Change::Patch { target, body, .. } => {
            searches(target) || body.len() > LARGE
        }
        Change::Delete { target, .. } => searches(target),
    }
}

async fn run(ask: Ask, kind: Kind, change: Change) -> Result<Outgoing, Problem> {
    let is_update = matches!(change, Change::Update { .. } | Change::Patch { .. });
    ask.perhaps_long(is_long(&change), move |ask| async move {
        let changed = changed(&ask, kind, change).await?;
        Ok(changed.answer(|changed| answer(&ask, changed.first(), status(changed.first()), is_update)))
    })
    .await
}

async fn changed(ask: &Ask, kind: Kind, change: Change) -> Result<Disclosed<Changed>, Problem> {
    let view = ask.decide(kind, change.operation())?;
    ask.can_disclose()?;
    let (base, caller) = (ask.realm.base(ask.base), caller(ask));
    let interaction = match change {
        Change::Create { .. } => "create",
        Change::Update { .. } => "update",
        Change::Patch { .. } => "patch",
        Change::Delete { .. } => "delete",
    };
    let done = writing(ask, &caller, &base).change(&view, kind, change).await?;
    let status = status(&done).as_u16();
    Changed::of(ask, done, Vec::new())?.disclosed(ask, interaction, Some(kind), status)
}

/// What was changed, for the audit, which learns who changed what as it does who read what.
pub(super) struct Changed {
    first: Done,
    rest: Vec<Done>,
    /// Numbers and types of what is there.
    named: Vec<(u64, Kind)>,
}

impl Records for Changed {
    fn each(&self, take: &mut dyn FnMut(u64, Kind)) {
        self.named.iter().for_each(|(rid, kind)| take(*rid, *kind));
    }
}

impl Changed {
    pub(super) fn of(ask: &Ask, first: Done, rest: Vec<Done>) -> Result<Self, Problem> {
        let snapshot = ask.realm.store.snapshot()?;
        let mut named = Vec::with_capacity(rest.len() + 1);
        for done in std::iter::once(&first).chain(&rest).filter(|done| done.version > 0) {
            let Some(rid) = snapshot.rid(done.kind, &done.id)? else { continue };
            named.push((rid, done.kind));
        }
        Ok(Self { first, rest, named })
    }

    pub(super) fn disclosed(
        self,
        ask: &Ask,
        interaction: &str,
        kind: Option<Kind>,
        status: u16,
    ) -> Result<Disclosed<Self>, Problem> {
        ask.disclose(interaction, &kind.map(Sought::of).unwrap_or_default(), self, status)
    }

    fn first(&self) -> &Done {
        &self.first
    }

    /// Everything that was changed.
    pub(super) fn all(&self) -> impl Iterator<Item = &Done> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

pub(super) fn writing<'w>(ask: &'w Ask, caller: &'w str, base: &'w str) -> Writing<'w> {
    let realm = &ask.realm;
    Writing {
        store: &realm.store,
        searched: searched(ask, caller),
        turn: &realm.turn,
        chance: &realm.chance,
        now: realm.clock.now(),
        base,
        validation: realm.config.validation.writes,
    }
}

/// The status of a change (FHIR R4, http).
pub(super) fn status(done: &Done) -> StatusCode {
    match (done.deleted, done.outcome) {
        (true, _) => StatusCode::NO_CONTENT,
        (false, Some(Outcome::Created)) => StatusCode::CREATED,
        (false, _) => StatusCode::OK,
    }
}

/// `{base}/{type}/{id}/_history/{version}`
pub(super) fn location(ask: &Ask, done: &Done) -> String {
    format!("{}/{}/{}/_history/{}", ask.realm.base(ask.base), done.kind, done.id, done.version)
}

fn answer(ask: &Ask, done: &Done, status: StatusCode, is_update: bool) -> Response {
    let wanted = ask.prefers("return");
    let (status, body) = match (wanted.as_deref(), done.deleted) {
        (Some("OperationOutcome"), deleted) => {
            let text = if deleted { "deleted" } else { "kept" };
            let mut problems =
                vec![outcome::Problem { severity: "information", code: "informational", text, expression: None }];
            problems.extend(
                done.issues.iter().map(problem_of).map(|problem| outcome::Problem { severity: "warning", ..problem }),
            );
            (if deleted { StatusCode::OK } else { status }, outcome::all(&problems).into())
        }
        (Some("minimal"), _) | (_, true) => (status, bytes::Bytes::new()),
        _ => (status, done.body.clone()),
    };
    let mut response = Response::builder().status(status);
    if !body.is_empty() {
        response = response.header(header::CONTENT_TYPE, respond::FHIR_JSON);
    }
    let mut response = response.body(body);
    if done.version > 0 {
        respond::version_headers(&mut response, done.version, done.updated);
    }
    // Where the resource is; after an update the caller knows, unless it was created by it.
    if !done.deleted
        && (!is_update || status == StatusCode::CREATED)
        && let Ok(location) = HeaderValue::from_str(&location(ask, done))
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// An issue as an `OperationOutcome` has it.
pub(in crate::web) fn problem_of(issue: &crate::fhir::validate::Issue) -> outcome::Problem<'_> {
    outcome::Problem {
        severity: issue.severity.word(),
        code: issue.code,
        text: &issue.text,
        expression: Some(&issue.path),
    }
}

/// The resource that the address means: by id, or by the query.
fn target(ask: &Ask) -> Result<Target, Problem> {
    let id = ask.segment("id");
    if !id.is_empty() {
        let is_sound = crate::fhir::reference::is_id(&id);
        return if is_sound { Ok(Target::Id(id)) } else { Err(Error::Body(Issue::Id).into()) };
    }
    let shapes_answer = |name: &str| matches!(name, "_format" | "_pretty");
    Ok(Target::Matching(ask.query().into_iter().filter(|(name, _)| !shapes_answer(name)).collect()))
}

pub(super) fn read_condition(text: &str) -> Condition {
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The version that `If-Match` names.
fn expected(ask: &Ask) -> Result<Option<u32>, Problem> {
    ask.header(header::IF_MATCH).map(|tag| read_tag(tag).ok_or(Problem::Header("If-Match"))).transpose()
}

/// The version in `W/"3"`.
pub(super) fn read_tag(tag: &str) -> Option<u32> {
    tag.trim().trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
