//! The JSON files of exchange plans: whole elements of their arrays, and the members of an element. Pure.

pub(crate) mod cut;
pub(crate) mod element;
