//! Ingle: one binary that gives a small US health plan what the CMS interoperability rules ask of it.

pub mod access;
pub mod apps;
pub mod audit;
pub mod cli;
pub mod config;
pub mod consent;
pub mod fhir;
pub mod identity;
pub mod index;
pub mod load;
pub mod oauth;
pub mod outbound;
pub mod realm;
pub mod search;
pub mod store;
pub mod web;
