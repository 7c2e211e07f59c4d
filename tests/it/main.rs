//! The integration tests: one binary, modules that mirror the URL tree, all on [`server::TestServer`].

mod fhir;
mod server;
mod tidy;
