//! The installation a command works on: its configuration, its log, its realms.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use super::args::Global;
use crate::config::{Config, Secret};
use crate::fhir::definitions::Definitions;
use crate::outbound::{Chance, Clock, Mail, Sms};
use crate::realm::{Outside, Realm, RealmKind};
use crate::search;
use crate::store::Store;

/// Where the configuration is looked for.
const PLACES: [&str; 2] = ["fhir.toml", "/etc/ingle/fhir.toml"];

/// Starts the log on stderr: JSON for a server whose output goes to a file or a collector, plain lines otherwise.
pub(super) fn start_log(global: &Global, serving: bool) {
    let level = global.log.clone().unwrap_or_else(|| if serving { "info" } else { "warn" }.to_owned());
    let filter = EnvFilter::try_new(&level).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start, in tests, is of no consequence.
    let _ = if serving && !std::io::stderr().is_terminal() { log.json().try_init() } else { log.try_init() };
}

/// The configuration in force: `--config`, else the first of the usual places.
pub(super) fn config(global: &Global) -> anyhow::Result<Arc<Config>> {
    let found = global.config.clone().or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.exists()));
    let path = found.unwrap_or_else(|| PathBuf::from(PLACES[0]));
    let env: Vec<(String, String)> = std::env::vars().collect();
    let path = std::path::absolute(&path).with_context(|| format!("{} is no path", path.display()))?;
    let config = Config::load(Some(&path), &env, &[])?;
    super::definitions::supply_codes(&config)?;
    Ok(Arc::new(config))
}

/// The real world, as the configuration describes it.
pub(super) fn outside(config: &Config) -> anyhow::Result<Outside> {
    let (clock, chance) = (Clock::system(), Chance::system());
    let (by_mail, by_text) = (&config.mail, &config.sms);
    let mail = Mail::from_url(
        by_mail.transport.expose(),
        &by_mail.from,
        by_mail.authority.as_deref(),
        clock.clone(),
        chance.clone(),
    )?;
    let sms = match &by_text.transport {
        Some(transport) => Sms::from_url(
            transport.expose(),
            by_text.secret.as_ref().map(Secret::expose),
            by_text.authority.as_deref(),
            clock.clone(),
            chance.clone(),
        )?,
        None => Sms::off(),
    };
    Ok(Outside { clock, chance, mail, sms })
}

/// The data folder, made for its owner only.
pub(super) fn data(config: &Config) -> anyhow::Result<&Path> {
    let path = config.storage.path.as_path();
    std::fs::create_dir_all(path)
        .with_context(|| format!("the data folder {} cannot be made; check [storage] path", path.display()))?;
    restrict(path)?;
    Ok(path)
}

#[cfg(unix)]
fn restrict(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("the data folder {} cannot be closed to others", path.display()))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// What the plan defines itself, for a command that opens the sandbox alone: its index has that too.
pub(super) fn definitions(config: &Config, outside: &Outside) -> anyhow::Result<Definitions> {
    let path = Realm::folder(data(config)?, RealmKind::Plan).join("store.redb");
    let definitions = Definitions::default();
    if path.exists() {
        let store = Store::open_defined(&path, &definitions).context("the plan's store cannot be opened")?;
        search::read_definitions(&store, outside.clock.now())?;
        store.close();
    }
    Ok(definitions)
}

/// Opens one realm. A command that opens both opens the plan's first, and gives the other the same definitions.
pub(super) fn realm(
    kind: RealmKind,
    config: &Arc<Config>,
    outside: &Outside,
    definitions: &Definitions,
) -> anyhow::Result<Arc<Realm>> {
    let opened = Realm::open(kind, config, data(config)?, outside, definitions);
    Ok(Arc::new(opened.with_context(|| format!("the {} realm cannot be opened", kind.name()))?))
}

/// What must be on the disk before the process ends.
pub(super) fn close(realm: &Realm) {
    end(realm, realm.index.settle());
}

/// [`close`] for commands that wrote much: the index is left as small as it gets by itself.
pub(super) fn close_after_much(realm: &Realm) {
    end(realm, realm.index.finish());
}

fn end(realm: &Realm, index: Result<(), crate::index::Error>) {
    if let Err(error) = index {
        tracing::warn!(%error, "the index will catch up at the next start");
    }
    if let Err(error) = realm.audit.seal() {
        tracing::error!(%error, "the audit could not be sealed");
    }
    realm.store.close();
}
