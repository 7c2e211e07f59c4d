//! What apps read before they ask: SMART configuration, authorization-server metadata, `OpenID` configuration, keys.

use serde_json::{Value, json};

use super::OAuth;

/// SMART capabilities. Each has a test that uses it.
const CAPABILITIES: [&str; 11] = [
    "launch-standalone",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-standalone-patient",
    "permission-offline",
    "permission-patient",
    "permission-v1",
    "permission-v2",
    "authorize-post",
];
/// Scopes that any app may be granted if it registered for them.
const SCOPES: [&str; 7] =
    ["openid", "fhirUser", "launch/patient", "offline_access", "patient/*.rs", "patient/*.read", "system/*.cruds"];
/// Ways to authenticate at the token endpoint.
const CLIENT_AUTHENTICATION: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
/// What a back-end client may sign its assertions with.
const ASSERTION_ALGORITHMS: [&str; 4] = ["RS384", "ES384", "RS256", "ES256"];

impl OAuth {
    /// `{fhir base}/.well-known/smart-configuration`.
    #[must_use]
    pub fn smart_configuration(&self) -> Value {
        let mut document = self.server_metadata();
        if let Some(members) = document.as_object_mut() {
            members.insert("capabilities".into(), json!(CAPABILITIES));
        }
        document
    }

    /// `/.well-known/oauth-authorization-server` (RFC 8414).
    #[must_use]
    pub fn server_metadata(&self) -> Value {
        let issuer = &self.settings().issuer;
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/oauth/jwks"),
            "authorization_endpoint": format!("{issuer}/oauth/authorize"),
            "token_endpoint": format!("{issuer}/oauth/token"),
            "introspection_endpoint": format!("{issuer}/oauth/introspect"),
            "revocation_endpoint": format!("{issuer}/oauth/revoke"),
            "management_endpoint": format!("{issuer}/member"),
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
            "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
            "revocation_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": SCOPES,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            // Ours: what a biscuit library checks tokens with, which it wants before it appends to one.
            "biscuit_root_keys": self.0.keys.read().token_keys(),
            "authorization_response_iss_parameter_supported": true,
            "service_documentation": format!("{issuer}/developers"),
        })
    }

    /// `/.well-known/openid-configuration`.
    #[must_use]
    pub fn openid_configuration(&self) -> Value {
        let mut document = self.server_metadata();
        if let Some(members) = document.as_object_mut() {
            members.insert("subject_types_supported".into(), json!(["public"]));
            members.insert("id_token_signing_alg_values_supported".into(), json!(["RS256"]));
            let claims = ["iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce", "fhirUser"];
            members.insert("claims_supported".into(), json!(claims));
        }
        document
    }

    /// `/oauth/jwks`: the public keys of ID tokens, the signing one first.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.0.keys.read().jwks()
    }
}
