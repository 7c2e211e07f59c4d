//! The columns of a table of providers: by the names that credentialing and directory systems give, or by the plan's
//! own mapping.

use crate::formats::cells::normal;
use crate::formats::columns::{ColumnField, Columns, Names, Own};

/// The field of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProviderField {
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

impl ColumnField for ProviderField {
    fn is_list(self) -> bool {
        matches!(
            self,
            Self::Specialty
                | Self::Languages
                | Self::Line
                | Self::Phone
                | Self::Fax
                | Self::Network
                | Self::NetworkId
                | Self::Plan
                | Self::Endpoint
        )
    }
}

/// Field, its name in a mapping file, and the column names it is known by.
pub(crate) const NAMES: [Names<ProviderField>; 41] = [
    (
        ProviderField::Npi,
        "npi",
        "npi npinumber providernpi individualnpi practitionernpi nationalprovideridentifier npinbr",
    ),
    (
        ProviderField::Number,
        "provider_id",
        "providerid providernumber providernum providerno provid practitionerid facilityid credentialid id",
    ),
    (
        ProviderField::Kind,
        "type",
        "type providertype entitytype facilitytype providertypecode entity providerclass category",
    ),
    (ProviderField::Name, "name", "name providername fullname practitionername displayname"),
    (
        ProviderField::Facility,
        "facility_name",
        "facilityname facility pharmacyname pharmacy hospitalname legalbusinessname clinicname",
    ),
    (
        ProviderField::Given,
        "first_name",
        "firstname fname given givenname first providerfirstname practitionerfirstname",
    ),
    (ProviderField::Middle, "middle_name", "middlename middle mi middleinitial providermiddlename"),
    (
        ProviderField::Family,
        "last_name",
        "lastname lname surname family familyname last providerlastname practitionerlastname",
    ),
    (ProviderField::Suffix, "suffix", "suffix namesuffix providersuffix"),
    (ProviderField::Credential, "credential", "credential credentials degree degrees title professionaldesignation"),
    (ProviderField::Gender, "gender", "gender sex providergender providersex"),
    (
        ProviderField::Specialty,
        "specialty",
        "specialty speciality specialties specialty1 specialty2 specialty3 primaryspecialty secondaryspecialty taxonomy taxonomycode taxonomycode1 taxonomycode2 nucc nucccode specialtycode providerspecialty providertaxonomy providertaxonomycode",
    ),
    (ProviderField::Licence, "license", "license licensenumber licenseno licence statelicense medicallicense"),
    (ProviderField::LicenceState, "license_state", "licensestate licensestatecode stateoflicense"),
    (ProviderField::Languages, "languages", "languages language languagesspoken otherlanguages languagespoken"),
    (
        ProviderField::Organization,
        "organization",
        "organization organizationname orgname group groupname grouppractice practice practicename medicalgroup",
    ),
    (ProviderField::OrganizationNpi, "organization_npi", "organizationnpi orgnpi groupnpi practicenpi billingnpi"),
    (ProviderField::Tin, "tin", "tin taxid ein taxidentificationnumber grouptin fein"),
    (
        ProviderField::Place,
        "location_name",
        "locationname location sitename officename servicelocation servicelocationname",
    ),
    (
        ProviderField::Line,
        "address",
        "address address1 address2 addressline1 addressline2 street street1 street2 streetaddress line1 line2 practiceaddress suite officeaddress officeaddress1 officeaddress2",
    ),
    (ProviderField::City, "city", "city town practicecity officecity"),
    (ProviderField::State, "state", "state statecode st practicestate officestate"),
    (ProviderField::Zip, "zip", "zip zipcode postalcode postcode zip5 practicezip officezip"),
    (ProviderField::Latitude, "latitude", "latitude lat"),
    (ProviderField::Longitude, "longitude", "longitude lon lng long"),
    (ProviderField::Phone, "phone", "phone phonenumber telephone officephone phone1 practicephone appointmentphone"),
    (ProviderField::Fax, "fax", "fax faxnumber officefax practicefax"),
    (ProviderField::Endpoint, "endpoint", "endpoint endpointurl fhirendpoint fhirurl directaddress directmessaging"),
    (ProviderField::Hours, "hours", "hours officehours hoursofoperation openinghours"),
    (
        ProviderField::Accepting,
        "accepting_new_patients",
        "acceptingnewpatients accepting acceptsnewpatients newpatients panelstatus panelopen acceptingpatients",
    ),
    (
        ProviderField::Accessibility,
        "accessibility",
        "accessibility ada adaaccessible adacompliant handicapaccessible wheelchairaccessible accessible",
    ),
    (
        ProviderField::Telehealth,
        "telehealth",
        "telehealth telemedicine virtual virtualvisits offerstelehealth videovisits",
    ),
    (ProviderField::Network, "network", "network networkname networks networktier"),
    (ProviderField::NetworkId, "network_id", "networkid networkcode networknumber"),
    (ProviderField::Plan, "plan_id", "planid planids plancode plan plans hiosplanid plannumber"),
    (ProviderField::PlanName, "plan_name", "planname marketingname productname"),
    (ProviderField::From, "effective_date", "effectivedate effdate startdate networkeffectivedate from"),
    (ProviderField::Until, "end_date", "enddate terminationdate termdate networkenddate until"),
    (ProviderField::Status, "status", "status providerstatus participationstatus contractstatus recordstatus"),
    (ProviderField::Active, "active", "active isactive"),
    (
        ProviderField::Verified,
        "last_verified",
        "lastverified lastverifieddate verified verifieddate dateverified lastattested attestationdate lastupdated lastupdatedon",
    ),
];

/// The header row.
#[derive(Clone, Debug)]
pub(crate) struct ProviderHeader {
    columns: Columns<ProviderField>,
    /// The name column holds names of persons.
    has_persons: bool,
    /// The facility name column holds names of pharmacies.
    is_of_pharmacies: bool,
}

impl ProviderHeader {
    pub(crate) fn new(row: &csv::StringRecord, own: &Own<ProviderField>) -> Self {
        let columns = Columns::new(row.iter(), own, &NAMES);
        let has_persons = [ProviderField::Given, ProviderField::Family, ProviderField::Gender]
            .into_iter()
            .any(|field| columns.has(field));
        let is_of_pharmacies = row.iter().any(|cell| normal(cell).starts_with("pharmacy"));
        Self { columns, has_persons, is_of_pharmacies }
    }

    pub(crate) fn get<'r>(&self, row: &'r csv::StringRecord, field: ProviderField) -> &'r str {
        self.columns.get(row, field)
    }

    pub(crate) fn all<'r>(&self, row: &'r csv::StringRecord, field: ProviderField) -> impl Iterator<Item = &'r str> {
        self.columns.all(row, field)
    }

    pub(crate) fn has_persons(&self) -> bool {
        self.has_persons
    }

    pub(crate) fn is_of_pharmacies(&self) -> bool {
        self.is_of_pharmacies
    }

    pub(crate) fn fields(&self) -> &[Option<ProviderField>] {
        self.columns.fields()
    }

    pub(crate) fn is_whole(&self, row: &csv::StringRecord) -> bool {
        row.len() == self.columns.len()
    }
}

/// How much of a table of providers a header row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProviderLook {
    /// Not even who it is and how or where to find her.
    No,
    /// A name and an address, which members and vendors have, too.
    Placed,
    /// A name and an NPI, which members, claims and referrals have beside each other, too.
    Numbered,
    /// A column that is said of providers alone, as well.
    Evident,
}

/// What only a directory says.
const SAID_OF_PROVIDERS: [ProviderField; 12] = [
    ProviderField::Specialty,
    ProviderField::Network,
    ProviderField::NetworkId,
    ProviderField::Accepting,
    ProviderField::Accessibility,
    ProviderField::Credential,
    ProviderField::Licence,
    ProviderField::LicenceState,
    ProviderField::Languages,
    ProviderField::Hours,
    ProviderField::Telehealth,
    ProviderField::Endpoint,
];

/// How names of columns begin that say that the name is a provider's.
const WHO_PROVIDES: [&str; 8] =
    ["provider", "practitioner", "pharmacy", "facility", "hospital", "clinic", "practice", "legalbusiness"];

/// Looks at the header row of a table. A title or a language is a member's as well.
pub(crate) fn looks_like<'h>(header: impl Iterator<Item = &'h str>, own: &Own<ProviderField>) -> ProviderLook {
    let names: Vec<String> = header.map(normal).collect();
    let columns = Columns::new(names.iter().map(String::as_str), own, &NAMES);
    let any = |fields: &[ProviderField]| fields.iter().any(|field| columns.has(*field));
    let who = [ProviderField::Name, ProviderField::Family, ProviderField::Facility, ProviderField::Organization];
    let is_numbered = columns.has(ProviderField::Npi);
    // Networks and their owners, the registry, drugs.
    let is_other = |name: &String| matches!(name.as_str(), "partofid" | "entitytypecode" | "ndc" | "rxnorm");
    if names.iter().any(is_other) || !any(&who) || !(is_numbered || any(&[ProviderField::Line, ProviderField::City])) {
        return ProviderLook::No;
    }
    let named = || names.iter().zip(columns.fields());
    let is_said = |(name, field): (&String, &Option<ProviderField>)| {
        let is_kind =
            field == &Some(ProviderField::Kind) && (name.starts_with("provider") || name.starts_with("facility"));
        let is_evident = field.is_some_and(|field| SAID_OF_PROVIDERS.contains(&field));
        is_kind || (is_evident && !matches!(name.as_str(), "title" | "language" | "languages"))
    };
    // "Provider Last Name": the header itself says whose name it is.
    let of_providers = |name: &String| WHO_PROVIDES.iter().any(|who| name.starts_with(who));
    let mut names_of = named().filter(|(_, field)| field.is_some_and(|field| who.contains(&field))).peekable();
    let are_named = names_of.peek().is_some() && names_of.all(|(name, _)| of_providers(name));
    match named().any(is_said) || are_named {
        true => ProviderLook::Evident,
        false if is_numbered => ProviderLook::Numbered,
        false => ProviderLook::Placed,
    }
}
