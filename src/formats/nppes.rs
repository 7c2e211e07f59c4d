//! The columns of the registry's file (NPPES), by name: the registry has added columns over the years, and moved none
//! that we need.

/// Taxonomies that a provider may list.
const TAXONOMIES: usize = 15;

/// A column that we need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Npi,
    Entity,
    OrganizationName,
    OtherName,
    Family,
    Given,
    Middle,
    Prefix,
    Suffix,
    Credential,
    MailLine1,
    MailLine2,
    MailCity,
    MailState,
    MailZip,
    MailCountry,
    MailPhone,
    Line1,
    Line2,
    City,
    State,
    Zip,
    Country,
    Phone,
    Fax,
    Deactivated,
    Reactivated,
    Gender,
}

/// The names as the registry writes them, without regard to case and punctuation; in the order of [`Column`].
const NAMES: [&str; 28] = [
    "NPI",
    "Entity Type Code",
    "Provider Organization Name (Legal Business Name)",
    "Provider Other Organization Name",
    "Provider Last Name (Legal Name)",
    "Provider First Name",
    "Provider Middle Name",
    "Provider Name Prefix Text",
    "Provider Name Suffix Text",
    "Provider Credential Text",
    "Provider First Line Business Mailing Address",
    "Provider Second Line Business Mailing Address",
    "Provider Business Mailing Address City Name",
    "Provider Business Mailing Address State Name",
    "Provider Business Mailing Address Postal Code",
    "Provider Business Mailing Address Country Code (If outside U.S.)",
    "Provider Business Mailing Address Telephone Number",
    "Provider First Line Business Practice Location Address",
    "Provider Second Line Business Practice Location Address",
    "Provider Business Practice Location Address City Name",
    "Provider Business Practice Location Address State Name",
    "Provider Business Practice Location Address Postal Code",
    "Provider Business Practice Location Address Country Code (If outside U.S.)",
    "Provider Business Practice Location Address Telephone Number",
    "Provider Business Practice Location Address Fax Number",
    "NPI Deactivation Date",
    "NPI Reactivation Date",
    "Provider Gender Code",
];
/// The registry renamed one column.
const NEWER: (Column, &str) = (Column::Gender, "Provider Sex Code");

/// The columns of one taxonomy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taxonomy {
    pub(crate) code: usize,
    pub(crate) licence: Option<usize>,
    pub(crate) state: Option<usize>,
    pub(crate) is_primary: Option<usize>,
}

/// The header row: where the columns stand.
#[derive(Clone, Debug)]
pub(crate) struct NppesHeader {
    columns: [Option<usize>; NAMES.len()],
    pub(crate) taxonomies: Vec<Taxonomy>,
    width: usize,
}

impl NppesHeader {
    /// Finds the columns by their names.
    pub(crate) fn new(row: &csv::StringRecord) -> Self {
        let names: Vec<String> = row.iter().map(plain).collect();
        let find = |name: &str| {
            let name = plain(name);
            names.iter().position(|known| *known == name)
        };
        let mut columns = NAMES.map(find);
        if let Some(column) = columns.get_mut(NEWER.0 as usize) {
            *column = column.or_else(|| find(NEWER.1));
        }
        let taxonomy = |number: usize| {
            Some(Taxonomy {
                code: find(&format!("Healthcare Provider Taxonomy Code_{number}"))?,
                licence: find(&format!("Provider License Number_{number}")),
                state: find(&format!("Provider License Number State Code_{number}")),
                is_primary: find(&format!("Healthcare Provider Primary Taxonomy Switch_{number}")),
            })
        };
        Self { columns, taxonomies: (1..=TAXONOMIES).filter_map(taxonomy).collect(), width: names.len() }
    }

    /// The provider's NPI in a row; empty where the file has no such column.
    pub(crate) fn npi<'r>(&self, row: &'r csv::StringRecord) -> &'r str {
        self.cell(row, Column::Npi)
    }

    pub(crate) fn cell<'r>(&self, row: &'r csv::StringRecord, column: Column) -> &'r str {
        let at = self.columns.get(column as usize).copied().flatten();
        at.and_then(|at| row.get(at)).unwrap_or_default().trim()
    }

    /// True for a row that has as many cells as the header.
    pub(crate) fn is_whole(&self, row: &csv::StringRecord) -> bool {
        row.len() == self.width
    }
}

/// True for the header row of the registry's file.
pub(crate) fn looks_like(header: &[&str]) -> bool {
    let names: Vec<String> = header.iter().map(|name| plain(name)).collect();
    let has = |column: Column| NAMES.get(column as usize).is_some_and(|name| names.contains(&plain(name)));
    has(Column::Npi) && has(Column::Entity) && has(Column::OrganizationName)
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
