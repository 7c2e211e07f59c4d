//! Parts of claims, payments, enrollments and reviews, kept before and after they are assembled.
//!
//! | table | key | value |
//! |---|---|---|
//! | `load.parts` | class (u8), group (16 bytes), set (u8), order, hash of the text (8 bytes) | place and text, as `packed` writes them |
//! | `load.dirty` | class (u8), neighborhood (8 bytes), group (16 bytes) | nothing |
//! | `load.made` | class (u8), group (16 bytes) | types and ids of the resources that the group produced, as JSON |
//! | `load.claims_of` | patient (16 bytes), key of `load.dirty` | nothing |
//! | `load.claim_numbers` | payer's claim control number (16 bytes), role (u8), group (16 bytes) | the number that replaces it, U+001F, the identity of the replacing claim |
//!
//! Groups, claim control numbers and neighborhoods are sorted by the digits in their names ([`ordered`]): numbers are
//! issued in sequence, so the parts of one file lie together in the tables, and a commit writes few pages. With digests
//! as keys, each commit wrote most pages of tables that grow with every load.
//!
//! The resources of a group follow from all its parts, so the order in which files are loaded does not matter and
//! loading a file twice changes nothing. A group is dirty from the commit that brings a part until the commit that
//! stores its resources: a load that was killed goes on where it was. A group that waits for a member who is not on the
//! roster yet stays dirty.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::commit::Writing;
use crate::access::Admitted;
use crate::fhir::Kind;
use crate::formats::Format;
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::records::{self, Identity, Part, Replaces, RowOutcome, Set, plain_number};
use crate::formats::x12::{self, Eligibility, EnvelopeIssue, PartTaker, Tally};
use crate::load::report::Ledger;
use crate::load::{Error, Target};
use crate::store::{self, Snapshot, Store, Table};

const PARTS: Table = Table::new("load.parts");
/// Not in the journal of a load: which groups must be assembled again follows from what each produced.
pub(super) const DIRTY: Table = Table::new("load.dirty");
const MADE: Table = Table::new("load.made");
const CLAIMS_OF: Table = Table::new("load.claims_of");
const CLAIM_NUMBERS: Table = Table::new("load.claim_numbers");

/// All tables of this file.
pub(super) const TABLES: [Table; 5] = [PARTS, DIRTY, MADE, CLAIMS_OF, CLAIM_NUMBERS];

/// Parts in one transaction.
const GROUP: usize = 4_000;
/// Parts of one group; a claim has a handful, a member's enrollment a few hundred over the years.
const PARTS_MAX: usize = 2_000;
/// The largest part, unpacked.
const PART_BYTES: usize = 4 << 20;
/// Claims of one member that are assembled again when the coverage changes.
const CLAIMS_MAX: usize = 100_000;
/// Claims that replace the same claim.
const REPLACED_MAX: usize = 16;

/// The classes of groups; parts of one class are assembled together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Enrolment = 1,
    Claims = 2,
    Reviews = 3,
}

impl Class {
    const fn of(set: Set) -> Self {
        match set {
            Set::Enrolment => Self::Enrolment,
            Set::Claims | Set::Payments | Set::Rows => Self::Claims,
            Set::Reviews | Set::ReviewRows => Self::Reviews,
        }
    }
}

/// The name of a group, as it stands in keys.
pub(super) type GroupKey = [u8; 16];

/// A part as it was stored.
pub(super) struct KeptPart {
    pub(super) set: Set,
    pub(super) place: RecordPlace,
    pub(super) text: String,
}

/// Takes parts, and returns them by group.
pub(super) struct Shelf<'a> {
    target: &'a Target<'a>,
    /// In a dry run the parts go to this store instead.
    scratch: Option<(Store, PathBuf)>,
    waiting: Vec<(Part, RecordPlace)>,
    /// New parts of this run, by group: how many of each set.
    fresh: Mutex<HashMap<GroupKey, [u32; Set::COUNT]>>,
    packer: zstd::bulk::Compressor<'static>,
    /// The group that is on its way to disk.
    writing: Option<Writing<WrittenParts>>,
}

impl<'a> Shelf<'a> {
    /// `scratch` is where a dry run may keep parts.
    pub(super) fn new(target: &'a Target<'a>, scratch: Option<PathBuf>) -> Result<Self, Error> {
        let scratch = match scratch {
            Some(path) => {
                // A run that was killed may have left one.
                let _ = std::fs::remove_file(&path);
                Some((Store::open(&path)?, path))
            }
            None => None,
        };
        let packer = zstd::bulk::Compressor::new(1).map_err(|_| Error::Worker)?;
        Ok(Self { target, scratch, waiting: Vec::new(), fresh: Mutex::default(), packer, writing: None })
    }

    fn store(&self) -> &Store {
        self.scratch.as_ref().map_or(self.target.store, |(store, _)| store)
    }

    /// Takes a part; it is on disk after the next [`Shelf::flush`].
    pub(super) fn add(&mut self, part: Part, place: RecordPlace, ledger: &mut Ledger) -> Result<(), Error> {
        self.waiting.push((part, place));
        if self.waiting.len() >= GROUP { self.send(ledger) } else { Ok(()) }
    }

    /// Puts everything on disk.
    pub(super) fn flush(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        self.send(ledger)?;
        self.settled(ledger)
    }

    /// Waits for the group that is being written.
    fn settled(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        for (group, set, is_new) in writing.wait()? {
            if is_new {
                if let Some(count) = self.fresh.get_mut().entry(group).or_default().get_mut(set as usize) {
                    *count += 1;
                }
            } else {
                ledger.kept(format(set), false);
            }
        }
        Ok(())
    }

    /// Hands a group to the store while the next is read.
    fn send(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(self.waiting.len());
        for (part, place) in std::mem::take(&mut self.waiting) {
            rows.push(self.row(&part, &place));
        }
        self.settled(ledger)?;
        self.writing = Some(Writing::start(self.store(), false, move |txn| put(txn, rows))?);
        Ok(())
    }

    fn row(&mut self, part: &Part, place: &RecordPlace) -> PartRow {
        let class = Class::of(part.set);
        let group = ordered(&part.group);
        let mut key = vec![class as u8];
        key.extend_from_slice(&group);
        key.push(part.set as u8);
        key.extend_from_slice(part.order.as_bytes());
        key.extend_from_slice(&xxh3_64(part.text.as_bytes()).to_be_bytes());
        let mut plain = Vec::with_capacity(part.text.len() + place.file.len() + 16);
        plain.extend_from_slice(place.line.to_string().as_bytes());
        plain.push(0);
        plain.extend_from_slice(place.file.as_bytes());
        plain.push(0);
        plain.extend_from_slice(part.text.as_bytes());
        let mut value = (plain.len() as u32).to_be_bytes().to_vec();
        value.extend(self.packer.compress(&plain).unwrap_or_default());
        let numbers = claim_numbers(part)
            .into_iter()
            .map(|(number, replaces)| {
                let mut key = ordered(&number).to_vec();
                key.push(u8::from(replaces.is_some()));
                key.extend_from_slice(&group);
                let value = replaces.map(|Replaces { by, identity }| format!("{by}\u{1f}{}", identity.text()));
                (key, value.unwrap_or_default().into_bytes())
            })
            .collect();
        let neighbour = if class == Class::Enrolment { part.group.as_str() } else { member(part) };
        let near = digits(neighbour).to_be_bytes();
        PartRow { class, set: part.set, group, near, key, value, numbers }
    }

    /// New parts of a group in this run, by set; returned once, so that a group that is read again is not counted
    /// again.
    pub(super) fn take_fresh(&self, group: &GroupKey) -> [u32; Set::COUNT] {
        self.fresh.lock().remove(group).unwrap_or_default()
    }

    /// A reader of the parts.
    pub(super) fn reader(&self) -> Result<ShelfReader, Error> {
        let snapshot = self.target.store.snapshot()?;
        let scratch = self.scratch.as_ref().map(|(store, _)| store.snapshot()).transpose()?;
        let unpacker = RefCell::new(zstd::bulk::Decompressor::new().map_err(|_| Error::Worker)?);
        Ok(ShelfReader { snapshot, scratch, unpacker })
    }

    /// Dirty groups of a class that follow a key, in the order of members.
    pub(super) fn dirty(&self, class: Class, after: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Error> {
        let snapshot = self.store().snapshot()?;
        let rows = snapshot.scan_from(DIRTY, &[class as u8], after, most)?;
        Ok(rows.into_iter().map(|(key, _)| key).collect())
    }

    /// Records what a group produced, and deletes what it produced last time but no longer does.
    pub(super) fn settle(
        txn: &mut store::Txn<'_>,
        dirty: &[u8],
        made: &[&Admitted],
        now: Timestamp,
    ) -> Result<(), store::Error> {
        txn.delete(DIRTY, dirty)?;
        if dirty.first() != Some(&(Class::Enrolment as u8)) {
            for patient in made.iter().flat_map(|one| &one.extracted.patients) {
                txn.put(CLAIMS_OF, &[patient_key(patient).as_slice(), dirty].concat(), Vec::new())?;
            }
        }
        let key: Vec<u8> = dirty.iter().take(1).chain(dirty.iter().skip(9)).copied().collect();
        let before: Vec<(String, String)> = txn.get_json(MADE, &key)?.unwrap_or_default();
        let made: Vec<(String, String)> = made.iter().map(|one| (one.kind.name().to_owned(), one.id.clone())).collect();
        if before == made {
            return Ok(());
        }
        for (kind, id) in before.iter().filter(|one| !made.contains(one)) {
            if let Some(kind) = Kind::parse(kind) {
                txn.delete_resource(kind, id, now, None)?;
            }
        }
        txn.put_json(MADE, &key, &made)
    }

    /// Marks the claims of a member whose coverage changed for re-assembly.
    pub(super) fn mark_claims_of(txn: &mut store::Txn<'_>, patient: &str) -> Result<(), store::Error> {
        let prefix = patient_key(patient);
        for (key, _) in txn.scan(CLAIMS_OF, &prefix, CLAIMS_MAX)? {
            txn.put(DIRTY, key.get(prefix.len()..).unwrap_or_default(), Vec::new())?;
        }
        Ok(())
    }

    /// Removes the store of a dry run.
    pub(super) fn end(self) {
        if let Some((store, path)) = self.scratch {
            store.close();
            drop(store);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%error, "the scratch file of a dry run could not be removed");
            }
        }
    }
}

/// The group and set of each part, and whether it is new.
type WrittenParts = Vec<(GroupKey, Set, bool)>;

fn put(txn: &mut store::Txn<'_>, rows: Vec<PartRow>) -> Result<WrittenParts, store::Error> {
    let mut wrote = Vec::with_capacity(rows.len());
    for row in rows {
        let is_new = txn.get(PARTS, &row.key)?.is_none();
        wrote.push((row.group, row.set, is_new));
        if !is_new {
            continue;
        }
        txn.put(PARTS, &row.key, row.value)?;
        txn.put(DIRTY, &dirty_key(row.class, row.near, row.group), Vec::new())?;
        for (key, value) in row.numbers {
            let (number, is_replacement) = (key.get(..16).unwrap_or_default().to_vec(), !value.is_empty());
            txn.put(CLAIM_NUMBERS, &key, value)?;
            if !is_replacement {
                continue;
            }
            // Mark the claim that has that number for re-assembly.
            for (other, _) in txn.scan(CLAIM_NUMBERS, &number, REPLACED_MAX)? {
                if let Some(group) = other.get(17..).and_then(|group| group.try_into().ok()) {
                    txn.put(DIRTY, &dirty_key(row.class, row.near, group), Vec::new())?;
                }
            }
        }
    }
    Ok(wrote)
}

struct PartRow {
    class: Class,
    set: Set,
    group: GroupKey,
    near: [u8; 8],
    key: Vec<u8>,
    value: Vec<u8>,
    numbers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Marks the group of a row of `load.made` that a load is about to give back its earlier value.
pub(super) fn mark_group(txn: &mut store::Txn<'_>, table: Table, key: &[u8]) -> Result<(), store::Error> {
    let Some((class, group)) = key.split_first().filter(|_| table == MADE) else { return Ok(()) };
    txn.put(DIRTY, &[&[*class], [0; 8].as_slice(), group].concat(), Vec::new())
}

/// A name as it stands in keys: the number that its digits spell, and a digest that distinguishes names with the same
/// digits.
fn ordered(name: &str) -> [u8; 16] {
    (u128::from(digits(name)) << 64 | u128::from(xxh3_64(name.as_bytes()))).to_be_bytes()
}

/// The number that the digits of a name spell, modulo 2^64.
fn digits(name: &str) -> u64 {
    let digits = name.bytes().filter(u8::is_ascii_digit);
    digits.fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

fn patient_key(patient: &str) -> [u8; 16] {
    xxh3_128(patient.as_bytes()).to_be_bytes()
}

fn dirty_key(class: Class, near: [u8; 8], group: GroupKey) -> Vec<u8> {
    [&[class as u8], near.as_slice(), group.as_slice()].concat()
}

/// The group of a dirty row.
pub(super) fn group_of(dirty: &[u8]) -> Option<GroupKey> {
    dirty.get(9..)?.try_into().ok()
}

/// The format of a set, by its name on the command line.
pub(super) const fn format(set: Set) -> Format {
    match set {
        Set::Enrolment => Format::Enrolment,
        Set::Claims => Format::Claims,
        Set::Payments => Format::Payments,
        Set::Reviews => Format::Reviews,
        Set::Rows | Set::ReviewRows => Format::ClaimRows,
    }
}

/// Reads parts, from any thread.
pub(super) struct ShelfReader {
    snapshot: Snapshot,
    scratch: Option<Snapshot>,
    unpacker: RefCell<zstd::bulk::Decompressor<'static>>,
}

impl ShelfReader {
    /// The parts of a group, the earliest first within each set.
    pub(super) fn parts(&self, class: Class, group: GroupKey) -> Result<Vec<KeptPart>, Error> {
        let prefix = [&[class as u8], group.as_slice()].concat();
        let mut rows = self.snapshot.scan(PARTS, &prefix, PARTS_MAX)?;
        if let Some(scratch) = &self.scratch {
            rows.extend(scratch.scan(PARTS, &prefix, PARTS_MAX)?);
            rows.sort();
            rows.dedup();
        }
        let mut parts = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let set = key.get(17).and_then(|number| Set::from_number(*number));
            let (Some(set), Some(kept)) = (set, unpacked(&value, &mut self.unpacker.borrow_mut())) else {
                return Err(store::Error::Corrupted("a part of a claim or an enrolment".into()).into());
            };
            // Between the group and the hash stands the order.
            let order = key.get(18..key.len().saturating_sub(8)).unwrap_or_default().to_vec();
            parts.push((order, KeptPart { set, ..kept }));
        }
        // Claims and payments of one day: the claim first.
        parts.sort_by(|(one, a), (other, b)| one.cmp(other).then((a.set as u8).cmp(&(b.set as u8))));
        Ok(parts.into_iter().map(|(_, kept)| kept).collect())
    }

    /// Numbers of claims of other groups that replace the claim with this number. A mistyped number names somebody
    /// else's claim: claims that are not of this `identity` replace nothing, and are counted.
    pub(super) fn replaced_by(
        &self,
        number: &str,
        group: GroupKey,
        identity: &Identity,
    ) -> Result<(Vec<String>, usize), Error> {
        let prefix = [ordered(&plain_number(number)).as_slice(), &[1]].concat();
        let mut rows = self.snapshot.scan(CLAIM_NUMBERS, &prefix, REPLACED_MAX)?;
        if let Some(scratch) = &self.scratch {
            rows.extend(scratch.scan(CLAIM_NUMBERS, &prefix, REPLACED_MAX)?);
        }
        let others = rows.into_iter().filter(|(key, _)| key.get(17..) != Some(group.as_slice()));
        let replacements: HashSet<String> = others.filter_map(|(_, value)| String::from_utf8(value).ok()).collect();
        let split = replacements.iter().filter_map(|value| value.split_once('\u{1f}'));
        let (own, strange): (Vec<_>, Vec<_>) = split.partition(|(_, known_member)| {
            Identity::parse(known_member).is_some_and(|known_member| known_member.is(identity))
        });
        let mut numbers: Vec<String> = own.into_iter().map(|(by, _)| by.to_owned()).collect();
        numbers.sort();
        Ok((numbers, strange.len()))
    }
}

fn unpacked(value: &[u8], unpacker: &mut zstd::bulk::Decompressor<'static>) -> Option<KeptPart> {
    let (length, packed) = value.split_first_chunk()?;
    let length = (u32::from_be_bytes(*length) as usize).min(PART_BYTES);
    let plain = String::from_utf8(unpacker.decompress(packed, length).ok()?).ok()?;
    let mut pieces = plain.splitn(3, '\0');
    let (line, file, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let place = RecordPlace { file: Arc::from(file), line: line.parse().ok()?, entry: None };
    Some(KeptPart { set: Set::Claims, place, text: text.to_owned() })
}

/// Puts the parts that a splitter finds on the shelf.
pub(super) struct ToShelf<'s, 'a> {
    pub(super) shelf: &'s mut Shelf<'a>,
    pub(super) ledger: &'s mut Ledger,
    pub(super) file: Arc<str>,
    /// The eligibility inquiries and responses in the file.
    pub(super) asked: Tally,
    /// The first failure; nothing is taken after it.
    pub(super) failed: Option<Error>,
}

impl ToShelf<'_, '_> {
    /// Takes an outcome of a file of rows; false after a failure.
    pub(super) fn found(&mut self, found: RowOutcome) -> bool {
        match found {
            RowOutcome::Part(part) => self.part(part),
            RowOutcome::Refused(line, rule, reason) => self.note(line, rule, reason),
        }
        self.failed.is_none()
    }

    /// Reports the records of the file that are not kept.
    pub(super) fn tell_asked(&mut self) {
        if let Some(words) = self.asked.words() {
            self.note(0, Rule::Eligibility, words);
        }
    }

    fn note(&mut self, line: u64, rule: Rule, reason: impl Into<String>) {
        let place = RecordPlace { file: Arc::clone(&self.file), line, entry: None };
        let (rule, reject) = place.reject(rule, reason);
        if self.failed.is_none() {
            self.failed = self.ledger.reject(rule, &reject).err();
        }
    }
}

impl PartTaker for ToShelf<'_, '_> {
    fn part(&mut self, part: Part) {
        if self.failed.is_none() {
            let place = RecordPlace { file: Arc::clone(&self.file), line: part.segment, entry: None };
            self.failed = self.shelf.add(part, place, self.ledger).err();
        }
    }

    fn asked(&mut self, segment: u64, part: &str) {
        let (part, flaws) = Eligibility::read(part);
        self.asked.add(&part);
        for (behind, what) in flaws {
            self.note(segment + behind, Rule::EligibilityFlaw, what);
        }
    }

    fn trouble(&mut self, trouble: EnvelopeIssue) {
        let (segment, rule, reason) = match trouble {
            EnvelopeIssue::NotX12(segment) => {
                (segment, Rule::Segment, "bytes after this segment are no X12".to_owned())
            }
            EnvelopeIssue::OtherSet(segment, set) => {
                (segment, Rule::OtherMessage, format!("a transaction set {} is not loaded", plain(&set)))
            }
            EnvelopeIssue::Totals(segment, what) => (segment, Rule::Totals, what.to_owned()),
            EnvelopeIssue::Cut(segment) => (
                segment,
                Rule::Truncated,
                "the file ends inside a transaction set; good records before that are kept".to_owned(),
            ),
            EnvelopeIssue::Nameless(segment, what) => (segment, Rule::Segment, what.to_owned()),
            EnvelopeIssue::TooLong(segment) => {
                (segment, Rule::TooLong, "longer than any claim or member is".to_owned())
            }
        };
        self.note(segment, rule, reason);
    }
}

/// The number of a transaction set, if it looks like one: reasons quote nothing else.
fn plain(set: &str) -> &str {
    if set.len() == 3 && set.bytes().all(|byte| byte.is_ascii_digit()) { set } else { "without a number" }
}

/// The member's number, so that one member's parts lie together; empty if the part has none.
fn member(part: &Part) -> &str {
    match part.set {
        Set::Rows | Set::ReviewRows => records::ClaimRow::member_of(&part.text),
        _ => x12::member(&part.text),
    }
}

/// Claim control numbers that the part is about, each with the number that replaces it where the part's own claim
/// replaces it.
fn claim_numbers(part: &Part) -> Vec<(String, Option<Replaces>)> {
    let mut out = match part.set {
        Set::Rows => records::ClaimRow::claim_numbers_of(&part.text),
        set => x12::claim_numbers(set, &part.text).into_iter().collect(),
    };
    for (number, _) in &mut out {
        *number = plain_number(number);
    }
    out.retain(|(number, _)| !number.is_empty());
    out
}
