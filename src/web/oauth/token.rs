//! `POST /oauth/token`

use poem::Response;
use poem::http::{StatusCode, header};

use super::reply::{json, refused};
use crate::oauth::Form;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Redeems a code or a refresh token.
pub(in crate::web) async fn token(mut ask: Ask) -> Result<Response, Problem> {
    let form = Form::new(ask.form().await?);
    match ask.realm.oauth.token(&form, ask.header(header::AUTHORIZATION)).await {
        Ok(answer) => Ok(json(&answer, StatusCode::OK)),
        Err(error) => refused(error),
    }
}
