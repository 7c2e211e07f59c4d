//! Formularies, and the cost of drugs in a plan.

use super::item::period;
use super::{extension, profile, system};
use crate::fhir::json::{Node, node};
use crate::map::plan_net::{DirectorySource, adopted, coded, reference};
use crate::map::record::{PlanContext, made_id};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// A formulary. A plan has one, known by the plan's number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Formulary {
    pub(crate) number: String,
    /// The name; empty if only the number is known.
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) until: String,
}

impl Formulary {
    pub(crate) fn id_of(number: &str) -> String {
        made_id(&["InsurancePlan", "formulary", &number.to_lowercase()])
    }

    pub(crate) fn resource(&self, source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
        let mut out = adopted("InsurancePlan", &Self::id_of(&self.number), &[profile("Formulary")], source, about);
        out.set("identifier", node!([{"system": format!("{}/formulary", about.ids), "value": &self.number}]));
        out.set("status", if about.is_over(&self.until) { "retired" } else { "active" });
        out.set("type", node!([coded(ACT_CODE, "DRUGPOL")]));
        let of = if self.name.is_empty() { &self.number } else { &self.name };
        out.set("name", format!("Drug list of {of}"));
        if let Some(period) = period(&self.from, &self.until) {
            out.set("period", period);
        }
        out
    }
}

/// A plan's drug benefit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DrugPlan {
    pub(crate) number: String,
    pub(crate) tiers: Vec<TierCost>,
}

/// The cost of a tier's drugs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TierCost {
    pub(crate) tier: String,
    pub(crate) costs: Vec<Cost>,
}

/// The cost of a tier's drugs at one type of pharmacy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// A code of the guide's pharmacy benefit types, or empty.
    pub(crate) pharmacy: &'static str,
    /// Dollars, and the condition in the source's words.
    pub(crate) copay: Option<(f64, String)>,
    /// A share of the price, 0.1 for a tenth, and the condition.
    pub(crate) coinsurance: Option<(f64, String)>,
}

/// Adds drug coverage to an `InsurancePlan`, if the plan states drug costs: the guide does not accept it without them.
pub(crate) fn add_benefit(resource: &mut Node<'static>, plan: &DrugPlan) {
    let costs = specific_costs(plan);
    if costs.is_empty() {
        return;
    }
    if let Some(Node::Array(profiles)) = resource.get_mut("meta").and_then(|meta| meta.get_mut("profile")) {
        // In the order that merging keeps.
        profiles.insert(0, profile("PayerInsurancePlan").into());
    }
    let drug = node!({"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/insurance-plan-type", "code": "drug", "display": "Drug",
    }]});
    let formulary = reference("InsurancePlan", &Formulary::id_of(&plan.number));
    let coverage = node!([{
        "extension": [{"url": extension("FormularyReference"), "valueReference": formulary}],
        "type": coded(ACT_CODE, "DRUGPOL"),
        "benefit": [{"type": &drug}],
    }]);
    resource.set("coverage", coverage);
    resource.set("plan", node!([{"type": drug, "specificCost": costs}]));
}

/// One entry for each type of pharmacy, with one benefit for each tier.
fn specific_costs(plan: &DrugPlan) -> Vec<Node<'static>> {
    let mut pharmacies: Vec<&str> = Vec::new();
    for cost in plan.tiers.iter().flat_map(|tier| &tier.costs) {
        if !pharmacies.contains(&cost.pharmacy) {
            pharmacies.push(cost.pharmacy);
        }
    }
    let mut out = Vec::new();
    for pharmacy in pharmacies {
        let mut benefits = Vec::new();
        for level in &plan.tiers {
            let costs = level.costs.iter().filter(|cost| cost.pharmacy == pharmacy);
            let costs: Vec<Node<'static>> = costs.flat_map(Cost::values).take(2).collect();
            if !costs.is_empty() {
                benefits.push(node!({"type": tier(&level.tier), "cost": costs}));
            }
        }
        if !benefits.is_empty() {
            let category = if pharmacy.is_empty() {
                node!({"text": "Any pharmacy"})
            } else {
                coded(&system("PharmacyBenefitType"), pharmacy)
            };
            out.push(node!({"category": category, "benefit": benefits}));
        }
    }
    out
}

impl Cost {
    fn values(&self) -> Vec<Node<'static>> {
        let kind = |code: &str| coded(&system("BenefitCostType"), code);
        let when = |code: &str| node!([coded(&system("CostShareOption"), code)]);
        let mut out = Vec::with_capacity(2);
        if let Some((amount, option)) = &self.copay {
            let value = node!({"value": cents(*amount), "unit": "$", "system": "urn:iso:std:iso:4217", "code": "USD"});
            out.push(node!({"type": kind("copay"), "qualifiers": when(option_code(option, true)), "value": value}));
        }
        if let Some((rate, option)) = &self.coinsurance {
            let value = node!({"value": cents(*rate * 100.0), "system": "http://unitsofmeasure.org", "code": "%"});
            out.push(
                node!({"type": kind("coinsurance"), "qualifiers": when(option_code(option, false)), "value": value}),
            );
        }
        out
    }
}

/// Two decimals, and none if they are zero.
fn cents(amount: f64) -> Node<'static> {
    let rounded = (amount * 100.0).round() / 100.0;
    if rounded.fract() == 0.0 && rounded.abs() < 1e12 { node!(rounded as i64) } else { node!(rounded) }
}

/// When a cost applies. The guide has no "before the deductible" for coinsurance; "deductible waived" means the same.
fn option_code(words: &str, is_copay: bool) -> &'static str {
    match (normal(words).as_str(), is_copay) {
        ("after-deductible", _) => "after-deductible",
        ("before-deductible", true) => "before-deductible",
        ("before-deductible" | "deductible-waived", _) => "deductible-waived",
        ("no-charge", _) => "no-charge",
        ("no-charge-after-deductible", _) => "no-charge-after-deductible",
        ("not-applicable" | "copay-not-applicable", true) => "copay-not-applicable",
        ("not-applicable" | "coinsurance-not-applicable", false) => "coinsurance-not-applicable",
        _ => "charge",
    }
}

/// The guide's code for a type of pharmacy, such as `1-MONTH-IN-RETAIL`.
pub(crate) fn pharmacy(words: &str) -> Option<&'static str> {
    const CODES: [&str; 8] = [
        "1-month-in-retail",
        "1-month-out-retail",
        "1-month-in-mail",
        "1-month-out-mail",
        "3-month-in-retail",
        "3-month-out-retail",
        "3-month-in-mail",
        "3-month-out-mail",
    ];
    let words = normal(words);
    CODES.into_iter().find(|code| *code == words)
}

/// A tier: the guide's code if the words match one, else the words.
pub(crate) fn tier(words: &str) -> Node<'static> {
    const CODES: [&str; 10] = [
        "generic",
        "preferred-generic",
        "non-preferred-generic",
        "specialty",
        "brand",
        "preferred-brand",
        "non-preferred-brand",
        "preferred",
        "non-preferred",
        "medical-service",
    ];
    let plain = normal(words);
    let plain = plain.trim_end_matches("-drugs").trim_end_matches("-drug").replace("nonpreferred", "non-preferred");
    let code = if plain.starts_with("zero-cost-share-prevent") {
        Some("zero-cost-share-preventative")
    } else {
        CODES.into_iter().find(|code| *code == plain)
    };
    code.map_or_else(|| node!({"text": words}), |code| coded(&system("DrugTier"), code))
}

/// Lower case, with a hyphen between words.
fn normal(words: &str) -> String {
    let lower = words.to_lowercase();
    let parts: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
