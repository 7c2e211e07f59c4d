//! Folds rows of tables about one claim into its current state, as a bill.
//!
//! A later row of a line replaces an earlier one, by the dates in the rows and not by the order of loading. A row that
//! takes a line back ends the row that it reverses and remembers it; when every line is taken back the claim is
//! cancelled. Where a source sends a change under a new number (CMS does), the numbers of a group are versions: a
//! cancellation takes the last current one back, a change replaces all before it.

use super::eob::{Bill, BillKind, eob};
use super::made::ClaimResources;
use super::row_bill::MergedClaim;
use super::row_lines::Lines;
use super::visit::visit;
use crate::config::ClaimsAsClinical;
use crate::formats::issue::Rule;
use crate::formats::records::{ClaimField, ClaimRow, Facts, Identity, Turn, first};
use crate::map::record::{KnownMember, NamedMember, PlanContext, made_id};

/// A claim that rows describe.
pub(crate) struct RowCase {
    /// The claim's id, which does not depend on the number of its last version.
    key: String,
    draft: MergedClaim,
    cancelled: bool,
    source: String,
    has_head: bool,
    is_doubtful: bool,
}

/// One version of the claim, with a number of its own.
#[derive(Default)]
struct Version {
    number: String,
    day: String,
    lines: Lines,
    /// The effect of its last row on the versions before it.
    turn: Option<Turn>,
}

impl RowCase {
    /// Folds rows, the earliest first; each with the name of its source. A group holds several claims where CMS's
    /// natural key does not distinguish them.
    pub(crate) fn fold<'t>(key: &str, rows: impl IntoIterator<Item = (&'t str, ClaimRow)>) -> Vec<Self> {
        let mut versions: Vec<Version> = Vec::new();
        let mut source = String::new();
        for (name, row) in rows {
            name.clone_into(&mut source);
            let number = row.get(ClaimField::Claim).to_owned();
            let at = versions.iter().position(|version| version.number == number).unwrap_or_else(|| {
                versions.push(Version { number, ..Version::default() });
                versions.len() - 1
            });
            if let Some(version) = versions.get_mut(at) {
                version.take(row);
            }
        }
        // Not every row of a version states its date.
        versions
            .sort_by(|one, other| (&one.day, one.rank(), &one.number).cmp(&(&other.day, other.rank(), &other.number)));
        let is_cms = is_cms(&source);
        let is_several = versions.len() > 1;
        let (mut standing, mut last): (Vec<Version>, Option<Version>) = (Vec::new(), None);
        for version in versions {
            match version.turn {
                Some(Turn::Void) if is_several && is_cms => last = standing.pop().or(last).or(Some(version)),
                Some(Turn::Changed) if is_cms => standing = vec![version],
                _ => standing.push(version),
            }
        }
        let taken_back = standing.is_empty();
        if !is_cms {
            standing.drain(..standing.len().saturating_sub(1));
        }
        let claims = if taken_back { Vec::from_iter(last) } else { standing };
        let case = |(at, version): (usize, Version)| {
            let cancelled = taken_back || version.lines.are_void();
            let has_head = version.lines.has(&["asked", "head"]);
            let is_doubtful = !is_cms && version.lines.are_doubtful();
            // The first keeps the key, whatever comes later.
            let key = if at == 0 { key.to_owned() } else { [key, "/", &version.number].concat() };
            let rows = version.lines.rows(cancelled).into_iter();
            Self { key, draft: MergedClaim::new(rows), cancelled, source: source.clone(), has_head, is_doubtful }
        };
        claims.into_iter().enumerate().map(case).collect()
    }

    /// The member, as the rows name her.
    pub(crate) fn named_member(&self) -> NamedMember {
        let head = &self.draft.head;
        let text = |field: ClaimField| first(head, field).to_owned();
        let (family, given, birth) = (text(ClaimField::Family), text(ClaimField::Given), text(ClaimField::Birth));
        let alone = family.is_empty() && given.is_empty() && birth.is_empty();
        NamedMember {
            numbers: vec![text(ClaimField::Member)],
            family,
            given,
            birth,
            day: self.draft.from.clone(),
            alone,
        }
    }

    /// Whether the member is identified by number alone, though the table could have had more.
    pub(crate) fn is_by_number_alone(&self) -> bool {
        !is_cms(&self.source) && self.named_member().alone
    }

    /// Whether the identifying part of the claim has not arrived: the request to a response, the header to lines.
    pub(crate) fn waits(&self) -> bool {
        let is_headed = self.source == "cclf" && !first(&self.draft.head, ClaimField::BillingNumber).is_empty();
        !self.has_head && (self.source == "ncpdp" || is_headed)
    }

    /// The number that a replacing claim would name.
    pub(crate) fn number(&self) -> &str {
        first(&self.draft.head, ClaimField::Claim)
    }

    /// The patient and biller, so that a claim only replaces claims of both.
    pub(crate) fn identity(&self) -> Identity {
        Identity::of_member(first(&self.draft.head, ClaimField::Member))
    }

    /// Whether two rows of one line contradict each other and nothing says which came later.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Whether a line has a day outside the days of the claim.
    pub(crate) fn has_line_outside(&self) -> bool {
        self.draft.has_line_outside()
    }

    /// Whether there is a decision.
    pub(crate) fn is_decided(&self) -> bool {
        self.draft.total().is_some()
    }

    /// The `ExplanationOfBenefit` and the parties that it names.
    ///
    /// # Errors
    /// What is missing for an `ExplanationOfBenefit`.
    pub(crate) fn resources(
        &self,
        replaced_by: &[String],
        known_member: &KnownMember,
        about: PlanContext<'_>,
        clinical: ClaimsAsClinical,
    ) -> Result<ClaimResources, (Rule, String)> {
        let refuse = |reason: &str| (Rule::ClaimRow, reason.to_owned());
        let draft = &self.draft;
        if draft.from.is_empty() {
            return Err(refuse("the claim has no day of service"));
        }
        let kind = draft.kind;
        let biller = draft.biller().ok_or_else(|| {
            refuse(if kind == BillKind::Pharmacy {
                "the claim names no pharmacy"
            } else if !first(&draft.head, ClaimField::PharmacyNpi).is_empty()
                || !first(&draft.head, ClaimField::PharmacyName).is_empty()
            {
                "the claim names a pharmacy, and no drug by its code (NDC); if a column has it, name it with --map"
            } else {
                "the claim names no billing provider"
            })
        })?;
        let lines = draft.bill_lines();
        if lines.is_empty() {
            return Err(refuse("the claim has no line with a service, a revenue code or a drug"));
        }
        let care = draft.care();
        let provider = match (kind, care.iter().find(|(role, ..)| *role == "rendering")) {
            // CARIN wants the dentist here.
            (BillKind::Oral, Some((_, dentist, _))) if !biller.is_person => dentist.clone(),
            _ => biller.clone(),
        };
        let mut related = Vec::new();
        let original = first(&draft.head, ClaimField::Original);
        if !original.is_empty() && original != self.number() {
            related.push(("prior", original));
        }
        related.extend(replaced_by.iter().map(|number| ("replacedby", number.as_str())));
        let decided = draft.decided();
        let bill = Bill {
            id: made_id(&["claim-rows", &self.key, &known_member.patient]),
            kind,
            number: self.number(),
            cancelled: self.cancelled || !replaced_by.is_empty(),
            from: draft.from.clone(),
            to: draft.to.clone(),
            created: draft.created(),
            provider,
            care,
            infos: draft.infos(),
            diagnoses: draft.diagnoses(),
            procedures: draft.procedures(),
            lines,
            decided,
            total: draft.total(),
            paid_on: Some(first(&draft.head, ClaimField::PaidOn).to_owned()).filter(|day| !day.is_empty()),
            denied: draft.is_denied(),
            related,
            network: draft.network(),
            // Tables state other payers' payments, and not their names.
            other_payers: Vec::new(),
        };
        let mut made = ClaimResources { own: vec![eob(&bill, known_member, about)], mentions: vec![biller.resource] };
        if clinical == ClaimsAsClinical::All {
            made.own.extend(visit(&bill, known_member));
        }
        for (_, who, _) in bill.care {
            if !made.mentions.contains(&who.resource) {
                made.mentions.push(who.resource);
            }
        }
        Ok(made)
    }
}

impl Version {
    /// Within one day, a reversal goes before its replacement.
    const fn rank(&self) -> u8 {
        match self.turn {
            Some(Turn::Void) => 1,
            Some(Turn::Changed) => 2,
            _ => 0,
        }
    }

    fn take(&mut self, row: ClaimRow) {
        let turn = row.turn();
        if row.day() > self.day.as_str() {
            row.day().clone_into(&mut self.day);
        }
        // Rows of a claim that hold only its diagnoses or lines do not affect its status.
        self.turn = self.turn.max(Some(turn));
        self.lines.take(row);
    }
}

/// CMS sends changes under new numbers, and no names.
fn is_cms(source: &str) -> bool {
    matches!(source, "rif" | "cclf" | "synpuf")
}

/// Merges the claim-level facts of several rows: a later value replaces an earlier one.
pub(super) fn merged<'r>(rows: impl IntoIterator<Item = &'r ClaimRow>) -> Facts {
    let mut out = Facts::new();
    for row in rows {
        out.extend(row.facts.iter().map(|(key, text)| (*key, text.clone())));
    }
    out
}
