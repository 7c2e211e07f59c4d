//! Tells apart claims and decisions with the same control number.
//!
//! A control number is the provider's: two practices use the same one, and one practice gives it to several visits of a
//! patient. So claims are identified by the billing provider, the patient and the first date of service; a replacement
//! or a void belongs to the visit that it is about. A decision belongs to a claim only if its patient, provider and
//! dates do not contradict the claim: a decision filed under the wrong member does more harm than one that waits.

use std::collections::BTreeSet;

use super::claim::{Case, days};
use super::money::{Cents, cents};
use crate::formats::records::plain_number;
use crate::formats::x12::{Claim, Party, Remit};

/// CLP02 of a reversal.
const REVERSAL: &str = "22";
/// CARC 18: exact duplicate claim.
const DUPLICATE: &str = "18";

/// The cases of one control number.
#[derive(Default)]
pub(crate) struct Folded<'a> {
    pub(crate) cases: Vec<Case<'a>>,
    /// The number of decisions whose claim is missing.
    pub(crate) waiting: usize,
}

/// A claim or a decision, with the order of its file.
pub(crate) enum ClaimStatement<'a> {
    Claim(Box<Claim<'a>>),
    Decision(Box<Remit<'a>>),
}

/// The claims and decisions of one visit or stay.
struct Cluster<'a> {
    claims: Vec<(usize, Claim<'a>)>,
    decisions: Vec<(usize, Remit<'a>)>,
    /// Distinguishes it from earlier claims of the biller under the same number: the day, and a counter within the day.
    again: Option<String>,
}

/// Folds the statements, the earliest first.
pub(crate) fn fold<'a>(statements: impl IntoIterator<Item = ClaimStatement<'a>>) -> Folded<'a> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    let mut early = Vec::new();
    for (at, statement) in statements.into_iter().enumerate() {
        match statement {
            ClaimStatement::Claim(claim) => put(&mut clusters, at, *claim),
            ClaimStatement::Decision(remit) => match choose(&mut clusters, &remit, false) {
                Some(cluster) => cluster.decisions.push((at, *remit)),
                None => early.push((at, *remit)),
            },
        }
    }
    let mut folded = Folded::default();
    // Some payments are dated before their claim, and some corrections come before the reversal of the decision they
    // correct.
    for (at, remit) in early {
        match choose(&mut clusters, &remit, true) {
            Some(cluster) => cluster.decisions.push((at, remit)),
            None => folded.waiting += 1,
        }
    }
    for cluster in &mut clusters {
        cluster.decisions.sort_by_key(|(at, _)| *at);
    }
    folded.cases.extend(clusters.into_iter().filter_map(Cluster::case));
    folded
}

/// Adds a claim to its visit.
fn put<'a>(clusters: &mut Vec<Cluster<'a>>, at: usize, claim: Claim<'a>) {
    let repeats = |cluster: &Cluster<'_>| cluster.is_of(&claim) && cluster.begins(&claim) && cluster.is_same(&claim);
    let found = match claim.frequency {
        "7" | "8" => changed(clusters, &claim),
        _ => clusters.iter().position(repeats),
    };
    if let Some(cluster) = found.and_then(|found| clusters.get_mut(found)) {
        cluster.claims.push((at, claim));
        return;
    }
    // Compared by biller alone: two spellings of a patient may turn out to be one member.
    let own = claim.identity();
    let before: Vec<&Cluster<'_>> = clusters.iter().filter(|cluster| cluster.is_billed_by(own.biller())).collect();
    let day = days(&claim).0.unwrap_or_default();
    let again = match (before.len(), before.iter().filter(|cluster| cluster.begins(&claim)).count()) {
        (0, _) => None,
        (_, 0) => Some(day),
        (_, same_day) => Some(format!("{day}/{same_day}")),
    };
    clusters.push(Cluster { claims: vec![(at, claim)], decisions: Vec::new(), again });
}

/// The visit that a replacement or void is about: the one with the decision that it names, else one on the same day,
/// else the last, since a correction may be about the day itself.
fn changed(clusters: &[Cluster<'_>], claim: &Claim<'_>) -> Option<usize> {
    let named = claim.reference("F8").map(plain_number).unwrap_or_default();
    let is_named = |cluster: &Cluster<'_>| {
        !named.is_empty() && cluster.decisions.iter().any(|(_, remit)| plain_number(remit.payer_control) == named)
    };
    let last = |test: &dyn Fn(&Cluster<'_>) -> bool| {
        clusters.iter().rposition(|cluster| cluster.is_of(claim) && cluster.is_kind_of(claim) && test(cluster))
    };
    last(&is_named)
        .or_else(|| last(&|cluster| cluster.begins(claim) && cluster.is_same(claim)))
        .or_else(|| last(&|cluster| cluster.begins(claim)))
        .or_else(|| last(&|_| true))
}

impl<'a> Cluster<'a> {
    fn is_of(&self, claim: &Claim<'_>) -> bool {
        self.claims.first().is_some_and(|(_, own)| own.identity().is(&claim.identity()))
    }

    fn is_billed_by(&self, biller: &str) -> bool {
        self.claims.first().is_some_and(|(_, own)| own.identity().biller() == biller)
    }

    fn is_kind_of(&self, claim: &Claim<'_>) -> bool {
        self.claims.first().is_some_and(|(_, own)| own.kind == claim.kind)
    }

    fn begins(&self, claim: &Claim<'_>) -> bool {
        let day = days(claim).0;
        self.claims.iter().any(|(_, own)| days(own).0 == day)
    }

    /// Whether nothing is decided, or everything was reversed.
    fn is_open(&self) -> bool {
        let taken_back = self.decisions.iter().filter(|(_, remit)| remit.status == REVERSAL).count();
        self.decisions.len() <= 2 * taken_back
    }

    /// Whether the claim only repeats this one: hospital and doctor bill one visit under one number, and so do two
    /// clerks.
    fn is_same(&self, claim: &Claim<'_>) -> bool {
        let codes = |claim: &Claim<'_>| -> BTreeSet<(String, String)> {
            claim.lines.iter().map(|line| (line.revenue.to_owned(), line.code.to_owned())).collect()
        };
        let same = |own: &Claim<'_>| cents(own.charge) == cents(claim.charge) || codes(own) == codes(claim);
        self.is_kind_of(claim) && self.claims.iter().any(|(_, own)| same(own))
    }

    fn case(mut self) -> Option<Case<'a>> {
        let numbers = self.decisions.iter().map(|(_, remit)| remit.payer_control).filter(|text| !text.is_empty());
        let numbers: BTreeSet<&str> = numbers.collect();
        let last_number = self.decisions.last().map_or("", |(_, remit)| remit.payer_control);
        let (sent_at, last) = self.claims.pop()?;
        let voided = last.frequency == "8";
        // A void often states only which claim it is about; the earlier claim has the content.
        let (sent_at, claim) = match self.claims.pop() {
            Some(before) if voided && last.lines.len() <= before.1.lines.len() => before,
            _ => (sent_at, last),
        };
        let (standing, reversed) = standing(self.decisions);
        // A decision about an earlier version does not apply to the amounts of this one, unless they are the same.
        let earlier = standing.iter().filter(|(at, _)| *at < sent_at).filter_map(|(_, remit)| cents(remit.charge));
        let is_all_of_it = Some(earlier.sum()) == cents(claim.charge);
        let about_this = |(at, remit): &(usize, Remit<'_>)| {
            *at > sent_at || is_all_of_it || cents(remit.charge) == cents(claim.charge)
        };
        let standing: Vec<Remit<'a>> = standing.into_iter().filter(about_this).map(|(_, remit)| remit).collect();
        let decisions = whole(standing, cents(claim.charge));
        let number = decisions.first().map_or(last_number, |remit| remit.payer_control);
        let cancelled = voided || (reversed && decisions.is_empty());
        let bill_type = format!("{}{}", claim.place, claim.frequency);
        Some(Case { bill_type, number, claim, decisions, cancelled, numbers, again: self.again })
    }
}

/// Decisions that were not reversed, the earliest first, and whether the last statement was a reversal.
fn standing<'a>(decisions: Vec<(usize, Remit<'a>)>) -> (Vec<(usize, Remit<'a>)>, bool) {
    let mut standing: Vec<(usize, Remit<'a>)> = Vec::new();
    let mut reversed = false;
    for (at, remit) in decisions {
        if remit.status == REVERSAL {
            let place = taken_back(&standing, &remit);
            if let Some(place) = place {
                standing.remove(place);
            }
            reversed = true;
            continue;
        }
        // A denial as a duplicate does not change the earlier decision.
        if is_duplicate(&remit) && !standing.is_empty() {
            continue;
        }
        reversed = false;
        standing.push((at, remit));
    }
    (standing, reversed)
}

/// The decision that a reversal takes back: the one whose amounts it reverses, under the same number if there is one.
fn taken_back(standing: &[(usize, Remit<'_>)], reversal: &Remit<'_>) -> Option<usize> {
    let undone = |text: &str| cents(text).map(|amount| -amount);
    let same_number = |old: &Remit<'_>| old.payer_control == reversal.payer_control;
    let same_amounts = |old: &Remit<'_>| {
        cents(old.charge) == undone(reversal.charge)
            && cents(old.paid).unwrap_or_default() == undone(reversal.paid).unwrap_or_default()
    };
    let last = |test: &dyn Fn(&Remit<'_>) -> bool| standing.iter().rposition(|(_, old)| test(old));
    last(&|old| same_number(old) && same_amounts(old))
        .or_else(|| last(&same_amounts))
        .or_else(|| last(&same_number))
        .or_else(|| standing.len().checked_sub(1))
}

fn is_duplicate(remit: &Remit<'_>) -> bool {
    let all = remit.adjustments.iter().chain(remit.lines.iter().flat_map(|line| &line.adjustments));
    let refused: Cents = all.filter(|one| one.reason == DUPLICATE).filter_map(|one| cents(one.amount)).sum();
    refused != 0 && cents(remit.charge) == Some(refused)
}

/// The last decision, and earlier ones under other numbers that together with it make up the claim: payers split
/// claims. The last comes first.
fn whole(mut standing: Vec<Remit<'_>>, charge: Option<Cents>) -> Vec<Remit<'_>> {
    let mut out: Vec<Remit<'_>> = Vec::new();
    let mut sum = 0;
    while let Some(remit) = standing.pop() {
        let part = cents(remit.charge).unwrap_or_default();
        let is_other =
            out.iter().all(|known| !remit.payer_control.is_empty() && known.payer_control != remit.payer_control);
        let fits = is_other && part > 0 && charge.is_some_and(|all| sum + part <= all);
        if !out.is_empty() && !fits {
            break;
        }
        sum += part;
        out.push(remit);
    }
    out
}

/// The result of comparing two statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    No,
    /// One of them does not state it.
    Open,
    Yes,
}

/// The claim that a decision is about: nothing contradicts it, and it matches best. Among equal visits of one patient
/// it is the first undecided one; if all are decided, the last one `if_decided`.
fn choose<'c, 'a>(clusters: &'c mut [Cluster<'a>], remit: &Remit<'_>, if_decided: bool) -> Option<&'c mut Cluster<'a>> {
    let ranks: Vec<Option<u8>> = clusters.iter().map(|cluster| rank(cluster, remit)).collect();
    let best = ranks.iter().flatten().max()?;
    let of_best: Vec<usize> =
        ranks.iter().enumerate().filter(|(_, rank)| rank.as_ref() == Some(best)).map(|(place, _)| place).collect();
    if let [only] = of_best.as_slice() {
        return clusters.get_mut(*only);
    }
    let identity = |place: usize| Some(clusters.get(place)?.claims.first()?.1.identity());
    let first = identity(*of_best.first()?)?;
    if !of_best.iter().all(|place| identity(*place).is_some_and(|other| other.is(&first))) {
        return None;
    }
    let is_open = |place: &&usize| clusters.get(**place).is_some_and(Cluster::is_open);
    let chosen = *of_best.iter().find(is_open).or_else(|| of_best.last().filter(|_| if_decided))?;
    clusters.get_mut(chosen)
}

/// How well a decision matches a claim; nothing if they contradict each other.
fn rank(cluster: &Cluster<'_>, remit: &Remit<'_>) -> Option<u8> {
    let (_, claim) = cluster.claims.last()?;
    let plain = |text: &str| cents(text.trim_start_matches('-'));
    let same_charge = cluster.claims.iter().any(|(_, claim)| plain(claim.charge) == plain(remit.charge));
    let patient = same_patient(claim, remit);
    let biller = same_biller(claim, remit);
    let on_day =
        cluster.claims.iter().map(|(_, claim)| same_days(claim, remit)).fold(Match::No, |best, one| match one {
            Match::No => best,
            _ if best == Match::Yes => best,
            one => one,
        });
    let against =
        patient == Match::No || on_day == Match::No || (biller == Match::No && !(patient == Match::Yes && same_charge));
    let same_number = |known: &Remit<'_>| !known.payer_control.is_empty() && known.payer_control == remit.payer_control;
    let is_known = cluster.decisions.iter().any(|(_, known)| same_number(known));
    let worth = |is: bool, worth: u8| if is { worth } else { 0 };
    (!against).then(|| {
        worth(is_known, 16)
            + worth(on_day == Match::Yes, 8)
            + worth(same_charge, 4)
            + worth(biller == Match::Yes, 2)
            + worth(patient == Match::Yes, 1)
    })
}

/// Whether the payee is the biller: by NPI or by tax number, whichever the payment has.
fn same_biller(claim: &Claim<'_>, remit: &Remit<'_>) -> Match {
    let own = match remit.payee.qualifier {
        "XX" if claim.billing.qualifier == "XX" => claim.billing.number,
        "FI" => claim.billing.tax,
        _ => "",
    };
    match (plain_number(own), plain_number(remit.payee.number)) {
        (own, payee) if own.is_empty() || payee.is_empty() => Match::Open,
        (own, payee) if own == payee => Match::Yes,
        _ => Match::No,
    }
}

/// Whether the decision is about the claim's patient. A family shares numbers, so a different first name is a mismatch;
/// otherwise a number of her own is a match, and so is the name.
fn same_patient(claim: &Claim<'_>, remit: &Remit<'_>) -> Match {
    let letters = |text: &str| plain_number(text.split_whitespace().next().unwrap_or_default());
    let numbers = |parties: [&Party<'_>; 2]| -> BTreeSet<String> {
        parties.into_iter().map(|party| plain_number(party.number)).filter(|number| !number.is_empty()).collect()
    };
    let treated = claim.treated();
    let (given, own_given) = (letters(remit.patient.given), letters(treated.given));
    if !given.is_empty() && !own_given.is_empty() && given.chars().next() != own_given.chars().next() {
        return Match::No;
    }
    let (claimed, remitted) = (numbers([treated, &claim.subscriber]), numbers([&remit.patient, &remit.insured]));
    if !claimed.is_disjoint(&remitted) {
        return Match::Yes;
    }
    let (family, own_family) = (letters(remit.patient.family), letters(treated.family));
    if family.is_empty() || own_family.is_empty() {
        Match::Open
    } else if family == own_family {
        Match::Yes
    } else if given == own_given {
        // A married name, or a transposition of letters.
        Match::Open
    } else {
        Match::No
    }
}

/// Whether the dates of the decision are among those of the claim.
fn same_days(claim: &Claim<'_>, remit: &Remit<'_>) -> Match {
    let (Some(from), Some(to)) = days(claim) else { return Match::Open };
    let decided_days =
        remit.lines.iter().map(|line| line.day).chain([remit.from]).filter_map(crate::formats::cells::compact_day);
    let decided_days: Vec<String> = decided_days.collect();
    if decided_days.is_empty() {
        return Match::Open;
    }
    if decided_days.iter().any(|day| (&from..=&to).contains(&day)) { Match::Yes } else { Match::No }
}
