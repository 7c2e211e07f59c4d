//! Token introspection (RFC 7662). A caller learns about its own tokens only; everything else is `active: false`.

use serde_json::{Value, json};

use super::OAuth;
use super::error::{Code, Error, Refusal};
use super::form::Form;

impl OAuth {
    /// The introspection endpoint. The caller shows its secret, or an access token of its own as bearer.
    pub fn introspect(&self, form: &Form, authorization: Option<&str>) -> Result<Value, Error> {
        form.check()?;
        let caller = if let Some(token) = authorization.and_then(bearer) {
            self.verify(token)?.client_id.clone()
        } else {
            let app = self.authenticate(form, authorization)?;
            if !app.kind.has_secret() {
                let why = "an app without a secret introspects with an access token as bearer";
                return Err(Refusal::new(Code::InvalidClient, why).into());
            }
            app.client_id
        };
        let inactive = json!({ "active": false });
        let Ok(verified) = self.verify_fully(form.need("token")?) else { return Ok(inactive) };
        let access = &verified.access;
        if access.client_id != caller {
            return Ok(inactive);
        }
        let mut answer = json!({
            "active": true,
            "scope": verified.scope_text,
            "client_id": access.client_id,
            "token_type": "Bearer",
            "exp": access.expires.as_second(),
            "iat": access.issued.as_second(),
            "aud": self.settings().fhir_base(),
            "iss": self.settings().issuer,
        });
        if let (Some(members), Some(member)) = (answer.as_object_mut(), &access.member) {
            members.insert("sub".into(), self.subject(member).into());
            members.insert("patient".into(), json!(access.patients.first()));
            if access.scopes.has("fhirUser") {
                members.insert("fhirUser".into(), self.patient_address(&verified.fhir_user).into());
            }
        }
        Ok(answer)
    }
}

/// The token of a bearer header.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
