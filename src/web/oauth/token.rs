//! `POST /oauth/token`

use poem::Response;
use poem::http::{StatusCode, header};

use super::reply::json;
use crate::oauth::Form;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Redeems a code or a refresh token.
pub(in crate::web) async fn token(mut ask: Ask) -> Result<Response, Problem> {
    let form = Form::new(ask.form().await?);
    let answer = ask.realm.oauth.token(&form, ask.header(header::AUTHORIZATION)).await?;
    // Whose it is, the token itself says.
    let access = ask.realm.oauth.verify(&answer.access_token)?;
    ask.acts(|actor| {
        actor.app = Some(access.client_id.to_string());
        actor.grant.clone_from(&access.grant);
        actor.patients.clone_from(&access.patients);
    });
    Ok(json(&answer, StatusCode::OK))
}
