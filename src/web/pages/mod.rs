//! The pages for people. Each works without a script, in English and Spanish, at 320 px; each POST carries the form
//! token of its browser. What goes wrong is a page too (`oops`).
//!
//! Deliberately absent: any decision. A handler reads the form, asks one room, and shows what it said.

mod cards;
pub(super) mod consent;
mod cookies;
pub(super) mod developer_apps;
pub(super) mod developers;
mod frame;
pub(super) mod front;
pub(super) mod login;
pub(super) mod member;
mod oops;
pub(super) mod outbox;
pub(super) mod route;
mod sandbox;
pub(super) mod static_files;
mod unfit;
mod visit;
mod words;

pub(super) use frame::see_other;
pub(super) use oops::{Oops, broken};
pub(super) use unfit::{app_error, unfit};
pub(super) use visit::Visit;
