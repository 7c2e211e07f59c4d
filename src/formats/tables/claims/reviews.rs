//! Tables of prior authorizations: CMS's, and a plan's own spreadsheet. They are read as rows of claims are; only their
//! columns have other names.

use super::header::ClaimHeader;
use crate::formats::columns::{Names, Own};
use crate::formats::records::Field;

/// Field, its name in a mapping file, and the column names it is known by. The first one is the mark of this kind of
/// table.
pub(crate) const REVIEW_NAMES: [Names<Field>; 27] = [
    (
        Field::Claim,
        "authorization_number",
        "authorizationnumber authnumber authno authid authorizationid priorauthorizationnumber priorauthnumber priorauthid panumber referencenumber utn auth certificationnumber casenumber",
    ),
    (Field::Line, "line_number", "linenumber lineno line authline currentsegment serviceline"),
    (
        Field::Member,
        "member_id",
        "memberid membernumber memberno mbrid mbrno cardid subscriberid mbinum mbi benembiid enrolleeid",
    ),
    (Field::Given, "first_name", "firstname memberfirstname patientfirstname fname"),
    (Field::Family, "last_name", "lastname memberlastname patientlastname lname"),
    (Field::Birth, "birth_date", "birthdate dob dateofbirth memberdob patientdob"),
    (
        Field::Status,
        "decision",
        "decision status authstatus authorizationstatus determination padecision decisionstatus outcome disposition",
    ),
    (
        Field::Reason,
        "denial_reason",
        "denialreason denialreasoncode reasondenied decisionreason reason reasoncode determinationreason",
    ),
    (
        Field::Received,
        "requested_date",
        "requesteddate requestdate daterequested receiveddate datereceived submissiondate submitteddate submitdate pareqrecdt pareqsubdt",
    ),
    (
        Field::Processed,
        "decision_date",
        "decisiondate datedecided determinationdate decideddate datedetermined approvaldate padecisiondt",
    ),
    (Field::PaidOn, "changed_date", "changeddate updateddate lastupdated padtupdated"),
    (
        Field::From,
        "valid_from",
        "validfrom startdate authstartdate effectivedate fromdate authfrom authorizedfrom begindate servicefrom utnvalidstdt",
    ),
    (
        Field::To,
        "valid_to",
        "validto enddate authenddate expirationdate todate authto authorizedto throughdate serviceto utnvalidendt",
    ),
    (Field::Category, "service_type", "servicetype servicetypecode typeofservice"),
    (Field::Kind, "authorization_type", "authorizationtype authtype caresetting setting"),
    (
        Field::Service,
        "procedure_code",
        "procedurecode proccode servicecode hcpcs hcpcscode cpt cptcode hcpcsorcptorhipps code",
    ),
    (Field::Modifier, "modifier", "modifier mod pricemod"),
    (Field::Units, "units", "units unitsrequested requestedunits quantity quantityrequested servicecnts visits"),
    (Field::Days, "units_approved", "unitsapproved approvedunits quantityapproved authorizedunits visitsapproved"),
    (Field::Charge, "charge", "charge estimatedcost requestedamount"),
    (Field::Place, "place_of_service", "placeofservice pos placeofserv"),
    (Field::Diagnosis, "diagnosis", "diagnosis diagnosiscode dx diag diagcode icddiagcode icd10"),
    (Field::DiagnosisVersion, "diagnosis_version", "icddiagind icdversion"),
    (
        Field::BillingNpi,
        "requesting_npi",
        "requestingnpi requestingprovidernpi requesternpi providernpi npi orderingnpi referringnpi",
    ),
    (
        Field::BillingName,
        "requesting_name",
        "requestingname requestingprovider requestingprovidername requester providername provider name orderingprovider",
    ),
    (Field::RenderingNpi, "rendering_npi", "renderingnpi servicingnpi servicingprovidernpi rendernpi"),
    (Field::Urgent, "urgent", "urgent urgency expedited expeditedrequest priority isurgent"),
];

/// Whether it is the header row of a table of prior authorizations: a number, a member, and a decision or a request
/// date.
pub(crate) fn looks_like(cells: &[&str], own: &Own<Field>) -> bool {
    let header = ClaimHeader::new(cells.iter().copied(), own, &REVIEW_NAMES);
    let has = |field: Field| header.has(field);
    let about = has(Field::Service) || has(Field::Category) || has(Field::Diagnosis);
    has(Field::Claim)
        && has(Field::Member)
        && about
        && has(Field::Status)
        && (has(Field::Received) || has(Field::Processed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreadsheets_and_cms_are_known() {
        let looks = |text: &str| looks_like(&text.split(',').collect::<Vec<_>>(), &Own::default());
        assert!(looks("MBI_NUM,UTN,CURRENT_SEGMENT,HCPCS_OR_CPT_OR_HIPPS,PA_DECISION,PA_REQ_SUB_DT"));
        assert!(looks("Auth Number,Member ID,Request Date,CPT,Status"));
        assert!(!looks("claim_number,member_id,dos,cpt,status"));
        assert!(!looks("rxnorm,tier,prior_authorization,plan_id"));
    }
}
