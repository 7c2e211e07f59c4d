//! Records that several formats produce: members, rows of claims, and the parts that are kept until their whole group
//! is known. Pure.

mod claim_field;
mod claim_row;
mod part;
mod person;

pub(crate) use claim_field::{ClaimField, NAMES, Shape};
pub(crate) use claim_row::{ClaimRow, ClaimSource, Facts, Turn, all, first};
pub(crate) use part::{Identity, Part, Replaces, RowOutcome, Set, plain_number};
pub(crate) use person::{Cover, KnownAs, Person, PostalAddress, Relative};
