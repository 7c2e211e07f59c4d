//! The fields of a table of claims, and the column names that claims systems, benefit managers and CMS give them.

use crate::formats::columns::{ColumnField, Names};

macro_rules! fields {
    ($(($field:ident, $name:literal, $columns:literal)),+ $(,)?) => {
        /// The field of a cell. Some fields are lists, numbered at the end of the column's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum ClaimField { $($field),+ }

        /// Field, its name in a mapping file and in a part, and the column names it is known by.
        pub(crate) const NAMES: [Names<ClaimField>; [$(ClaimField::$field),+].len()] =
            [$((ClaimField::$field, $name, $columns)),+];
    };
}

fields![
    // The claim.
    (
        Claim,
        "claim_number",
        "claimnumber claimid claimno claimnbr clmid clmno clmnbr clmnumber icn dcn icndcn payerclaimnumber claimcontrolnumber payerclaimcontrolnumber claim curclmuniqid pdeid rxclaimnumber claimreferencenumber authorizationclaimnumber"
    ),
    (
        Original,
        "original_claim_number",
        "originalclaimnumber originalclaimid originalclaim origclaimid origclaimnumber replacedclaimnumber adjustedclaimnumber adjustedfromclaim priorclaimnumber previousclaimnumber reversedclaimnumber"
    ),
    (
        Line,
        "line_number",
        "linenumber lineno linenbr line claimline claimlinenumber claimlineid serviceline servicelinenumber lineseq linenum clmlinenum clmvalsqncnum ln lnnbr lnno lnnum"
    ),
    (
        Kind,
        "claim_type",
        "claimtype clmtype claimformtype formtype claimcategory typeofclaim nchclmtypecd clmtypecd claimformat"
    ),
    (TypeOfBill, "type_of_bill", "typeofbill billtype tob billtypecode"),
    (Facility, "facility_type", "clmfactypecd clmbillfactypecd"),
    (Class, "bill_class", "clmsrvcclsfctntypecd clmbillclsfctncd"),
    (Frequency, "frequency", "frequency frequencycode claimfrequency claimfrequencycode clmfreqcd clmbillfreqcd"),
    (
        Status,
        "status",
        "status claimstatus claimstatuscode clmstatus linestatus paymentstatus transactionstatus adjudicationstatus claimdisposition disposition statcd clmstatcd clmstcd linestatcd"
    ),
    (
        Adjustment,
        "adjustment_type",
        "adjustmenttype adjustment adjustmentindicator adjustmentflag adjustmentcode adjustmentstatus"
    ),
    (CmsAdjustment, "cms_adjustment", "clmadjsmttypecd clmadjstmttypecd adjstmtdltncd"),
    (Category, "service_type", "servicetype servicetypecode"),
    (Urgent, "urgent", "urgent urgency expedited expeditedrequest isurgent"),
    (
        Void,
        "void",
        "void voided voidflag voidindicator reversal reversalflag reversalindicator reversed isvoid cancelled canceled"
    ),
    (Change, "change", "dmlind"),
    (Control, "control_number", "clmcntlnum"),
    (Account, "account_number", "accountnumber patientaccountnumber patientaccount patientcontrolnumber pcn"),
    // The member.
    (
        Member,
        "member_id",
        "memberid membernumber memberno mbrid mbrno mbrnbr cardid cardnumber cardholderid healthplanid subscriberid subscribernumber enrolleeid benembiid mbi mbinum beneid desynpufid patientid"
    ),
    (Given, "first_name", "firstname patientfirstname memberfirstname mbrfirstname fname patientfname"),
    (Family, "last_name", "lastname patientlastname memberlastname mbrlastname lname patientlname"),
    (
        Birth,
        "birth_date",
        "birthdate dob dateofbirth patientdob memberdob mbrdob birthdt patientbirthdate memberbirthdate"
    ),
    // Dates.
    (
        From,
        "service_from",
        "servicefrom servicefromdate fromdate fromdos dosfrom dos servicedate dateofservice servicestartdate fromservicedate statementfrom statementfromdate startdate clmfromdt srvcdt filldate datefilled dispensedate datedispensed servicedt begindate svcstrt svcstart svcstartdt svcstrtdt svcfrom svcfromdt svcbeg svcbegdt fromdt dosfromdt"
    ),
    (
        To,
        "service_to",
        "serviceto servicetodate todate todos dosto serviceenddate throughdate thrudate statementto statementthrough statementthroughdate enddate clmthrudt svcend svcenddt svcthru svcthrudt svcto svctodt thrudt dostodt"
    ),
    (
        LineFrom,
        "line_from",
        "linefrom linefromdate linedos lineservicedate line1stexpnsdt clmlinefromdt revcntrdt clmlineinstnlrevctrdt"
    ),
    (LineTo, "line_to", "lineto linetodate linelastexpnsdt clmlinethrudt"),
    (Received, "received_date", "receiveddate datereceived claimreceiveddate receivedt receiptdate recvddate"),
    (PaidOn, "paid_date", "paiddate datepaid paymentdate checkdate remitdate pddt claimpaiddate paiddt"),
    (
        Processed,
        "processed_date",
        "processeddate dateprocessed adjudicateddate adjudicationdate processdate finalizeddate nchwklyprocdt clmefctvdt"
    ),
    (Admitted, "admission_date", "admissiondate admitdate dateadmitted admitdt clmadmsndt"),
    (Discharged, "discharge_date", "dischargedate datedischarged dischargedt nchbenedschrgdt"),
    // Providers.
    (
        BillingNpi,
        "billing_npi",
        "billingnpi billingprovidernpi billnpi billprovnpi payeenpi paytonpi orgnpinum facprvdrnpinum carrclmblgnpinum clmblgprvdrnpinum paytoprvdrnpinum providernpi groupnpi facilitynpi blgnpi bllngnpi blgprovnpi"
    ),
    (
        BillingName,
        "billing_name",
        "billingname billingprovidername billingprovider payeename payee providername provider facilityname facility vendorname"
    ),
    (
        BillingTax,
        "billing_tax_id",
        "billingtaxid taxid tin providertaxid billingtin billingprovidertaxid vendortin ein"
    ),
    (BillingNumber, "billing_number", "billingnumber billingproviderid providerid vendorid prvdrnum prvdroscarnum ccn"),
    (
        RenderingNpi,
        "rendering_npi",
        "renderingnpi renderingprovidernpi rendprovnpi servicingnpi servicingprovidernpi performingnpi prfphysnnpi rndrngphysnnpi rndrgprvdrnpinum prvdrnpi clmrndrgprvdrnpinum rndrnpi rndngnpi rndrprovnpi rendnpi"
    ),
    (
        RenderingName,
        "rendering_name",
        "renderingname renderingprovidername renderingprovider servicingprovidername servicingprovider performingprovider"
    ),
    (
        ReferringNpi,
        "referring_npi",
        "referringnpi referringprovidernpi rfrphysnnpi orderingnpi ordrgprvdrnpinum clmrfrgprvdrnpinum"
    ),
    (ReferringName, "referring_name", "referringname referringprovidername referringprovider"),
    (
        AttendingNpi,
        "attending_npi",
        "attendingnpi attendingprovidernpi atphysnnpi atndgprvdrnpinum attendingphysiciannpi"
    ),
    (AttendingName, "attending_name", "attendingname attendingprovidername attendingphysician attendingprovider"),
    (OperatingNpi, "operating_npi", "operatingnpi operatingprovidernpi opphysnnpi oprtgprvdrnpinum"),
    (OtherNpi, "other_operating_npi", "otheroperatingnpi otphysnnpi othrprvdrnpinum"),
    (
        PrescriberNpi,
        "prescriber_npi",
        "prescribernpi prescriberid prscrbrid clmprsbngprvdrgnrcidnum prescribingnpi prescriber"
    ),
    (PrescriberName, "prescriber_name", "prescribername prescriberfullname prescribingprovider"),
    (
        PharmacyNpi,
        "pharmacy_npi",
        "pharmacynpi pharmacyid serviceproviderid srvcprvdrid clmsrvcprvdrgnrcidnum nabp ncpdpid pharmacynumber"
    ),
    (PharmacyName, "pharmacy_name", "pharmacyname pharmacy dispensingpharmacy"),
    // Services.
    (Place, "place_of_service", "placeofservice pos placeofservicecode poscode lineplaceofsrvccd clmposcd"),
    (
        Principal,
        "principal_diagnosis",
        "principaldiagnosis principaldiagnosiscode primarydiagnosis primarydiagnosiscode primarydx principaldx prncpaldgnscd prncpldgnscd"
    ),
    (
        Diagnosis,
        "diagnosis",
        "diagnosis diagnosiscode diagcode diag dx dxcode icd icdcode icddgnscd icd9dgnscd clmdgnscd icdcdiag diagnoses diagnosiscodes otherdiagnosis otherdiagnosiscode secondarydiagnosis clmdgns1cd clmdgns2cd clmdgns3cd clmdgns4cd clmdgns5cd clmdgns6cd clmdgns7cd clmdgns8cd clmdgns9cd clmdgns10cd clmdgns11cd clmdgns12cd"
    ),
    (
        DiagnosisVersion,
        "diagnosis_version",
        "diagnosisversion icdversion icddgnsvrsncd prncpaldgnsvrsncd dgnsprcdricdind dxversion diagnosiscodeset"
    ),
    (DiagnosisKind, "diagnosis_kind", "clmprodtypecd"),
    (Present, "present_on_admission", "presentonadmission poa poaindicator clmpoaindsw clmpoaind poaflag"),
    (
        Admitting,
        "admitting_diagnosis",
        "admittingdiagnosis admittingdx admitdiagnosis admitdx admtgdgnscd admtngicd9dgnscd"
    ),
    (ReasonForVisit, "reason_for_visit", "reasonforvisit patientreason patientreasonforvisit rsnvisitcd"),
    (External, "external_cause", "externalcause externalcausecode ecode icddgnsecd"),
    (
        Pointers,
        "diagnosis_pointers",
        "diagnosispointers diagnosispointer dxpointer diagpointer dxptr lineicddgnscd lineicd9dgnscd clmlinedgnscd"
    ),
    (
        Procedure,
        "procedure",
        "icdprocedure icdprocedurecode principalprocedure surgicalprocedure icdprcdrcd icd9prcdrcd clmprcdrcd icdproc"
    ),
    (ProcedureDay, "procedure_date", "icdproceduredate surgicalproceduredate prcdrdt clmprcdrprfrmdt"),
    (Revenue, "revenue_code", "revenuecode revcode revenue revcd revcntr clmlineprodrevctrcd revenuecenter"),
    (
        Service,
        "procedure_code",
        "procedurecode proccode servicecode hcpcs hcpcscode cpt cptcode hcpcscpt cpthcpcs hcpcscd clmlinehcpcscd procedure proc cdt cdtcode"
    ),
    (
        Modifier,
        "modifier",
        "modifier mod modifiercode modifiers proceduremodifier hcpcs1stmdfrcd hcpcs2ndmdfrcd hcpcs3rdmdfrcd hcpcs4thmdfrcd hcpcs1mdfrcd hcpcs2mdfrcd hcpcs3mdfrcd hcpcs4mdfrcd hcpcs5mdfrcd"
    ),
    (Ndc, "ndc", "ndc ndccode ndc11 ndcnumber nationaldrugcode prodsrvcid linendccd clmlinendccd productid drugcode"),
    (
        Units,
        "units",
        "units unit quantity qty servicecount unitsofservice unitcount linesrvccnt revcntrunitcnt clmlinesrvcunitqty qtydspnsdnum quantitydispensed qtydispensed metricquantity"
    ),
    (Tooth, "tooth", "tooth toothnumber toothcode toothnum"),
    (Surface, "tooth_surface", "toothsurface surface surfaces toothsurfaces"),
    (Drg, "drg", "drg drgcode msdrg clmdrgcd dgnsdrgcd"),
    (AdmissionType, "admission_type", "admissiontype admittype typeofadmission clmipadmsntypecd clmadmsntypecd"),
    (AdmissionSource, "admission_source", "admissionsource admitsource pointoforigin clmsrcipadmsncd clmadmsnsrccd"),
    (
        DischargeStatus,
        "discharge_status",
        "dischargestatus patientstatus patientdischargestatus dischargestatuscode ptntdschrgstuscd beneptntstuscd"
    ),
    (Network, "network", "network networkstatus innetwork networkindicator par parstatus innetworkflag"),
    // Amounts of a line.
    (
        Charge,
        "charge",
        "charge charges billed billedamount billedamt chargeamount chargeamt chargedamount linecharge linechargeamount submittedcharge submittedamount submittedcharges linesbmtdchrgamt revcntrtotchrgamt totrxcstamt grossamountdue grosscost ingredientcostsubmitted usualandcustomary chgamt chrgamt billamt bldamt"
    ),
    (
        Allowed,
        "allowed",
        "allowed allowedamount allowedamt allowedcharge eligibleamount contractedamount linealowdchrgamt clmlinealowdchrgamt lineallowed alwdamt alwamt alwd allwdamt"
    ),
    (
        Paid,
        "paid",
        "paid paidamount paidamt planpaid planpaidamount netpaid netpaidamount amountpaid linepaid linepaidamount benefitpaid linenchpmtamt revcntrpmtamtamt clmlinecvrdpdamt cvrddplanpdamt payeramount pdamt"
    ),
    (PaidBesides, "paid_besides", "ncvrdplanpdamt"),
    (
        Deductible,
        "deductible",
        "deductible deductibleamount deductibleamt ded dedamt linebeneptbddctblamt revcntrcashddctblamt"
    ),
    (
        Coinsurance,
        "coinsurance",
        "coinsurance coinsuranceamount coinsuranceamt coins coinsamt linecoinsrncamt revcntrcoinsrncwgeadjstdc"
    ),
    (Copay, "copay", "copay copayment copayamount copayamt copaymentamount"),
    (
        OtherPayer,
        "other_payer_paid",
        "otherpayerpaid otherpayer cob cobamount cobpaid otherinsurancepaid primarypayerpaid linebeneprmrypyrpdamt plroamt othrtroopamt licsamt"
    ),
    (
        NotCovered,
        "not_covered",
        "notcovered noncovered notcoveredamount noncoveredamount ineligibleamount revcntrncvrdchrgamt"
    ),
    (
        Share,
        "member_pays",
        "memberpays patientpays patientpay patientpayamount patientresponsibility memberresponsibility memberliability patientpaid memberpaid ptntpayamt clmlinebenepmtamt outofpocket mbrcostshr mbrcostshare mbrrespamt ptresp"
    ),
    // Amounts of the claim.
    (
        ClaimCharge,
        "claim_charge",
        "claimcharge totalcharge totalcharges totalbilled totalbilledamount claimbilledamount totalchargeamount claimcharges nchcarrclmsbmtdchrgamt clmtotchrgamt clmmdcrinstnltotchrgamt"
    ),
    (
        ClaimAllowed,
        "claim_allowed",
        "claimallowed totalallowed totalallowedamount claimallowedamount nchcarrclmalowdamt"
    ),
    (ClaimPaid, "claim_paid", "claimpaid totalpaid totalpaidamount claimpaidamount claimpaidtotal clmpmtamt"),
    (
        ClaimDeductible,
        "claim_deductible",
        "claimdeductible totaldeductible carrclmcashddctblapldamt nchbeneipddctblamt nchbeneptbddctblamt"
    ),
    (
        ClaimCoinsurance,
        "claim_coinsurance",
        "claimcoinsurance totalcoinsurance nchbeneptacoinsrnclbltyam nchbeneptbcoinsrncamt"
    ),
    (ClaimCopay, "claim_copay", "claimcopay totalcopay"),
    (ClaimOtherPayer, "claim_other_payer_paid", "claimcob totalcob carrclmprmrypyrpdamt nchprmrypyrclmpdamt"),
    (ClaimNotCovered, "claim_not_covered", "claimnotcovered totalnotcovered nchipncvrdchrgamt"),
    (
        Reason,
        "adjustment_reason",
        "adjustmentreason adjustmentreasoncode carc reasoncode denialreason denialcode carccode revcntr1stansicd"
    ),
    (ReasonAmount, "adjustment_amount", "adjustmentamount adjustmentreasonamount carcamount reasonamount"),
    (Remark, "remark", "remark remarkcode rarc rarccode remarkcodes"),
    (Denial, "payment_denial", "carrclmpmtdnlcd clmcarrpmtdnlcd"),
    // Pharmacy.
    (
        Prescription,
        "prescription_number",
        "prescriptionnumber rxnumber rxnbr rxno prescription prescriptionid rxsrvcrfrncnum clmlinerxsrvcrfrncnum scriptnumber"
    ),
    (Fill, "fill_number", "fillnumber fillno fillnum refillnumber refill refillno refillcode clmlinerxfillnum"),
    (Refills, "refills_authorized", "refillsauthorized authorizedrefills refillsallowed numberofrefills refillsauth"),
    (Days, "days_supply", "dayssupply daysupply dayssupplied dayssuplynum clmlinedayssuplyqty dayssup"),
    (Daw, "daw", "daw dawcode dispenseaswritten productselectioncode dawprodslctncd clmdawprodslctncd"),
    (Compound, "compound", "compound compoundcode compoundindicator iscompound cmpndcd"),
    (Brand, "brand_generic", "brandgeneric brandgenericindicator brndgnrccd brandorgeneric"),
    (Origin, "origin", "rxorigin origincode prescriptionorigin prescriptionorigincode rxorgincd"),
];

impl ClaimField {
    /// The name in a mapping file and in a part.
    pub(crate) fn name(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, name, _)| name)
    }

    /// The field with that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known, _)| *known == name).map(|(field, ..)| *field)
    }

    /// Whether several columns of one row may hold the field.
    pub(crate) const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Diagnosis
                | Self::DiagnosisVersion
                | Self::Present
                | Self::ReasonForVisit
                | Self::External
                | Self::Procedure
                | Self::ProcedureDay
                | Self::Modifier
                | Self::Reason
                | Self::ReasonAmount
                | Self::Remark
                | Self::OtherPayer
        )
    }

    /// Whether the field may stand several times in a row because the row holds several lines.
    pub(crate) const fn is_of_line(self) -> bool {
        matches!(
            self,
            Self::Service
                | Self::RenderingNpi
                | Self::Charge
                | Self::Allowed
                | Self::Paid
                | Self::Deductible
                | Self::Coinsurance
                | Self::Copay
                | Self::NotCovered
                | Self::Share
                | Self::Units
                | Self::Pointers
                | Self::Revenue
                | Self::Place
                | Self::LineFrom
                | Self::LineTo
                | Self::Ndc
        )
    }

    /// The kind of text that the field holds.
    pub(crate) const fn shape(self) -> Shape {
        match self {
            Self::Birth
            | Self::From
            | Self::To
            | Self::LineFrom
            | Self::LineTo
            | Self::Received
            | Self::PaidOn
            | Self::Processed
            | Self::Admitted
            | Self::Discharged
            | Self::ProcedureDay => Shape::Day,
            Self::Charge
            | Self::Allowed
            | Self::Paid
            | Self::PaidBesides
            | Self::Deductible
            | Self::Coinsurance
            | Self::Copay
            | Self::OtherPayer
            | Self::NotCovered
            | Self::Share
            | Self::ClaimCharge
            | Self::ClaimAllowed
            | Self::ClaimPaid
            | Self::ClaimDeductible
            | Self::ClaimCoinsurance
            | Self::ClaimCopay
            | Self::ClaimOtherPayer
            | Self::ClaimNotCovered
            | Self::ReasonAmount => Shape::Amount,
            Self::Units | Self::Days | Self::Fill | Self::Refills => Shape::Number,
            Self::BillingNpi
            | Self::RenderingNpi
            | Self::ReferringNpi
            | Self::AttendingNpi
            | Self::OperatingNpi
            | Self::OtherNpi
            | Self::PrescriberNpi
            | Self::PharmacyNpi => Shape::Npi,
            _ => Shape::Text,
        }
    }
}

impl ColumnField for ClaimField {
    fn is_list(self) -> bool {
        Self::is_list(self)
    }
}

/// The kinds of text that fields hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Day,
    Amount,
    Number,
    Npi,
    Text,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::cells::normal;

    #[test]
    fn no_column_name_is_two_fields() {
        let mut seen = std::collections::HashMap::new();
        for (field, name, columns) in NAMES {
            assert_eq!((ClaimField::parse(name), field.name()), (Some(field), name));
            for column in columns.split(' ') {
                assert_eq!(column.to_lowercase(), normal(column), "{column}");
                if let Some(other) = seen.insert(column.to_lowercase(), field) {
                    assert_eq!(other, field, "{column}");
                }
            }
        }
    }
}
