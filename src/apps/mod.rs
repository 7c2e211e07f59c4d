//! Third-party apps of one realm: who made them, where they may be answered, what they may ask for, and their secrets.
//!
//! A secret has 256 random bits, is shown once and kept as a SHA-256 digest (it needs no slow hash: nobody can guess
//! it). Two may live at a time, so that a developer can roll one over. A client id begins with the realm's prefix and
//! so can never be taken for a member or an account.
//!
//! Deliberately absent: vetting and its queue (a later issue adds the decision; `vetted` is where it goes).

mod redirect;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub use redirect::{Refused, check as check_redirect};

use crate::outbound::{Chance, Clock};
use crate::store::{self, Store, Table, Txn};

/// Client id -> [`App`] as JSON.
const APPS: Table = Table::new("apps.apps");
/// Owner's account id + 0 + client id -> nothing.
const BY_OWNER: Table = Table::new("apps.by_owner");
/// Apps one developer may register.
const MAX_PER_OWNER: usize = 50;
/// Redirect addresses of one app.
const MAX_REDIRECTS: usize = 10;
/// Secrets that may live at a time.
const MAX_SECRETS: usize = 2;
/// Characters of an app's name.
const MAX_NAME: usize = 60;

/// What went wrong with an app.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such app, or it is another developer's.
    #[error("there is no such app")]
    Unknown,
    /// The name is empty, too long, or not plain text.
    #[error("an app's name has 1 to 60 characters of plain text")]
    Name,
    /// No redirect address was given, or too many.
    #[error("an app needs 1 to 10 redirect addresses")]
    RedirectCount,
    /// A redirect address cannot be registered.
    #[error("{address}: {reason}")]
    Redirect {
        /// The address as it was typed.
        address: String,
        /// What is wrong with it.
        reason: Refused,
    },
    /// Nothing was chosen that the app may read.
    #[error("an app needs at least one kind of record it may ask for")]
    Scopes,
    /// One developer, too many apps.
    #[error("one developer can have 50 apps; remove one first")]
    TooMany,
    /// Two secrets live already, or the app is of a kind that has none.
    #[error("this app cannot get another secret; remove one first")]
    SecretCount,
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
}

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
    /// Runs on a server without members; signs with a key (not in use yet).
    Backend,
}

impl Kind {
    /// True for apps that authenticate with a secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::Web)
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

/// A registered app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Public id, with the realm's prefix.
    pub client_id: String,
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
    /// Account of the developer.
    pub owner: String,
    /// Where members can read about it, or empty.
    pub homepage: String,
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
    /// Account of the developer.
    pub owner: String,
}

/// What the realm decides about apps.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// First letters of client ids, such as `app-`.
    pub prefix: &'static str,
    /// True if the plan looks at each app before members can use it.
    pub review: bool,
}

/// A handle to the room; clones share it.
#[derive(Clone)]
pub struct Apps(Arc<Inner>);

struct Inner {
    store: Store,
    chance: Chance,
    clock: Clock,
    settings: Settings,
    /// Apps whose tokens are refused, asked at every request.
    barred: RwLock<HashSet<Box<str>>>,
}

impl Apps {
    /// Opens the registry.
    pub fn open(store: Store, chance: Chance, clock: Clock, settings: Settings) -> Result<Self, Error> {
        let apps: Vec<(Vec<u8>, App)> = store.snapshot()?.scan_json(APPS, b"", usize::MAX)?;
        let barred = apps.into_iter().map(|(_, app)| app).filter(|app| app.status != Status::Active);
        let barred = RwLock::new(barred.map(|app| app.client_id.into_boxed_str()).collect());
        Ok(Self(Arc::new(Inner { store, chance, clock, settings, barred })))
    }

    /// Registers an app. Gives its first secret, if its kind has one, for the only time.
    pub async fn register(&self, new: NewApp) -> Result<(App, Option<String>), Error> {
        let new = checked(new)?;
        let client_id = format!("{}{}", self.0.settings.prefix, self.0.chance.id());
        self.keep(client_id, new, false).await
    }

    /// Registers an app under a fixed id, as the demo and tests do; replaces what was there.
    pub async fn register_as(&self, client_id: &str, new: NewApp) -> Result<(App, Option<String>), Error> {
        self.keep(client_id.to_owned(), checked(new)?, true).await
    }

    async fn keep(&self, client_id: String, new: NewApp, vetted: bool) -> Result<(App, Option<String>), Error> {
        let created = self.0.clock.now().as_second();
        let secret = new.kind.has_secret().then(|| self.0.chance.token());
        let status = if self.0.settings.review && !vetted { Status::Waiting } else { Status::Active };
        let app = App {
            client_id,
            name: new.name,
            kind: new.kind,
            redirects: new.redirects,
            scopes: new.scopes,
            secrets: secret.iter().map(|secret| kept_secret(secret, created)).collect(),
            owner: new.owner,
            homepage: new.homepage,
            status,
            vetted,
            created,
        };
        let row = app.clone();
        let register = move |txn: &mut Txn<'_>| {
            if txn.scan(BY_OWNER, &owner_key(&row.owner, ""), MAX_PER_OWNER)?.len() >= MAX_PER_OWNER {
                return Err(Error::TooMany);
            }
            txn.put(BY_OWNER, &owner_key(&row.owner, &row.client_id), Vec::new())?;
            Ok(txn.put_json(APPS, row.client_id.as_bytes(), &row)?)
        };
        self.0.store.transact(register).await?;
        self.note_status(&app);
        Ok((app, secret))
    }

    /// The app with this id.
    pub fn find(&self, client_id: &str) -> Result<Option<App>, Error> {
        Ok(self.0.store.snapshot()?.get_json(APPS, client_id.as_bytes())?)
    }

    /// A developer's own app.
    pub fn get_owned(&self, owner: &str, client_id: &str) -> Result<App, Error> {
        self.find(client_id)?.filter(|app| app.owner == owner).ok_or(Error::Unknown)
    }

    /// A developer's apps, oldest first.
    pub fn of_owner(&self, owner: &str) -> Result<Vec<App>, Error> {
        let snapshot = self.0.store.snapshot()?;
        let prefix = owner_key(owner, "");
        let mut apps = Vec::new();
        for (key, _) in snapshot.scan(BY_OWNER, &prefix, MAX_PER_OWNER)? {
            apps.extend(snapshot.get_json::<App>(APPS, key.get(prefix.len()..).unwrap_or_default())?);
        }
        apps.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.client_id.cmp(&b.client_id)));
        Ok(apps)
    }

    /// Every app.
    pub fn all(&self) -> Result<Vec<App>, Error> {
        let rows = self.0.store.snapshot()?.scan_json(APPS, b"", usize::MAX)?;
        Ok(rows.into_iter().map(|(_, app)| app).collect())
    }

    /// Makes another secret beside the one that lives, and shows it for the only time.
    pub async fn add_secret(&self, client_id: &str) -> Result<String, Error> {
        let (secret, now) = (self.0.chance.token(), self.0.clock.now().as_second());
        let kept = kept_secret(&secret, now);
        let add = |app: &mut App| {
            if !app.kind.has_secret() || app.secrets.len() >= MAX_SECRETS {
                return Err(Error::SecretCount);
            }
            app.secrets.push(kept);
            Ok(())
        };
        self.change(client_id, add).await?;
        Ok(secret)
    }

    /// Ends the secret that was made first; the last one stays.
    pub async fn drop_oldest_secret(&self, client_id: &str) -> Result<(), Error> {
        let drop_oldest = |app: &mut App| {
            if app.secrets.len() < MAX_SECRETS {
                return Err(Error::SecretCount);
            }
            app.secrets.remove(0);
            Ok(())
        };
        self.change(client_id, drop_oldest).await
    }

    /// Approves, suspends, or puts back an app. Suspending takes effect with the next request.
    pub async fn set_status(&self, client_id: &str, status: Status) -> Result<(), Error> {
        let set = move |app: &mut App| {
            app.status = status;
            app.vetted = app.vetted || status == Status::Active;
            Ok(())
        };
        self.change(client_id, set).await
    }

    /// True while tokens of this app are good. Answered from memory.
    #[must_use]
    pub fn is_active(&self, client_id: &str) -> bool {
        !self.0.barred.read().contains(client_id)
    }

    async fn change<F>(&self, client_id: &str, change: F) -> Result<(), Error>
    where
        F: FnOnce(&mut App) -> Result<(), Error> + Send + 'static,
    {
        let key = client_id.to_owned();
        let work = move |txn: &mut Txn<'_>| {
            let Some(mut app) = txn.get_json::<App>(APPS, key.as_bytes())? else { return Err(Error::Unknown) };
            change(&mut app)?;
            txn.put_json(APPS, key.as_bytes(), &app)?;
            Ok(app)
        };
        let app = self.0.store.transact(work).await?;
        self.note_status(&app);
        Ok(())
    }

    fn note_status(&self, app: &App) {
        let mut barred = self.0.barred.write();
        if app.status == Status::Active {
            barred.remove(app.client_id.as_str());
        } else {
            barred.insert(app.client_id.as_str().into());
        }
    }
}

fn checked(mut new: NewApp) -> Result<NewApp, Error> {
    new.name = new.name.trim().to_owned();
    let plain = |c: char| !c.is_control() && !"<>".contains(c) && !is_bidi_control(c);
    if new.name.is_empty() || new.name.chars().count() > MAX_NAME || !new.name.chars().all(plain) {
        return Err(Error::Name);
    }
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

/// Characters that turn the reading direction: a name must not be able to show as another name.
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn kept_secret(secret: &str, created: i64) -> Secret {
    Secret { digest: digest_of(secret), created, hint: secret.chars().take(4).collect() }
}

fn digest_of(secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()) {
        *to = *from;
    }
    out
}

fn owner_key(owner: &str, client_id: &str) -> Vec<u8> {
    [owner.as_bytes(), &[0], client_id.as_bytes()].concat()
}
