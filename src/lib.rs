//! Ingle: one binary that gives a small health plan what the CMS interoperability rules ask of it.

pub mod apps;
pub mod audit;
pub mod cli;
pub mod config;
pub mod consent;
pub mod identity;
pub mod load;
pub mod oauth;
pub mod outbound;
