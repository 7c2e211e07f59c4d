//! Third-party apps of one realm: who made them, where they may be answered, what they may ask for, and their secrets.
//!
//! A secret has 256 random bits, is shown once and kept as a SHA-256 digest (it needs no slow hash: nobody can guess
//! it). Two may live at a time, so that a developer can roll one over. A client id begins with the realm's prefix and
//! so can never be taken for a member or an account.
//!
//! Deliberately absent: vetting and its queue (a later issue adds the decision; `vetted` is where it goes).

mod app;
mod name;
mod redirect;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;

pub use app::{App, Kind, Maker, Missing, NewApp, Secret, Status};
pub use redirect::{Refused, check as check_redirect};

use crate::access::ClientId;
use crate::outbound::{Chance, Clock};
use crate::store::{self, Store, Table, Txn, WatchedRow};

/// Client id -> [`App`] as JSON.
const APPS: Table = Table::new("apps.apps");
/// Owner's account id + 0 + client id -> nothing.
const BY_OWNER: Table = Table::new("apps.by_owner");
/// Apps one developer may register.
const MAX_PER_OWNER: usize = 50;
/// Secrets that may live at a time.
const MAX_SECRETS: usize = 2;

/// What went wrong with an app.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such app, or it is another developer's.
    #[error("there is no such app")]
    Unknown,
    /// The name is empty, too long, or not plain text.
    #[error("an app's name has 1 to 60 characters of plain text")]
    Name,
    /// The name says that the app is the plan's.
    #[error("an app's name cannot be the plan's, or say that the plan vouches for it")]
    PlanName,
    /// Another maker's app has a name that looks like it.
    #[error("another app has this name, or one that looks like it")]
    TakenName,
    /// The same app was registered by the same developer a moment ago.
    #[error("this app was registered already, as {0}")]
    Twice(ClientId),
    /// An app for members lacks something.
    #[error("an app for members needs a maker, a privacy policy, terms, a contact, and addresses of its own: {0:?}")]
    Lacks(Vec<Missing>),
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
    /// The key set of a back-end client cannot be used.
    #[error("the key set cannot be used: {0}")]
    Keys(&'static str),
    /// Scopes of a back-end client that are not `system/` scopes.
    #[error("the scopes of a back-end client are system/ scopes, such as 'system/*.rs'")]
    SystemScopes,
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

/// What the realm decides about apps.
#[derive(Debug, Clone)]
pub struct Settings {
    /// First letters of client ids, such as `app-`.
    pub prefix: &'static str,
    /// True if the plan looks at each app before members can use it.
    pub review: bool,
    /// Names that belong to the plan.
    pub plan_names: Vec<String>,
    /// The plan's own address.
    pub home: String,
}

/// A handle to the room; clones share it.
#[derive(Clone)]
pub struct Apps(Arc<Inner>);

struct Inner {
    store: Store,
    chance: Chance,
    clock: Clock,
    settings: Settings,
    barred: Arc<Barred>,
}

/// Apps whose tokens are refused, asked at every request. Follows the rows of the store, whichever node writes them.
#[derive(Default)]
struct Barred(RwLock<HashSet<Box<str>>>);

impl Barred {
    fn take(&self, rows: &[WatchedRow<'_>]) {
        let mut barred = self.0.write();
        for row in rows {
            let id = String::from_utf8_lossy(row.key);
            // A row that cannot be read bars its app.
            let is_active = |value| serde_json::from_slice::<App>(value).is_ok_and(|app| app.status == Status::Active);
            if row.value.is_none_or(is_active) {
                barred.remove(&*id);
            } else {
                barred.insert(id.into());
            }
        }
    }
}

impl Apps {
    /// Opens the registry.
    pub fn open(store: Store, chance: Chance, clock: Clock, settings: Settings) -> Result<Self, Error> {
        let barred = Arc::<Barred>::default();
        let follows = Arc::clone(&barred);
        store.watch(&[APPS], Box::new(move |rows| follows.take(rows)), |snapshot| {
            let apps: Vec<(Vec<u8>, App)> = snapshot.scan_json(APPS, b"", usize::MAX)?;
            let apps = apps.into_iter().map(|(_, app)| app).filter(|app| app.status != Status::Active);
            barred.0.write().extend(apps.map(|app| app.client_id.into_string().into_boxed_str()));
            Ok::<_, Error>(())
        })?;
        Ok(Self(Arc::new(Inner { store, chance, clock, settings, barred })))
    }

    /// Registers an app that will meet members.
    pub async fn register_for_members(&self, mut new: NewApp) -> Result<(App, Option<String>), Error> {
        let missing = new.lacks(&self.0.settings.home);
        if missing.is_empty() { self.register(new).await } else { Err(Error::Lacks(missing)) }
    }

    /// Registers an app. Gives its first secret, if its kind has one, for the only time.
    pub async fn register(&self, new: NewApp) -> Result<(App, Option<String>), Error> {
        let new = app::checked(new)?;
        if name::claims_the_plan(&new.name, &self.0.settings.plan_names) {
            return Err(Error::PlanName);
        }
        let client_id = format!("{}{}", self.0.settings.prefix, self.0.chance.id());
        self.keep(client_id, new, String::new(), false).await
    }

    /// Registers an app under a fixed id, as the demo and tests do; replaces what was there.
    pub async fn register_as(&self, client_id: &str, new: NewApp) -> Result<(App, Option<String>), Error> {
        self.keep(client_id.to_owned(), app::checked(new)?, String::new(), true).await
    }

    /// Registers a back-end client of the plan: it signs with a key of this set and works without members. Only the
    /// operator does this, so it needs no vetting.
    pub async fn register_backend(&self, name: &str, scopes: &str, jwks: &str) -> Result<App, Error> {
        app::check_jwks(jwks)?;
        app::check_system_scopes(scopes)?;
        let new = NewApp {
            name: name.to_owned(),
            kind: Kind::Backend,
            redirects: Vec::new(),
            scopes: scopes.to_owned(),
            homepage: String::new(),
            maker: Maker::default(),
            owner: "operator".to_owned(),
        };
        let client_id = format!("{}{}", self.0.settings.prefix, self.0.chance.id());
        Ok(self.keep(client_id, app::checked(new)?, jwks.to_owned(), true).await?.0)
    }

    async fn keep(
        &self,
        client_id: String,
        new: NewApp,
        jwks: String,
        vetted: bool,
    ) -> Result<(App, Option<String>), Error> {
        let created = self.0.clock.now().as_second();
        let secret = new.kind.has_secret().then(|| self.0.chance.token());
        let status = if self.0.settings.review && !vetted { Status::Waiting } else { Status::Active };
        let app = App {
            client_id: client_id.into(),
            name: new.name,
            kind: new.kind,
            redirects: new.redirects,
            scopes: new.scopes,
            secrets: secret.iter().map(|secret| Secret::new(secret, created)).collect(),
            jwks,
            owner: new.owner,
            homepage: new.homepage,
            maker: new.maker,
            status,
            vetted,
            created,
        };
        let row = app.clone();
        let register = move |txn: &mut Txn<'_>| {
            if txn.scan(BY_OWNER, &owner_key(&row.owner, ""), MAX_PER_OWNER)?.len() >= MAX_PER_OWNER {
                return Err(Error::TooMany);
            }
            if !vetted {
                alone(txn, &row)?;
            }
            txn.put(BY_OWNER, &owner_key(&row.owner, &row.client_id), Vec::new())?;
            Ok(txn.put_json(APPS, row.client_id.as_bytes(), &row)?)
        };
        self.0.store.transact(register).await?;
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
        let kept = Secret::new(&secret, now);
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
        !self.0.barred.0.read().contains(client_id)
    }

    async fn change<F>(&self, client_id: &str, change: F) -> Result<(), Error>
    where
        F: FnOnce(&mut App) -> Result<(), Error> + Send + 'static,
    {
        let key = client_id.to_owned();
        let work = move |txn: &mut Txn<'_>| {
            let Some(mut app) = txn.get_json::<App>(APPS, key.as_bytes())? else { return Err(Error::Unknown) };
            change(&mut app)?;
            Ok(txn.put_json(APPS, key.as_bytes(), &app)?)
        };
        self.0.store.transact(work).await
    }
}

/// Apps of one realm whose names are compared; a plan has some hundred.
const MAX_COMPARED: usize = 10_000;
/// The same app again within so many seconds is a second click.
const SECOND_CLICK: i64 = 60;

/// Refuses a name that looks like another maker's, and the second of two clicks.
fn alone(txn: &mut Txn<'_>, new: &App) -> Result<(), Error> {
    for (_, row) in txn.scan(APPS, b"", MAX_COMPARED)? {
        let Ok(known) = serde_json::from_slice::<App>(&row) else { continue };
        if known.client_id == new.client_id || !name::look_alike(&known.name, &new.name) {
            continue;
        }
        if known.owner != new.owner {
            return Err(Error::TakenName);
        }
        let same = |app: &App| (app.kind, app.redirects.clone(), app.scopes.clone());
        if same(&known) == same(new) && new.created - known.created <= SECOND_CLICK {
            return Err(Error::Twice(known.client_id));
        }
    }
    Ok(())
}

fn owner_key(owner: &str, client_id: &str) -> Vec<u8> {
    [owner.as_bytes(), &[0], client_id.as_bytes()].concat()
}
