//! Elements of `plans.json`: a plan, the tiers of its network, and its drug costs.

use super::provider::network_key;
use crate::fhir::json::{Node, node};
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::qhp::element::{items, text, texts, years};
use crate::map::drug_list::{Cost, DrugPlan, Formulary, TierCost, add_benefit, pharmacy};
use crate::map::plan_net::{DirectorySource, Network, Plan, coded, payer};
use crate::map::record::{KnownMember, NamedMember, PlanContext, Record};

const SOURCE: DirectorySource = DirectorySource::Qhp;
const CONTACTS: &str =
    "http://hl7.org/fhir/us/davinci-drug-formulary/CodeSystem/usdf-PlanContactTypeCS-TEMPORARY-TRIAL-USE";

/// A plan.
pub(super) struct PlanElement {
    place: RecordPlace,
    plan: Plan,
    networks: Vec<Network>,
    drugs: DrugPlan,
    formulary: Formulary,
    /// Purpose, kind of address, address.
    contacts: Vec<(&'static str, &'static str, String)>,
}

/// Takes a plan.
pub(super) fn take(value: &Node<'_>, place: &RecordPlace) -> Result<PlanElement, (Rule, &'static str)> {
    let number = text(value, "plan_id");
    if number.is_empty() {
        return Err((Rule::Provider, "the plan's number (plan_id) is empty"));
    }
    let name = text(value, "marketing_name");
    let mut networks: Vec<Network> = Vec::new();
    for tier in items(value, "network").map(|network| text(network, "network_tier")) {
        let key = network_key(&number, &tier);
        if !networks.iter().any(|network| network.key == key) {
            let words = if tier.is_empty() { "network".to_owned() } else { format!("{tier} network") };
            let name = if name.is_empty() { key.clone() } else { format!("{name}, {words}") };
            networks.push(Network { key, name });
        }
    }
    // Providers name the plan; without tiers the plan is its own network.
    if networks.is_empty() {
        networks.push(Network { key: number.clone(), name: name.clone() });
    }
    let contact = text(value, "plan_contact");
    let kind = if contact.contains('@') { "email" } else { "phone" };
    let contacts = [
        ("PATINF", kind, contact),
        ("MARKETING", "url", text(value, "marketing_url")),
        ("SUMMARY", "url", text(value, "summary_url")),
        ("FORMULARY", "url", text(value, "formulary_url")),
    ];
    let (from, until) = years(value);
    Ok(PlanElement {
        place: place.clone(),
        plan: Plan {
            number: number.clone(),
            name: name.clone(),
            networks: networks.iter().map(|network| network.key.clone()).collect(),
        },
        networks,
        drugs: DrugPlan { number: number.clone(), tiers: items(value, "formulary").map(tier).collect() },
        formulary: Formulary { number, name, from, until },
        contacts: contacts.into_iter().filter(|(.., address)| !address.is_empty()).collect(),
    })
}

fn tier(value: &Node<'_>) -> TierCost {
    let number = |value: &Node<'_>, name: &str| {
        value.get(name).and_then(|value| match value {
            Node::Number(text) | Node::String(text) => text.trim().parse().ok(),
            _ => None,
        })
    };
    let cost = |one: &Node<'_>| {
        let with = |amount: Option<f64>, option: &str| {
            amount.filter(|amount| amount.is_finite() && *amount >= 0.0).map(|amount| (amount, text(one, option)))
        };
        Cost {
            pharmacy: pharmacy(&text(one, "pharmacy_type")).unwrap_or_default(),
            copay: with(number(one, "copay_amount"), "copay_opt"),
            coinsurance: with(number(one, "coinsurance_rate"), "coinsurance_opt"),
        }
    };
    TierCost {
        tier: texts(value, "drug_tier").into_iter().next().unwrap_or_else(|| "Other".to_owned()),
        costs: items(value, "cost_sharing").map(cost).collect(),
    }
}

impl Record for PlanElement {
    fn place(&self) -> &RecordPlace {
        &self.place
    }

    fn named_member(&self) -> Option<NamedMember> {
        None
    }

    fn resources(&self, _: &KnownMember, about: PlanContext<'_>) -> Result<Vec<Node<'static>>, (Rule, String)> {
        let mut out = vec![payer(about)];
        out.extend(self.networks.iter().map(|network| network.resource(SOURCE, about)));
        let mut plan = self.plan.resource(SOURCE, about);
        if let Some(period) = self.period() {
            plan.set("period", period);
        }
        let contacts: Vec<Node<'static>> = self.contacts.iter().map(contact).collect();
        if !contacts.is_empty() {
            plan.set("contact", contacts);
        }
        if !self.drugs.tiers.is_empty() {
            add_benefit(&mut plan, &self.drugs);
            out.push(self.formulary.resource(SOURCE, about));
        }
        out.push(plan);
        Ok(out)
    }
}

impl PlanElement {
    fn period(&self) -> Option<Node<'static>> {
        (!self.formulary.from.is_empty()).then(|| node!({"start": &self.formulary.from, "end": &self.formulary.until}))
    }
}

fn contact((purpose, kind, address): &(&'static str, &'static str, String)) -> Node<'static> {
    let system =
        if *purpose == "PATINF" { "http://terminology.hl7.org/CodeSystem/contactentity-type" } else { CONTACTS };
    let mut out = Node::object();
    out.set("purpose", coded(system, purpose));
    out.set("telecom", node!([{"system": kind, "value": address}]));
    out
}
