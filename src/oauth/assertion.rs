//! `private_key_jwt`: a back-end client proves who it is by a short JWT signed with its own key (RFC 7523, SMART App
//! Launch 2.2, client authentication: asymmetric).
//!
//! Invariants: the algorithm is one of a short list and fits the registered key, never what the token would like; an
//! assertion works once. Time is the realm's clock, not the library's.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::error::{Code, Error, Refusal};
use super::form::Form;
use super::{OAuth, limits, token};
use crate::apps::{App, Kind, Status};
use crate::store::{self, Table, Txn};

/// SHA-256 of client id and `jti` -> nothing. Lives as long as the assertion could be sent again.
pub(super) const USED: Table = Table::new("oauth.assertions");
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What a client may sign with; SMART asks for the first two.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS384, Algorithm::ES384, Algorithm::RS256, Algorithm::ES256];

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(text) => text == wanted,
            Self::Several(texts) => texts.iter().any(|text| text == wanted),
        }
    }
}

impl OAuth {
    /// The app that sends this form, by whichever means it has.
    pub(super) async fn authenticate_fully(&self, form: &Form, authorization: Option<&str>) -> Result<App, Error> {
        form.check()?;
        match form.get("client_assertion") {
            None if form.get("client_assertion_type").is_none() => self.authenticate(form, authorization),
            _ if authorization.is_some() || form.get("client_secret").is_some() => {
                let why = "a secret and an assertion were sent; send one of them";
                Err(Refusal::new(Code::InvalidRequest, why).into())
            }
            Some(assertion) if form.get("client_assertion_type") == Some(TYPE) => {
                self.authenticate_by_key(form, assertion).await
            }
            _ => {
                Err(refused("client_assertion_type must be the one for a JWT, with the JWT in client_assertion").into())
            }
        }
    }

    async fn authenticate_by_key(&self, form: &Form, assertion: &str) -> Result<App, Error> {
        let (app, claims) = self.proven(assertion)?;
        if form.get("client_id").is_some_and(|named| named != app.client_id) {
            return Err(Refusal::new(Code::InvalidRequest, "two different client ids were sent").into());
        }
        let key = token::cache_key(&format!("{}\0{}", app.client_id, claims.jti));
        let use_once = move |txn: &mut Txn<'_>| {
            if txn.get(USED, &key)?.is_some() {
                return Ok(false);
            }
            txn.put(USED, &key, Vec::new())?;
            txn.note_end(claims.exp + limits::CLOCK_SKEW, USED, &key)?;
            Ok::<_, store::Error>(true)
        };
        if self.0.rooms.store.transact(use_once).await? {
            Ok(app)
        } else {
            Err(refused("this assertion was used already; each needs a 'jti' of its own").into())
        }
    }

    /// Checks everything but whether it was used before.
    fn proven(&self, assertion: &str) -> Result<(App, Claims), Error> {
        if assertion.len() > limits::MAX_ASSERTION {
            return Err(refused("the assertion is too long").into());
        }
        let unread = "the assertion is not a JWT with 'iss', 'sub', 'aud', 'exp' and 'jti'";
        let header = decode_header(assertion).map_err(|_| refused(unread))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("the assertion must be signed with RS384 or ES384").into());
        }
        if header.jku.is_some() {
            // SMART wants it to equal the address that was registered, and no client registers one here.
            return Err(
                refused("this client's keys are registered with the plan; leave 'jku' out of the header").into()
            );
        }
        // Whose keys to try is read before the signature is checked, and believed only after.
        let claimed: Claims = jsonwebtoken::dangerous::insecure_decode(assertion).map_err(|_| refused(unread))?.claims;
        let app = self.0.rooms.apps.find(&claimed.iss)?;
        let app = app.filter(|app| app.kind == Kind::Backend && app.status == Status::Active).ok_or_else(unknown)?;
        let keys: JwkSet = serde_json::from_str(&app.jwks).map_err(|_| unknown())?;
        let kid = header.kid.ok_or_else(|| refused("the header of the assertion has no 'kid'"))?;
        let fitting = keys.keys.iter().filter(|key| key.common.key_id.as_ref() == Some(&kid) && fits(key, header.alg));
        let mut validation = Validation::new(header.alg);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = fitting
            .filter_map(|key| DecodingKey::from_jwk(key).ok())
            .find_map(|key| decode::<Claims>(assertion, &key, &validation).ok())
            .ok_or_else(unknown)?
            .claims;
        self.check_claims(&claims)?;
        Ok((app, claims))
    }

    fn check_claims(&self, claims: &Claims) -> Result<(), Refusal> {
        let (now, issuer) = (self.now(), &self.settings().issuer);
        if claims.iss != claims.sub {
            return Err(refused("'iss' and 'sub' must both be the client id"));
        }
        if !claims.aud.has(&format!("{issuer}/oauth/token")) && !claims.aud.has(issuer) {
            return Err(refused("'aud' must be the address of this token endpoint"));
        }
        if claims.exp <= now - limits::CLOCK_SKEW {
            return Err(refused("the assertion has expired; check your clock"));
        }
        if claims.exp > now + limits::ASSERTION_LIFE + limits::CLOCK_SKEW {
            return Err(refused("'exp' must be at most five minutes ahead"));
        }
        if claims.nbf.is_some_and(|from| from > now + limits::CLOCK_SKEW) {
            return Err(refused("the assertion is not valid yet; check your clock"));
        }
        if claims.jti.is_empty() || claims.jti.len() > 256 {
            return Err(refused("'jti' must have 1 to 256 characters"));
        }
        Ok(())
    }
}

/// True if a key is of the kind that the algorithm needs.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let rsa = matches!(algorithm, Algorithm::RS256 | Algorithm::RS384);
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => rsa,
        AlgorithmParameters::EllipticCurve(_) => !rsa,
        _ => false,
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::new(Code::InvalidClient, why)
}

/// One answer for an unknown client, a suspended one, an unknown key and a wrong signature.
fn unknown() -> Refusal {
    refused("the client or its key is not known, the client is not active, or the signature is not right")
}
