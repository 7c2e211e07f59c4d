//! Lists that are complete (`[load] complete`): an entry that an earlier load listed and this load does not is retired.
//!
//! Roles, affiliations, services of organizations and locations of drugs in a formulary are retired this way; people,
//! organizations, locations and drugs stay, since other sources may describe them. For each resource only its most
//! trusted source counts: where the exchange's files drop a resource that the plan's own table lists, the table
//! decides.
//!
//! Memory: one number of eight bytes for each resource that the files list, and one for each that is retired.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use super::commit::CommitEntry;
use super::retire::{each, end};
use crate::config::Complete;
use crate::fhir::Kind;
use crate::fhir::json;
use crate::formats::Format;
use crate::formats::issue::{Reject, Rule};
use crate::load::report::Ledger;
use crate::load::{Error, Stop, Target};
use crate::map::plan_net::{DirectorySource, is_current};
use crate::store::Stored;

/// This many may be retired in any case; beyond that, at most half.
const FEW: u64 = 20;

/// A kind of list.
struct ListKind {
    kind: Complete,
    format: Format,
    source: DirectorySource,
    types: &'static [&'static str],
    words: &'static str,
}

const SERVICE: &str = "HealthcareService";
const TIES: &[&str] = &["PractitionerRole", "OrganizationAffiliation", SERVICE];
const DRUGS: &[&str] = &["Basic"];
const SORTS: [ListKind; 4] = [
    sort(
        Complete::Providers,
        Format::Providers,
        DirectorySource::Table,
        TIES,
        "roles, affiliations and services of providers",
    ),
    sort(Complete::Qhp, Format::Qhp, DirectorySource::Qhp, TIES, "roles, affiliations and services of providers"),
    sort(Complete::Qhp, Format::Qhp, DirectorySource::Qhp, DRUGS, "drugs in formularies"),
    sort(Complete::Formulary, Format::Formulary, DirectorySource::Table, DRUGS, "drugs in formularies"),
];

const fn sort(
    kind: Complete,
    format: Format,
    source: DirectorySource,
    types: &'static [&'static str],
    words: &'static str,
) -> ListKind {
    ListKind { kind, format, source, types, words }
}

/// The contents of this load's lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    complete: Vec<Complete>,
    listed: HashSet<u64>,
    /// Which sorts were listed at all: a load of drugs alone says nothing about providers.
    is_present: [bool; SORTS.len()],
    /// A file ended before its list did.
    is_cut: bool,
}

impl Lists {
    pub(super) fn new(complete: &[Complete]) -> Self {
        Self { complete: complete.to_vec(), ..Self::default() }
    }

    /// Notes the resources that a record lists.
    pub(super) fn see(&mut self, entry: &CommitEntry) {
        let Some((format, _)) = entry.counts.first() else { return };
        if self.complete.is_empty() || *format == Format::Nppes {
            return;
        }
        for prepared in &entry.resources {
            let name = prepared.kind.name();
            if !TIES.contains(&name) && !DRUGS.contains(&name) {
                continue;
            }
            self.listed.insert(hash(prepared.kind, &prepared.id));
            for (is_present, sort) in self.is_present.iter_mut().zip(&SORTS) {
                *is_present |= sort.format == *format && sort.types.contains(&name);
            }
        }
    }

    /// Notes a refusal. A refusal that may hide the rest of a file makes its list doubtful.
    pub(super) fn see_trouble(&mut self, rule: Rule) {
        self.is_cut |= matches!(rule, Rule::Truncated | Rule::TooLong | Rule::Json | Rule::Unreadable);
    }

    /// Retires what is no longer listed, and returns how many resources that was. In a dry run they are only counted.
    pub(super) fn end_others(
        &self,
        target: &Target<'_>,
        dry_run: bool,
        stop: &Stop,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        for (sort, _) in SORTS.iter().zip(self.is_present).filter(|(_, is_present)| *is_present) {
            if !self.complete.contains(&sort.kind) {
                continue;
            }
            if self.is_cut {
                let reason = format!("a file was cut off or damaged, so no {} were taken out", sort.words);
                tell(sort, reason, ledger)?;
                continue;
            }
            let (before, gone) = self.missing(sort, target, stop)?;
            let count = gone.len() as u64;
            if count > FEW && count * 2 > before {
                let reason = format!(
                    "{count} of {before} {} are not in the files of this load; none were taken out",
                    sort.words
                );
                tell(sort, reason, ledger)?;
                continue;
            }
            let ended = if dry_run { count } else { end(target, &gone)? };
            ledger.notice(Rule::NoLongerListed, ended);
        }
        Ok(())
    }

    /// How many resources were listed before this load, and the numbers of those that are not listed now.
    fn missing(&self, sort: &ListKind, target: &Target<'_>, stop: &Stop) -> Result<(u64, Vec<u64>), Error> {
        let now = target.now.as_microsecond();
        let (mut before, mut gone) = (0, Vec::new());
        for name in sort.types {
            let kind = Kind::named(name);
            each(target, kind, stop, &mut |stored: &Stored| {
                let Ok(resource) = json::parse(&stored.body) else { return };
                if DirectorySource::of(&resource) != Some(sort.source) || !is_current(&resource) {
                    return;
                }
                // Services by video have no organization; the role that names one would refer to nothing.
                if *name == SERVICE && resource.get("providedBy").is_none() {
                    return;
                }
                let is_listed = self.listed.contains(&hash(kind, &stored.id));
                let is_new = is_listed && stored.version == 1 && stored.updated == now;
                before += u64::from(!is_new);
                if !is_listed {
                    gone.push(stored.rid);
                }
            })?;
        }
        Ok((before, gone))
    }
}

fn hash(kind: Kind, id: &str) -> u64 {
    xxh3_64([kind.name(), "/", id].concat().as_bytes())
}

fn tell(sort: &ListKind, reason: String, ledger: &mut Ledger) -> Result<(), Error> {
    let (rule, file) = (Rule::ListTooShort, sort.format.name().to_owned());
    ledger.reject(rule, &Reject { file, line: 0, entry: None, rule: rule.name(), reason })
}
