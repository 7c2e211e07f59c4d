//! `POST /oauth/revoke` (RFC 7009)

use poem::Response;
use poem::http::{StatusCode, header};

use super::reply::json;
use crate::oauth::Form;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Ends a token.
pub(in crate::web) async fn revoke(mut ask: Ask) -> Result<Response, Problem> {
    let form = Form::new(ask.form().await?);
    let client_id = ask.realm.oauth.revoke(&form, ask.header(header::AUTHORIZATION)).await?;
    ask.acts(|actor| actor.app = Some(client_id.to_string()));
    Ok(json(&serde_json::json!({}), StatusCode::OK))
}
