//! `[type]/$validate` and `[type]/[id]/$validate` (FHIR R4, resource-operations: validate). Nothing is kept, and nothing is
//! looked up but the resource named in the address.

use bytes::Bytes;
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
use crate::web::disclosed::{Outgoing, Sought};
use crate::web::problem::Problem;
use crate::{search, write};

/// Profiles in one call.
const MAX_PROFILES: usize = 10;

pub(in crate::web) async fn of_type(ask: Ask) -> Result<Outgoing, Problem> {
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
pub(in crate::web) async fn of_instance(ask: Ask) -> Result<Outgoing, Problem> {
    let (kind, id) = (ask.kind()?, ask.instance()?);
    let view = ask.decide(kind, Operation::Read)?;
    let stored = match ask.realm.store.snapshot()?.read(&view, kind, &id)? {
        Found::Here(stored) => stored,
        Found::Gone => return Err(Problem::Gone),
        Found::Nothing => return Err(Problem::NotFound),
    };
    // What is wrong with it says what is in it.
    let stored = ask.disclose("operation-validate", &Sought::default(), stored, 200)?;
    check(ask, kind, Some(stored.body.clone())).await
}

/// What a call says besides the resource.
#[derive(Default)]
struct Asked {
    profiles: Vec<String>,
    mode: Option<String>,
}

impl Asked {
    fn read(parameters: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "mode" => asked.mode = Some(value),
                "profile" => asked.profiles.push(value),
                "_format" | "_pretty" => {}
                _ => return Err(search::Error::Unsupported { name: name.chars().take(64).collect() }.into()),
            }
        }
        Ok(asked)
    }

    /// Takes the parameters of a body.
    fn take(&mut self, parameters: &[Node<'_>]) {
        let value = |parameter: &Node<'_>| {
            let names = ["valueUri", "valueCanonical", "valueString", "valueCode"];
            names.iter().find_map(|name| parameter.text_of(name)).map(str::to_owned)
        };
        for parameter in parameters {
            match parameter.text_of("name") {
                Some("profile") => self.profiles.extend(value(parameter)),
                Some("mode") => self.mode = value(parameter),
                _ => {}
            }
        }
    }

    /// Refuses what is not known or makes no sense.
    fn sound(mut self) -> Result<Self, Problem> {
        self.profiles.truncate(MAX_PROFILES);
        if let Some(unknown) = self.profiles.iter().find(|profile| structures::find(profile).is_none()) {
            let name: String = unknown.chars().take(200).collect();
            return Err(Problem::Asked(format!("the profile '{name}' is not known here")));
        }
        match self.mode.as_deref() {
            None | Some("create" | "update" | "delete") => Ok(self),
            Some("profile") if !self.profiles.is_empty() => Ok(self),
            Some("profile") => Err(Problem::Asked("mode 'profile' needs a parameter 'profile'".into())),
            Some(_) => {
                let expected = "'create', 'update', 'delete' or 'profile'".to_owned();
                Err(search::Error::Result { name: "mode", expected }.into())
            }
        }
    }
}

/// Checks what was sent, or else what is stored and was disclosed.
async fn check(mut ask: Ask, kind: Kind, stored: Option<Bytes>) -> Result<Outgoing, Problem> {
    respond::check_format(&ask)?;
    let asked = Asked::read(ask.query())?;
    let body = if ask.media().is_empty() { Vec::new() } else { ask.resource().await? };
    let size = body.len() + stored.as_ref().map_or(0, Bytes::len);
    let checked = ask.apart(size, move || checked(asked, kind, &body, stored.as_deref())).await??;
    let response = Response::builder().header(header::CONTENT_TYPE, respond::FHIR_JSON).body(written(&checked));
    Ok(Outgoing::without_records(response))
}

fn checked(mut asked: Asked, kind: Kind, body: &[u8], stored: Option<&[u8]>) -> Result<Vec<Issue>, Problem> {
    let wrong = |error| Problem::Write(write::Error::Body(fhir::Issue::Json(error)));
    let sent = if body.is_empty() { None } else { Some(json::parse(body).map_err(wrong)?) };
    let kept = stored.map(json::parse).transpose().map_err(wrong)?;
    let given = match &sent {
        Some(sent) if sent.text_of("resourceType") == Some("Parameters") && kind != Kind::named("Parameters") => {
            let parameters = sent.get("parameter").map(Node::items).unwrap_or_default();
            asked.take(parameters);
            let named = parameters.iter().find(|parameter| parameter.text_of("name") == Some("resource"));
            named.and_then(|named| named.get("resource"))
        }
        sent => sent.as_ref(),
    };
    let asked = asked.sound()?;
    let missing = "there is no resource: send it, or Parameters with it as the parameter 'resource'";
    let resource = given.or(kept.as_ref()).ok_or_else(|| Problem::Asked(missing.into()))?;
    // Nothing that a resource says stands in the way of its deletion.
    let is_delete = asked.mode.as_deref() == Some("delete");
    let names: Vec<&str> = asked.profiles.iter().map(String::as_str).collect();
    let mut issues = if is_delete { Vec::new() } else { validate(resource, &names) };
    if resource.text_of("resourceType") != Some(kind.name()) {
        let text = format!("the resource is not of the type {kind}, which the address names");
        issues.insert(0, Issue { severity: Severity::Error, code: "invalid", path: "Resource".into(), text });
    }
    Ok(issues)
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
