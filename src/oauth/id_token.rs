//! ID tokens: who signed in, signed with RS256 as SMART asks. The subject is a keyed digest of the member id: stable,
//! and not the number on her card.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::error::Error;
use super::keys::Keys;
use super::{Basis, OAuth};

impl OAuth {
    /// The ID token of an answer, if one was asked for.
    pub(super) fn id_token(&self, keys: &Keys, basis: &Basis, scopes: &str) -> Result<Option<String>, Error> {
        let has = |word: &str| scopes.split_ascii_whitespace().any(|scope| scope == word);
        if !has("openid") {
            return Ok(None);
        }
        let now = self.now();
        let mut claims = json!({
            "iss": self.settings().issuer,
            "sub": self.subject(&basis.member),
            "aud": basis.client_id,
            "iat": now,
            "exp": now + self.settings().access_life,
            "auth_time": basis.signed_in,
            // A code sent by mail is one factor that proves an address, and nothing stronger.
            "amr": ["otp"],
        });
        if let Some(members) = claims.as_object_mut() {
            if let Some(nonce) = &basis.nonce {
                members.insert("nonce".into(), Value::String(nonce.clone()));
            }
            if has("fhirUser") || has("profile") {
                members.insert("fhirUser".into(), Value::String(self.patient_address(&basis.fhir_user)));
            }
        }
        keys.sign_id(&claims).map(Some).ok_or(Error::Keys)
    }

    /// What an app knows a member by.
    pub(super) fn subject(&self, member: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0.keys.read().derive("subject"));
        format!("m-{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, member.as_bytes())))
    }

    pub(super) fn patient_address(&self, patient: &str) -> String {
        format!("{}/Patient/{patient}", self.settings().fhir_base())
    }
}
