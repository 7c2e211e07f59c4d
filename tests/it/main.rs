//! The integration tests: one binary, modules that mirror the URL tree, all on [`server::TestServer`].

#![allow(unreachable_pub, reason = "modules of one test binary share their parts")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly, and the parts they share are no test functions"
)]

mod beside;
mod cli;
mod fhir;
mod fuzz;
mod http;
mod load;
mod matrix;
mod nodes;
mod oauth;
mod pages;
mod server;
mod tidy;
