//! Documents that apps read before they ask. Always JSON, whatever `Accept` says.

use poem::Response;
use poem::http::StatusCode;

use super::reply::json;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// `GET /fhir/.well-known/smart-configuration`
pub(in crate::web) async fn smart(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask.realm.oauth.smart_configuration(), StatusCode::OK))
}

/// `GET /.well-known/openid-configuration`
pub(in crate::web) async fn openid(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask.realm.oauth.openid_configuration(), StatusCode::OK))
}

/// `GET /.well-known/oauth-authorization-server`
pub(in crate::web) async fn server(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask.realm.oauth.server_metadata(), StatusCode::OK))
}

/// `GET /oauth/jwks`
pub(in crate::web) async fn jwks(ask: Ask) -> Result<Response, Problem> {
    Ok(json(&ask.realm.oauth.jwks(), StatusCode::OK))
}
