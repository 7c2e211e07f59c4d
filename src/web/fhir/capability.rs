//! `metadata`: the `CapabilityStatement` of a base, made from the routes and the definition tables, so that it cannot
//! promise what is not there.

use poem::Response;
use serde_json::{Value, json};

use super::respond;
use crate::access::Base;
use crate::fhir::definitions::{Parameter, SearchParameters, Targets};
use crate::fhir::filter::is_searchable;
use crate::fhir::{Form, Kind, structures};
use crate::realm::Realm;
use crate::search;
use crate::web::ask::Ask;
use crate::web::problem::Problem;
use crate::web::published::{Publication, published};

pub(in crate::web) async fn metadata(ask: Ask) -> Result<Response, Problem> {
    respond::check_format(&ask)?;
    if let Some((_, mode)) = ask.query().iter().find(|(name, _)| name == "mode")
        && !matches!(mode.as_str(), "" | "full" | "normative")
    {
        let expected =
            "'full' or 'normative'; of terminology the operations of ValueSet and CodeSystem tell".to_owned();
        return Err(search::Error::Result { name: "mode", expected }.into());
    }
    let name = match ask.base {
        Base::Fhir => "metadata",
        Base::Directory => "directory metadata",
        Base::Formulary => "formulary metadata",
    };
    let stamp = ask.realm.definitions.now().hash();
    let what = Publication { name, stamp, content_type: respond::FHIR_JSON };
    Ok(published(&ask, &ask.realm, &what, || statement(&ask.realm, ask.base).to_string()))
}

/// The `CapabilityStatement` of a base.
fn statement(realm: &Realm, base: Base) -> Value {
    let defined = realm.definitions.now();
    let mut resources: Vec<Value> =
        Kind::all().filter(|kind| base.serves(*kind)).map(|kind| resource(&defined, base, kind)).collect();
    resources.extend(terminology());
    let address = realm.base(base);
    let mut rest = json!({
        "mode": "server",
        "security": security(realm, base),
        "resource": resources,
        "searchParam": [{ "name": "_id", "type": "token" }, { "name": "_lastUpdated", "type": "date" }],
    });
    if let Some(rest) = rest.as_object_mut() {
        if base == Base::Fhir {
            let system =
                ["batch", "transaction", "history-system", "search-system"].map(|code| json!({ "code": code }));
            rest.insert("interaction".into(), json!(system));
        } else {
            rest.remove("security");
        }
    }
    let mut statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-24",
        "kind": "instance",
        "publisher": realm.config.plan.name,
        "software": { "name": "Ingle", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": description(base), "url": address },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "patchFormat": patch_formats(base),
        "instantiates": instantiates(base),
        "rest": [rest],
    });
    // Empty lists are not FHIR.
    if patch_formats(base).is_empty()
        && let Some(statement) = statement.as_object_mut()
    {
        statement.remove("patchFormat");
    }
    statement
}

const fn patch_formats(base: Base) -> &'static [&'static str] {
    match base {
        Base::Fhir => &["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        Base::Directory | Base::Formulary => &[],
    }
}

const fn description(base: Base) -> &'static str {
    match base {
        Base::Fhir => "Members' claims, coverage and clinical data, for apps that members choose",
        Base::Directory => "Provider directory, open to anyone",
        Base::Formulary => "Drug formulary, open to anyone",
    }
}

const fn instantiates(base: Base) -> &'static [&'static str] {
    match base {
        Base::Fhir => &[
            "http://hl7.org/fhir/us/carin-bb/CapabilityStatement/c4bb",
            "http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server",
        ],
        Base::Directory => &["http://hl7.org/fhir/us/davinci-pdex-plan-net/CapabilityStatement/plan-net"],
        Base::Formulary => &["http://hl7.org/fhir/us/davinci-drug-formulary/CapabilityStatement/usdf-server"],
    }
}

/// The guides whose profiles are served and checked at a base.
const fn guides(base: Base) -> &'static [&'static str] {
    match base {
        Base::Fhir => &[
            "http://hl7.org/fhir/us/carin-bb",
            "http://hl7.org/fhir/us/core",
            "http://hl7.org/fhir/us/davinci-pdex",
            "http://hl7.org/fhir/us/davinci-hrex",
        ],
        Base::Directory => &["http://hl7.org/fhir/us/davinci-pdex-plan-net"],
        Base::Formulary => &["http://hl7.org/fhir/us/davinci-drug-formulary"],
    }
}

fn security(realm: &Realm, base: Base) -> Value {
    if base != Base::Fhir {
        return Value::Null;
    }
    json!({
        "cors": true,
        "service": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
            "code": "SMART-on-FHIR",
        }] }],
        "extension": [{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [
                { "url": "authorize", "valueUri": format!("{}/oauth/authorize", realm.address) },
                { "url": "token", "valueUri": format!("{}/oauth/token", realm.address) },
                { "url": "revoke", "valueUri": format!("{}/oauth/revoke", realm.address) },
                { "url": "introspect", "valueUri": format!("{}/oauth/introspect", realm.address) },
            ],
        }],
    })
}

fn resource(defined: &SearchParameters, base: Base, kind: Kind) -> Value {
    let served: Vec<&Parameter> =
        defined.of(kind).map(|(_, parameter)| parameter).filter(|p| is_searchable(p)).collect();
    let references: Vec<String> = served
        .iter()
        .filter(|parameter| parameter.form == Form::Reference)
        .map(|parameter| format!("{}:{}", kind.name(), parameter.code))
        .collect();
    let includes: Vec<String> = references.iter().cloned().chain([format!("{}:*", kind.name())]).collect();
    let parameters: Vec<Value> = served
        .iter()
        .map(|parameter| json!({ "name": parameter.code, "type": form(parameter.form) }))
        .chain([json!({ "name": "_id", "type": "token" }), json!({ "name": "_lastUpdated", "type": "date" })])
        .collect();
    let mut out = json!({
        "type": kind.name(),
        "interaction": [
            { "code": "read" }, { "code": "vread" }, { "code": "history-instance" }, { "code": "search-type" },
        ],
        "versioning": "versioned",
        "readHistory": true,
        "conditionalRead": "full-support",
        "referencePolicy": ["literal", "logical"],
        "searchParam": parameters,
    });
    let profiles: Vec<&str> = guides(base).iter().flat_map(|guide| structures::profiles(kind.name(), guide)).collect();
    if !profiles.is_empty()
        && let Some(out) = out.as_object_mut()
    {
        out.insert("supportedProfile".into(), json!(profiles));
    }
    let operations: Vec<Value> = operation(kind)
        .into_iter()
        .chain(
            (base == Base::Fhir).then_some(("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate")),
        )
        .map(|(name, definition)| json!({ "name": name, "definition": definition }))
        .collect();
    if !operations.is_empty()
        && let Some(out) = out.as_object_mut()
    {
        out.insert("operation".into(), json!(operations));
    }
    if base == Base::Fhir
        && let Some(out) = out.as_object_mut()
    {
        out.extend(writes());
    }
    let pointing = pointing_to(defined, base, kind);
    if !pointing.is_empty()
        && let Some(out) = out.as_object_mut()
    {
        out.insert("searchRevInclude".into(), json!(pointing));
    }
    if !references.is_empty()
        && let Some(out) = out.as_object_mut()
    {
        out.insert("searchInclude".into(), json!(includes));
    }
    out
}

/// Types of which nothing is served but operations.
fn terminology() -> impl Iterator<Item = Value> {
    let of = |kind: &str, operations: &[(&str, &str)]| {
        let operations: Vec<Value> = operations
            .iter()
            .map(|(name, definition)| json!({ "name": name, "definition": format!("http://hl7.org/fhir/OperationDefinition/{definition}") }))
            .collect();
        json!({ "type": kind, "operation": operations })
    };
    [
        of("CodeSystem", &[("lookup", "CodeSystem-lookup"), ("validate-code", "CodeSystem-validate-code")]),
        of("ValueSet", &[("expand", "ValueSet-expand"), ("validate-code", "ValueSet-validate-code")]),
    ]
    .into_iter()
}

const PROVENANCE: Kind = Kind::named("Provenance");

/// The reference parameters of the base's types that may point to this one.
fn pointing_to(defined: &SearchParameters, base: Base, kind: Kind) -> Vec<String> {
    let mut out = Vec::new();
    for source in Kind::all().filter(|source| base.serves(*source)) {
        for (_, parameter) in defined.of(source).filter(|(_, parameter)| parameter.form == Form::Reference) {
            let points_here = match &parameter.targets {
                Targets::These(kinds) => kinds.contains(&kind),
                // Of those that may point anywhere, the one that people follow.
                Targets::Any => source == PROVENANCE,
            };
            if points_here {
                out.push(format!("{source}:{}", parameter.code));
            }
        }
    }
    out
}

/// What back-end clients may do beyond reading.
fn writes() -> serde_json::Map<String, Value> {
    let codes =
        ["read", "vread", "history-instance", "search-type", "history-type", "create", "update", "patch", "delete"];
    let mut out = serde_json::Map::new();
    out.insert("interaction".into(), json!(codes.map(|code| json!({ "code": code }))));
    out.insert("updateCreate".into(), json!(true));
    out.insert("conditionalCreate".into(), json!(true));
    out.insert("conditionalUpdate".into(), json!(true));
    out.insert("conditionalDelete".into(), json!("single"));
    out
}

/// The operation on a type; the standard wants its name without the dollar sign.
fn operation(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind.name() {
        "Patient" => Some(("everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything")),
        "Observation" => Some(("lastn", "http://hl7.org/fhir/OperationDefinition/Observation-lastn")),
        "DocumentReference" => Some(("docref", "http://hl7.org/fhir/us/core/OperationDefinition/docref")),
        _ => None,
    }
}

fn form(form: Form) -> String {
    format!("{form:?}").to_lowercase()
}
