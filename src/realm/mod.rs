//! One complete service put together: store, index, audit, keys, sign-in, grants, tokens. Every install has two, the
//! plan's own and the sandbox, and they share nothing but the process, the developers' accounts and what the plan defines itself.
//!
//! Deliberately absent: a global realm. Handlers are given theirs.

mod readers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use readers::{Caller, LONGEST, Network, Readers, Refused};

use crate::access::Base;
use crate::apps::{self, Apps};
use crate::audit::{self, Audit};
use crate::config::Config;
use crate::consent::{self, Consent};
use crate::fhir::definitions::Definitions;
use crate::identity::{self, ContactKey, Identity};
use crate::index::{self, Index};
use crate::oauth::{self, OAuth};
use crate::outbound::{Chance, Clock, Mail, Sms};
use crate::search::{self, Cursors, Definer};
use crate::store::{self, Membership, Store, Table};
use crate::write::Turn;

/// Which of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RealmKind {
    /// The plan's members.
    Plan,
    /// Synthetic members, for developers.
    Sandbox,
}

/// Time (8 bytes, big-endian microseconds), number of entries before it (8 bytes) -> signed head of the audit, as JSON.
const AUDIT_HEADS: Table = Table::new("audit.heads");

/// What comes in from outside the process.
#[derive(Clone)]
pub struct Outside {
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// Mail out.
    pub mail: Mail,
    /// Text messages out.
    pub sms: Sms,
}

/// One realm. All its parts are handles; clone the `Arc`.
pub struct Realm {
    /// Which one.
    pub kind: RealmKind,
    /// Public address without a slash at the end; also the issuer.
    pub address: String,
    /// What the plan defines itself; one for all realms of an install.
    pub definitions: Definitions,
    /// Durable state.
    pub store: Store,
    /// Search.
    pub index: Index,
    /// Search parameters of the plan's own; the plan's realm has it.
    pub definer: Option<Definer>,
    /// Whose turn it is to write.
    pub turn: Turn,
    /// Threads for work that may take long.
    pub readers: Readers,
    /// Page links.
    pub cursors: Cursors,
    /// Who saw what.
    pub audit: Audit,
    /// Members, developers, staff.
    pub identity: Identity,
    /// Registered apps.
    pub apps: Apps,
    /// What members agreed to.
    pub consent: Consent,
    /// Tokens.
    pub oauth: OAuth,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// The plan's settings.
    pub config: Arc<Config>,
}

/// Why a realm cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The index.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// Bringing the index up to the store.
    #[error(transparent)]
    Search(#[from] search::Error),
    /// The audit.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] oauth::keys::Error),
    /// Sign-in.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The registry.
    #[error(transparent)]
    Apps(#[from] apps::Error),
    /// Grants.
    #[error(transparent)]
    Consent(#[from] consent::Error),
    /// Tokens.
    #[error(transparent)]
    OAuth(#[from] oauth::Error),
    /// The folder cannot be made.
    #[error("the folder {0} cannot be made: {1}; check its owner and the disk")]
    Folder(PathBuf, std::io::Error),
    /// The operating system gives no threads.
    #[error("the threads of the realm cannot be started: {0}; raise the limit of processes for this user")]
    Threads(std::io::Error),
    /// A key that was read makes no key of its kind.
    #[error("the realm's secret key is damaged; restore the keys folder from the last backup")]
    Secret,
}

impl RealmKind {
    /// The name used in tokens and folders.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Sandbox => "sandbox",
        }
    }

    /// What its paths begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Plan => "",
            Self::Sandbox => "/sandbox",
        }
    }

    const fn token_prefix(self) -> &'static str {
        match self {
            Self::Plan => "ing_",
            Self::Sandbox => "ings_",
        }
    }

    const fn client_prefix(self) -> &'static str {
        match self {
            Self::Plan => "app-",
            Self::Sandbox => "sandbox-app-",
        }
    }
}

impl Realm {
    /// The folder of a realm's data under the data folder of the install.
    #[must_use]
    pub fn folder(data: &Path, kind: RealmKind) -> PathBuf {
        data.join(kind.name())
    }

    /// Opens a realm, creating it if it is not there, with keys read from or made in its folder. The plan's realm reads its
    /// `definitions`, and the other realms of its install are given the same.
    ///
    /// # Errors
    /// [`Error`], each with what to do.
    pub fn open(
        kind: RealmKind,
        config: &Arc<Config>,
        data: &Path,
        outside: &Outside,
        definitions: &Definitions,
    ) -> Result<Self, Error> {
        let folder = Self::folder(data, kind);
        let keys = oauth::Keys::open(&folder.join("keys"), &outside.chance, outside.clock.now().as_second())?;
        Self::open_with_keys(kind, config, &folder, outside, definitions, keys)
    }

    /// Opens a realm with the given keys.
    ///
    /// # Errors
    /// [`Error`], each with what to do.
    pub fn open_with_keys(
        kind: RealmKind,
        config: &Arc<Config>,
        folder: &Path,
        outside: &Outside,
        definitions: &Definitions,
        keys: oauth::Keys,
    ) -> Result<Self, Error> {
        Self::open_as(kind, config, folder, outside, definitions, (keys, None))
    }

    /// Opens a realm as one of several nodes that share a log. All have the same keys.
    ///
    /// # Errors
    /// [`Error`], each with what to do.
    pub fn open_as_node(
        kind: RealmKind,
        config: &Arc<Config>,
        folder: &Path,
        outside: &Outside,
        definitions: &Definitions,
        (keys, membership): (oauth::Keys, Membership),
    ) -> Result<Self, Error> {
        Self::open_as(kind, config, folder, outside, definitions, (keys, Some(membership)))
    }

    fn open_as(
        kind: RealmKind,
        config: &Arc<Config>,
        folder: &Path,
        outside: &Outside,
        definitions: &Definitions,
        (keys, membership): (oauth::Keys, Option<Membership>),
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|error| Error::Folder(folder.to_owned(), error))?;
        let Outside { clock, chance, mail, sms } = outside.clone();
        let file = folder.join("store.redb");
        let store = match membership {
            Some(membership) => Store::open_as_node(&file, definitions, membership)?,
            None => Store::open_defined(&file, definitions)?,
        };
        if kind == RealmKind::Plan {
            search::read_definitions(&store, clock.now())?;
        }
        let (index, checkpoint) = Index::open(&folder.join("index"), &clock, definitions)?;
        search::follow(&store, &index);
        search::catch_up(&store, &index, checkpoint, clock.now())?;
        let definer = (kind == RealmKind::Plan).then(|| Definer::start(&store, &index)).transpose()?;
        let signer = audit::Signer::from_seed(&keys.derive("audit")).ok_or(Error::Secret)?;
        let audit = Audit::open(&folder.join("audit"), signer, clock.clone())?;
        audit.keep_heads(keep_heads(store.clone()));
        let address = format!("{}{}", config.plan.url.as_str(), kind.prefix());
        let identity = Identity::new(
            store.clone(),
            clock.clone(),
            chance.clone(),
            (mail, sms),
            identity::Settings {
                keys: ContactKey::new(&keys.derive("contact")),
                sealing_key: keys.derive("seeds"),
                plan: config.plan.name.clone(),
                show_codes: kind == RealmKind::Sandbox,
            },
        )?;
        let review = kind == RealmKind::Plan && config.apps.registration == crate::config::Registration::Review;
        let apps = Apps::open(
            store.clone(),
            chance.clone(),
            clock.clone(),
            apps::Settings {
                prefix: kind.client_prefix(),
                review,
                plan_names: [Some(&config.plan.name), config.plan.legal_name.as_ref()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
                home: config.plan.url.as_str().to_owned(),
            },
        )?;
        let consent = Consent::open(store.clone(), clock.clone(), chance.clone())?;
        let oauth = OAuth::open(
            oauth::Rooms {
                store: store.clone(),
                clock: clock.clone(),
                chance: chance.clone(),
                apps: apps.clone(),
                consent: consent.clone(),
                representations: identity.representations().clone(),
            },
            keys,
            oauth::Settings {
                realm: kind.name(),
                issuer: address.clone(),
                prefix: kind.token_prefix(),
                access_life: config.apps.access_token.duration().as_secs() as i64,
                grant_life: config.apps.grant.duration().as_secs() as i64,
            },
        )?;
        let cursors = Cursors::new(&chance);
        let config = Arc::clone(config);
        let turn = Turn::default();
        let readers = Readers::start(kind.name(), clock.clone()).map_err(Error::Threads)?;
        Ok(Self {
            kind,
            address,
            definitions: definitions.clone(),
            store,
            index,
            definer,
            turn,
            readers,
            cursors,
            audit,
            identity,
            apps,
            consent,
            oauth,
            clock,
            chance,
            config,
        })
    }

    /// The public address of a FHIR base.
    #[must_use]
    pub fn base(&self, base: Base) -> String {
        format!("{}/{}", self.address, base.path())
    }
}

/// Heads go into the ledger, so that they reach every node and every backup. Nothing waits for it: a head that could not be
/// kept is handed over again at the next start.
fn keep_heads(store: Store) -> audit::HeadKeeper {
    Box::new(move |time, entries, head| {
        let (key, head) = ([time.to_be_bytes(), entries.to_be_bytes()].concat(), head.to_vec());
        let keep = move |txn: &mut store::Txn<'_>| {
            if txn.get(AUDIT_HEADS, &key)?.is_none() {
                txn.put(AUDIT_HEADS, &key, head)?;
            }
            Ok::<_, store::Error>(())
        };
        drop(store.transact_later(keep));
    })
}
