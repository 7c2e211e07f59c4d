//! Access facts of what is stored already, derived again when the rules have changed: who is in a record's header as its
//! patients, in which categories it is, where it is published. In steps, beside everything else that the store does.
//!
//! A resource whose labels change gets a new version, since labels are a part of it. Where only the header changes, the
//! version stays and the change feed says that it was derived again, so that the index follows. Versions of the past keep
//! their headers: they can be read only where the current one can.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::Error;
use super::record::Header;
use super::resources::compartment_key;
use super::snapshot::Snapshot;
use super::stored::Stored;
use super::tables::{self, number, read_u64};
use super::txn::{ChangeKind, Txn};
use crate::access::{self, Admitted, admit_text};
use crate::fhir::Kind;

/// The rules that made the facts of every record: a hash (u64).
const RULES: &[u8] = b"rules";
/// How far records were looked at under other rules: their hash (u64), then the next resource number (u64).
const RULES_AT: &[u8] = b"rules_at";

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rederived {
    /// Records that were looked at.
    pub looked: u64,
    /// Resources that have other labels, and so a new version.
    pub relabelled: u64,
    /// Records with other access facts.
    pub changed: u64,
    /// Records that could not be read as resources any more; their facts stay.
    pub unread: u64,
    /// True if there is nothing left to do.
    pub done: bool,
}

/// What a header says of the rules that made it.
pub(super) fn rules_mark() -> u16 {
    access::rules() as u16 | 1
}

impl Txn<'_> {
    /// Looks at the next `limit` resource numbers, if the rules have changed since all were looked at.
    pub fn rederive(&mut self, limit: u64, now: Timestamp) -> Result<Rederived, Error> {
        let rules = access::rules();
        let mut step = Rederived { done: true, ..Rederived::default() };
        if self.get(tables::META, RULES)?.as_deref().and_then(read_u64) == Some(rules) {
            return Ok(step);
        }
        let at = self.get(tables::META, RULES_AT)?;
        let of_these = at.as_deref().filter(|at| read_u64(at) == Some(rules));
        let from = of_these.and_then(|at| read_u64(at.get(8..)?)).unwrap_or(1);
        let last = self.rid;
        let next = from.saturating_add(limit);
        for rid in from..next.min(last.saturating_add(1)) {
            step.looked += 1;
            self.rederive_one(rid, now, &mut step)?;
        }
        if next > last {
            self.put(tables::META, RULES, rules.to_be_bytes())?;
            self.delete(tables::META, RULES_AT)?;
        } else {
            self.put(tables::META, RULES_AT, [rules, next].map(u64::to_be_bytes).concat())?;
            step.done = false;
        }
        Ok(step)
    }

    fn rederive_one(&mut self, rid: u64, now: Timestamp, step: &mut Rederived) -> Result<(), Error> {
        let Some(record) = self.get(tables::CURRENT, &number(rid))? else { return Ok(()) };
        let (before, packed) = Header::read(&record)?;
        if before.deleted || before.rules == rules_mark() {
            return Ok(());
        }
        let body = self.codec.decompress(packed)?;
        let Ok(admitted) = admit_text(&body) else {
            step.unread += 1;
            return Ok(());
        };
        if before.hash != admitted.hash as u64 {
            step.relabelled += 1;
            self.put_over(rid, Some(&record), &admitted, now, None)?;
            return Ok(());
        }
        let patients = self.patient_rids(&admitted.extracted.patients, rid, &admitted)?;
        let after = Header {
            rules: rules_mark(),
            audience: admitted.extracted.audience,
            categories: admitted.categories(),
            patients,
            ..before.clone()
        };
        if Facts::of(&before) == Facts::of(&after) {
            return Ok(());
        }
        step.changed += 1;
        for patient in before.patients.iter().filter(|patient| !after.patients.contains(patient)) {
            self.delete(tables::COMPARTMENT, &compartment_key(*patient, before.kind, rid))?;
        }
        self.enter_compartments(rid, &after)?;
        let mut record = Vec::with_capacity(packed.len() + 64);
        after.write(&mut record);
        record.extend_from_slice(packed);
        self.put(tables::CURRENT, &number(rid), record)?;
        let mut extracted = admitted.found_by(self.defined);
        Arc::make_mut(&mut extracted).updated = before.updated;
        self.change(rid, &after, ChangeKind::Rederived, Some(extracted))
    }
}

/// What access asks of a record.
#[derive(PartialEq, Eq)]
struct Facts<'h> {
    audience: crate::fhir::Audience,
    categories: access::Categories,
    patients: &'h [u64],
}

impl<'h> Facts<'h> {
    fn of(header: &'h Header) -> Self {
        Self { audience: header.audience, categories: header.categories, patients: &header.patients }
    }
}

impl Snapshot {
    /// True if every record was looked at under the rules of this version.
    pub fn is_derived(&self) -> Result<bool, Error> {
        Ok(self.get(tables::META, RULES)?.as_deref().and_then(read_u64) == Some(access::rules()))
    }

    /// Whether the access facts in a current record's header are what the rules make of the resource now; for `ingle verify`.
    pub fn facts_hold(&self, stored: &Stored, admitted: &Admitted) -> Result<bool, Error> {
        let header = &stored.header;
        let mut patients = Vec::with_capacity(header.patients.len());
        if stored.kind == Kind::PATIENT {
            patients.push(stored.rid);
        } else if admitted.extracted.patients.len() <= super::record::MAX_PATIENTS {
            for id in &admitted.extracted.patients {
                patients.extend(self.rid(Kind::PATIENT, id)?);
            }
        }
        Ok(header.audience == admitted.extracted.audience
            && header.categories == admitted.categories()
            && header.patients == patients)
    }
}
