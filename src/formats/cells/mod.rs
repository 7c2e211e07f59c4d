//! Cells as people write them: days, amounts, numbers, identifiers and texts, each read in one place. Pure.

pub(crate) mod amount;
pub(crate) mod compact_day;
pub(crate) mod date;
pub(crate) mod form;
pub(crate) mod npi;
pub(crate) mod text;
