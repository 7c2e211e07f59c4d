//! `[type]/$validate` and `[type]/[id]/$validate` (FHIR R4, resource-operations: validate). Nothing is kept, and nothing is
//! looked up but the resource named in the address.

use poem::Response;
use poem::http::header;

use super::respond;
use super::write::problem_of;
use crate::access::Operation;
use crate::fhir::json::{self, Node};
use crate::fhir::validate::{Issue, Severity, validate};
use crate::fhir::{self, Kind, outcome, structures};
use crate::store::Found;
use crate::web::ask::Ask;
use crate::web::problem::Problem;
use crate::write;

/// Profiles in one call.
const MAX_PROFILES: usize = 10;

pub(in crate::web) async fn of_type(ask: Ask) -> Result<Response, Problem> {
    let kind = ask.kind()?;
    // Whoever may read or write the type may ask what one of it should be.
    [Operation::Read, Operation::Search, Operation::Create, Operation::Update]
        .into_iter()
        .map(|operation| ask.decide(kind, operation))
        .reduce(Result::or)
        .ok_or(Problem::NotFound)??;
    check(ask, kind, None).await
}

/// With a body, the body is checked as the next version of the resource; without one, the resource as it is.
pub(in crate::web) async fn of_instance(ask: Ask) -> Result<Response, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    let stored = match ask.realm.store.snapshot()?.read(&view, kind, &id)? {
        Found::Here(stored) => stored,
        Found::Gone => return Err(Problem::Gone),
        Found::Nothing => return Err(Problem::NotFound),
    };
    ask.disclose("operation-validate", std::iter::once(&stored), 200)?;
    check(ask, kind, Some(stored.body.to_vec())).await
}

async fn check(mut ask: Ask, kind: Kind, stored: Option<Vec<u8>>) -> Result<Response, Problem> {
    respond::check_format(&ask)?;
    let mut profiles: Vec<String> =
        ask.query().into_iter().filter(|(name, _)| name == "profile").map(|(_, value)| value).collect();
    let body = if ask.media().is_empty() { Vec::new() } else { ask.resource().await? };
    let body = match (body.is_empty(), stored) {
        (true, Some(stored)) => stored,
        (true, None) => {
            return Err(Problem::Parameters("it is empty; send the resource, or Parameters with it".into()));
        }
        (false, _) => body,
    };
    let wrong = |error| Problem::Write(write::Error::Body(fhir::Issue::Json(error)));
    let sent = json::parse(&body).map_err(wrong)?;
    let resource = if sent.text_of("resourceType") == Some("Parameters") && kind != Kind::named("Parameters") {
        for parameter in sent.get("parameter").map(Node::items).unwrap_or_default() {
            if parameter.text_of("name") == Some("profile") {
                let value =
                    ["valueUri", "valueCanonical", "valueString"].iter().find_map(|name| parameter.text_of(name));
                profiles.extend(value.map(str::to_owned));
            }
        }
        let parameters = sent.get("parameter").map(Node::items).unwrap_or_default();
        let given = parameters.iter().find(|parameter| parameter.text_of("name") == Some("resource"));
        let given = given.and_then(|given| given.get("resource"));
        given.ok_or_else(|| Problem::Parameters("there is no parameter 'resource' with a resource in it".into()))?
    } else {
        &sent
    };
    profiles.truncate(MAX_PROFILES);
    if let Some(unknown) = profiles.iter().find(|profile| structures::find(profile).is_none()) {
        let name: String = unknown.chars().take(200).collect();
        return Err(Problem::Parameters(format!("the profile '{name}' is not known here")));
    }
    let names: Vec<&str> = profiles.iter().map(String::as_str).collect();
    let mut issues = validate(resource, &names);
    if resource.text_of("resourceType") != Some(kind.name()) {
        let text = format!("the resource is not of the type {kind}, which the address names");
        issues.insert(0, Issue { severity: Severity::Error, code: "invalid", path: "Resource".into(), text });
    }
    Ok(Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON).body(written(&issues)))
}

fn written(issues: &[Issue]) -> Vec<u8> {
    if issues.is_empty() {
        let text = "no problem was found";
        let good = outcome::Problem { severity: "information", code: "informational", text, expression: None };
        return good.to_json();
    }
    let problems: Vec<outcome::Problem<'_>> = issues.iter().map(problem_of).collect();
    outcome::all(&problems)
}
