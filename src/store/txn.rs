//! A closure's view of the file while the writer runs it. Its writes are buffered and go into the group's transaction only
//! if the closure succeeds: redb has no cheap savepoint inside a transaction, and one caller's refusal must not undo its
//! neighbours' work.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::batch::BatchRow;
use super::codec::{Dictionaries, Dictionary};
use super::engine::{Base, KeyRange, Tables};
use super::error::Error;
use super::followers::own_row;
use super::ledger::Ledger;
use super::tables::{self, Row, Table};
use crate::fhir::definitions::SearchParameters;
use crate::fhir::{Extracted, Kind};

/// One entry of the change feed, as followers see it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Position in the feed; each change has the next number.
    pub seq: u64,
    /// The resource's number.
    pub rid: u64,
    /// Its type.
    pub resource: Kind,
    /// What happened.
    pub kind: ChangeKind,
    /// What the new version says, for search; absent for a deletion.
    pub extracted: Option<Arc<Extracted>>,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// First version of a resource.
    Created,
    /// A later version, also one that brings a deleted resource back.
    Updated,
    /// A tombstone.
    Deleted,
    /// The same version, of which changed rules derived other access facts.
    Rederived,
}

impl ChangeKind {
    /// As it stands in `changes`.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Deleted].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// The transaction of one group.
pub(super) struct Group<'t> {
    tables: Tables<'t>,
    state: State,
    defined: SearchParameters,
    bytes: usize,
    has_written: bool,
    /// Which rows somebody wants to have afterwards; the others are let go once they are written.
    wanted: &'t dyn Fn(Table) -> bool,
    rows: Vec<BatchRow>,
}

/// What came of a group.
pub(super) struct Ran<'t> {
    pub(super) tables: Tables<'t>,
    pub(super) changes: Vec<Change>,
    pub(super) dictionaries: Vec<Dictionary>,
    /// The rows that were wanted, in the order in which they were written.
    pub(super) rows: Vec<BatchRow>,
    /// False if every closure refused or only looked.
    pub(super) has_written: bool,
}

/// What the record part of the group carries from closure to closure.
struct State {
    seq: u64,
    rid: u64,
    changes: Vec<Change>,
    codec: GroupCodec,
}

pub(super) struct GroupCodec {
    pub(super) known: Dictionaries,
    pub(super) fresh: Vec<Dictionary>,
}

/// Read and write access for one closure.
pub struct Txn<'a> {
    base: &'a mut dyn Base,
    pending: BTreeMap<Table, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    /// Where the earlier values of ledger tables go, if somebody wants to be able to go back.
    journal: Option<Table>,
    /// A ledger table whose values can be found again without it.
    unjournaled: Option<Table>,
    pub(super) seq: u64,
    pub(super) rid: u64,
    pub(super) changes: Vec<Change>,
    pub(super) codec: &'a mut GroupCodec,
    /// By what the resources of the group are found.
    pub(super) defined: &'a SearchParameters,
}

impl<'t> Group<'t> {
    pub(super) fn new(
        mut tables: Tables<'t>,
        ledger: &Ledger,
        wanted: &'t dyn Fn(Table) -> bool,
    ) -> Result<Self, Error> {
        let mut counter =
            |name| Ok::<_, Error>(tables.get(tables::META.name(), name)?.and_then(|v| tables::read_u64(&v)));
        let seq = counter(tables::META_SEQ)?.unwrap_or(0);
        let rid = counter(tables::META_RID)?.unwrap_or(0);
        let codec = GroupCodec { known: ledger.dictionaries.clone(), fresh: Vec::new() };
        let state = State { seq, rid, changes: Vec::new(), codec };
        let defined = ledger.definitions.now();
        Ok(Self { tables, state, defined, bytes: 0, has_written: false, wanted, rows: Vec::new() })
    }

    /// Runs one closure and keeps its writes if it returns true.
    pub(super) fn run(&mut self, work: impl FnOnce(&mut Txn<'_>) -> bool) -> Result<(), Error> {
        let fresh_before = self.state.codec.fresh.len();
        let mut txn = Txn {
            base: &mut self.tables,
            pending: BTreeMap::new(),
            journal: None,
            unjournaled: None,
            seq: self.state.seq,
            rid: self.state.rid,
            changes: Vec::new(),
            codec: &mut self.state.codec,
            defined: &self.defined,
        };
        let keep = work(&mut txn);
        let Txn { pending, seq, rid, changes, .. } = txn;
        if !keep {
            // A dictionary trained by a closure that failed must not be used by its successors.
            self.state.codec.drop_fresh_after(fresh_before);
            return Ok(());
        }
        for (table, rows) in pending {
            let is_wanted = (self.wanted)(table);
            let open = self.tables.table(table.name())?;
            self.has_written |= !rows.is_empty();
            for (key, value) in rows {
                self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                match &value {
                    Some(value) => open.insert(&key, value)?,
                    None => open.remove(&key)?,
                }
                if is_wanted {
                    self.rows.push(own_row(table, key, value));
                }
            }
        }
        self.state.seq = seq;
        self.state.rid = rid;
        self.state.changes.extend(changes);
        Ok(())
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the counters.
    pub(super) fn finish(mut self) -> Result<Ran<'t>, Error> {
        if !self.state.changes.is_empty() {
            let is_wanted = (self.wanted)(tables::META);
            let meta = self.tables.table(tables::META.name())?;
            for (name, value) in [(tables::META_SEQ, self.state.seq), (tables::META_RID, self.state.rid)] {
                let value = value.to_be_bytes().to_vec();
                meta.insert(name, &value)?;
                if is_wanted {
                    self.rows.push(own_row(tables::META, name.to_vec(), Some(value)));
                }
            }
        }
        let State { changes, codec, .. } = self.state;
        let (tables, rows, has_written) = (self.tables, self.rows, self.has_written);
        Ok(Ran { tables, changes, dictionaries: codec.fresh, rows, has_written })
    }
}

impl Txn<'_> {
    /// The value of a key, this closure's own writes included.
    pub fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.pending.get(&table).and_then(|rows| rows.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(table.name(), key),
        }
    }

    /// Sets a key.
    pub fn put(&mut self, table: Table, key: &[u8], value: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.remember(table, key)?;
        self.pending.entry(table).or_default().insert(key.to_vec(), Some(value.into()));
        Ok(())
    }

    /// Removes a key; nothing happens if it is not there.
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Error> {
        self.remember(table, key)?;
        self.pending.entry(table).or_default().insert(key.to_vec(), None);
        Ok(())
    }

    /// From now on the values that keys of ledger tables but `except` had before go to `journal`, once for each key: table, 0, key -> 1
    /// and the value, or nothing if there was none.
    pub fn journal(&mut self, journal: Option<Table>, except: Option<Table>) {
        self.journal = journal;
        self.unjournaled = except;
    }

    /// The position in the change feed, this closure's own changes included.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.seq
    }

    fn remember(&mut self, table: Table, key: &[u8]) -> Result<(), Error> {
        let wanted = table.is_of_a_room() && self.unjournaled != Some(table);
        let Some(journal) = self.journal.filter(|journal| wanted && *journal != table) else {
            return Ok(());
        };
        let place = [table.name().as_bytes(), &[0], key].concat();
        if self.get(journal, &place)?.is_none() {
            let before = self.get(table, key)?.map(|value| [&[1], value.as_slice()].concat()).unwrap_or_default();
            self.pending.entry(journal).or_default().insert(place, Some(before));
        }
        Ok(())
    }

    /// The first `limit` keys that begin with `prefix`, in order, this closure's own writes included.
    pub fn scan(&mut self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Row>, Error> {
        let end = tables::prefix_end(prefix);
        let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.range(table, (Bound::Included(prefix), upper), limit)
    }

    /// The first `limit` keys of a table at or after `from`: for walking a long one in steps.
    pub fn scan_from(&mut self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, Error> {
        self.range(table, (Bound::Included(from), Bound::Unbounded), limit)
    }

    fn range(&mut self, table: Table, range: KeyRange<'_>, limit: usize) -> Result<Vec<Row>, Error> {
        let mine = self.pending.get(&table);
        // Each of this closure's rows can hide one committed row at most.
        let spare = mine.map_or(0, BTreeMap::len);
        let base = self.base.range(table.name(), range, limit.saturating_add(spare))?;
        let Some(mine) = mine else { return Ok(base) };
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = base.into_iter().collect();
        for (key, value) in mine.range::<[u8], _>(range) {
            match value {
                Some(value) => drop(merged.insert(key.clone(), value.clone())),
                None => drop(merged.remove(key)),
            }
        }
        Ok(merged.into_iter().take(limit).collect())
    }

    /// [`Txn::get`] for a value that was put with [`Txn::put_json`].
    pub fn get_json<T: DeserializeOwned>(&mut self, table: Table, key: &[u8]) -> Result<Option<T>, Error> {
        self.get(table, key)?.map(|value| decode(table, &value)).transpose()
    }

    /// Sets a key to a value as JSON.
    pub fn put_json<T: Serialize>(&mut self, table: Table, key: &[u8], value: &T) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::Value { table: table.name(), reason: error.to_string() })?;
        self.put(table, key, bytes)
    }

    /// [`Txn::scan`] for values that were put with [`Txn::put_json`].
    pub fn scan_json<T: DeserializeOwned>(
        &mut self,
        table: Table,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, T)>, Error> {
        self.scan(table, prefix, limit)?.into_iter().map(|(key, value)| Ok((key, decode(table, &value)?))).collect()
    }
}

pub(super) fn decode<T: DeserializeOwned>(table: Table, value: &[u8]) -> Result<T, Error> {
    // serde_json's message can quote the input; its category and position cannot.
    serde_json::from_slice(value).map_err(|error| Error::Value {
        table: table.name(),
        reason: format!("{:?} at byte {}", error.classify(), error.column()),
    })
}
