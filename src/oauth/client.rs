//! How an app proves who it is at the token, introspection and revocation endpoints: by a signed assertion if it is a
//! back-end client (`assertion`); by its secret, in the
//! `Authorization` header or in the form but not in both; or, if its kind cannot keep a secret, by its id alone (then
//! PKCE and possession of the token are the proof).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::OAuth;
use super::error::{Code, Error, Refusal};
use super::form::Form;
use crate::apps::{App, Status};

impl OAuth {
    /// The app that sends this form.
    pub(super) fn authenticate(&self, form: &Form, authorization: Option<&str>) -> Result<App, Error> {
        form.check()?;
        let basic = authorization.map(|header| basic(header).ok_or_else(refused)).transpose()?;
        let in_form = form.get("client_secret");
        let (id, secret) = match (&basic, in_form) {
            (Some(_), Some(_)) => {
                let why = "the secret was sent twice; send it in the Authorization header only";
                return Err(Refusal::new(Code::InvalidRequest, why).into());
            }
            (Some((id, secret)), None) => {
                if form.get("client_id").is_some_and(|named| named != id) {
                    return Err(Refusal::new(Code::InvalidRequest, "two different client ids were sent").into());
                }
                (id.as_str(), Some(secret.as_str()).filter(|secret| !secret.is_empty()))
            }
            (None, secret) => (form.get("client_id").unwrap_or_default(), secret),
        };
        let app = match id {
            "" => self.app_of_refresh(form)?.ok_or_else(unnamed)?,
            id => self.0.rooms.apps.find(id)?.ok_or_else(refused)?,
        };
        let proven = match secret {
            Some(secret) => app.has_secret(secret),
            None => app.kind.is_public(),
        };
        if !proven || app.status != Status::Active {
            return Err(refused().into());
        }
        Ok(app)
    }

    /// The public app that a refresh token is for: it need not name itself (RFC 6749, 6), for nobody else was given the token.
    fn app_of_refresh(&self, form: &Form) -> Result<Option<App>, Error> {
        let Some(token) = form.get("refresh_token").filter(|_| form.get("grant_type") == Some("refresh_token")) else {
            return Ok(None);
        };
        let Some(client_id) = self.client_of_refresh(token)? else { return Ok(None) };
        Ok(self.0.rooms.apps.find(&client_id)?.filter(|app| app.kind.is_public()))
    }
}

fn unnamed() -> Refusal {
    Refusal::new(Code::InvalidClient, "client_id is missing")
}

/// One answer for an unknown app, a wrong secret, and an app that was stopped.
fn refused() -> Refusal {
    Refusal::new(Code::InvalidClient, "the client id or secret is not right, or the app is not active")
}

/// Id and secret of a Basic header. Both are form-encoded inside it (RFC 6749 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basic_header_is_form_encoded() {
        let header = format!("Basic {}", STANDARD.encode("app-1:a%3Ab%2Fc"));
        assert_eq!(basic(&header), Some(("app-1".into(), "a:b/c".into())));
        for bad in ["Bearer x", "Basic", "Basic ???", &format!("Basic {}", STANDARD.encode("no colon"))] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
