//! OAuth over HTTP: each handler reads the form, asks `oauth`, and writes what it said.

pub(super) mod authorize;
pub(super) mod discovery;
pub(super) mod introspect;
mod reply;
pub(super) mod revoke;
pub(super) mod token;
