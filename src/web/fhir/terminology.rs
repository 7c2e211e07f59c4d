//! `ValueSet/$expand`, `ValueSet/$validate-code`, `CodeSystem/$lookup` and `CodeSystem/$validate-code` (FHIR R4, valueset-operations,
//! codesystem-operations), for what `fhir::terminology` carries. Anyone may ask: these are the guides' own words.

use poem::Response;
use poem::http::{Method, header};
use serde_json::{Value, json};

use super::respond;
use crate::fhir::json::{self as text, Node};
use crate::fhir::terminology::{self, Concept};
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Codes in one expansion unless asked otherwise, and at most.
const MAX_EXPANDED: usize = 1_000;

/// What an operation was asked: parameters with primitive values, and codings.
#[derive(Default)]
struct Asked {
    values: Vec<(String, String)>,
    /// System (empty if there is none) and code.
    codings: Vec<(String, String)>,
}

impl Asked {
    async fn read(ask: &mut Ask, known: &[&str]) -> Result<Self, Problem> {
        respond::check_format(ask)?;
        let mut asked = Self { values: ask.query(), codings: Vec::new() };
        if ask.method() == Method::POST && !ask.media().is_empty() {
            let body = ask.small_resource().await?;
            let node = text::parse(&body).map_err(|error| Problem::Parameters(error.to_string()))?;
            if node.text_of("resourceType") != Some("Parameters") {
                return Err(Problem::Parameters("it is not a 'Parameters' resource".into()));
            }
            node.get("parameter").map(Node::items).unwrap_or_default().iter().for_each(|one| asked.take(one));
        }
        for (name, _) in &asked.values {
            if !known.contains(&name.as_str()) && !IGNORED.contains(&name.as_str()) {
                return Err(crate::search::Error::Unsupported { name: name.chars().take(64).collect() }.into());
            }
        }
        if let Some(code) = asked.get("code") {
            let coding = (asked.get("system").unwrap_or_default().to_owned(), code.to_owned());
            asked.codings.push(coding);
        }
        Ok(asked)
    }

    fn take(&mut self, parameter: &Node<'_>) {
        let name = parameter.text_of("name").unwrap_or_default().to_owned();
        for (kind, value) in parameter.members().iter().filter(|(name, _)| name != "name") {
            let codings = match (&**kind, value) {
                ("valueCoding", coding) => coding.items(),
                ("valueCodeableConcept", concept) => concept.get("coding").map(Node::items).unwrap_or_default(),
                (_, Node::String(text)) => {
                    self.values.push((name.clone(), text.to_string()));
                    continue;
                }
                (_, Node::Number(_) | Node::Bool(_)) => {
                    self.values.push((name.clone(), value.to_string()));
                    continue;
                }
                // A whole ValueSet, say: told as a parameter that is not supported.
                _ => {
                    self.values.push((format!("{name} ({kind})"), String::new()));
                    continue;
                }
            };
            let pair = |coding: &Node<'_>| {
                let part = |name| coding.text_of(name).unwrap_or_default().to_owned();
                (part("system"), part("code"))
            };
            self.codings.extend(codings.iter().map(pair));
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| Problem::Asked(format!("the parameter '{name}' is missing")))
    }

    fn number(&self, name: &'static str) -> Result<Option<usize>, Problem> {
        let wrong = || crate::search::Error::Result { name, expected: "a whole number such as 50".into() }.into();
        self.get(name).map(|text| text.parse().map_err(|_| wrong())).transpose()
    }
}

/// What changes nothing here: codes have one language and one version.
const IGNORED: [&str; 8] = [
    "_format",
    "_pretty",
    "displayLanguage",
    "activeOnly",
    "includeDesignations",
    "excludeNested",
    "system-version",
    "date",
];

pub(in crate::web) async fn expand(mut ask: Ask) -> Result<Response, Problem> {
    let asked = Asked::read(&mut ask, &["url", "filter", "offset", "count"]).await?;
    ask.long(move |ask| expanded(&ask, &asked)).await
}

fn expanded(ask: &Ask, asked: &Asked) -> Result<Response, Problem> {
    let url = asked.need("url")?;
    let mut all = members(url)?;
    if let Some(filter) = asked.get("filter") {
        let sought = crate::fhir::fold(filter);
        all.retain(|concept| {
            [Some(concept.code), concept.display]
                .into_iter()
                .flatten()
                .any(|text| crate::fhir::fold(text).contains(&sought))
        });
    }
    let offset = asked.number("offset")?.unwrap_or(0);
    let count = asked.number("count")?.unwrap_or(MAX_EXPANDED).min(MAX_EXPANDED);
    let total = all.len();
    let contains: Vec<Value> = all.iter().skip(offset).take(count).map(coding).collect();
    let mut expansion = json!({
        "timestamp": ask.realm.clock.now().to_string(),
        "total": total,
        "offset": offset,
    });
    if let (Some(expansion), false) = (expansion.as_object_mut(), contains.is_empty()) {
        expansion.insert("contains".into(), json!(contains));
    }
    let plain = url.split('|').next().unwrap_or(url);
    Ok(answer(&json!({ "resourceType": "ValueSet", "url": plain, "status": "active", "expansion": expansion })))
}

pub(in crate::web) async fn validate_in_set(mut ask: Ask) -> Result<Response, Problem> {
    let asked = Asked::read(&mut ask, &["url", "code", "system", "display"]).await?;
    let all = members(asked.need("url")?)?;
    valid(&asked, |system, code| {
        all.iter().find(|one| one.code == code && (system.is_empty() || one.system == system)).copied()
    })
}

pub(in crate::web) async fn validate_in_system(mut ask: Ask) -> Result<Response, Problem> {
    let asked = Asked::read(&mut ask, &["url", "code", "display"]).await?;
    let url = asked.need("url")?;
    known(url)?;
    valid(&asked, |_, code| concept(url, code))
}

pub(in crate::web) async fn lookup(mut ask: Ask) -> Result<Response, Problem> {
    let asked = Asked::read(&mut ask, &["code", "system"]).await?;
    let [(system, code), ..] = asked.codings.as_slice() else {
        return Err(Problem::Asked("the parameters 'system' and 'code', or 'coding', are missing".into()));
    };
    known(system)?;
    let found = concept(system, code).ok_or(Problem::NotFound)?;
    Ok(answer(&json!({ "resourceType": "Parameters", "parameter": [
        { "name": "name", "valueString": system.rsplit('/').next() },
        { "name": "display", "valueString": found.display },
    ] })))
}

/// A code by its system, in the words of the tables.
fn concept(system: &str, code: &str) -> Option<Concept> {
    let display = terminology::display(system, code)?;
    // The caller's own words are not kept: only whether they are known.
    Some(Concept { system: "", code: "", display: Some(display) })
}

fn valid(asked: &Asked, find: impl Fn(&str, &str) -> Option<Concept>) -> Result<Response, Problem> {
    if asked.codings.is_empty() {
        return Err(Problem::Asked("the parameter 'code', 'coding' or 'codeableConcept' is missing".into()));
    }
    let found = asked.codings.iter().find_map(|(system, code)| find(system, code));
    let display = found.and_then(|found| found.display);
    let wrong_name = |display: &str| asked.get("display").is_some_and(|said| !said.eq_ignore_ascii_case(display));
    let message = match (found, display) {
        (None, _) => Some("the code is not among them".to_owned()),
        (Some(_), Some(display)) if wrong_name(display) => {
            Some(format!("the code is known by another name: {display}"))
        }
        _ => None,
    };
    let mut parameters = vec![json!({ "name": "result", "valueBoolean": message.is_none() })];
    parameters.extend(message.map(|message| json!({ "name": "message", "valueString": message })));
    parameters.extend(display.map(|display| json!({ "name": "display", "valueString": display })));
    Ok(answer(&json!({ "resourceType": "Parameters", "parameter": parameters })))
}

fn members(url: &str) -> Result<Vec<Concept>, Problem> {
    terminology::members(url).ok_or(Problem::NotCarried)
}

fn known(system: &str) -> Result<(), Problem> {
    if terminology::has_system(system) { Ok(()) } else { Err(Problem::NotCarried) }
}

fn coding(concept: &Concept) -> Value {
    let mut out = json!({ "system": concept.system, "code": concept.code });
    if let (Some(out), Some(display)) = (out.as_object_mut(), concept.display) {
        out.insert("display".into(), json!(display));
    }
    out
}

fn answer(body: &Value) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, respond::FHIR_JSON)
        .header(header::CACHE_CONTROL, "public, max-age=300")
        .body(body.to_string())
}
