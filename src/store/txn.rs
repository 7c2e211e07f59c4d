//! A closure's view of the file while the writer runs it. Its writes are buffered and go into the group's redb
//! transaction only if the closure succeeds: redb has no cheap savepoint inside a transaction, and one caller's
//! refusal must not undo its neighbours' work.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use redb::{ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{Dictionaries, Dictionary};
use super::error::Error;
use super::tables::{self, Row, Table};
use crate::fhir::{Extracted, Kind};

type RedbTable<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

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

/// The transaction of one group, with its tables kept open: looking a table up costs as much as an insert.
pub(super) struct Group<'t> {
    transaction: &'t WriteTransaction,
    tables: BTreeMap<Table, RedbTable<'t>>,
    state: State,
    bytes: usize,
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
}

/// What a [`Txn`] reads through to; hides the lifetimes of redb's tables.
trait Base {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    fn range(&mut self, table: Table, range: Range<'_>, limit: usize) -> Result<Vec<Row>, Error>;
}

type Range<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

struct OpenTables<'g, 't> {
    transaction: &'t WriteTransaction,
    tables: &'g mut BTreeMap<Table, RedbTable<'t>>,
}

impl<'t> OpenTables<'_, 't> {
    fn table(&mut self, table: Table) -> Result<&mut RedbTable<'t>, Error> {
        use std::collections::btree_map::Entry;
        Ok(match self.tables.entry(table) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(slot) => slot.insert(self.transaction.open_table(table.definition())?),
        })
    }
}

impl Base for OpenTables<'_, '_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.table(table)?.get(key)?.map(|value| value.value().to_vec()))
    }

    fn range(&mut self, table: Table, range: Range<'_>, limit: usize) -> Result<Vec<Row>, Error> {
        let mut out = Vec::new();
        for row in self.table(table)?.range::<&[u8]>(range)?.take(limit) {
            let (key, value) = row?;
            out.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(out)
    }
}

impl<'t> Group<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction, dictionaries: &Dictionaries) -> Result<Self, Error> {
        let mut tables = BTreeMap::new();
        let mut open = OpenTables { transaction, tables: &mut tables };
        let mut counter = |name| Ok::<_, Error>(open.get(tables::META, name)?.and_then(|v| tables::read_u64(&v)));
        let seq = counter(tables::META_SEQ)?.unwrap_or(0);
        let rid = counter(tables::META_RID)?.unwrap_or(0);
        let codec = GroupCodec { known: dictionaries.clone(), fresh: Vec::new() };
        Ok(Self { transaction, tables, state: State { seq, rid, changes: Vec::new(), codec }, bytes: 0 })
    }

    /// Runs one closure and keeps its writes if it returns true.
    pub(super) fn run(&mut self, work: impl FnOnce(&mut Txn<'_>) -> bool) -> Result<(), Error> {
        let mut base = OpenTables { transaction: self.transaction, tables: &mut self.tables };
        let fresh_before = self.state.codec.fresh.len();
        let mut txn = Txn {
            base: &mut base,
            pending: BTreeMap::new(),
            journal: None,
            unjournaled: None,
            seq: self.state.seq,
            rid: self.state.rid,
            changes: Vec::new(),
            codec: &mut self.state.codec,
        };
        let keep = work(&mut txn);
        let Txn { pending, seq, rid, changes, .. } = txn;
        if !keep {
            // A dictionary trained by a closure that failed must not be used by its successors.
            self.state.codec.drop_fresh_after(fresh_before);
            return Ok(());
        }
        for (table, rows) in pending {
            let open = base.table(table)?;
            for (key, value) in rows {
                self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                match value {
                    Some(value) => drop(open.insert(key.as_slice(), value.as_slice())?),
                    None => drop(open.remove(key.as_slice())?),
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

    /// Writes the counters and closes the tables, so that the transaction can be committed.
    pub(super) fn finish(mut self) -> Result<(Vec<Change>, Vec<Dictionary>), Error> {
        if !self.state.changes.is_empty() {
            let mut open = OpenTables { transaction: self.transaction, tables: &mut self.tables };
            let meta = open.table(tables::META)?;
            meta.insert(tables::META_SEQ, self.state.seq.to_be_bytes().as_slice())?;
            meta.insert(tables::META_RID, self.state.rid.to_be_bytes().as_slice())?;
        }
        Ok((self.state.changes, self.state.codec.fresh))
    }
}

impl Txn<'_> {
    /// The value of a key, this closure's own writes included.
    pub fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.pending.get(&table).and_then(|rows| rows.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(table, key),
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
        let range: Range<'_> = (Bound::Included(prefix), upper);
        let mine = self.pending.get(&table);
        // Each of this closure's rows can hide one committed row at most.
        let spare = mine.map_or(0, BTreeMap::len);
        let base = self.base.range(table, range, limit.saturating_add(spare))?;
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
