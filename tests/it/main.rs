//! The integration tests: one binary, modules that mirror the URL tree, all on [`server::TestServer`].

#![allow(unreachable_pub, reason = "modules of one test binary share their parts")]

mod cli;
mod fhir;
mod oauth;
mod pages;
mod server;
mod tidy;
