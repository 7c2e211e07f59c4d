//! A back-end client of the made-up plan: its key, its token.

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::plan::Plan;
use crate::oauth::Form;

/// Bytes of one coordinate of a P-384 key.
const COORDINATE: usize = 48;
const SCOPES: &str = "system/*.cruds";

/// A token that writes, by way of the whole flow; it lives five minutes.
pub(super) fn token(plan: &Plan) -> anyhow::Result<String> {
    let realm = &plan.realm;
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?;
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = key.public_key().as_ref();
    let (x, y) =
        public.get(1..).and_then(|point| point.split_at_checked(COORDINATE)).context("a key of another form")?;
    let jwk = json!({ "kty": "EC", "crv": "P-384", "kid": "bench", "alg": "ES384", "use": "sig", "x": text(x), "y": text(y) });
    let keys = json!({ "keys": [jwk] }).to_string();
    plan.runtime.block_on(async {
        let app = realm.apps.register_backend("Bench writer", SCOPES, &keys).await?;
        let claims = json!({
            "iss": app.client_id,
            "sub": app.client_id,
            "aud": format!("{}/oauth/token", realm.address),
            "exp": realm.clock.now().as_second() + 240,
            "jti": realm.chance.id(),
        });
        let header = json!({ "alg": "ES384", "typ": "JWT", "kid": "bench" });
        let signed = format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes())?;
        let pairs = [
            ("grant_type", "client_credentials"),
            ("scope", SCOPES),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &format!("{signed}.{}", text(signature.as_ref()))),
        ];
        let form = Form::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        Ok(realm.oauth.token(&form, None).await?.access_token)
    })
}
