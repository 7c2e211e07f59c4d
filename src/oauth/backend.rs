//! `client_credentials` (SMART App Launch 2.2, Backend Services): a short token without a member and without a refresh
//! token, for the `system/` scopes that the operator gave the client.

use std::sync::Arc;

use super::code::TokenAnswer;
use super::error::{Code, Error, Refusal};
use super::form::Form;
use super::token::{self, Claims};
use super::{OAuth, limits};
use crate::access::ScopeSet;
use crate::apps::App;

impl OAuth {
    pub(super) fn backend(&self, form: &Form, app: &App) -> Result<TokenAnswer, Error> {
        let nothing = |why: &str| Refusal::new(Code::InvalidScope, why);
        let asked = ScopeSet::parse(form.need("scope")?).map_err(|error| nothing(&error.to_string()))?;
        let registered = ScopeSet::parse(&app.scopes).map_err(|error| nothing(&error.to_string()))?;
        let granted = asked.intersect(&registered);
        if granted.scopes().is_empty() {
            return Err(nothing("none of these scopes was given to this client").into());
        }
        let (inner, now) = (&self.0, self.now());
        let claims = Claims {
            token: inner.rooms.chance.id(),
            client_id: app.client_id.clone(),
            scopes: granted.to_string(),
            shared: Vec::new(),
            grant: None,
            family: inner.rooms.chance.id(),
            issued: now,
            expires: now + limits::BACKEND_LIFE,
        };
        let keys = Arc::clone(&inner.keys.read());
        let token = token::mint(&keys, inner.settings.realm, inner.settings.prefix, &claims).ok_or(Error::Keys)?;
        Ok(TokenAnswer {
            access_token: token,
            token_type: "Bearer".into(),
            expires_in: limits::BACKEND_LIFE,
            scope: claims.scopes,
            refresh_token: None,
            id_token: None,
            patient: String::new(),
            need_patient_banner: false,
        })
    }
}
