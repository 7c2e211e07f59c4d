//! Tables in delimited text or fixed columns: members, representatives, providers, the drug list, claims and prior
//! authorizations. Pure.

pub(crate) mod cclf;
pub(crate) mod claims;
pub(crate) mod csv_rows;
pub(crate) mod drug_list;
pub(crate) mod kind;
pub(crate) mod mapping;
pub(crate) mod members;
pub(crate) mod providers;
pub(crate) mod signs;
pub(crate) mod start;
