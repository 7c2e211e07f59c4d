//! Cookies of the pages: whose browser it is, its language, and what it carries to one next page.

use poem::Response;
use poem::http::{HeaderMap, HeaderValue, header};

use crate::identity::{Audience, limits};
use crate::realm::{Realm, RealmKind};

const LANGUAGE_COOKIE: &str = "ingle-language";
/// A year: a language is not a secret and nobody wants to choose it twice.
const LANGUAGE_LIFE: &str = "31536000";

/// The value of a cookie that the browser sent.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    let mut found = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(n, v)| *n == name && !v.is_empty());
    found.next().map(|(_, value)| value.to_owned())
}

fn is_secure(realm: &Realm) -> bool {
    realm.address.starts_with("https://")
}

/// `__Host-` binds a cookie to this host and to https; on the developer's own machine there is no https.
fn cookie_name(realm: &Realm, audience: Audience) -> String {
    let bound = if is_secure(realm) { "__Host-" } else { "" };
    let sandbox = if realm.kind == RealmKind::Sandbox { "-sandbox" } else { "" };
    format!("{bound}ingle{sandbox}-{}", audience.name())
}

fn once_name(realm: &Realm) -> String {
    format!("{}ingle-once", if is_secure(realm) { "__Host-" } else { "" })
}

/// Something to show once on the next page.
pub(super) fn once_line(realm: &Realm, sealed: &str, life: u32) -> String {
    let secure = if is_secure(realm) { "; Secure" } else { "" };
    format!("{}={sealed}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}", once_name(realm))
}

/// Puts a cookie into an answer.
pub(super) fn add_cookie(response: &mut Response, line: &str) {
    if let Ok(line) = HeaderValue::from_str(line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

/// A cookie of an audience: the secret of its session, or of a browser that is not signed in.
pub(super) fn cookie_line(realm: &Realm, audience: Audience, secret: &str) -> String {
    let secure = if is_secure(realm) { "; Secure" } else { "" };
    format!("{}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}", cookie_name(realm, audience))
}

fn known_name(realm: &Realm, audience: Audience) -> String {
    format!("{}-known", cookie_name(realm, audience))
}

/// What a browser keeps of a sign-in.
pub(super) fn known_line(realm: &Realm, audience: Audience, known: &str) -> String {
    let secure = if is_secure(realm) { "; Secure" } else { "" };
    let (name, life) = (known_name(realm, audience), limits::KNOWN_LIFE);
    format!("{name}={known}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{secure}")
}

/// What this browser kept of a sign-in.
pub(super) fn known(headers: &HeaderMap, realm: &Realm, audience: Audience) -> Option<String> {
    cookie(headers, &known_name(realm, audience))
}

/// What this browser was given to carry.
pub(super) fn once(headers: &HeaderMap, realm: &Realm) -> Option<String> {
    cookie(headers, &once_name(realm))
}

/// The secret of this browser.
pub(super) fn secret(headers: &HeaderMap, realm: &Realm, audience: Audience) -> Option<String> {
    cookie(headers, &cookie_name(realm, audience))
}

/// The language that was chosen here before, by its code.
pub(super) fn language(headers: &HeaderMap) -> Option<String> {
    cookie(headers, LANGUAGE_COOKIE)
}

/// Remembers a language.
pub(super) fn language_line(realm: &Realm, code: &str) -> String {
    let secure = if is_secure(realm) { "; Secure" } else { "" };
    format!("{LANGUAGE_COOKIE}={code}; Path=/; Max-Age={LANGUAGE_LIFE}; SameSite=Lax; HttpOnly{secure}")
}
