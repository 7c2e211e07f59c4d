//! Ingle: one binary that gives a small US health plan what the CMS interoperability rules ask of it.
//!
//! # The way of one request
//! 1. [`web`] accepts the socket, caps what it may cost, and finds its route: every route stands in `web/routes.rs`.
//! 2. The route's guard proves who is asking: an app's token ([`oauth`]), or nobody.
//! 3. The handler's first statement asks [`access`] for a *View*: whose records, which types, which conditions, what is
//!    withheld. It depends on the token alone, so a refusal tells nothing about what exists.
//! 4. [`search`] turns the query into clauses and asks the [`index`] inside the View; [`store`] gives the bytes, and asks
//!    the View again for each record before it unpacks it.
//! 5. [`audit`] takes the disclosure into its file. If it cannot, nothing leaves.
//! 6. The stored bytes go out as they are, joined into a Bundle where that was asked for.
//!
//! # The way of one record
//! 1. [`load`] opens a file, and [`formats`] tells by its first bytes what it is and reads it into records and issues.
//! 2. [`identity`] finds the member that a record is about: a number of hers, and her birth date or name with it.
//! 3. [`map`] makes FHIR resources of the record, with ids that are the same in every run.
//! 4. [`access`] admits each resource: checked, labelled, extracted. The one writer of [`store`] commits them in groups and tells
//!    the [`index`] before it answers; so the next search finds them. Where several nodes share a log, a group is appended to it before it is
//!    committed, and the others apply it and tell their own.
//!
//! # What holds always
//! - The store is the truth; everything else can be thrown away and built again from its change feed.
//! - What a room keeps in memory of the store follows what was committed, on whichever node, never the room's own writes.
//! - Resources are read through a View and in no other way. Not there and not yours are one answer.
//! - Time, chance, mail and text messages come in as handles ([`outbound`]); nothing below `cli` reads a clock.
//! - A [`realm`] is one complete service. An install has two, and they share nothing but the process and the plan's own search parameters.
//!
//! # What is deliberately not here
//! - No handler touches redb, no parser does I/O, nothing outside [`outbound`] sends anything out of the process.
//! - Nothing deletes a line of the audit.
//! - There is no global state: handlers are given their realm, and realms the search parameters that the plan defines itself
//!   (`fhir/definitions/own`), one handle for all realms of an install. What is `static` and changes after the start are caches of
//!   pure functions: compiled `FHIRPath` (`fhir/fhirpath`), shapes and trees of structures (`fhir/shape`, `fhir/structures`). Set once
//!   before anything is served: the plan's own packages (`fhir/structures`).
//!
//! `ARCHITECTURE.md` has the floors; `tests/it/tidy.rs` holds them.

pub mod access;
pub mod apps;
pub mod audit;
#[cfg(test)]
#[path = "../tests/it/beside.rs"]
pub(crate) mod beside;
pub mod cli;
pub mod config;
pub mod consent;
pub mod fhir;
pub mod formats;
pub mod identity;
pub mod index;
pub mod load;
pub mod map;
pub mod oauth;
pub mod outbound;
pub mod realm;
pub mod search;
pub mod store;
pub mod web;
pub mod write;
