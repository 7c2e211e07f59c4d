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
    Ok(json(&answer, StatusCode::OK))
}
