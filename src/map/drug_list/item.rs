//! A drug's entry in a formulary: its tier, and the plan's conditions for payment.

use super::drug::Drug;
use super::plan::{Formulary, tier};
use super::{GUIDE, extension, profile, system};
use crate::fhir::json::{Node, node};
use crate::map::plan_net::{DirectorySource, adopted, coded, reference};
use crate::map::record::{PlanContext, made_id};

/// A quantity limit, in words and, where it can be parsed, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) words: String,
    /// Units, and days.
    pub(crate) count: Option<(u32, u32)>,
}

/// A drug in a formulary. Facts that the source does not state are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// The number of the formulary's plan.
    pub(crate) formulary: String,
    /// The tier in the source's words.
    pub(crate) tier: String,
    pub(crate) prior_authorization: Option<bool>,
    pub(crate) step_therapy: Option<bool>,
    /// Whether prior authorization, and step therapy, apply only to new starts.
    pub(crate) new_starts_only: [bool; 2],
    pub(crate) quantity_limit: Option<bool>,
    pub(crate) limit: Limit,
    pub(crate) note: String,
    /// Codes of the pharmacy types and days' supply; empty if the source does not state them.
    pub(crate) pharmacies: Vec<&'static str>,
    /// `YYYY-MM-DD`, or empty.
    pub(crate) from: String,
    pub(crate) until: String,
    /// Further rows about the same drug in the same formulary; see [`Item::add`].
    pub(crate) others: Vec<Item>,
}

/// Rows of one drug in one formulary; a table of packages has a few dozen.
const OTHERS_MAX: usize = 200;

impl Item {
    pub(crate) fn id(&self, drug: &Drug) -> String {
        made_id(&["Basic", &self.formulary.to_lowercase(), &drug.id()])
    }

    /// Whether the plan pays for the drug at all. Some lists name excluded drugs, under a tier of its own.
    pub(crate) fn is_covered(&self) -> bool {
        let plain: String = self.tier.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let plain = plain.strip_prefix("tier").unwrap_or(&plain);
        let is_left_out = matches!(plain, "nf" | "nc")
            || plain.starts_with("exclu")
            || ["nonformulary", "notonformulary", "notcovered", "noncovered"].iter().any(|words| plain.contains(words));
        !is_left_out
    }

    /// Merges another row about the same drug. The first row that is in force counts: a list may have one for every year.
    pub(crate) fn add(&mut self, other: Self) {
        // Rows that do not differ in any kept fact are the many packages of a drug.
        if self.others.len() < OTHERS_MAX && (other.until != self.until || other.tier != self.tier) {
            self.others.push(other);
        }
    }

    fn is_available(&self, about: PlanContext<'_>) -> bool {
        self.is_covered() && !about.is_over(&self.until)
    }

    pub(super) fn resource(&self, drug: &Drug, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let holds = std::iter::once(self).chain(&self.others).find(|item| item.is_available(about));
        holds.unwrap_or(self).own_resource(drug, source, about)
    }

    fn own_resource(&self, drug: &Drug, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = adopted("Basic", &self.id(drug), &[profile("FormularyItem")], source, about);
        out.set("code", coded(&format!("{GUIDE}CodeSystem/usdf-InsuranceItemTypeCS"), "formulary-item"));
        out.set("subject", reference("MedicationKnowledge", &drug.id()));
        let formulary = reference("InsurancePlan", &Formulary::id_of(&self.formulary));
        // Apps that keep a copy must learn that a drug is no longer covered, so the status states it rather than the
        // drug being left out.
        let status = if self.is_available(about) { "active" } else { "retired" };
        let mut extensions = vec![
            node!({"url": extension("FormularyReference"), "valueReference": formulary}),
            node!({"url": extension("AvailabilityStatus"), "valueCode": status}),
        ];
        if let Some(period) = period(&self.from, &self.until) {
            extensions.push(node!({"url": extension("AvailabilityPeriod"), "valuePeriod": period}));
        }
        // A formulary that states nothing else means a month's supply from a network pharmacy.
        let pharmacies = if self.pharmacies.is_empty() { &["1-month-in-retail"][..] } else { &self.pharmacies };
        for code in pharmacies {
            let code = coded(&system("PharmacyBenefitType"), code);
            extensions.push(node!({"url": extension("PharmacyBenefitType"), "valueCodeableConcept": code}));
        }
        extensions.push(node!({"url": extension("DrugTierID"), "valueCodeableConcept": tier(&self.tier)}));
        let only = |yes: bool| yes.then_some(true);
        let [authorization_only, step_only] = self.new_starts_only.map(only);
        for (name, value) in [
            ("PriorAuthorization", self.prior_authorization),
            ("PriorAuthorizationNewStartsOnly", authorization_only),
            ("StepTherapyLimit", self.step_therapy),
            ("StepTherapyLimitNewStartsOnly", step_only),
            ("QuantityLimit", self.quantity_limit),
        ] {
            extensions.extend(value.map(|value| node!({"url": extension(name), "valueBoolean": value})));
        }
        extensions.extend(self.limit.value());
        if !self.note.is_empty() {
            extensions.push(node!({"url": extension("AdditionalCoverageInformation"), "valueMarkdown": &self.note}));
        }
        out.set("extension", extensions);
        out
    }
}

impl Limit {
    fn value(&self) -> Option<Node<'static>> {
        let mut parts = Vec::with_capacity(2);
        if !self.words.is_empty() {
            parts.push(node!({"url": "Description", "valueString": &self.words}));
        }
        if let Some((count, days)) = self.count {
            let repeat = node!({"count": count, "period": days, "periodUnit": "d"});
            parts.push(node!({"url": "Rolling", "valueTiming": {"repeat": repeat}}));
        }
        (!parts.is_empty()).then(|| node!({"url": extension("QuantityLimitDetail"), "extension": parts}))
    }
}

/// A period, if one of its ends is known.
pub(super) fn period(from: &str, until: &str) -> Option<Node<'static>> {
    let mut out = Node::object();
    for (name, day) in [("start", from), ("end", until)] {
        if !day.is_empty() {
            out.set(name, day);
        }
    }
    (!out.is_empty()).then_some(out)
}
