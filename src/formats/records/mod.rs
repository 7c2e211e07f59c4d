//! Records that more than one format gives: members, rows of claims, and the parts that are kept until all of a group is known.
//! Pure.

mod claim_field;
mod claim_row;
mod part;
mod person;

pub(crate) use claim_field::{Field, NAMES, Shape};
pub(crate) use claim_row::{Facts, Row, Source, Turn, all, first};
pub(crate) use part::{Found, Identity, Part, Replaces, Set, plain_number};
pub(crate) use person::{Address, Cover, KnownAs, Person, Relative};
