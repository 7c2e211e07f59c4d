//! The columns of a table of providers: by the names that credentialing and directory systems give, or by the plan's
//! own mapping.

use crate::formats::cells::normal;
use crate::formats::columns::{Columns, Names, Own};

/// The field of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Npi,
    Number,
    Kind,
    Name,
    Facility,
    Given,
    Middle,
    Family,
    Suffix,
    Credential,
    Gender,
    Specialty,
    Licence,
    LicenceState,
    Languages,
    Organization,
    OrganizationNpi,
    Tin,
    Place,
    Line,
    City,
    State,
    Zip,
    Latitude,
    Longitude,
    Phone,
    Fax,
    Endpoint,
    Hours,
    Accepting,
    Accessibility,
    Telehealth,
    Network,
    NetworkId,
    Plan,
    PlanName,
    From,
    Until,
    Status,
    Active,
    Verified,
}

/// Field, its name in a mapping file, and the column names it is known by.
pub(crate) const NAMES: [Names<Field>; 41] = [
    (Field::Npi, "npi", "npi npinumber providernpi individualnpi practitionernpi nationalprovideridentifier npinbr"),
    (
        Field::Number,
        "provider_id",
        "providerid providernumber providernum providerno provid practitionerid facilityid credentialid id",
    ),
    (Field::Kind, "type", "type providertype entitytype facilitytype providertypecode entity providerclass category"),
    (Field::Name, "name", "name providername fullname practitionername displayname"),
    (
        Field::Facility,
        "facility_name",
        "facilityname facility pharmacyname pharmacy hospitalname legalbusinessname clinicname",
    ),
    (Field::Given, "first_name", "firstname fname given givenname first providerfirstname practitionerfirstname"),
    (Field::Middle, "middle_name", "middlename middle mi middleinitial providermiddlename"),
    (Field::Family, "last_name", "lastname lname surname family familyname last providerlastname practitionerlastname"),
    (Field::Suffix, "suffix", "suffix namesuffix providersuffix"),
    (Field::Credential, "credential", "credential credentials degree degrees title professionaldesignation"),
    (Field::Gender, "gender", "gender sex providergender providersex"),
    (
        Field::Specialty,
        "specialty",
        "specialty speciality specialties specialty1 specialty2 specialty3 primaryspecialty secondaryspecialty taxonomy taxonomycode taxonomycode1 taxonomycode2 nucc nucccode specialtycode providerspecialty",
    ),
    (Field::Licence, "license", "license licensenumber licenseno licence statelicense medicallicense"),
    (Field::LicenceState, "license_state", "licensestate licensestatecode stateoflicense"),
    (Field::Languages, "languages", "languages language languagesspoken otherlanguages languagespoken"),
    (
        Field::Organization,
        "organization",
        "organization organizationname orgname group groupname grouppractice practice practicename medicalgroup",
    ),
    (Field::OrganizationNpi, "organization_npi", "organizationnpi orgnpi groupnpi practicenpi billingnpi"),
    (Field::Tin, "tin", "tin taxid ein taxidentificationnumber grouptin fein"),
    (Field::Place, "location_name", "locationname location sitename officename servicelocation servicelocationname"),
    (
        Field::Line,
        "address",
        "address address1 address2 addressline1 addressline2 street street1 street2 streetaddress line1 line2 practiceaddress suite",
    ),
    (Field::City, "city", "city town practicecity"),
    (Field::State, "state", "state statecode st practicestate"),
    (Field::Zip, "zip", "zip zipcode postalcode postcode zip5 practicezip"),
    (Field::Latitude, "latitude", "latitude lat"),
    (Field::Longitude, "longitude", "longitude lon lng long"),
    (Field::Phone, "phone", "phone phonenumber telephone officephone phone1 practicephone appointmentphone"),
    (Field::Fax, "fax", "fax faxnumber officefax practicefax"),
    (Field::Endpoint, "endpoint", "endpoint endpointurl fhirendpoint fhirurl directaddress directmessaging"),
    (Field::Hours, "hours", "hours officehours hoursofoperation openinghours"),
    (
        Field::Accepting,
        "accepting_new_patients",
        "acceptingnewpatients accepting acceptsnewpatients newpatients panelstatus panelopen acceptingpatients",
    ),
    (
        Field::Accessibility,
        "accessibility",
        "accessibility ada adaaccessible adacompliant handicapaccessible wheelchairaccessible accessible",
    ),
    (Field::Telehealth, "telehealth", "telehealth telemedicine virtual virtualvisits offerstelehealth videovisits"),
    (Field::Network, "network", "network networkname networks networktier"),
    (Field::NetworkId, "network_id", "networkid networkcode networknumber"),
    (Field::Plan, "plan_id", "planid planids plancode plan plans hiosplanid plannumber"),
    (Field::PlanName, "plan_name", "planname marketingname productname"),
    (Field::From, "effective_date", "effectivedate effdate startdate networkeffectivedate from"),
    (Field::Until, "end_date", "enddate terminationdate termdate networkenddate until"),
    (Field::Status, "status", "status providerstatus participationstatus contractstatus recordstatus"),
    (Field::Active, "active", "active isactive"),
    (
        Field::Verified,
        "last_verified",
        "lastverified lastverifieddate verified verifieddate dateverified lastattested attestationdate lastupdated lastupdatedon",
    ),
];

/// Columns that show that a table is about something else.
const OTHERS: [&str; 12] = [
    "birthdate",
    "dob",
    "dateofbirth",
    "memberid",
    "patientid",
    "claimid",
    "claimnumber",
    "servicedate",
    "ndc",
    "rxnorm",
    "partofid",
    "entitytypecode",
];

/// The header row.
#[derive(Clone, Debug)]
pub(crate) struct ProviderHeader {
    columns: Columns<Field>,
    /// The name column holds names of persons.
    has_persons: bool,
    /// The facility name column holds names of pharmacies.
    is_of_pharmacies: bool,
}

impl ProviderHeader {
    pub(crate) fn new(row: &csv::StringRecord, own: &Own<Field>) -> Self {
        let columns = Columns::new(row.iter(), own, &NAMES);
        let has_persons = [Field::Given, Field::Family, Field::Gender].into_iter().any(|field| columns.has(field));
        let is_of_pharmacies = row.iter().any(|cell| normal(cell).starts_with("pharmacy"));
        Self { columns, has_persons, is_of_pharmacies }
    }

    pub(crate) fn get<'r>(&self, row: &'r csv::StringRecord, field: Field) -> &'r str {
        self.columns.get(row, field)
    }

    pub(crate) fn all<'r>(&self, row: &'r csv::StringRecord, field: Field) -> impl Iterator<Item = &'r str> {
        self.columns.all(row, field)
    }

    pub(crate) fn has_persons(&self) -> bool {
        self.has_persons
    }

    pub(crate) fn is_of_pharmacies(&self) -> bool {
        self.is_of_pharmacies
    }

    pub(crate) fn is_whole(&self, row: &csv::StringRecord) -> bool {
        row.len() == self.columns.len()
    }
}

/// True for the header row of a table of providers: a provider, and a column that only a directory has.
pub(crate) fn looks_like(header: &[&str], own: &Own<Field>) -> bool {
    let names: Vec<String> = header.iter().map(|cell| normal(cell)).collect();
    let columns = Columns::new(header.iter().copied(), own, &NAMES);
    let any = |fields: &[Field]| fields.iter().any(|field| columns.has(*field));
    if OTHERS.iter().any(|other| names.iter().any(|name| name == other)) {
        return false;
    }
    let who = any(&[Field::Name, Field::Family, Field::Facility, Field::Organization]);
    let directory = [
        Field::Specialty,
        Field::Network,
        Field::Accepting,
        Field::Latitude,
        Field::Credential,
        Field::Licence,
        Field::Languages,
        Field::Hours,
        Field::Telehealth,
    ];
    who && (columns.has(Field::Npi) || (any(&[Field::Line, Field::City]) && any(&directory)))
}
