//! The columns of a roster: by the names that payroll, enrollment and claims systems use, or by the plan's own mapping.

use crate::formats::Format;
use crate::formats::cells::normal;
use crate::formats::columns::{ColumnField, Names, Own};

/// The field of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MemberField {
    MemberId,
    Patient,
    Given,
    Middle,
    Family,
    Birth,
    Gender,
    Email,
    Phone,
    Line,
    City,
    State,
    Zip,
    Plan,
    Group,
    Subscriber,
    Relationship,
    Start,
    End,
    Represents,
    Representative,
    /// `N` marks a row that a newer one replaces.
    Newest,
    /// A number that is not on the member's card, by which claims may name her.
    OtherNumber,
}

impl ColumnField for MemberField {
    fn is_list(self) -> bool {
        matches!(self, Self::Email | Self::Phone | Self::Line | Self::OtherNumber | Self::Represents)
    }
}

/// Field, its name in a mapping file, and the column names it is known by (letters and digits only, lower case).
pub(crate) const NAMES: [Names<MemberField>; 23] = [
    (
        MemberField::MemberId,
        "member_id",
        "memberid membernumber memberno mbrid mbrno mbrnbr cardid cardnumber healthplanid benembiid mbi medicareid medicaidid employeeid mbinum",
    ),
    (MemberField::Patient, "fhir_patient_id", "fhirpatientid fhirpatient patientresourceid"),
    (
        MemberField::Given,
        "first_name",
        "firstname fname given givenname first memberfirstname mbrfirstname patientfirstname bene1stname benegvnname",
    ),
    (
        MemberField::Middle,
        "middle_name",
        "middlename middle mi middleinitial membermiddlename benemidlname benemdlname",
    ),
    (
        MemberField::Family,
        "last_name",
        "lastname lname surname family familyname last memberlastname mbrlastname patientlastname benelastname benesrnmname",
    ),
    (
        MemberField::Birth,
        "birth_date",
        "birthdate dob dateofbirth birthday memberdob mbrdob birthdt benebrthdt benebirthdt benedob",
    ),
    (MemberField::Gender, "gender", "gender sex membergender mbrsex gendercode benesexcd benesexidentcd"),
    (MemberField::Email, "email", "email emailaddress mail email1 email2 personalemail workemail memberemail"),
    (
        MemberField::Phone,
        "phone",
        "phone phonenumber mobile mobilephone cell cellphone homephone telephone phone1 phone2 workphone memberphone",
    ),
    (
        MemberField::Line,
        "address",
        "address address1 address2 addressline1 addressline2 street streetaddress line1 line2 beneline1adr beneline2adr drvdline1adr drvdline2adr",
    ),
    (MemberField::City, "city", "city town geozipplcname cityname"),
    (MemberField::State, "state", "state statecode geouspsstatecd statecd"),
    (MemberField::Zip, "zip", "zip zipcode postalcode postcode zip5 geozip5cd benezipcd statecntyzipcd"),
    (MemberField::Plan, "plan", "plan planname plancode planid product productname benefitplan"),
    (MemberField::Group, "group", "group groupid groupnumber groupno groupname"),
    (
        MemberField::Subscriber,
        "subscriber_id",
        "subscriberid subscribermemberid subscribernumber policyid policynumber",
    ),
    (MemberField::Relationship, "relationship", "relationship relation relationshipcode relationshiptosubscriber"),
    (
        MemberField::Start,
        "coverage_start",
        "coveragestart coveragestartdate effectivedate effdate startdate coverageeffectivedate eligibilitystart enrollmentdate enrollmentstart covstart ptacvrgstrtdt benepartaenrlmtbgndt",
    ),
    (
        MemberField::End,
        "coverage_end",
        "coverageend coverageenddate terminationdate termdate enddate eligibilityend enrollmentend",
    ),
    (MemberField::Represents, "represents", "represents actsfor"),
    (
        MemberField::Representative,
        "representative_member_id",
        "representativememberid representativeid representative actingmemberid personalrepresentativeid",
    ),
    (MemberField::Newest, "newest", "idrltsttransflg"),
    (MemberField::OtherNumber, "other_number", "othernumber beneid benesk"),
];

/// Whether a column of this name holds a member's number.
pub(crate) fn is_number(plain: &str) -> bool {
    Own::default().find(plain, &NAMES) == Some(MemberField::MemberId)
}

/// The names of fields in a mapping file, with the column names they are known by.
pub(crate) fn field_names() -> Vec<(&'static str, &'static str)> {
    NAMES.iter().map(|(_, name, columns)| (*name, *columns)).collect()
}

/// The header row of a table.
#[derive(Clone, Debug)]
pub(crate) struct MemberHeader {
    columns: Vec<Option<MemberField>>,
}

impl MemberHeader {
    pub(crate) fn new<'h>(cells: impl Iterator<Item = &'h str>, own: &Own<MemberField>) -> Self {
        let cells: Vec<String> = cells.map(normal).collect();
        let mut columns = own.assign(&cells, &NAMES);
        if !columns.contains(&Some(MemberField::MemberId))
            && let Some(at) = cells.iter().position(|cell| cell == "id")
            && let Some(column) = columns.get_mut(at)
        {
            *column = Some(MemberField::MemberId);
        }
        Self { columns }
    }

    pub(crate) fn has(&self, field: MemberField) -> bool {
        self.columns.contains(&Some(field))
    }

    /// The field of each column.
    pub(crate) fn fields(&self) -> &[Option<MemberField>] {
        &self.columns
    }

    /// The format of the table if its columns suffice for one, or the words for the columns that a roster lacks.
    pub(crate) fn format(&self) -> Result<Format, Vec<&'static str>> {
        if self.has(MemberField::Representative) && self.has(MemberField::MemberId) {
            return Ok(Format::Representatives);
        }
        let missing: Vec<&str> = [
            (MemberField::MemberId, "the member id"),
            (MemberField::Given, "the first name"),
            (MemberField::Family, "the last name"),
            (MemberField::Birth, "the birth date"),
        ]
        .into_iter()
        .filter(|(field, _)| {
            !self.has(*field) && (*field != MemberField::MemberId || !self.has(MemberField::OtherNumber))
        })
        .map(|(_, words)| words)
        .collect();
        if missing.is_empty() { Ok(Format::Members) } else { Err(missing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_systems_are_known() {
        for line in [
            "member_id,last_name,first_name,birth_date",
            "Member ID,Surname,Given Name,DOB",
            "BENE_SK,BENE_MBI_ID,BENE_LAST_NAME,BENE_1ST_NAME,BENE_BRTH_DT",
            "employee_id,first_name,last_name,dob",
            "Id,BIRTHDATE,FIRST,LAST",
        ] {
            assert_eq!(MemberHeader::new(line.split(','), &Own::default()).format(), Ok(Format::Members), "{line}");
        }
    }
}
