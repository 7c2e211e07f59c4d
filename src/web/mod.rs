//! HTTP: the only room that knows poem. A request meets its route, the route's guard, and a handler that decides,
//! calls one room and maps the answer.
//!
//! Invariants: every route of the product is in `routes.rs` with its guard; every error leaves through `problem.rs`;
//! nothing about a member leaves before the audit has taken it (`disclosed`); nothing that a caller can ask for holds a socket's
//! thread (`work`).

mod acts;
mod ask;
mod bare;
mod disclosed;
mod fhir;
mod guard;
mod listen;
mod oauth;
mod pages;
mod problem;
mod published;
mod router;
mod routes;
mod server;
mod site;
mod work;

pub use bare::Bare;
pub use guard::Guard;
pub use listen::{Deadlines, Server};
pub use routes::{Realms, Route, table};
pub use server::{App, app};
pub use site::{Reply, Visit, site};
