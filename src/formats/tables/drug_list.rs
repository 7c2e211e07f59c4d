//! The columns of a drug list: by the names that pharmacy benefit managers give, or by the plan's own mapping.

use crate::formats::cells::normal;
use crate::formats::columns::{ColumnField, Columns, Names, Own};

/// The field of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DrugField {
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

impl ColumnField for DrugField {
    fn is_list(self) -> bool {
        matches!(self, Self::Plan | Self::Note)
    }
}

/// Field, its name in a mapping file, and the column names it is known by.
pub(crate) const NAMES: [Names<DrugField>; 18] = [
    (DrugField::Rxnorm, "rxnorm", "rxnorm rxnormid rxcui rxnormcode rxnormcui rxnormconceptid"),
    (DrugField::Ndc, "ndc", "ndc ndccode ndc11 ndcnumber proxyndc nationaldrugcode"),
    (
        DrugField::Name,
        "drug_name",
        "drugname drug name medication medicationname productname labelname drugdescription",
    ),
    (DrugField::Strength, "strength", "strength drugstrength"),
    (DrugField::DoseForm, "dose_form", "doseform dosageform form drugform"),
    (DrugField::Tier, "tier", "tier drugtier tierlevel tierlevelvalue formularytier tiername tierid"),
    (
        DrugField::PriorAuthorization,
        "prior_authorization",
        "priorauthorization priorauth pa priorauthorizationyn parequired priorauthrequired authorizationrequired",
    ),
    (DrugField::AuthorizationType, "prior_authorization_type", "patype priorauthorizationtype priorauthtype"),
    (DrugField::StepTherapy, "step_therapy", "steptherapy st steptherapyyn steptherapyrequired step"),
    (
        DrugField::QuantityLimit,
        "quantity_limit",
        "quantitylimit ql quantitylimits quantitylimityn qtylimit quantitylimitdescription",
    ),
    (DrugField::LimitAmount, "quantity_limit_amount", "quantitylimitamount qlamount qtylimitamount maxquantity"),
    (DrugField::LimitDays, "quantity_limit_days", "quantitylimitdays qldays qtylimitdays perdays"),
    (
        DrugField::Plan,
        "plan_id",
        "planid plan plans planids plancode hiosplanid formularyid formulary formularynumber contractplan",
    ),
    (DrugField::PlanName, "plan_name", "planname formularyname marketingname"),
    (DrugField::Pharmacy, "pharmacy_type", "pharmacytype pharmacybenefittype channel"),
    (DrugField::From, "effective_date", "effectivedate effdate startdate from formularyeffectivedate begindate"),
    (DrugField::Until, "end_date", "enddate terminationdate termdate expirationdate until"),
    (DrugField::Note, "note", "note notes comment comments restrictions additionalinformation coveragenotes"),
];

/// Columns that show that a table is about something else: claims and prescriptions name drugs, too.
const OTHERS: [&str; 9] =
    ["memberid", "patientid", "claimid", "claimnumber", "filldate", "servicedate", "dayssupply", "patient", "npi"];

/// The header row.
#[derive(Clone, Debug)]
pub(crate) struct DrugListHeader(Columns<DrugField>);

impl DrugListHeader {
    pub(crate) fn new(row: &csv::StringRecord, own: &Own<DrugField>) -> Self {
        Self(Columns::new(row.iter(), own, &NAMES))
    }

    pub(crate) fn get<'r>(&self, row: &'r csv::StringRecord, field: DrugField) -> &'r str {
        self.0.get(row, field)
    }

    pub(crate) fn has(&self, field: DrugField) -> bool {
        self.0.has(field)
    }

    pub(crate) fn fields(&self) -> &[Option<DrugField>] {
        self.0.fields()
    }

    pub(crate) fn is_whole(&self, row: &csv::StringRecord) -> bool {
        row.len() == self.0.len()
    }
}

/// True for the header row of a drug list: a drug, by code or name, and its tier.
pub(crate) fn looks_like<'h>(header: impl Iterator<Item = &'h str> + Clone, own: &Own<DrugField>) -> bool {
    let columns = Columns::new(header.clone(), own, &NAMES);
    let is_other = header.into_iter().any(|cell| OTHERS.contains(&normal(cell).as_str()));
    let has_drug = columns.has(DrugField::Rxnorm) || columns.has(DrugField::Ndc);
    !is_other && has_drug && columns.has(DrugField::Tier)
}
