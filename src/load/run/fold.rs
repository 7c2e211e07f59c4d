//! Assembles dirty groups of the shelf into resources: they are read, assembled and mapped on every core, and stored in
//! order.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use xxhash_rust::xxh3::xxh3_64;

use super::Run;
use super::commit::CommitEntry;
use super::ordered::{self, InOrder, Numbered};
use super::shelf::{Class, GroupKey, KeptPart, Shelf, ShelfReader, format, group_of};
use super::work::prepared;
use crate::config::{ClaimsAsClinical, Policy};
use crate::formats::Format;
use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::formats::records::{ClaimRow, Identity, Set};
use crate::formats::x12::{Claim, Remit, Review};
use crate::identity::matching::Roster;
use crate::load::signs::Signs;
use crate::load::{Error, Request, Target};
use crate::map::claims::{ClaimResources, ClaimStatement, Reviewed, RowCase, fold, review_rows, reviewed};
use crate::map::record::{KnownMember, NamedMember, PlanContext};

/// Groups that one worker takes at a time.
const CHUNK: usize = 200;
/// Chunks in progress, per worker.
const UNDER_WAY: usize = 2;
/// More workers than this wait for the store's one writer.
const WORKERS_MAX: usize = 8;

/// The result of one group.
#[derive(Default)]
struct GroupOutcome {
    entries: Vec<CommitEntry>,
    rejects: Vec<(Rule, Reject)>,
    signs: Vec<(RecordPlace, Signs)>,
    /// Birth dates of the members of the groups.
    born: Vec<(RecordPlace, Signs)>,
}

/// The state that all workers share.
#[derive(Clone, Copy)]
struct Assembler<'a> {
    target: &'a Target<'a>,
    validation: Policy,
    /// Which claims become clinical records too.
    clinical: ClaimsAsClinical,
    class: Class,
}

/// A dirty row, its group, and how many parts of each set are new.
type DirtyGroup = (Vec<u8>, GroupKey, [u32; Set::COUNT]);

/// Assembles the dirty groups of a class.
pub(super) fn all(run: &mut Run<'_>, shelf: &Shelf<'_>, class: Class, request: &Request) -> Result<(), Error> {
    let workers = ordered::workers(WORKERS_MAX);
    let assembler =
        Assembler { target: run.target, validation: request.validation, clinical: request.claims_as_clinical, class };
    let under_way = workers * UNDER_WAY;
    std::thread::scope(|scope| {
        let (to_workers, jobs) = sync_channel::<Numbered<(ShelfReader, Vec<DirtyGroup>)>>(under_way);
        let (done, outcomes) = sync_channel::<Numbered<Result<GroupOutcome, Error>>>(under_way);
        ordered::start(scope, workers, jobs, &done, move |(reader, chunk): (ShelfReader, Vec<DirtyGroup>)| {
            assembler.work(&reader, &chunk)
        });
        drop(done);
        let (mut after, mut sent) = (Vec::new(), 0);
        let mut in_order = InOrder::new();
        loop {
            let dirty = if (sent - in_order.taken()) < under_way as u64 {
                shelf.dirty(class, &after, CHUNK)?
            } else {
                Vec::new()
            };
            if let Some(last) = dirty.last() {
                after.clone_from(last);
                after.push(0);
                let jobs: Vec<DirtyGroup> = dirty
                    .into_iter()
                    .filter_map(|key| group_of(&key).map(|group| (key, group, shelf.take_fresh(&group))))
                    .collect();
                if to_workers.send((sent, (shelf.reader()?, jobs))).is_err() {
                    return Err(Error::Worker);
                }
                sent += 1;
                continue;
            }
            if sent == in_order.taken() {
                return run.committer.flush(&mut run.ledger);
            }
            let outcome = loop {
                if let Some(outcome) = in_order.next() {
                    break outcome;
                }
                in_order.put(outcomes.recv().map_err(|_| Error::Worker)?);
            };
            request.stop.check()?;
            let outcome = outcome?;
            for (rule, reject) in &outcome.rejects {
                run.ledger.reject(*rule, reject)?;
            }
            outcome.born.into_iter().for_each(|(place, signs)| run.doctor.take(signs, &place));
            for (place, signs) in outcome.signs {
                run.signs(&place, signs)?;
            }
            for entry in outcome.entries {
                run.committer.add(entry, &mut run.ledger)?;
            }
        }
    })
}

impl Assembler<'_> {
    fn work(&self, reader: &ShelfReader, chunk: &[DirtyGroup]) -> Result<GroupOutcome, Error> {
        let roster = Roster::new(self.target.store, self.target.find, self.target.now)?;
        let mut out = GroupOutcome::default();
        // Many claims name the same few providers.
        let mut mentioned = HashSet::new();
        for (dirty, group, fresh) in chunk {
            let parts = reader.parts(self.class, *group)?;
            let mut at = GroupAssembler {
                assembler: self,
                reader,
                roster: &roster,
                group: *group,
                fresh: *fresh,
                out: &mut out,
                refused: 0,
                refused_payments: 0,
                waits: false,
            };
            let outcome = match self.class {
                Class::Claims => at.claims(&parts)?,
                Class::Reviews => at.reviews(&parts)?,
                Class::Enrolment => Vec::new(),
            };
            at.finish(outcome, dirty, &mut mentioned);
        }
        Ok(out)
    }
}

/// One group while it is assembled.
struct GroupAssembler<'g, 't> {
    assembler: &'g Assembler<'t>,
    reader: &'g ShelfReader,
    roster: &'g Roster<'t>,
    group: GroupKey,
    fresh: [u32; Set::COUNT],
    out: &'g mut GroupOutcome,
    /// Cases that could not be kept.
    refused: usize,
    /// Payments that could not be read, which are no cases.
    refused_payments: u64,
    /// Whether one of the refused cases waits for a member.
    waits: bool,
}

/// The resources of a claim, and the place where it was read.
type Placed = (RecordPlace, ClaimResources);

impl GroupAssembler<'_, '_> {
    /// The claims that rows of tables describe.
    fn rows(&mut self, parts: &[KeptPart]) -> Result<Vec<Placed>, Error> {
        let place = place_of(parts);
        let key = format!("{:032x}", u128::from_be_bytes(self.group));
        let rows = parts.iter().filter_map(|kept| ClaimRow::read(&kept.text));
        let mut made = Vec::new();
        for case in RowCase::fold(&key, rows) {
            made.extend(self.row_case(&case, &place)?);
        }
        Ok(made)
    }

    fn row_case(&mut self, case: &RowCase, place: &RecordPlace) -> Result<Option<Placed>, Error> {
        if case.waits() {
            self.note(place, Rule::NoClaim, "");
            return Ok(None);
        }
        let Some(known_member) = self.known_member(&case.named_member(), place)? else { return Ok(None) };
        let replaced_by = self.replaced_by(case.number(), &case.identity(), place)?;
        match case.resources(&replaced_by, &known_member, self.about(), self.assembler.clinical) {
            Ok(resources) => {
                if !case.is_decided() {
                    self.note(place, Rule::Undecided, "");
                }
                if case.is_doubtful() {
                    self.note(place, Rule::Undated, "");
                }
                if case.has_line_outside() {
                    self.note(place, Rule::LineOutside, "");
                }
                if case.is_by_number_alone() && self.is_fresh() {
                    self.note(place, Rule::NumberAlone, "");
                }
                Ok(Some((place.clone(), resources)))
            }
            Err((rule, reason)) => {
                self.refused += 1;
                self.out.rejects.push(place.reject(rule, reason));
                Ok(None)
            }
        }
    }

    fn claims(&mut self, parts: &[KeptPart]) -> Result<Vec<Placed>, Error> {
        if parts.iter().any(|kept| kept.set == Set::Rows) {
            return self.rows(parts);
        }
        let statements: Vec<ClaimStatement<'_>> = parts.iter().filter_map(|kept| self.statement(kept)).collect();
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let folded = fold(statements);
        let place = place_of(parts);
        if folded.waiting > 0 {
            self.note(&place, Rule::NoClaim, "");
        }
        let mut made = Vec::new();
        for case in folded.cases {
            let Some(known_member) = self.known_member(&case.named_member(), &place)? else { continue };
            let mut replaced_by = Vec::new();
            for number in &case.numbers {
                replaced_by.extend(self.replaced_by(number, &case.identity(), &place)?);
            }
            match case.resources(&replaced_by, &known_member, self.about(), self.assembler.clinical) {
                Ok(resources) => made.push((place.clone(), resources)),
                Err((rule, reason)) => {
                    self.refused += 1;
                    self.out.rejects.push(place.reject(rule, reason));
                    continue;
                }
            }
            if case.has_mistyped_npi() {
                self.note(&place, Rule::DoubtfulNpi, "");
            }
            if !case.balances() {
                self.note(&place, Rule::Unbalanced, "");
            }
            if !case.lines_add_up() {
                self.note(&place, Rule::Unbalanced, "the charges of the lines do not add up to that of the claim");
            }
            if !case.lines_agree() {
                self.note(&place, Rule::UnmatchedLines, "");
            }
            if !case.is_decided() && !case.is_cancelled() {
                self.note(&place, Rule::Undecided, "");
            }
        }
        Ok(made)
    }

    /// What a part says; nothing if one of its amounts cannot be read. Taken for zero, it would be a claim of nothing.
    fn statement<'p>(&mut self, kept: &'p KeptPart) -> Option<ClaimStatement<'p>> {
        let (statement, unreadable) = match kept.set {
            Set::Claims => {
                let claim = Claim::read(&kept.text)?;
                let unreadable = claim.unreadable();
                self.refused += usize::from(unreadable.is_some());
                (ClaimStatement::Claim(Box::new(claim)), unreadable)
            }
            Set::Payments => {
                let remit = Remit::read(&kept.text)?;
                let unreadable = remit.unreadable();
                self.refused_payments += u64::from(unreadable.is_some());
                (ClaimStatement::Decision(Box::new(remit)), unreadable)
            }
            _ => return None,
        };
        let Some(reason) = unreadable else { return Some(statement) };
        self.out.rejects.push(kept.place.reject(Rule::Claim, reason));
        None
    }

    fn reviews(&mut self, parts: &[KeptPart]) -> Result<Vec<Placed>, Error> {
        let place = place_of(parts);
        let read =
            parts.iter().filter(|kept| kept.set == Set::ReviewRows).filter_map(|kept| ClaimRow::read(&kept.text));
        let (sources, rows): (Vec<&str>, Vec<ClaimRow>) = read.unzip();
        let rows = latest(rows);
        let read: Vec<Review<'_>> =
            parts.iter().filter(|kept| kept.set == Set::Reviews).filter_map(|kept| Review::read(&kept.text)).collect();
        if read.is_empty() && rows.is_empty() {
            return Ok(Vec::new());
        }
        let review = if rows.is_empty() { reviewed(&read) } else { review_rows(&rows) };
        let review: Reviewed<'_> = match review {
            Ok(review) => review,
            Err((rule, reason)) => {
                self.refused += 1;
                self.out.rejects.push(place.reject(rule, reason));
                return Ok(Vec::new());
            }
        };
        let Some(known_member) = self.known_member(&review.named_member, &place)? else { return Ok(Vec::new()) };
        if review.named_member.alone && self.is_fresh() && !sources.contains(&"cms-reviews") {
            self.note(&place, Rule::NumberAlone, "");
        }
        Ok(vec![(place, review.resources(&known_member, self.about()))])
    }

    fn replaced_by(&mut self, number: &str, identity: &Identity, place: &RecordPlace) -> Result<Vec<String>, Error> {
        let (numbers, strange) = self.reader.replaced_by(number, self.group, identity)?;
        if strange > 0 {
            self.note(place, Rule::StrangeReplacement, "");
        }
        Ok(numbers)
    }

    fn about(&self) -> PlanContext<'_> {
        let target = self.assembler.target;
        PlanContext { ids: target.ids, plan: target.plan, now: target.now }
    }

    fn known_member(&mut self, named_member: &NamedMember, place: &RecordPlace) -> Result<Option<KnownMember>, Error> {
        let known_member = self.roster.find(named_member)?;
        self.out.born.extend(
            known_member
                .as_ref()
                .map(|known_member| (place.clone(), Signs::born(&known_member.patient, &known_member.birth))),
        );
        if known_member.is_none() {
            self.refused += 1;
            self.waits = true;
            let reason = "no member on the roster has this number together with this birth date or name";
            // Reported once, when the parts come; afterwards they wait silently.
            if self.is_fresh() {
                self.out.rejects.push(place.reject(Rule::UnknownMember, reason));
            } else {
                self.note(place, Rule::Waiting, "");
            }
        }
        Ok(known_member)
    }

    fn is_fresh(&self) -> bool {
        self.fresh.iter().any(|count| *count > 0)
    }

    fn note(&mut self, place: &RecordPlace, rule: Rule, reason: &str) {
        self.out.rejects.push(place.reject(rule, reason));
    }

    /// Prepares the mapped resources; a group with a case that waits for a member stays dirty.
    fn finish(self, made: Vec<Placed>, dirty: &[u8], mentioned: &mut HashSet<u64>) {
        let Self { assembler, fresh, out, mut refused, refused_payments, waits, .. } = self;
        let mut entry = CommitEntry { done: (!waits).then(|| dirty.to_vec()), ..CommitEntry::default() };
        for (place, made) in made {
            let mut is_refused = false;
            for mut resource in made.own {
                match prepared(&mut resource, assembler.validation) {
                    Ok((one, signs)) => {
                        entry.resources.push(one);
                        out.signs.push((place.clone(), signs));
                    }
                    Err(reason) => {
                        is_refused = true;
                        out.rejects.push(place.reject(Rule::Invalid, reason));
                    }
                }
            }
            refused += usize::from(is_refused);
            // Other sources have better knowledge of these resources, so dropping an invalid mention loses nothing.
            let new = made.mentions.into_iter().filter(|resource| {
                let mut text = Vec::new();
                resource.write(&mut text);
                mentioned.insert(xxh3_64(&text))
            });
            entry
                .mentions
                .extend(new.filter_map(|mut resource| Some(prepared(&mut resource, assembler.validation).ok()?.0)));
        }
        let mut counts: Vec<(Format, u64)> = fresh
            .iter()
            .enumerate()
            .filter_map(|(set, count)| Some((format(Set::from_number(set as u8)?), u64::from(*count))))
            .filter(|(_, count)| *count > 0)
            .collect();
        if refused > 0 {
            // As many claims count as refused as cases were; their payments wait and are kept.
            let mut left = refused as u64;
            for (format, count) in counts.iter_mut().filter(|(format, _)| *format != Format::Payments) {
                if *format == Format::ClaimRows {
                    // All rows of the group are one claim.
                    *count = 0;
                }
                let less = left.min(*count);
                *count -= less;
                left -= less;
            }
        }
        for (_, count) in counts.iter_mut().filter(|(format, _)| *format == Format::Payments) {
            *count = count.saturating_sub(refused_payments);
        }
        entry.counts = counts;
        entry.pack(assembler.target);
        out.entries.push(entry);
    }
}

/// The last row of each line, in the order in which the lines were first named.
fn latest(rows: Vec<ClaimRow>) -> Vec<ClaimRow> {
    let mut lines: Vec<((String, u32), ClaimRow)> = Vec::new();
    for row in rows {
        let key = row.line_key(false);
        match lines.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = row,
            None => lines.push((key, row)),
        }
    }
    let is_numbered = lines.iter().all(|(_, row)| row.nth == 0);
    if is_numbered {
        lines.sort_by_key(|(_, row)| row.line);
    }
    lines.into_iter().map(|(_, row)| row).collect()
}

fn place_of(parts: &[KeptPart]) -> RecordPlace {
    let best = parts.iter().rev().find(|kept| kept.set != Set::Payments).or_else(|| parts.last());
    best.map_or_else(|| RecordPlace { file: Arc::from(""), line: 0, entry: None }, |kept| kept.place.clone())
}
