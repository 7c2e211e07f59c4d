//! `ingle reindex`: the search index anew from the store.

use anyhow::Context;

use super::args::Global;
use super::exit::Code;
use super::install;
use crate::fhir::definitions::Definitions;
use crate::realm::{Realm, RealmKind};
use crate::store::Store;

/// Records derived again in one transaction.
const STEP: u64 = 1_000;

pub(super) fn run(global: &Global) -> anyhow::Result<Code> {
    let config = install::config(global)?;
    let outside = install::outside(&config)?;
    let definitions = Definitions::default();
    let data = install::data(&config)?;
    let started = outside.clock.monotonic();
    for kind in kinds(config.apps.sandbox) {
        let folder = Realm::folder(data, kind);
        if !folder.join("store.redb").exists() {
            continue;
        }
        // A server that is running holds the store, and its index must not be taken from under it.
        let store = Store::open(&folder.join("store.redb"))?;
        // What access asks of each record is derived too.
        let now = outside.clock.now();
        while !store.transact_blocking(move |txn| txn.rederive(STEP, now))?.done {}
        store.close();
        let index = folder.join("index");
        if index.exists() {
            std::fs::remove_dir_all(&index).with_context(|| format!("{} cannot be removed", index.display()))?;
        }
        install::close_after_much(&*install::realm(kind, &config, &outside, &definitions)?);
    }
    let seconds = outside.clock.monotonic().saturating_sub(started).as_secs_f64();
    if global.json {
        println!("{}", serde_json::json!({"seconds": seconds}));
    } else {
        println!("the index was rebuilt in {seconds:.1} s");
    }
    Ok(Code::Done)
}

/// The realms of an install.
pub(super) fn kinds(sandbox: bool) -> Vec<RealmKind> {
    if sandbox { vec![RealmKind::Plan, RealmKind::Sandbox] } else { vec![RealmKind::Plan] }
}
