//! `POST /oauth/introspect` (RFC 7662)

use poem::Response;
use poem::http::{StatusCode, header};

use super::reply::json;
use crate::oauth::Form;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Says what a token of the caller's own is worth.
pub(in crate::web) async fn introspect(mut ask: Ask) -> Result<Response, Problem> {
    let form = Form::new(ask.form().await?);
    let answer = ask.realm.oauth.introspect(&form, ask.header(header::AUTHORIZATION))?;
    Ok(json(&answer, StatusCode::OK))
}
