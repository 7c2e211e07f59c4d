//! Writing resources: one closure of the writer turns a prepared resource into records, compartment entries and a
//! change. Writing what is already there changes nothing.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::Error;
use super::record::{Header, MAX_PATIENTS};
use super::rederive::rules_mark;
use super::tables::{self, id_key, number, read_number, split_number};
use super::txn::{Change, ChangeKind, Txn};
use crate::access::{Admitted, admit_text};
use crate::fhir::{self, Extracted, Kind};

/// Versions that [`Txn::was_replaced`] looks at.
const VERSIONS_COMPARED: usize = 100;

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The resource is new, or was deleted and is back.
    Created,
    /// It has a new version.
    Updated,
    /// It was already so.
    Unchanged,
}

/// The answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// What happened.
    pub outcome: Outcome,
    /// The version now current.
    pub version: u32,
    /// When it became so, as served in `meta.lastUpdated`.
    pub updated: Timestamp,
}

impl Txn<'_> {
    /// Stores a resource as its next version, unless its content is already current.
    ///
    /// `expected` is the version the caller saw (`If-Match`); [`Error::VersionConflict`] if another is current.
    pub fn put_resource(
        &mut self,
        prepared: &Admitted,
        now: Timestamp,
        expected: Option<u32>,
    ) -> Result<Written, Error> {
        let (rid, old) = self.current_of(prepared)?;
        self.put_over(rid, old.as_deref(), prepared, now, expected)
    }

    /// Stores a resource of which several sources speak: `merge` is given what is stored, if that says something else, and may
    /// give back what to store instead.
    pub fn put_merged(
        &mut self,
        prepared: &Admitted,
        now: Timestamp,
        merge: impl FnOnce(&[u8]) -> Result<Option<Admitted>, Error>,
    ) -> Result<Written, Error> {
        let (rid, old) = self.current_of(prepared)?;
        let mut merged = None;
        if let Some(record) = &old {
            let (header, packed) = Header::read(record)?;
            if !header.deleted && header.hash != prepared.hash as u64 {
                merged = merge(&self.codec.decompress(packed)?)?;
            }
        }
        self.put_over(rid, old.as_deref(), merged.as_ref().unwrap_or(prepared), now, None)
    }

    /// The text of a resource as it is stored; absent if it was deleted or never was.
    pub fn current_text(&mut self, kind: Kind, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(rid) = self.get(tables::IDS, &id_key(kind, id))?.as_deref().and_then(read_number) else {
            return Ok(None);
        };
        let Some(record) = self.get(tables::CURRENT, &number(rid))? else { return Ok(None) };
        let (header, packed) = Header::read(&record)?;
        if header.deleted { Ok(None) } else { Ok(Some(self.codec.decompress(packed)?)) }
    }

    /// The resource's number, and its current record if there is one.
    fn current_of(&mut self, prepared: &Admitted) -> Result<(u64, Option<Vec<u8>>), Error> {
        let (rid, is_new) = self.rid_of(prepared.kind, &prepared.id)?;
        // Most resources of a first load are new: that one look-up says it is enough.
        let old = if is_new { None } else { self.get(tables::CURRENT, &number(rid))? };
        Ok((rid, old))
    }

    pub(super) fn put_over(
        &mut self,
        rid: u64,
        old: Option<&[u8]>,
        prepared: &Admitted,
        now: Timestamp,
        expected: Option<u32>,
    ) -> Result<Written, Error> {
        let old = old.map(|record| Ok::<_, Error>((Header::read(record)?.0, record))).transpose()?;
        let old_version = old.as_ref().map_or(0, |(header, _)| header.version);
        if expected.is_some_and(|expected| expected != old_version) {
            return Err(Error::VersionConflict);
        }
        if let Some((header, _)) = &old
            && !header.deleted
            && header.hash == prepared.hash as u64
        {
            let updated = Timestamp::from_microsecond(header.updated).unwrap_or(now);
            return Ok(Written { outcome: Outcome::Unchanged, version: header.version, updated });
        }
        let mut extracted = prepared.found_by(self.defined);
        if extracted.updated != now.as_microsecond() {
            Arc::make_mut(&mut extracted).updated = now.as_microsecond();
        }
        let header = Header {
            deleted: false,
            rules: rules_mark(),
            audience: extracted.audience,
            kind: prepared.kind,
            version: old_version + 1,
            updated: extracted.updated,
            hash: prepared.hash as u64,
            categories: prepared.categories(),
            // The body says it.
            id: String::new(),
            patients: self.patient_rids(&extracted.patients, rid, prepared)?,
        };
        let mut record = Vec::with_capacity(512);
        header.write(&mut record);
        let render = || prepared.render(header.version, now);
        if let Some((id, dictionary)) = self.codec.learn(prepared.kind, render) {
            let mut value = prepared.kind.number().to_be_bytes().to_vec();
            value.extend_from_slice(&dictionary);
            self.put(tables::DICTIONARIES, &id.to_be_bytes(), value)?;
        }
        match prepared.packed.as_ref().filter(|packed| (packed.version, packed.updated) == (header.version, now)) {
            Some(packed) => record.extend_from_slice(&packed.body),
            None => self.codec.compress(prepared.kind, &render(), &mut record),
        }
        let created = old.as_ref().is_none_or(|(header, _)| header.deleted);
        let kind = if old.is_none() { ChangeKind::Created } else { ChangeKind::Updated };
        self.replace(rid, old, &header, record)?;
        self.change(rid, &header, kind, Some(extracted))?;
        let outcome = if created { Outcome::Created } else { Outcome::Updated };
        Ok(Written { outcome, version: header.version, updated: now })
    }

    /// Stores what is known of something from passing mention, such as a provider whom a claim names: not over what its own
    /// source says and is public, and of several mentions always the same one, whatever their order: the one that says
    /// most, which is the longest; of two as long, the one with the smaller hash.
    pub fn put_mention(&mut self, prepared: &Admitted, now: Timestamp) -> Result<Outcome, Error> {
        let key = id_key(prepared.kind, &prepared.id);
        if let Some(rid) = self.get(tables::IDS, &key)?.as_deref().and_then(read_number)
            && let Some(current) = self.get(tables::CURRENT, &number(rid))?
        {
            let (header, packed) = Header::read(&current)?;
            let is_public = header.audience.directory || header.audience.formulary;
            let hash = prepared.hash as u64;
            if !header.deleted && (is_public || header.hash == hash) {
                return Ok(Outcome::Unchanged);
            }
            let stored = if header.deleted { 0 } else { self.codec.decompress(packed)?.len() };
            // As it would be in the stored one's place, so that version and time make no difference.
            let updated = Timestamp::from_microsecond(header.updated).unwrap_or(now);
            let own = prepared.render(header.version, updated).len();
            if stored > own || stored == own && header.hash < hash {
                return Ok(Outcome::Unchanged);
            }
        }
        Ok(self.put_resource(prepared, now, None)?.outcome)
    }

    /// Goes back over a part of the change feed, from its last change to its first: what each changed is as it was before,
    /// as a new version. Resources that somebody changed later stay as they are. Returns how many went back and how many
    /// stayed.
    pub fn go_back(&mut self, after: u64, until: u64, now: Timestamp) -> Result<(u64, u64), Error> {
        let (mut back, mut stayed) = (0, 0);
        for seq in (after.saturating_add(1)..=until).rev() {
            let Some(row) = self.get(tables::CHANGES, &number(seq))? else { continue };
            let parts = row.split_first().filter(|(kind, _)| **kind != ChangeKind::Rederived as u8);
            let parts = parts.and_then(|(_, rest)| split_number(rest));
            let Some((rid, Some(version))) = parts.map(|(rid, rest)| (rid, read_number(rest))) else { continue };
            let Some(current) = self.get(tables::CURRENT, &number(rid))? else { continue };
            let (header, body) = Header::read(&current)?;
            if u64::from(header.version) != version && header.updated != now.as_microsecond() {
                stayed += 1;
                continue;
            }
            let id = if header.deleted {
                header.id.clone()
            } else {
                let body = self.codec.decompress(body)?;
                fhir::stored_id(header.kind, &body).unwrap_or_default().to_owned()
            };
            let before = match version.checked_sub(1).filter(|before| *before > 0) {
                Some(before) => self.get(tables::HISTORY, &history_key(rid, before as u32))?,
                None => None,
            };
            let before = before.as_deref().map(Header::read).transpose()?.filter(|(header, _)| !header.deleted);
            match before {
                None => {
                    self.delete_resource(header.kind, &id, now, None)?;
                }
                Some((_, packed)) => {
                    let body = self.codec.decompress(packed)?;
                    let prepared =
                        admit_text(&body).map_err(|_| Error::Corrupted("an earlier version of a resource".into()))?;
                    self.put_resource(&prepared, now, None)?;
                }
            }
            back += 1;
        }
        Ok((back, stayed))
    }

    /// True if this content was an earlier version of the resource and something else is current. A load asks, so that
    /// files which tell the history of a resource can be loaded again without telling it again.
    pub fn was_replaced(&mut self, prepared: &Admitted) -> Result<bool, Error> {
        let key = id_key(prepared.kind, &prepared.id);
        let Some(rid) = self.get(tables::IDS, &key)?.as_deref().and_then(read_number) else { return Ok(false) };
        match self.get(tables::CURRENT, &number(rid))? {
            Some(current) if Header::read(&current)?.0.hash != prepared.hash as u64 => {}
            _ => return Ok(false),
        }
        for (_, record) in self.scan(tables::HISTORY, &number(rid), VERSIONS_COMPARED)? {
            let header = Header::read(&record)?.0;
            if !header.deleted && header.hash == prepared.hash as u64 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Leaves a tombstone. Returns its version, or nothing if there is nothing to delete.
    ///
    /// `expected` is the version the caller saw; [`Error::VersionConflict`] if another is current.
    pub fn delete_resource(
        &mut self,
        kind: Kind,
        id: &str,
        now: Timestamp,
        expected: Option<u32>,
    ) -> Result<Option<u32>, Error> {
        let Some(rid) = self.get(tables::IDS, &id_key(kind, id))?.as_deref().and_then(read_number) else {
            return Ok(None);
        };
        let Some(old) = self.get(tables::CURRENT, &number(rid))? else { return Ok(None) };
        let (before, _) = Header::read(&old)?;
        if before.deleted {
            return Ok(None);
        }
        if expected.is_some_and(|expected| expected != before.version) {
            return Err(Error::VersionConflict);
        }
        let header = Header {
            deleted: true,
            version: before.version + 1,
            updated: now.as_microsecond(),
            hash: 0,
            // There is no body to say it.
            id: id.to_owned(),
            // Whose it was and where it was public decides who may learn that it is gone.
            ..before.clone()
        };
        let mut record = Vec::with_capacity(128);
        header.write(&mut record);
        self.replace(rid, Some((before, &old)), &header, record)?;
        self.change(rid, &header, ChangeKind::Deleted, None)?;
        Ok(Some(header.version))
    }

    /// The resource's number, and whether it is a new one because the resource was never seen.
    fn rid_of(&mut self, kind: Kind, id: &str) -> Result<(u64, bool), Error> {
        let key = id_key(kind, id);
        if let Some(rid) = self.get(tables::IDS, &key)?.as_deref().and_then(read_number) {
            return Ok((rid, false));
        }
        self.rid += 1;
        let rid = self.rid;
        self.put(tables::IDS, &key, &*number(rid))?;
        Ok((rid, true))
    }

    pub(super) fn patient_rids(
        &mut self,
        patients: &[Box<str>],
        own: u64,
        prepared: &Admitted,
    ) -> Result<Vec<u64>, Error> {
        if prepared.kind == Kind::PATIENT {
            return Ok(vec![own]);
        }
        if patients.len() > MAX_PATIENTS {
            return Ok(Vec::new());
        }
        patients.iter().map(|id| Ok(self.rid_of(Kind::PATIENT, id)?.0)).collect()
    }

    /// Moves the old version to history, sets the new one, and keeps the compartments in step.
    pub(super) fn replace(
        &mut self,
        rid: u64,
        old: Option<(Header, &[u8])>,
        header: &Header,
        record: Vec<u8>,
    ) -> Result<(), Error> {
        if let Some((before, bytes)) = old {
            self.put(tables::HISTORY, &history_key(rid, before.version), bytes)?;
            for patient in before.patients.iter().filter(|p| header.deleted || !header.patients.contains(p)) {
                self.delete(tables::COMPARTMENT, &compartment_key(*patient, before.kind, rid))?;
            }
        }
        if !header.deleted {
            self.enter_compartments(rid, header)?;
        }
        self.put(tables::CURRENT, &number(rid), record)
    }

    pub(super) fn enter_compartments(&mut self, rid: u64, header: &Header) -> Result<(), Error> {
        let bits = header.categories.bits();
        let categories = if bits == 0 { Vec::new() } else { bits.to_be_bytes().to_vec() };
        for patient in &header.patients {
            self.put(tables::COMPARTMENT, &compartment_key(*patient, header.kind, rid), categories.clone())?;
        }
        Ok(())
    }

    pub(super) fn change(
        &mut self,
        rid: u64,
        header: &Header,
        kind: ChangeKind,
        extracted: Option<Arc<Extracted>>,
    ) -> Result<(), Error> {
        self.seq += 1;
        let value = [&[kind as u8], &*number(rid), &number(header.version.into())].concat();
        self.put(tables::CHANGES, &number(self.seq), value)?;
        self.changes.push(Change { seq: self.seq, rid, resource: header.kind, kind, extracted });
        Ok(())
    }
}

/// The key of an entry in `compartment`.
pub(super) fn compartment_key(patient: u64, kind: Kind, rid: u64) -> Vec<u8> {
    [&*number(patient), &kind.number().to_be_bytes(), &number(rid)].concat()
}

/// The key of a version in `history`.
pub(super) fn history_key(rid: u64, version: u32) -> Vec<u8> {
    [&*number(rid), &version.to_be_bytes()].concat()
}
