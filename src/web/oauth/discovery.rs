//! Documents that apps read before they ask. Always JSON, whatever `Accept` says.

use poem::Response;
use serde_json::Value;

use crate::oauth::OAuth;
use crate::realm::Realm;
use crate::web::ask::Ask;
use crate::web::problem::Problem;
use crate::web::published::{Publication, published};

/// A document that changes only with the keys of the realm.
fn json(ask: &Ask, realm: &Realm, name: &'static str, make: fn(&OAuth) -> Value) -> Response {
    let what = Publication { name, stamp: realm.oauth.keys_made(), content_type: "application/json" };
    published(ask, realm, &what, || make(&realm.oauth).to_string())
}

fn sandbox(ask: &Ask) -> Result<&Realm, Problem> {
    ask.sandbox.as_deref().ok_or(Problem::NoRoute)
}

/// `GET /fhir/.well-known/smart-configuration`
pub(in crate::web) async fn smart(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask, &ask.realm, "smart-configuration", OAuth::smart_configuration))
}

/// `GET /.well-known/openid-configuration`
pub(in crate::web) async fn openid(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask, &ask.realm, "openid-configuration", OAuth::openid_configuration))
}

/// `GET /.well-known/openid-configuration/sandbox`
pub(in crate::web) async fn openid_of_sandbox(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask, sandbox(&ask)?, "openid-configuration", OAuth::openid_configuration))
}

/// `GET /.well-known/oauth-authorization-server`
pub(in crate::web) async fn server(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask, &ask.realm, "authorization-server", OAuth::server_metadata))
}

/// `GET /.well-known/oauth-authorization-server/sandbox`
pub(in crate::web) async fn server_of_sandbox(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask, sandbox(&ask)?, "authorization-server", OAuth::server_metadata))
}

/// `GET /oauth/jwks`
pub(in crate::web) async fn jwks(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask, &ask.realm, "jwks", OAuth::jwks))
}
