//! A consistent view of the committed file.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::Xxh3;

use super::codec::Dictionaries;
use super::engine::{Read, Rows};
use super::error::Error;
use super::recent::Recent;
use super::tables::{self, Row, Table};
use super::txn::decode;

/// Reads at one point in time. The ledger half is open to the rooms above; resources need a View (`read.rs`). Clones share
/// it.
#[derive(Clone)]
pub struct Snapshot(Arc<Shared>);

struct Shared {
    /// No other snapshot of this store has the same; never zero.
    id: u64,
    transaction: Read,
    dictionaries: Dictionaries,
    recent: Arc<Recent>,
    /// The tables that nearly every read of a resource needs, opened once: opening costs as much as a look-up.
    ids: OnceLock<Rows>,
    current: OnceLock<Rows>,
    compartment: OnceLock<Rows>,
}

impl Snapshot {
    pub(super) fn new(id: u64, transaction: Read, dictionaries: Dictionaries, recent: Arc<Recent>) -> Self {
        let (ids, current, compartment) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Shared { id, transaction, dictionaries, recent, ids, current, compartment }))
    }

    pub(super) fn dictionaries(&self) -> &Dictionaries {
        &self.0.dictionaries
    }

    pub(super) fn id(&self) -> u64 {
        self.0.id
    }

    pub(super) fn recent(&self) -> &Recent {
        &self.0.recent
    }

    pub(super) fn ids(&self) -> Result<&Rows, Error> {
        self.opened(&self.0.ids, tables::IDS)
    }

    pub(super) fn current(&self) -> Result<&Rows, Error> {
        self.opened(&self.0.current, tables::CURRENT)
    }

    pub(super) fn compartment_rows(&self) -> Result<&Rows, Error> {
        self.opened(&self.0.compartment, tables::COMPARTMENT)
    }

    fn opened<'s>(&'s self, slot: &'s OnceLock<Rows>, table: Table) -> Result<&'s Rows, Error> {
        if let Some(rows) = slot.get() {
            return Ok(rows);
        }
        let rows = self.0.transaction.own_table(table.name())?;
        Ok(slot.get_or_init(|| rows))
    }

    /// The table, or nothing if no value was ever put into it.
    pub(super) fn table(&self, table: Table) -> Result<Option<Rows>, Error> {
        self.0.transaction.table(table.name())
    }

    /// The value of a key.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some(rows) = self.table(table)? else { return Ok(None) };
        Ok(rows.get(key)?.map(|value| value.value().to_vec()))
    }

    /// The first `limit` keys that begin with `prefix`, in order.
    pub fn scan(&self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Row>, Error> {
        self.scan_from(table, prefix, prefix, limit)
    }

    /// The first `limit` keys at or after `from` that begin with `prefix`: for walking a long table in steps.
    pub fn scan_from(&self, table: Table, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, Error> {
        let Some(rows) = self.table(table)? else { return Ok(Vec::new()) };
        let end = tables::prefix_end(prefix);
        let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut out = Vec::new();
        for row in rows.range((Bound::Included(from.max(prefix)), upper))?.take(limit) {
            let (key, value) = row?;
            out.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(out)
    }

    /// [`Snapshot::get`] for a value that was put as JSON.
    pub fn get_json<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, Error> {
        self.get(table, key)?.map(|value| decode(table, &value)).transpose()
    }

    /// [`Snapshot::scan`] for values that were put as JSON.
    pub fn scan_json<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, T)>, Error> {
        self.scan(table, prefix, limit)?.into_iter().map(|(key, value)| Ok((key, decode(table, &value)?))).collect()
    }

    /// How many rows each table has.
    pub(super) fn sizes(&self) -> Result<BTreeMap<String, u64>, Error> {
        let names = self.0.transaction.names()?.into_iter();
        names
            .map(|name| {
                let rows = self.0.transaction.own_table(&name)?.len()?;
                Ok((name, rows))
            })
            .collect()
    }

    /// Of every table that has rows how many, and a digest over all of them, in order: two nodes whose answers are equal hold the same,
    /// byte for byte. Says nothing about what the rows hold.
    pub fn fingerprints(&self) -> Result<BTreeMap<String, (u64, u128)>, Error> {
        let mut prints = BTreeMap::new();
        for (name, count) in self.sizes()?.into_iter().filter(|(_, count)| *count > 0) {
            let rows = self.0.transaction.own_table(&name)?;
            let mut digest = Xxh3::new();
            for row in rows.range(..)? {
                let (key, value) = row?;
                for part in [key.value(), value.value()] {
                    digest.update(&(part.len() as u64).to_be_bytes());
                    digest.update(part);
                }
            }
            prints.insert(name, (count, digest.digest128()));
        }
        Ok(prints)
    }
}
