//! The columns of a drug list: by the names that pharmacy benefit managers give, or by the plan's own mapping.

use crate::formats::cells::normal;
use crate::formats::columns::{Columns, Names, Own};

/// The field of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Rxnorm,
    Ndc,
    Name,
    Strength,
    DoseForm,
    Tier,
    PriorAuthorization,
    AuthorizationType,
    StepTherapy,
    QuantityLimit,
    LimitAmount,
    LimitDays,
    Plan,
    PlanName,
    Pharmacy,
    From,
    Until,
    Note,
}

/// Field, its name in a mapping file, and the column names it is known by.
pub(crate) const NAMES: [Names<Field>; 18] = [
    (Field::Rxnorm, "rxnorm", "rxnorm rxnormid rxcui rxnormcode rxnormcui rxnormconceptid"),
    (Field::Ndc, "ndc", "ndc ndccode ndc11 ndcnumber proxyndc nationaldrugcode"),
    (Field::Name, "drug_name", "drugname drug name medication medicationname productname labelname drugdescription"),
    (Field::Strength, "strength", "strength drugstrength"),
    (Field::DoseForm, "dose_form", "doseform dosageform form drugform"),
    (Field::Tier, "tier", "tier drugtier tierlevel tierlevelvalue formularytier tiername tierid"),
    (
        Field::PriorAuthorization,
        "prior_authorization",
        "priorauthorization priorauth pa priorauthorizationyn parequired priorauthrequired authorizationrequired",
    ),
    (Field::AuthorizationType, "prior_authorization_type", "patype priorauthorizationtype priorauthtype"),
    (Field::StepTherapy, "step_therapy", "steptherapy st steptherapyyn steptherapyrequired step"),
    (
        Field::QuantityLimit,
        "quantity_limit",
        "quantitylimit ql quantitylimits quantitylimityn qtylimit quantitylimitdescription",
    ),
    (Field::LimitAmount, "quantity_limit_amount", "quantitylimitamount qlamount qtylimitamount maxquantity"),
    (Field::LimitDays, "quantity_limit_days", "quantitylimitdays qldays qtylimitdays perdays"),
    (
        Field::Plan,
        "plan_id",
        "planid plan plans planids plancode hiosplanid formularyid formulary formularynumber contractplan",
    ),
    (Field::PlanName, "plan_name", "planname formularyname marketingname"),
    (Field::Pharmacy, "pharmacy_type", "pharmacytype pharmacybenefittype channel"),
    (Field::From, "effective_date", "effectivedate effdate startdate from formularyeffectivedate begindate"),
    (Field::Until, "end_date", "enddate terminationdate termdate expirationdate until"),
    (Field::Note, "note", "note notes comment comments restrictions additionalinformation coveragenotes"),
];

/// Columns that show that a table is about something else: claims and prescriptions name drugs, too.
const OTHERS: [&str; 9] =
    ["memberid", "patientid", "claimid", "claimnumber", "filldate", "servicedate", "dayssupply", "patient", "npi"];

/// The header row.
#[derive(Clone, Debug)]
pub(crate) struct DrugListHeader(Columns<Field>);

impl DrugListHeader {
    pub(crate) fn new(row: &csv::StringRecord, own: &Own<Field>) -> Self {
        Self(Columns::new(row.iter(), own, &NAMES))
    }

    pub(crate) fn get<'r>(&self, row: &'r csv::StringRecord, field: Field) -> &'r str {
        self.0.get(row, field)
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.0.has(field)
    }

    pub(crate) fn is_whole(&self, row: &csv::StringRecord) -> bool {
        row.len() == self.0.len()
    }
}

/// True for the header row of a drug list: a drug, by code or name, and its tier.
pub(crate) fn looks_like(header: &[&str], own: &Own<Field>) -> bool {
    let columns = Columns::new(header.iter().copied(), own, &NAMES);
    let is_other = header.iter().any(|cell| OTHERS.contains(&normal(cell).as_str()));
    let has_drug = columns.has(Field::Rxnorm) || columns.has(Field::Ndc);
    !is_other && has_drug && columns.has(Field::Tier)
}
