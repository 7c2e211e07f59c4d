//! Claims and decisions that carry the same control number, told apart.
//!
//! A control number is the provider's: two practices use the same one, and one practice gives it to several visits of a
//! patient. So claims are told apart by the billing provider, the patient and the first day of service; a replacement or a void
//! belongs to the visit that it is about. A decision belongs to a claim only if nothing that it says of patient, provider
//! and days speaks against it: what is filed on the wrong member does more harm than what waits.

use std::collections::BTreeSet;

use super::claim::{Case, days};
use super::money::{Cents, cents};
use crate::load::x12::{Claim, Party, Remit};

/// CARC 18: the claim had come before.
const DUPLICATE: &str = "18";

/// What the parts of one control number give.
#[derive(Default)]
pub(in crate::load) struct Folded<'a> {
    pub(in crate::load) cases: Vec<Case<'a>>,
    /// Decisions whose claim is not there.
    pub(in crate::load) waiting: usize,
}

/// A claim or a decision, with the order of its file.
pub(in crate::load) enum Said<'a> {
    Claim(Box<Claim<'a>>),
    Decision(Box<Remit<'a>>),
}

/// What was said about one visit or stay.
struct Cluster<'a> {
    claims: Vec<(usize, Claim<'a>)>,
    decisions: Vec<(usize, Remit<'a>)>,
    /// The first day of an earlier visit's claim under the same number, if this is not the first such visit.
    again: Option<String>,
}

/// Folds what was said, the earliest first.
pub(in crate::load) fn fold<'a>(said: impl IntoIterator<Item = Said<'a>>) -> Folded<'a> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    let mut decisions = Vec::new();
    for (at, said) in said.into_iter().enumerate() {
        match said {
            Said::Decision(remit) => decisions.push((at, *remit)),
            Said::Claim(claim) => put(&mut clusters, at, *claim),
        }
    }
    let mut folded = Folded::default();
    for (at, remit) in decisions {
        match choose(&mut clusters, at, &remit) {
            Some(cluster) => cluster.decisions.push((at, remit)),
            None => folded.waiting += 1,
        }
    }
    folded.cases.extend(clusters.into_iter().filter_map(Cluster::case));
    folded
}

/// Puts a claim to the visit that it is about.
fn put<'a>(clusters: &mut Vec<Cluster<'a>>, at: usize, claim: Claim<'a>) {
    let changes = matches!(claim.frequency, "7" | "8");
    let first = days(&claim).0;
    let of_visit = |cluster: &Cluster<'_>| cluster.is_of(&claim) && cluster.begins(first.as_deref());
    let found = match clusters.iter().position(of_visit) {
        // A correction may be about the day itself.
        None if changes => clusters.iter().rposition(|cluster| cluster.is_of(&claim)),
        found => found,
    };
    if let Some(cluster) = found.and_then(|found| clusters.get_mut(found)) {
        cluster.claims.push((at, claim));
        return;
    }
    let again = clusters.iter().any(|cluster| cluster.is_of(&claim)).then_some(first).flatten();
    clusters.push(Cluster { claims: vec![(at, claim)], decisions: Vec::new(), again });
}

impl<'a> Cluster<'a> {
    fn is_of(&self, claim: &Claim<'_>) -> bool {
        let Some((_, own)) = self.claims.first() else { return false };
        own.identity() == claim.identity()
    }

    fn begins(&self, day: Option<&str>) -> bool {
        self.claims.iter().any(|(_, own)| days(own).0.as_deref() == day)
    }

    fn case(mut self) -> Option<Case<'a>> {
        let numbers = self.decisions.iter().map(|(_, remit)| remit.payer_control).filter(|text| !text.is_empty());
        let numbers: BTreeSet<&str> = numbers.collect();
        let last_number = self.decisions.last().map_or("", |(_, remit)| remit.payer_control);
        let (sent_at, last) = self.claims.pop()?;
        let voided = last.frequency == "8";
        // A void often says only which claim it is about; what that was stays to be seen.
        let (sent_at, claim) = match self.claims.pop() {
            Some(before) if voided && last.lines.len() <= before.1.lines.len() => before,
            _ => (sent_at, last),
        };
        let (standing, reversed) = standing(self.decisions);
        // A decision about an earlier version says nothing about the amounts of this one, unless they are the same.
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

/// Decisions that nothing has taken back, the earliest first, and whether the last word was to take one back.
fn standing<'a>(decisions: Vec<(usize, Remit<'a>)>) -> (Vec<(usize, Remit<'a>)>, bool) {
    let mut standing: Vec<(usize, Remit<'a>)> = Vec::new();
    let mut reversed = false;
    for (at, remit) in decisions {
        if remit.status == "22" {
            let place = taken_back(&standing, &remit);
            if let Some(place) = place {
                standing.remove(place);
            }
            reversed = true;
            continue;
        }
        // That the claim had come before takes nothing from what was decided then.
        if is_duplicate(&remit) && !standing.is_empty() {
            continue;
        }
        reversed = false;
        standing.push((at, remit));
    }
    (standing, reversed)
}

/// The decision that a reversal takes back: that whose amounts it undoes, under the same number if there is one.
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

/// The last decision, and those before it under other numbers that together with it make up the claim: payers split claims.
/// The last comes first.
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

/// What two statements make of each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    No,
    /// One of them does not say.
    Open,
    Yes,
}

/// The claim that a decision is about: nothing speaks against it, and more for it than for any other. Of several visits of one
/// patient of which that is so, it is the first that had come by then and is not decided.
fn choose<'c, 'a>(clusters: &'c mut [Cluster<'a>], at: usize, remit: &Remit<'_>) -> Option<&'c mut Cluster<'a>> {
    let ranks: Vec<Option<u8>> = clusters.iter().map(|cluster| rank(cluster, remit)).collect();
    let best = ranks.iter().flatten().max()?;
    let of_best: Vec<usize> =
        ranks.iter().enumerate().filter(|(_, rank)| rank.as_ref() == Some(best)).map(|(place, _)| place).collect();
    let (first, others) = of_best.split_first()?;
    let own = clusters.get(*first)?.claims.first()?.1.identity();
    let is_one_patients = |place: &usize| {
        clusters
            .get(*place)
            .and_then(|cluster| cluster.claims.first())
            .is_some_and(|(_, claim)| claim.identity() == own)
    };
    if !others.iter().all(is_one_patients) {
        return None;
    }
    let had_come = |place: &&usize| {
        clusters.get(**place).and_then(|cluster| cluster.claims.first()).is_some_and(|(sent, _)| *sent < at)
    };
    let is_open = |place: &&usize| clusters.get(**place).is_some_and(|cluster| cluster.decisions.is_empty());
    let open = of_best.iter().filter(had_come).find(is_open);
    let chosen = *open.or_else(|| of_best.iter().rfind(had_come)).unwrap_or(first);
    clusters.get_mut(chosen)
}

/// How much speaks for a decision being about a claim; nothing if something speaks against it.
fn rank(cluster: &Cluster<'_>, remit: &Remit<'_>) -> Option<u8> {
    let (_, claim) = cluster.claims.last()?;
    let plain = |text: &str| cents(text.trim_start_matches('-'));
    let same_charge = cluster.claims.iter().any(|(_, claim)| plain(claim.charge) == plain(remit.charge));
    let patient = same_patient(claim, remit);
    let biller = match (claim.billing.number, remit.payee.number) {
        ("", _) | (_, "") => Match::Open,
        (one, other) if one == other => Match::Yes,
        _ => Match::No,
    };
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

/// Whether the decision is about the claim's patient: by number, else by name. Payers write names as they have them.
fn same_patient(claim: &Claim<'_>, remit: &Remit<'_>) -> Match {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
    };
    let numbers = |parties: [&Party<'_>; 2]| -> BTreeSet<String> {
        parties.into_iter().map(|party| plain(party.number)).filter(|number| !number.is_empty()).collect()
    };
    let treated = claim.treated();
    let (claimed, told) = (numbers([treated, &claim.subscriber]), numbers([&remit.patient, &remit.insured]));
    if !claimed.is_disjoint(&told) {
        return Match::Yes;
    }
    let (family, given) = (plain(remit.patient.family), plain(remit.patient.given));
    let (own_family, own_given) = (plain(treated.family), plain(treated.given));
    if family.is_empty() || own_family.is_empty() {
        return Match::Open;
    }
    let alike = |one: &str, other: &str| one.chars().next() == other.chars().next();
    match (family == own_family, alike(&given, &own_given)) {
        (true, true) => Match::Yes,
        // Married, or two letters changed places.
        (true, false) | (false, true) if given == own_given || given.is_empty() || own_given.is_empty() => Match::Open,
        _ => Match::No,
    }
}

/// Whether the days of the decision are among those of the claim.
fn same_days(claim: &Claim<'_>, remit: &Remit<'_>) -> Match {
    let (Some(from), Some(to)) = days(claim) else { return Match::Open };
    let told = remit.lines.iter().map(|line| line.day).chain([remit.from]).filter_map(super::day);
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return Match::Open;
    }
    if told.iter().any(|day| (&from..=&to).contains(&day)) { Match::Yes } else { Match::No }
}
