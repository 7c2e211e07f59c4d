//! Tables of prior authorizations: CMS's, and a plan's own spreadsheet. They are read as rows of claims are; only their
//! columns have other names.

use super::header::ClaimHeader;
use crate::formats::columns::{Names, Own};
use crate::formats::records::ClaimField;

/// Field, its name in a mapping file, and the column names it is known by. The first one is the mark of this kind of
/// table.
pub(crate) const REVIEW_NAMES: [Names<ClaimField>; 27] = [
    (
        ClaimField::Claim,
        "authorization_number",
        "authorizationnumber authnumber authno authid authorizationid priorauthorizationnumber priorauthnumber priorauthid panumber referencenumber utn auth certificationnumber casenumber",
    ),
    (ClaimField::Line, "line_number", "linenumber lineno line authline currentsegment serviceline"),
    (
        ClaimField::Member,
        "member_id",
        "memberid membernumber memberno mbrid mbrno cardid subscriberid mbinum mbi benembiid enrolleeid",
    ),
    (ClaimField::Given, "first_name", "firstname memberfirstname patientfirstname fname"),
    (ClaimField::Family, "last_name", "lastname memberlastname patientlastname lname"),
    (ClaimField::Birth, "birth_date", "birthdate dob dateofbirth memberdob patientdob"),
    (
        ClaimField::Status,
        "decision",
        "decision status authstatus authorizationstatus determination padecision decisionstatus outcome disposition",
    ),
    (
        ClaimField::Reason,
        "denial_reason",
        "denialreason denialreasoncode reasondenied decisionreason reason reasoncode determinationreason",
    ),
    (
        ClaimField::Received,
        "requested_date",
        "requesteddate requestdate daterequested receiveddate datereceived submissiondate submitteddate submitdate pareqrecdt pareqsubdt",
    ),
    (
        ClaimField::Processed,
        "decision_date",
        "decisiondate datedecided determinationdate decideddate datedetermined approvaldate padecisiondt",
    ),
    (ClaimField::PaidOn, "changed_date", "changeddate updateddate lastupdated padtupdated"),
    (
        ClaimField::From,
        "valid_from",
        "validfrom startdate authstartdate effectivedate fromdate authfrom authorizedfrom begindate servicefrom utnvalidstdt",
    ),
    (
        ClaimField::To,
        "valid_to",
        "validto enddate authenddate expirationdate todate authto authorizedto throughdate serviceto utnvalidendt",
    ),
    (ClaimField::Category, "service_type", "servicetype servicetypecode typeofservice"),
    (ClaimField::Kind, "authorization_type", "authorizationtype authtype caresetting setting"),
    (
        ClaimField::Service,
        "procedure_code",
        "procedurecode proccode servicecode hcpcs hcpcscode cpt cptcode hcpcsorcptorhipps code",
    ),
    (ClaimField::Modifier, "modifier", "modifier mod pricemod"),
    (ClaimField::Units, "units", "units unitsrequested requestedunits quantity quantityrequested servicecnts visits"),
    (ClaimField::Days, "units_approved", "unitsapproved approvedunits quantityapproved authorizedunits visitsapproved"),
    (ClaimField::Charge, "charge", "charge estimatedcost requestedamount"),
    (ClaimField::Place, "place_of_service", "placeofservice pos placeofserv"),
    (ClaimField::Diagnosis, "diagnosis", "diagnosis diagnosiscode dx diag diagcode icddiagcode icd10"),
    (ClaimField::DiagnosisVersion, "diagnosis_version", "icddiagind icdversion"),
    (
        ClaimField::BillingNpi,
        "requesting_npi",
        "requestingnpi requestingprovidernpi requesternpi providernpi npi orderingnpi referringnpi",
    ),
    (
        ClaimField::BillingName,
        "requesting_name",
        "requestingname requestingprovider requestingprovidername requester providername provider name orderingprovider",
    ),
    (ClaimField::RenderingNpi, "rendering_npi", "renderingnpi servicingnpi servicingprovidernpi rendernpi"),
    (ClaimField::Urgent, "urgent", "urgent urgency expedited expeditedrequest priority isurgent"),
];

/// Whether it is the header row of a table of prior authorizations: a number, a member, and a decision or a request
/// date.
pub(crate) fn looks_like(cells: &[&str], own: &Own<ClaimField>) -> bool {
    let header = ClaimHeader::new(cells.iter().copied(), own, &REVIEW_NAMES);
    let has = |field: ClaimField| header.has(field);
    let about = has(ClaimField::Service) || has(ClaimField::Category) || has(ClaimField::Diagnosis);
    has(ClaimField::Claim)
        && has(ClaimField::Member)
        && about
        && has(ClaimField::Status)
        && (has(ClaimField::Received) || has(ClaimField::Processed))
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
