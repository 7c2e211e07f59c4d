//! Access tokens: biscuits signed with the realm's Ed25519 key.
//!
//! The first block (the *authority*) says everything the token grants, so a request needs no look-up except whether
//! the grant, the token family and the app still stand, which is answered from memory. An app may append blocks with
//! checks; they can only take away (see `narrowing`). Facts of the authority block:
//!
//! ```text
//! access(realm, token, client, member, fhir_user, grant, family, issued, expires)
//! granted_patient(id)   granted_scope(text)   shared_category(name)
//! ```
//!
//! Invariant: facts of appended blocks are never read here, for a query sees the authority block only.

use std::sync::Arc;

use aws_lc_rs::digest;
use biscuit_auth::builder::{Term, fact, int, string};
use biscuit_auth::{AuthorizerBuilder, Biscuit, error};
use jiff::Timestamp;

use super::keys::Keys;
use super::limits;
use super::narrowing::{Limits, datalog_limits};
use crate::access::{AppAccess, Category, ClientId, GrantId, MemberId, PatientId, ScopeSet};
use crate::consent;

/// What a token says, before it is signed.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    pub(super) token: String,
    pub(super) client_id: ClientId,
    pub(super) member: Option<MemberId>,
    /// Patient of the member herself.
    pub(super) fhir_user: PatientId,
    pub(super) patients: Vec<PatientId>,
    pub(super) scopes: String,
    pub(super) shared: Vec<Category>,
    pub(super) grant: Option<GrantId>,
    pub(super) family: String,
    pub(super) issued: i64,
    pub(super) expires: i64,
}

/// A token whose signature was checked.
pub(super) struct Verified {
    pub(super) access: Arc<AppAccess>,
    pub(super) token: String,
    pub(super) family: String,
    pub(super) fhir_user: PatientId,
    pub(super) scope_text: String,
}

/// Signs a token and puts the realm's prefix before it, which tells secret scanners (and people) what it is.
pub(super) fn mint(keys: &Keys, realm: &str, prefix: &str, claims: &Claims) -> Option<String> {
    let (key_id, pair) = keys.token_signer()?;
    let Claims { token, client_id, member, fhir_user, grant, family, .. } = claims;
    let member = member.as_deref().unwrap_or_default();
    let grant = grant.as_deref().unwrap_or_default();
    let texts = [realm, token, client_id.as_str(), member, fhir_user.as_str(), grant, family];
    let mut terms: Vec<Term> = texts.into_iter().map(string).collect();
    terms.extend([int(claims.issued), int(claims.expires)]);
    let mut builder = Biscuit::builder().root_key_id(key_id).fact(fact("access", &terms)).ok()?;
    for patient in &claims.patients {
        builder = builder.fact(fact("granted_patient", &[string(patient.as_str())])).ok()?;
    }
    for scope in claims.scopes.split_ascii_whitespace() {
        builder = builder.fact(fact("granted_scope", &[string(scope)])).ok()?;
    }
    for category in &claims.shared {
        builder = builder.fact(fact("shared_category", &[string(category.name())])).ok()?;
    }
    let biscuit = builder.build(pair).ok()?;
    Some(format!("{prefix}{}", biscuit.to_base64().ok()?.trim_end_matches('=')))
}

/// The key under which a verified token is remembered: its digest, so that memory does not hold tokens.
pub(super) fn cache_key(token: &str) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()) {
        *to = *from;
    }
    key
}

/// Terms of the `access` fact.
type Row = (String, String, String, String, String, String, String, i64, i64);

/// Checks the signatures and reads the authority block. Whether the token is still good is for the caller to say.
pub(super) fn read(keys: &Keys, realm: &str, prefix: &str, token: &str) -> Option<Verified> {
    if token.len() > limits::MAX_TOKEN {
        return None;
    }
    let body = token.strip_prefix(prefix)?;
    // The library wants the padding that we leave off.
    let padded = format!("{body}{}", "=".repeat(body.len().wrapping_neg() % 4));
    let choose = |id: Option<u32>| id.and_then(|id| keys.token_verifier(id)).ok_or(error::Format::UnknownPublicKey);
    let biscuit = Biscuit::from_base64(padded, choose).ok()?;
    if biscuit.block_count() > limits::MAX_BLOCKS {
        return None;
    }
    // The library passes over fields that it does not know. One token must have one text: otherwise whoever holds it could
    // make any number of others, each a signature to check and a place in memory.
    if biscuit.to_base64().ok()?.trim_end_matches('=') != body {
        return None;
    }
    // An authorizer for the first block alone would be simpler, but the library has none: it runs the rules of the
    // appended blocks too, within the same limits.
    let mut reader = AuthorizerBuilder::new().set_limits(datalog_limits()).build(&biscuit).ok()?;
    let rows: Vec<Row> =
        reader.query("data($r, $t, $c, $m, $u, $g, $f, $i, $e) <- access($r, $t, $c, $m, $u, $g, $f, $i, $e)").ok()?;
    let mut rows = rows.into_iter();
    let (Some((in_realm, token, client_id, member, fhir_user, grant, family, issued, expires)), None) =
        (rows.next(), rows.next())
    else {
        return None;
    };
    if in_realm != realm {
        return None;
    }
    let mut all = |query: &str| -> Option<Vec<String>> {
        let rows: Vec<(String,)> = reader.query(query).ok()?;
        Some(rows.into_iter().map(|(text,)| text).collect())
    };
    let patients = all("data($x) <- granted_patient($x)")?;
    // Facts are a set: put in order so that the same token always reads the same.
    let mut scopes = all("data($x) <- granted_scope($x)")?;
    scopes.sort_unstable();
    let scope_text = scopes.join(" ");
    let shared: Vec<Category> =
        all("data($x) <- shared_category($x)")?.iter().filter_map(|name| Category::parse(name)).collect();
    let access = AppAccess {
        client_id: client_id.into(),
        member: (!member.is_empty()).then(|| member.into()),
        patients: patients.into_iter().map(Into::into).collect(),
        scopes: ScopeSet::parse(&scope_text).ok()?,
        grant: (!grant.is_empty()).then(|| grant.into()),
        withheld: consent::withheld(&shared),
        issued: Timestamp::from_second(issued).ok()?,
        expires: Timestamp::from_second(expires).ok()?,
        narrowing: (biscuit.block_count() > 1).then(|| Arc::new(Limits::new(biscuit)) as _),
    };
    Some(Verified { access: Arc::new(access), token, family, fhir_user: fhir_user.into(), scope_text })
}
