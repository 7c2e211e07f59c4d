//! Rows into drugs and their entries in formularies.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::formats::cells::{date, is_no, normal};
use crate::formats::issue::{Rule, place};
use crate::formats::tables::drug_list::{DrugField, DrugListHeader};
use crate::map::drug_list::{Drug, DrugListing, Formulary, Item, Limit, pharmacy};
use crate::map::plan_net::DirectorySource;
use crate::map::record::{ReadPiece, Record};

/// Plans in one cell.
const PLANS_MAX: usize = 200;
/// The number of the formulary of a table that names no plan.
const ONLY_PLAN: &str = "formulary";

/// Reads a block of rows, each with its line in the file.
pub(crate) fn read(file: &Arc<str>, header: &DrugListHeader, rows: &[(u64, csv::StringRecord)]) -> ReadPiece {
    let mut out = ReadPiece::default();
    let mut earlier = EarlierRows::default();
    let mut listings: Vec<DrugListing> = Vec::new();
    for (line, cells) in rows {
        let place = place(file, *line);
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        match listing(header, cells, &mut earlier) {
            Ok((drug, items, formularies)) => {
                if items.iter().any(|item| !item.is_covered()) {
                    out.reject(&place, Rule::NotCovered, "");
                }
                let items = earlier.only_new(items, &drug, &mut listings);
                let is_known = !earlier.drugs.insert(drug.id());
                let source = DirectorySource::Table;
                listings.push(DrugListing { place, source, is_known, drug, formularies, items });
            }
            Err(reason) => out.reject(&place, Rule::Drug, reason),
        }
    }
    out.records.extend(listings.into_iter().map(|listing| Box::new(listing) as Box<dyn Record>));
    out
}

/// Drugs and items of earlier rows in the block.
#[derive(Default)]
struct EarlierRows {
    drugs: HashSet<String>,
    formularies: HashSet<String>,
    /// The listing of an item, and its position in it.
    items: HashMap<String, (usize, usize)>,
}

impl EarlierRows {
    /// Adds items that an earlier row has named to that row's listing; the others belong to the next listing.
    fn only_new(&mut self, items: Vec<Item>, drug: &Drug, listings: &mut [DrugListing]) -> Vec<Item> {
        let mut own: Vec<Item> = Vec::new();
        for item in items {
            let id = item.id(drug);
            match self.items.get(&id) {
                None => {
                    self.items.insert(id, (listings.len(), own.len()));
                    own.push(item);
                }
                Some((row, at)) => {
                    let known = listings.get_mut(*row).and_then(|listing| listing.items.get_mut(*at));
                    // A row may name a formulary twice.
                    if let Some(known) = known {
                        known.add(item);
                    }
                }
            }
        }
        own
    }
}

fn listing(
    header: &DrugListHeader,
    cells: &csv::StringRecord,
    earlier: &mut EarlierRows,
) -> Result<(Drug, Vec<Item>, Vec<Formulary>), &'static str> {
    if !header.is_whole(cells) {
        return Err("the row has more or fewer cells than the header");
    }
    let text = |field| header.get(cells, field).split_whitespace().collect::<Vec<_>>().join(" ");
    let drug = drug(&text)?;
    let tier = text(DrugField::Tier);
    if tier.is_empty() {
        return Err("the tier is empty");
    }
    // A bare number means nothing to a member.
    let tier = if tier.bytes().all(|byte| byte.is_ascii_digit()) { format!("Tier {tier}") } else { tier };
    let day = |field, wrong| match text(field) {
        cell if cell.is_empty() => Ok(String::new()),
        cell => date(&cell).value().map(|day| day.to_string()).ok_or(wrong),
    };
    let (limit, has_limit) = limit(header, &text);
    let item = Item {
        tier,
        prior_authorization: flag(header, DrugField::PriorAuthorization, &text),
        step_therapy: flag(header, DrugField::StepTherapy, &text),
        new_starts_only: [
            [DrugField::PriorAuthorization, DrugField::AuthorizationType]
                .iter()
                .any(|field| is_for_new_starts(&text(*field))),
            is_for_new_starts(&text(DrugField::StepTherapy)),
        ],
        quantity_limit: has_limit,
        limit,
        note: text(DrugField::Note),
        pharmacies: text(DrugField::Pharmacy).split([';', '|', ',']).filter_map(pharmacy).collect(),
        from: day(DrugField::From, "the effective date is no date; write it as 2026-01-31 or 01/31/2026")?,
        until: day(DrugField::Until, "the end date is no date; write it as 2026-01-31 or 01/31/2026")?,
        formulary: String::new(),
        others: Vec::new(),
    };
    let plans = text(DrugField::Plan);
    let mut numbers: Vec<&str> =
        plans.split([';', '|', ',']).map(str::trim).filter(|number| !number.is_empty()).take(PLANS_MAX).collect();
    if numbers.is_empty() {
        if header.has(DrugField::Plan) {
            return Err("the plan is empty");
        }
        numbers.push(ONLY_PLAN);
    }
    let name = if numbers.len() == 1 { text(DrugField::PlanName) } else { String::new() };
    let (mut items, mut formularies) = (Vec::new(), Vec::new());
    for number in numbers {
        items.push(Item { formulary: number.to_owned(), ..item.clone() });
        if earlier.formularies.insert(number.to_lowercase()) {
            formularies.push(Formulary { number: number.to_owned(), name: name.clone(), ..Formulary::default() });
        }
    }
    Ok((drug, items, formularies))
}

fn drug(text: &impl Fn(DrugField) -> String) -> Result<Drug, &'static str> {
    let rxnorm = text(DrugField::Rxnorm);
    // A spreadsheet turns 209459 into 209459.0.
    let rxnorm = rxnorm.strip_suffix(".0").unwrap_or(&rxnorm).to_owned();
    if rxnorm.len() > 8 || !rxnorm.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the RxNorm code is not a number of at most eight digits");
    }
    let ndc: String = text(DrugField::Ndc).chars().filter(|c| *c != '-' && *c != '*').collect();
    if !ndc.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(ndc.len(), 0 | 9..=12) {
        return Err("the NDC is not a number of eleven digits");
    }
    if rxnorm.is_empty() && ndc.is_empty() {
        return Err("the row has neither an RxNorm code nor an NDC");
    }
    let (name, strength) = (text(DrugField::Name), text(DrugField::Strength));
    let name = if strength.is_empty() || name.contains(&strength) { name } else { format!("{name} {strength}") };
    // One drug comes in many packages; the NDC identifies a drug only where no other code does.
    let ndc = if rxnorm.is_empty() { ndc } else { String::new() };
    Ok(Drug { rxnorm, ndc, name, dose_form: text(DrugField::DoseForm) })
}

fn flag(header: &DrugListHeader, field: DrugField, text: &impl Fn(DrugField) -> String) -> Option<bool> {
    let cell = text(field);
    header.has(field).then(|| !is_no(&cell))
}

/// Whether a cell limits a condition to new starts.
fn is_for_new_starts(cell: &str) -> bool {
    let mut words = cell.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.eq_ignore_ascii_case("nso")) || normal(cell).contains("newstart")
}

/// The limit, and whether there is one; absent if the table does not state it.
fn limit(header: &DrugListHeader, text: &impl Fn(DrugField) -> String) -> (Limit, Option<bool>) {
    let cell = text(DrugField::QuantityLimit);
    let (amount, days) = (text(DrugField::LimitAmount), text(DrugField::LimitDays));
    let count = match (amount.parse(), days.parse()) {
        (Ok(amount), Ok(days)) if amount > 0 && days > 0 => Some((amount, days)),
        _ => None,
    };
    let is_word = is_no(&cell) || cell.len() <= 5 && !cell.bytes().any(|byte| matches!(byte, b'2'..=b'9'));
    let words = match count {
        Some((amount, days)) => format!("{amount} per {days} days"),
        None if is_word => String::new(),
        None => cell,
    };
    let has = header.has(DrugField::QuantityLimit) || header.has(DrugField::LimitAmount);
    let yes = count.is_some() || !words.is_empty() || flag(header, DrugField::QuantityLimit, text) == Some(true);
    (Limit { words, count }, has.then_some(yes))
}
