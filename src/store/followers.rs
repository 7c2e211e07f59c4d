//! Who is told of what was committed: the index and others of the changes of resources, and rooms that keep something of
//! their own tables in memory of the rows of those. Both are told by the writer's thread, in the order of the commits, before
//! anybody is answered, and likewise whether this node made the commit or another one that leads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::batch::BatchRow;
use super::codec::Dictionaries;
use super::error::Error;
use super::record::Header;
use super::tables::{self, Table, number, read_number, split_number};
use super::txn::{Change, ChangeKind};
use crate::fhir;
use crate::fhir::definitions::SearchParameters;

/// Called with the changes of a commit, in order. It may block to slow writers down, never fail.
pub type Follower = Box<dyn Fn(&[Change]) + Send + Sync>;

/// Called with the rows of a commit that are in the tables it asked for, in order. It must be quick, and never fail.
pub type Watcher = Box<dyn Fn(&[WatchedRow<'_>]) + Send + Sync>;

/// A row of a ledger table as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchedRow<'r> {
    /// Its table.
    pub table: Table,
    /// Its key.
    pub key: &'r [u8],
    /// Its value; absent once it is removed.
    pub value: Option<&'r [u8]>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Followers {
    changes: Vec<Follower>,
    watches: Vec<(Box<[Table]>, Watcher)>,
}

impl Followers {
    pub(super) fn follow(&mut self, follower: Follower) {
        self.changes.push(follower);
    }

    pub(super) fn watch(&mut self, tables: &[Table], watcher: Watcher) {
        self.watches.push((tables.into(), watcher));
    }

    /// True if somebody wants the rows of a table.
    pub(super) fn watches(&self, table: Table) -> bool {
        self.watches.iter().any(|(tables, _)| tables.contains(&table))
    }

    /// Tells of one commit. Ledger rows first: a stop that comes with a change is in force before the change is found.
    pub(super) fn tell(&self, rows: &[BatchRow], changes: &[Change]) {
        for (tables, watcher) in &self.watches {
            let wanted: Vec<WatchedRow<'_>> = rows.iter().filter_map(|row| watched(tables, row)).collect();
            if !wanted.is_empty() {
                watcher(&wanted);
            }
        }
        if !changes.is_empty() {
            self.changes.iter().for_each(|follower| follower(changes));
        }
    }
}

fn watched<'r>(tables: &[Table], row: &'r BatchRow) -> Option<WatchedRow<'r>> {
    let table = *tables.iter().find(|table| *table.name() == *row.table)?;
    Some(WatchedRow { table, key: &row.key, value: row.value.as_deref() })
}

/// The changes that rows from elsewhere bring, as their own writer would have told them: entries of the feed, with what the
/// newest version says. Where a resource changes twice both changes bring what is true after the last.
pub(super) fn changes_of(
    rows: &[BatchRow],
    dictionaries: &Dictionaries,
    defined: &SearchParameters,
) -> Result<Vec<Change>, Error> {
    let current: HashMap<&[u8], &[u8]> = rows
        .iter()
        .filter(|row| row.table == tables::CURRENT.name())
        .filter_map(|row| Some((row.key.as_slice(), row.value.as_deref()?)))
        .collect();
    let damaged = || Error::Corrupted("a change in the shared log".into());
    let mut changes = Vec::new();
    for row in rows.iter().filter(|row| row.table == tables::CHANGES.name()) {
        let seq = read_number(&row.key).ok_or_else(damaged)?;
        let (kind, rest) = row.value.as_deref().and_then(<[u8]>::split_first).ok_or_else(damaged)?;
        let kind = ChangeKind::from_byte(*kind).ok_or_else(damaged)?;
        let (rid, _) = split_number(rest).ok_or_else(damaged)?;
        let record = current.get(&*number(rid)).ok_or_else(damaged)?;
        let (header, packed) = Header::read(record)?;
        let extracted = if header.deleted {
            None
        } else {
            let body = dictionaries.decompress(packed)?;
            let id = fhir::stored_id(header.kind, &body).ok_or_else(damaged)?;
            let tree = fhir::json::parse(&body).map_err(|_| damaged())?;
            let mut extracted = fhir::extract(header.kind, id, &tree);
            fhir::extract_own(defined, &tree, &mut extracted);
            extracted.updated = header.updated;
            // What the record says counts, until the rules of this program have derived it again.
            extracted.categories = header.categories;
            Some(Arc::new(extracted))
        };
        changes.push(Change { seq, rid, resource: header.kind, kind, extracted });
    }
    Ok(changes)
}

/// The dictionaries among the rows of a batch.
pub(super) fn dictionaries_of(rows: &[BatchRow]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let dictionaries = rows.iter().filter(|row| row.table == tables::DICTIONARIES.name());
    dictionaries.filter_map(|row| Some((row.key.as_slice(), row.value.as_deref()?)))
}

/// A row that this process wrote.
pub(super) const fn own_row(table: Table, key: Vec<u8>, value: Option<Vec<u8>>) -> BatchRow {
    BatchRow { table: Cow::Borrowed(table.name()), key, value }
}
