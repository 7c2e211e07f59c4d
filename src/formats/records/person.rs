//! A member as an enrollment names her, whichever format it came in. Pure.

use jiff::civil::Date;

use crate::formats::issue::RecordPlace;

/// One member.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) place: RecordPlace,
    pub(crate) member_id: String,
    /// Other numbers of hers that no other member has.
    pub(crate) numbers: Vec<String>,
    /// Id of the FHIR Patient, where the table names it.
    pub(crate) patient: Option<String>,
    pub(crate) given: String,
    pub(crate) family: String,
    pub(crate) birth: Date,
    pub(crate) emails: Vec<String>,
    pub(crate) phones: Vec<String>,
    pub(crate) represents: Vec<String>,
    /// The number of rows about her.
    pub(crate) rows: u64,
    pub(crate) middle: Option<String>,
    pub(crate) gender: &'static str,
    pub(crate) address: PostalAddress,
    pub(crate) covers: Vec<Cover>,
    pub(crate) died: Option<Date>,
    /// The employer or exchange that enrolled her, where the file says who.
    pub(crate) sponsor: Option<String>,
    /// The subscriber, where that is somebody else and the file names her.
    pub(crate) subscriber: Option<Relative>,
    /// Her names and birth dates over time, where an enrollment gives them. A person with her number but none of these
    /// is somebody else.
    pub(crate) known_as: Vec<KnownAs>,
    /// Member ids under which the roster may know her from a time when less was known.
    pub(crate) other_ids: Vec<String>,
}

/// A name and a birth date (`YYYY-MM-DD`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownAs {
    pub(crate) given: String,
    pub(crate) family: String,
    pub(crate) birth: String,
}

/// A person known only by name and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relative {
    pub(crate) given: String,
    pub(crate) family: String,
    pub(crate) number: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct PostalAddress {
    pub(crate) lines: Vec<String>,
    pub(crate) city: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) zip: Option<String>,
}

/// One span of coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) plan: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) subscriber: Option<String>,
    pub(crate) relationship: &'static str,
    pub(crate) start: Option<Date>,
    pub(crate) end: Option<Date>,
}
