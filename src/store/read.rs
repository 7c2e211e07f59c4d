//! Reading resources, through a View and in no other way. The record's header decides; only what passes is unpacked.

use std::cell::RefCell;
use std::ops::Bound;
use std::rc::Rc;

use bytes::Bytes;

use super::engine::Rows;
use super::error::Error;
use super::recent::References;
use super::record::Header;
use super::resources::{compartment_key, history_key};
use super::snapshot::Snapshot;
use super::stored::Stored;
use super::tables::{self, id_key, number, read_number, read_u64, split_number};
use super::txn::ChangeKind;
use crate::access::{CHECK, Categories, Facts, Operation, PatientId, Permit, Reach, View};
use crate::fhir::dates::Span;
use crate::fhir::{self, Kind};

/// Records walked over for each one wanted; a look-up of its own costs as much as passing so many.
const MAX_GAP: u64 = 4;
/// Changes that one page of the feed looks at.
const MAX_WALKED: usize = 20_000;
/// Bytes of versions of the past read at once.
const MAX_PAST_BYTES: usize = 8 << 20;
/// Patients that [`Snapshot::patients_of`] names.
const MAX_NAMED: usize = 1_000;

/// The answer to a read.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is there.
    Here(Stored),
    /// It was there, and the caller may know that.
    Gone,
    /// It is not there, or not the caller's: one answer for both.
    Nothing,
}

/// Reads several resources with the tables and the View's patients looked up once.
pub struct Reader<'s> {
    snapshot: &'s Snapshot,
    view: &'s View,
    operation: Operation,
    current: &'s Rows,
    /// Numbers of the View's patients; empty unless it is limited to patients.
    patients: Vec<u64>,
    /// What the View lets through, for the type looked at last: nearly every call asks for the same one.
    permit: RefCell<Option<(Kind, Option<Rc<Permit>>)>>,
}

impl Snapshot {
    /// A reader for many resources under one View.
    pub fn reader<'s>(&'s self, view: &'s View, operation: Operation) -> Result<Reader<'s>, Error> {
        let mut patients = Vec::new();
        if let Reach::Patients(ids) = view.reach() {
            for id in ids {
                patients.extend(self.rid(Kind::PATIENT, id)?);
            }
        }
        let current = self.current()?;
        Ok(Reader { snapshot: self, view, operation, current, patients, permit: RefCell::default() })
    }

    /// The current version of a resource.
    pub fn read(&self, view: &View, kind: Kind, id: &str) -> Result<Found, Error> {
        let Some(rid) = self.rid(kind, id)? else { return Ok(Found::Nothing) };
        Ok(match self.reader(view, Operation::Read)?.get(rid)? {
            Some(stored) if stored.deleted => Found::Gone,
            Some(stored) => Found::Here(stored),
            None => Found::Nothing,
        })
    }

    /// One version of a resource. The current version must be visible too: what was since labelled sensitive or moved
    /// to another member is not to be had through its past.
    pub fn read_version(&self, view: &View, kind: Kind, id: &str, version: u32) -> Result<Found, Error> {
        let Some(rid) = self.rid(kind, id)? else { return Ok(Found::Nothing) };
        let reader = self.reader(view, Operation::Read)?;
        let Some(current) = reader.get(rid)? else { return Ok(Found::Nothing) };
        let found = if current.version == version { Some(current) } else { reader.past(rid, version)? };
        Ok(match found {
            Some(stored) if stored.deleted => Found::Gone,
            Some(stored) => Found::Here(stored),
            None => Found::Nothing,
        })
    }

    /// The versions of a resource below `before`, newest first, at most `limit` and so many bytes, but one if there is one;
    /// nothing at all if the resource is not for this caller.
    pub fn history(
        &self,
        view: &View,
        kind: Kind,
        id: &str,
        before: u32,
        limit: usize,
    ) -> Result<Option<Vec<Stored>>, Error> {
        let Some(rid) = self.rid(kind, id)? else { return Ok(None) };
        let reader = self.reader(view, Operation::Read)?;
        let Some(current) = reader.get(rid)? else { return Ok(None) };
        let mut versions = Vec::from_iter(Some(current).filter(|current| current.version < before));
        if let Some(rows) = self.table(tables::HISTORY)? {
            let (from, to) = (history_key(rid, 0), history_key(rid, before));
            let mut bytes = 0;
            for row in rows.range(from.as_slice()..to.as_slice())?.rev() {
                // What the View hides fills no page.
                if versions.len() >= limit || bytes >= MAX_PAST_BYTES {
                    break;
                }
                let version = reader.admit_past(rid, row?.1.value())?;
                bytes += version.as_ref().map_or(0, |version| version.body.len());
                versions.extend(version);
            }
        }
        Ok(Some(versions))
    }

    /// The number of a resource, if it was ever seen.
    pub fn rid(&self, kind: Kind, id: &str) -> Result<Option<u64>, Error> {
        let key = id_key(kind, id);
        self.recent().number(&key, || Ok(self.ids()?.get(&key)?.and_then(|value| read_number(value.value()))))
    }

    /// What a version refers to on this server by a parameter of the tables: worked out with `find` unless it is remembered.
    /// Whether the caller may see any of it is asked when it is read.
    pub fn references<E>(
        &self,
        of: &Stored,
        by: u16,
        find: impl FnOnce() -> Result<Vec<(Kind, Box<str>)>, E>,
    ) -> Result<References, E> {
        self.recent().references((of.rid, of.version, by), find)
    }

    /// Numbers of all resources of a type that were ever seen, at most `limit`, in the order of their ids.
    ///
    /// Numbers say nothing by themselves; to read them needs a View.
    pub fn all_of(&self, kind: Kind, limit: usize) -> Result<Vec<u64>, Error> {
        let rows = self.scan(tables::IDS, &kind.number().to_be_bytes(), limit)?;
        Ok(rows.iter().filter_map(|(_, value)| read_number(value)).collect())
    }

    /// [`Snapshot::all_of`] in steps, for types of which there are millions: the numbers from the place where the step before
    /// ended (empty for the first), and where the next begins; nothing if there is no more.
    pub fn step_of(&self, kind: Kind, from: &[u8], limit: usize) -> Result<(Vec<u64>, Option<Vec<u8>>), Error> {
        let mut rows = self.scan_from(tables::IDS, &kind.number().to_be_bytes(), from, limit.saturating_add(1))?;
        let next = if rows.len() > limit { rows.pop().map(|(key, _)| key) } else { None };
        Ok((rows.iter().filter_map(|(_, value)| read_number(value)).collect(), next))
    }

    /// Number of the newest change.
    pub fn last_seq(&self) -> Result<u64, Error> {
        Ok(self.get(tables::META, tables::META_SEQ)?.as_deref().and_then(read_u64).unwrap_or(0))
    }

    /// The resources that changed after `seq`, at most `limit` changes: the new seq to go on from, and the numbers.
    pub fn changed_since(&self, seq: u64, limit: usize) -> Result<(u64, Vec<u64>), Error> {
        let Some(rows) = self.table(tables::CHANGES)? else { return Ok((seq, Vec::new())) };
        let mut last = seq;
        let mut rids = Vec::new();
        let from = number(seq.saturating_add(1));
        for row in rows.range((Bound::Included(&*from), Bound::Unbounded))?.take(limit) {
            let (key, value) = row?;
            last = read_number(key.value()).unwrap_or(last);
            rids.extend(value.value().split_first().and_then(|(_, rest)| read_number(rest)));
        }
        Ok((last, rids))
    }

    /// Numbers of current resources of a type in a patient's compartment, in order, after `after`, without those in
    /// a withheld category.
    ///
    /// Numbers say nothing by themselves; to read them needs a View.
    pub fn compartment(
        &self,
        patient: u64,
        kind: Kind,
        withheld: Categories,
        after: u64,
        limit: usize,
    ) -> Result<Vec<u64>, Error> {
        let rows = self.compartment_rows()?;
        let from = compartment_key(patient, kind, after.saturating_add(1));
        let to = compartment_key(patient, kind, u64::MAX);
        let mut rids = Vec::with_capacity(64);
        let prefix = number(patient).len() + size_of::<u16>();
        for row in rows.range(from.as_slice()..=to.as_slice())? {
            if rids.len() >= limit {
                break;
            }
            let (key, value) = row?;
            if !categories_of(value.value()).overlaps(withheld) {
                rids.extend(key.value().get(prefix..).and_then(read_number));
            }
        }
        Ok(rids)
    }
}

impl Snapshot {
    /// Type and number of current resources in a patient's compartment, by type and then number, after `after`: those of
    /// types that are `wanted`, without those in a withheld category, at most `limit`.
    ///
    /// Numbers say nothing by themselves; to read them needs a View.
    pub fn whole_compartment(
        &self,
        patient: u64,
        withheld: Categories,
        after: Option<(Kind, u64)>,
        wanted: &mut dyn FnMut(Kind) -> bool,
        limit: usize,
    ) -> Result<Vec<(Kind, u64)>, Error> {
        let rows = self.compartment_rows()?;
        let prefix = number(patient);
        let from = match after {
            Some((kind, rid)) => Bound::Excluded(compartment_key(patient, kind, rid)),
            None => Bound::Included(prefix.to_vec()),
        };
        let to = tables::prefix_end(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let range = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let mut entries = Vec::with_capacity(limit.min(256));
        for row in rows.range(range)? {
            if entries.len() >= limit {
                break;
            }
            let (key, value) = row?;
            let Some((kind, rid)) = key.value().get(prefix.len()..).and_then(kind_and_rid) else { continue };
            if wanted(kind) && !categories_of(value.value()).overlaps(withheld) {
                entries.push((kind, rid));
            }
        }
        Ok(entries)
    }
}

impl Snapshot {
    /// Ids of the patients in whose compartments these resources are, each once, at most `MAX_NAMED`: for the audit, which
    /// must know whose records were given.
    pub fn patients_of(&self, rids: &[u64]) -> Result<Vec<PatientId>, Error> {
        let current = self.current()?;
        let mut patients = Vec::new();
        for rid in rids {
            let Some(record) = current.get(&number(*rid))? else { continue };
            patients.extend(Header::read(record.value())?.0.patients);
        }
        patients.sort_unstable();
        patients.dedup();
        let mut ids = Vec::with_capacity(patients.len().min(MAX_NAMED));
        for rid in patients.into_iter().take(MAX_NAMED) {
            let Some(record) = current.get(&number(rid))? else { continue };
            let (header, packed) = Header::read(record.value())?;
            ids.push(self.stored(rid, header, packed)?.id.as_str().into());
        }
        Ok(ids)
    }
}

impl Snapshot {
    /// A current record that has been read here, unpacked unless it is known.
    fn stored(&self, rid: u64, header: Header, packed: &[u8]) -> Result<Stored, Error> {
        if let Some(known) = self.recent().record(rid).filter(|known| known.header == header) {
            known.set_current_in(self.id());
            return Ok(known);
        }
        let body = self.unpack(&header, packed)?;
        let stored = Stored::new(rid, header, body)?;
        stored.set_current_in(self.id());
        self.recent().keep(&stored);
        Ok(stored)
    }

    fn unpack(&self, header: &Header, packed: &[u8]) -> Result<Bytes, Error> {
        if header.deleted {
            return Ok(Bytes::new());
        }
        self.dictionaries().decompress(packed).map(Bytes::from)
    }
}

/// Which versions a history is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Only those that became current at or after it, in microseconds since 1970.
    pub since: Option<i64>,
    /// Only those that were current at some moment of it.
    pub at: Option<Span>,
}

impl Times {
    /// True for a version that was current from `updated` until another followed it; for ever if none did.
    #[must_use]
    pub fn admit(&self, updated: i64, until: Option<i64>) -> bool {
        // A version that was replaced within the same microsecond was current at that one.
        let hi = until.map_or(i64::MAX, |until| until.max(updated.saturating_add(1)));
        self.since.is_none_or(|since| updated >= since)
            && self.at.is_none_or(|at| at.overlaps(Span { lo: updated, hi }))
    }
}

/// A page of the change feed.
pub struct Feed {
    /// Versions, newest change first.
    pub versions: Vec<Stored>,
    /// Where the next page begins; absent at the end.
    pub next: Option<u64>,
}

impl Snapshot {
    /// The versions that changes below `before` made, newest first, of one type or of all, that the times leave. A page may be
    /// short and still have a next one: it looks at no more than so many changes, and holds no more than so many bytes.
    pub fn feed(
        &self,
        view: &View,
        kind: Option<Kind>,
        before: u64,
        times: &Times,
        count: usize,
    ) -> Result<Feed, Error> {
        let mut bytes = 0;
        let mut feed = Feed { versions: Vec::with_capacity(count.min(256)), next: None };
        let Some(rows) = self.table(tables::CHANGES)? else { return Ok(feed) };
        let reader = self.reader(view, Operation::Search)?;
        let to = number(before);
        for (walked, row) in rows.range((Bound::Unbounded, Bound::Excluded(&*to)))?.rev().enumerate() {
            let (key, value) = row?;
            let Some(seq) = read_number(key.value()) else { continue };
            if feed.versions.len() >= count || walked >= MAX_WALKED || bytes >= MAX_PAST_BYTES {
                feed.next = Some(seq.saturating_add(1));
                break;
            }
            view.spend(1)?;
            let parts = value.value().split_first().filter(|(kind, _)| **kind != ChangeKind::Rederived as u8);
            let parts = parts.and_then(|(_, rest)| split_number(rest));
            let Some((rid, Some(version))) = parts.map(|(rid, rest)| (rid, read_number(rest))) else { continue };
            // Of types that are not asked for, the header of the current version is enough.
            if let Some(kind) = kind
                && reader.kind_of(rid)? != Some(kind)
            {
                continue;
            }
            let version = version as u32;
            if times.at.is_some() {
                let Some((updated, until)) = reader.lived(rid, version)? else { continue };
                if times.since.is_some_and(|since| updated < since) {
                    break;
                }
                if !times.admit(updated, until) {
                    continue;
                }
            }
            let Some(stored) = reader.version(rid, version)? else { continue };
            if times.since.is_some_and(|since| stored.updated < since) {
                break;
            }
            bytes += stored.body.len();
            feed.versions.push(stored);
        }
        Ok(feed)
    }
}

/// What stands after the patient in a key of `compartment`.
fn kind_and_rid(rest: &[u8]) -> Option<(Kind, u64)> {
    let (kind, rid) = rest.split_first_chunk()?;
    Some((Kind::from_number(u16::from_be_bytes(*kind))?, read_number(rid)?))
}

/// The value of an entry in `compartment`; what cannot be read is withheld from whoever has anything withheld.
fn categories_of(value: &[u8]) -> Categories {
    match value {
        [] => Categories::NONE,
        bits => bits.first_chunk().map_or(Categories::ALL, |bits| Categories::from_bits(u16::from_be_bytes(*bits))),
    }
}

impl Reader<'_> {
    /// The current version of a resource, tombstones included; nothing if the View does not show it.
    pub fn get(&self, rid: u64) -> Result<Option<Stored>, Error> {
        self.view.spend(1)?;
        self.look_at(rid)
    }

    fn look_at(&self, rid: u64) -> Result<Option<Stored>, Error> {
        if let Some(known) = self.snapshot.recent().current(self.snapshot.id(), rid) {
            return self.show(known);
        }
        match self.current.get(&number(rid))? {
            Some(record) => self.admit(rid, record.value()),
            None => Ok(None),
        }
    }

    /// The current versions of several resources in the given order, without those that the View does not show.
    pub fn get_all(&self, rids: &[u64]) -> Result<Vec<Stored>, Error> {
        Ok(self.get_up_to(rids, usize::MAX)?.0)
    }

    /// As [`Reader::get_all`], but once their texts come to so many bytes the rest is left. The second part is how many of the
    /// numbers were looked at, of any at least one.
    ///
    /// Numbers that lie close together, as one member's do, are read in one walk over the tree.
    pub fn get_up_to(&self, rids: &[u64], bytes: usize) -> Result<(Vec<Stored>, usize), Error> {
        // At once for all: this is a page of records, or the few thousand that a chain may find.
        self.view.spend(u32::try_from(rids.len()).unwrap_or(u32::MAX))?;
        let mut taken = Taken { found: Vec::with_capacity(rids.len()), left: bytes };
        let mut looked = 0;
        while let Some(rid) = rids.get(looked)
            && let Some(known) = self.snapshot.recent().current(self.snapshot.id(), *rid)
        {
            looked += 1;
            if taken.is_full_with(self.show(known)?) {
                return Ok((taken.found, looked));
            }
        }
        let rest = rids.get(looked..).unwrap_or_default();
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return Ok((taken.found, looked)) };
        let dense = last.checked_sub(*first).is_some_and(|span| span <= rest.len() as u64 * MAX_GAP);
        if !dense || !rest.is_sorted() {
            for rid in rest {
                looked += 1;
                if taken.is_full_with(self.look_at(*rid)?) {
                    break;
                }
            }
            return Ok((taken.found, looked));
        }
        let mut wanted = rest.iter().peekable();
        for row in self.current.range(&*number(*first)..=&*number(*last))? {
            let (key, record) = row?;
            let Some(rid) = read_number(key.value()) else { continue };
            while wanted.next_if(|next| **next < rid).is_some() {
                looked += 1;
            }
            if wanted.next_if(|next| **next == rid).is_some() {
                looked += 1;
                if taken.is_full_with(self.admit(rid, record.value())?) {
                    return Ok((taken.found, looked));
                }
            }
        }
        Ok((taken.found, rids.len()))
    }

    /// Numbers of the View's patients that exist.
    #[must_use]
    pub fn patients(&self) -> &[u64] {
        &self.patients
    }

    fn kind_of(&self, rid: u64) -> Result<Option<Kind>, Error> {
        let record = self.current.get(&number(rid))?;
        record.map(|record| Ok(Header::read(record.value())?.0.kind)).transpose()
    }

    /// A version, if it and the current one are within the View.
    fn version(&self, rid: u64, version: u32) -> Result<Option<Stored>, Error> {
        match self.get(rid)? {
            Some(current) if current.version == version => Ok(Some(current)),
            Some(_) => self.past(rid, version),
            None => Ok(None),
        }
    }

    /// When a version became current, and when the next one did. Says nothing about the View.
    fn lived(&self, rid: u64, version: u32) -> Result<Option<(i64, Option<i64>)>, Error> {
        let Some(record) = self.current.get(&number(rid))? else { return Ok(None) };
        let newest = Header::read(record.value())?.0;
        let since = |version: u32| {
            if version >= newest.version {
                return Ok((version == newest.version).then_some(newest.updated));
            }
            let Some(rows) = self.snapshot.table(tables::HISTORY)? else { return Ok(None) };
            let record = rows.get(&history_key(rid, version))?;
            record.map(|record| Ok::<_, Error>(Header::read(record.value())?.0.updated)).transpose()
        };
        let Some(updated) = since(version)? else { return Ok(None) };
        Ok(Some((updated, since(version.saturating_add(1))?)))
    }

    fn past(&self, rid: u64, version: u32) -> Result<Option<Stored>, Error> {
        let Some(rows) = self.snapshot.table(tables::HISTORY)? else { return Ok(None) };
        match rows.get(&history_key(rid, version))? {
            Some(record) => self.admit_past(rid, record.value()),
            None => Ok(None),
        }
    }

    /// A record of an earlier version, if the View shows it. What is remembered is current, so this is not.
    fn admit_past(&self, rid: u64, record: &[u8]) -> Result<Option<Stored>, Error> {
        self.view.spend(1)?;
        let (header, packed) = Header::read(record)?;
        let Some(permit) = self.passes(&header) else { return Ok(None) };
        let body = self.snapshot.unpack(&header, packed)?;
        self.satisfying(Stored::new(rid, header, body)?, &permit)
    }

    /// A current record, if the View shows it.
    fn admit(&self, rid: u64, record: &[u8]) -> Result<Option<Stored>, Error> {
        let (header, packed) = Header::read(record)?;
        let Some(permit) = self.passes(&header) else { return Ok(None) };
        self.satisfying(self.snapshot.stored(rid, header, packed)?, &permit)
    }

    /// A current version that is known already, if the View shows it.
    fn show(&self, known: Stored) -> Result<Option<Stored>, Error> {
        match self.passes(&known.header) {
            Some(permit) => self.satisfying(known, &permit),
            None => Ok(None),
        }
    }

    /// A version whose header passed, if its content satisfies the conditions too.
    fn satisfying(&self, stored: Stored, permit: &Permit) -> Result<Option<Stored>, Error> {
        let satisfied = match permit {
            Permit::All => true,
            // A tombstone has no content that could satisfy a condition.
            Permit::Only(_) if stored.deleted => false,
            Permit::Only(only) => {
                self.view.spend(CHECK)?;
                satisfies(&stored.body, only)?
            }
        };
        Ok(satisfied.then_some(stored))
    }

    /// Whether the View shows a resource with that header; if so, what its content must satisfy.
    fn passes(&self, header: &Header) -> Option<Rc<Permit>> {
        let permit = self.permit_for(header.kind)?;
        let facts = Facts { kind: header.kind, audience: header.audience, categories: header.categories };
        let is_mine = || header.patients.iter().any(|rid| self.patients.contains(rid));
        self.view.shows(&facts, is_mine).then_some(permit)
    }

    fn permit_for(&self, kind: Kind) -> Option<Rc<Permit>> {
        let mut last = self.permit.borrow_mut();
        match &*last {
            Some((known, permit)) if *known == kind => permit.clone(),
            _ => {
                let permit = self.view.permit(kind, self.operation).map(Rc::new);
                *last = Some((kind, permit.clone()));
                permit
            }
        }
    }
}

/// Resources read up to a number of bytes.
struct Taken {
    found: Vec<Stored>,
    left: usize,
}

impl Taken {
    /// Takes what was read. True if that was the last to be taken.
    fn is_full_with(&mut self, stored: Option<Stored>) -> bool {
        let Some(stored) = stored else { return false };
        let full = stored.body.len() >= self.left;
        self.left = self.left.saturating_sub(stored.body.len());
        self.found.push(stored);
        full
    }
}

fn satisfies(body: &[u8], only: &[Vec<fhir::filter::Clause>]) -> Result<bool, Error> {
    let prepared = fhir::prepare(body).map_err(|_| Error::Corrupted("a stored resource".into()))?;
    Ok(only.iter().any(|clauses| clauses.iter().all(|clause| clause.matches(&prepared.extracted))))
}
