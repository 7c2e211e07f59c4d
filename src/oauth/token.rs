//! Access tokens: biscuits signed with the realm's Ed25519 key.
//!
//! The first block (the *authority*) says what the token grants. Whose records, the grant says, which is in memory: a
//! token is signed and not sealed, so its app can read it, and an app that may only sign her in must learn no member or
//! record number from it. Whether the grant, the token family and the app still stand is answered from memory too. An app
//! may append blocks with checks; they can only take away (see `narrowing`). Facts of the authority block:
//!
//! ```text
//! access(realm, token, client, grant, family, issued, expires)   the grant is empty for a back-end client
//! granted_scope(text)   shared_category(name)
//! ```
//!
//! Invariant: facts of appended blocks are never read here, for a query sees the authority block only.

use std::sync::Arc;

use aws_lc_rs::digest;
use biscuit_auth::builder::{Term, fact, int, string};
use biscuit_auth::{AuthorizerBuilder, Biscuit, error};
use jiff::Timestamp;

use super::keys::Keys;
use super::narrowing::{Limits, datalog_limits};
use super::{appended, limits};
use crate::access::{AppAccess, Category, ClientId, GrantId, PatientId, ScopeSet};
use crate::consent::{self, LiveGrant};

/// What a token says, before it is signed.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    pub(super) token: String,
    pub(super) client_id: ClientId,
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
    let Claims { token, client_id, grant, family, .. } = claims;
    let grant = grant.as_deref().unwrap_or_default();
    let texts = [realm, token, client_id.as_str(), grant, family];
    let mut terms: Vec<Term> = texts.into_iter().map(string).collect();
    terms.extend([int(claims.issued), int(claims.expires)]);
    let mut builder = Biscuit::builder().root_key_id(key_id).fact(fact("access", &terms)).ok()?;
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
type Row = (String, String, String, String, String, i64, i64);

/// Checks the signatures and reads the authority block; `live` finds a live grant. Whether the token is still good beyond
/// that is for the caller to say.
pub(super) fn read(
    keys: &Keys,
    realm: &str,
    prefix: &str,
    token: &str,
    live: impl Fn(&str) -> Option<Arc<LiveGrant>>,
) -> Option<Verified> {
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
    if biscuit.block_count() > 1 && !appended::is_bounded(&biscuit) {
        return None;
    }
    let mut reader = AuthorizerBuilder::new().set_limits(datalog_limits()).build(&biscuit).ok()?;
    let rows: Vec<Row> = reader.query("data($r, $t, $c, $g, $f, $i, $e) <- access($r, $t, $c, $g, $f, $i, $e)").ok()?;
    let mut rows = rows.into_iter();
    let (Some((in_realm, token, client_id, grant, family, issued, expires)), None) = (rows.next(), rows.next()) else {
        return None;
    };
    if in_realm != realm {
        return None;
    }
    let granted = if grant.is_empty() { None } else { Some(live(&grant)?) };
    let mut all = |query: &str| -> Option<Vec<String>> {
        let rows: Vec<(String,)> = reader.query(query).ok()?;
        Some(rows.into_iter().map(|(text,)| text).collect())
    };
    // Facts are a set: put in order so that the same token always reads the same.
    let mut scopes = all("data($x) <- granted_scope($x)")?;
    scopes.sort_unstable();
    let scope_text = scopes.join(" ");
    let shared: Vec<Category> =
        all("data($x) <- shared_category($x)")?.iter().filter_map(|name| Category::parse(name)).collect();
    let access = AppAccess {
        client_id: client_id.into(),
        member: granted.as_ref().map(|granted| granted.member.clone()),
        patients: granted.as_ref().map(|granted| granted.patients.clone()).unwrap_or_default(),
        scopes: ScopeSet::parse(&scope_text).ok()?,
        grant: (!grant.is_empty()).then(|| grant.into()),
        withheld: consent::withheld(&shared),
        issued: Timestamp::from_second(issued).ok()?,
        expires: Timestamp::from_second(expires).ok()?,
        narrowing: (biscuit.block_count() > 1).then(|| Arc::new(Limits::new(biscuit)) as _),
    };
    let fhir_user = granted.map(|granted| granted.fhir_user.clone()).unwrap_or_default();
    Some(Verified { access: Arc::new(access), token, family, fhir_user, scope_text })
}
