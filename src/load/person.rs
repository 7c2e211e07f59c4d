//! A member as an enrollment names her, whichever format told of her. Pure.

use jiff::civil::Date;

use super::issue::Place;

/// One member.
#[derive(Clone, Debug)]
pub(in crate::load) struct Person {
    pub(in crate::load) place: Place,
    pub(in crate::load) member_id: String,
    /// Other numbers of hers, which nobody shares.
    pub(in crate::load) numbers: Vec<String>,
    /// Id of the FHIR Patient, where the table names it.
    pub(in crate::load) patient: Option<String>,
    pub(in crate::load) given: String,
    pub(in crate::load) family: String,
    pub(in crate::load) birth: Date,
    pub(in crate::load) emails: Vec<String>,
    pub(in crate::load) phones: Vec<String>,
    pub(in crate::load) represents: Vec<String>,
    /// How many rows told of her.
    pub(in crate::load) rows: u64,
    pub(in crate::load) middle: Option<String>,
    pub(in crate::load) gender: &'static str,
    pub(in crate::load) address: Address,
    pub(in crate::load) covers: Vec<Cover>,
    pub(in crate::load) died: Option<Date>,
    /// The employer or exchange that enrolled her, where the file says who.
    pub(in crate::load) sponsor: Option<String>,
    /// Who holds the policy, where that is somebody else and the file says who.
    pub(in crate::load) subscriber: Option<Relative>,
    /// Who she was by and by, where an enrolment tells: who has her number and was never one of these is somebody else.
    pub(in crate::load) known_as: Vec<KnownAs>,
    /// Member ids under which she may stand on the roster from a time when less was known of her.
    pub(in crate::load) other_ids: Vec<String>,
}

/// A name and a birth date (`YYYY-MM-DD`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) struct KnownAs {
    pub(in crate::load) given: String,
    pub(in crate::load) family: String,
    pub(in crate::load) birth: String,
}

/// Somebody of whom only name and number are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) struct Relative {
    pub(in crate::load) given: String,
    pub(in crate::load) family: String,
    pub(in crate::load) number: String,
}

#[derive(Clone, Debug, Default)]
pub(in crate::load) struct Address {
    pub(in crate::load) lines: Vec<String>,
    pub(in crate::load) city: Option<String>,
    pub(in crate::load) state: Option<String>,
    pub(in crate::load) zip: Option<String>,
}

/// One span of coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) struct Cover {
    pub(in crate::load) plan: Option<String>,
    pub(in crate::load) group: Option<String>,
    pub(in crate::load) subscriber: Option<String>,
    pub(in crate::load) relationship: &'static str,
    pub(in crate::load) start: Option<Date>,
    pub(in crate::load) end: Option<Date>,
}
