//! What an app is, and what may be registered as one.

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};

use super::{Error, name, redirect};
use crate::access::{ClientId, Level, ScopeSet};

/// Redirect addresses of one app.
const MAX_REDIRECTS: usize = 10;
/// Characters of an address or of a way to reach the maker.
const MAX_LINK: usize = 300;

/// What kind of program an app is; it decides whether it can keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Runs on a server and keeps a secret.
    Web,
    /// Runs in a browser; keeps none.
    Browser,
    /// Runs on a phone or desktop; keeps none.
    Native,
    /// Runs on a server without members; signs with a key of its own (SMART Backend Services).
    Backend,
}

impl Kind {
    /// True for apps that authenticate with a secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::Web)
    }

    /// True for apps that can prove nothing but their id; PKCE stands in for a secret.
    #[must_use]
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Browser | Self::Native)
    }
}

/// Whether an app may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In use.
    Active,
    /// Waits for the plan's decision.
    Waiting,
    /// Stopped by the plan.
    Suspended,
}

/// A secret that lives; the secret itself is known to the developer only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    digest: [u8; 32],
    /// When it was made.
    pub created: i64,
    /// The first characters, so that a developer can tell two apart.
    pub hint: String,
}

impl Secret {
    pub(super) fn new(secret: &str, created: i64) -> Self {
        Self { digest: digest_of(secret), created, hint: secret.chars().take(4).collect() }
    }
}

/// A registered app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Public id, with the realm's prefix.
    pub client_id: ClientId,
    /// Name shown to members.
    pub name: String,
    /// Kind of program.
    pub kind: Kind,
    /// Where answers may be sent.
    pub redirects: Vec<String>,
    /// Scopes it may ask for, space-separated.
    pub scopes: String,
    /// Secrets that live.
    pub secrets: Vec<Secret>,
    /// Public keys of a back-end client as a JWK set; empty for other kinds.
    #[serde(default)]
    pub jwks: String,
    /// Account of the developer.
    pub owner: String,
    /// Where members can read about it, or empty.
    pub homepage: String,
    /// What its maker stands by.
    #[serde(default)]
    pub maker: Maker,
    /// Whether it may be used.
    pub status: Status,
    /// True once the plan has looked at it.
    pub vetted: bool,
    /// When it was registered.
    pub created: i64,
}

impl App {
    /// True if a request may be answered at this address.
    #[must_use]
    pub fn allows_redirect(&self, asked: &str) -> bool {
        self.redirects.iter().any(|registered| redirect::matches(registered, asked, self.kind))
    }

    /// True if the secret is one of those that live.
    #[must_use]
    pub fn has_secret(&self, secret: &str) -> bool {
        let digest = digest_of(secret);
        self.secrets.iter().any(|kept| constant_time::verify_slices_are_equal(&kept.digest, &digest).is_ok())
    }
}

/// Who makes an app, and what she stands by. An app for members has all of it; in the sandbox nothing is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The name of the company or person, as members know it.
    pub name: String,
    /// Address of the privacy policy.
    pub policy: String,
    /// Address of the terms.
    pub terms: String,
    /// An e-mail address, for the plan and for members.
    pub contact: String,
}

/// What is missing before an app may meet members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The maker's name.
    Maker,
    /// The privacy policy.
    Policy,
    /// The terms.
    Terms,
    /// The contact.
    Contact,
    /// A redirect address that other machines can reach.
    Redirect,
}

impl NewApp {
    /// Tidies what is said of the maker, and names everything that an app for members lacks. `home` is the plan's own
    /// address.
    pub(super) fn lacks(&mut self, home: &str) -> Vec<Missing> {
        let maker = &mut self.maker;
        for text in [&mut maker.policy, &mut maker.terms, &mut maker.contact] {
            *text = text.trim().to_owned();
        }
        let mut missing = Vec::new();
        match name::checked(&maker.name) {
            Some(name) => maker.name = name,
            None => missing.push(Missing::Maker),
        }
        let is_page = |address: &str| {
            address.len() <= MAX_LINK && address.starts_with("https://") && redirect::check(address, Kind::Web).is_ok()
        };
        for (address, what) in [(&maker.policy, Missing::Policy), (&maker.terms, Missing::Terms)] {
            if !is_page(address) {
                missing.push(what);
            }
        }
        let is_mail = |text: &str| {
            let parts = text.split_once('@');
            text.len() <= MAX_LINK
                && parts.is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'))
                && text.chars().all(|c| c.is_ascii_graphic() && !"<>\"".contains(c))
        };
        if !is_mail(&maker.contact) {
            missing.push(Missing::Contact);
        }
        // A phone's own app listens on its own phone (RFC 8252, 7.3); a server or a page of this kind is a developer's.
        let is_wrong = |address: &String| {
            (self.kind != Kind::Native && redirect::is_on_this_machine(address)) || redirect::is_at(address, home)
        };
        if self.redirects.iter().any(is_wrong) {
            missing.push(Missing::Redirect);
        }
        missing
    }
}

/// What a developer says about a new app.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Name shown to members.
    pub name: String,
    /// Kind of program.
    pub kind: Kind,
    /// Redirect addresses.
    pub redirects: Vec<String>,
    /// Scopes, space-separated.
    pub scopes: String,
    /// Where members can read about it, or empty.
    pub homepage: String,
    /// What its maker stands by.
    pub maker: Maker,
    /// Account of the developer.
    pub owner: String,
}

/// Tidies what was typed, and refuses what could mislead members or send them astray.
pub(super) fn checked(mut new: NewApp) -> Result<NewApp, Error> {
    new.name = name::checked(&new.name).ok_or(Error::Name)?;
    new.redirects = new.redirects.iter().map(|r| r.trim().to_owned()).filter(|r| !r.is_empty()).collect();
    new.redirects.dedup();
    if new.kind != Kind::Backend && (new.redirects.is_empty() || new.redirects.len() > MAX_REDIRECTS) {
        return Err(Error::RedirectCount);
    }
    for address in &new.redirects {
        redirect::check(address, new.kind).map_err(|reason| Error::Redirect { address: address.clone(), reason })?;
    }
    if new.scopes.trim().is_empty() {
        return Err(Error::Scopes);
    }
    // The page links to it, so it must be an address that a browser only opens.
    if !new.homepage.starts_with("https://") || redirect::check(&new.homepage, Kind::Web).is_err() {
        new.homepage.clear();
    }
    Ok(new)
}

/// Bytes of a JWK set.
const MAX_JWKS: usize = 32 << 10;

/// Refuses a key set that holds no public key, or that holds a private one: whoever sends us that has shown it to others.
pub(super) fn check_jwks(text: &str) -> Result<(), Error> {
    if text.len() > MAX_JWKS {
        return Err(Error::Keys("it is larger than 32 kB"));
    }
    let set: serde_json::Value = serde_json::from_str(text).map_err(|_| Error::Keys("it is not JSON"))?;
    let keys = set.get("keys").and_then(serde_json::Value::as_array);
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or(Error::Keys("it has no member 'keys' with keys in it"))?;
    if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        return Err(Error::Keys(
            "it holds a private key; make a new pair, keep its private half and send the public one",
        ));
    }
    let is_usable = |key: &serde_json::Value| {
        matches!(key.get("kty").and_then(serde_json::Value::as_str), Some("RSA" | "EC")) && key.get("kid").is_some()
    };
    if keys.iter().all(is_usable) { Ok(()) } else { Err(Error::Keys("each key needs 'kid' and 'kty' RSA or EC")) }
}

/// Refuses scopes that a client without members cannot have.
pub(super) fn check_system_scopes(text: &str) -> Result<(), Error> {
    let set = ScopeSet::parse(text).map_err(|_| Error::SystemScopes)?;
    let is_system = set.scopes().iter().all(|scope| scope.level == Level::System);
    if is_system && !set.scopes().is_empty() { Ok(()) } else { Err(Error::SystemScopes) }
}

fn digest_of(secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()) {
        *to = *from;
    }
    out
}
