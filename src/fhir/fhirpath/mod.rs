//! `FHIRPath`, as far as invariants of FHIR R4 and of the guides use it (version 2.0). Pure: no clock, no other
//! resource.
//!
//! Invariant: an expression that cannot be decided here (it needs another resource, a value set that is not carried,
//! today's date, an unknown function) gives [`Stop`], and never true or false.
//!
//! Deliberately absent: every feature that no expression in the tables needs, such as quantities with units and
//! arithmetic on dates.

mod eval;
mod parse;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::json::Node;
pub(super) use parse::{Expression, Operator};

/// Steps that one evaluation may take.
const MAX_STEPS: usize = 100_000;
/// Bytes of an expression that a client sends.
const MAX_EXPRESSION: usize = 4_096;
/// Expressions kept in parsed form.
const MAX_KEPT: usize = 4_096;

/// Expressions in parsed form, and those that cannot be parsed.
type Kept = HashMap<&'static str, Result<Arc<Expression>, Stop>>;

/// Why an expression has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The expression cannot be parsed.
    #[error("the expression cannot be read: {0}")]
    Syntax(&'static str),
    /// It needs facts that are not known here.
    #[error("the expression cannot be decided here: {0}")]
    Unknown(&'static str),
    /// It takes too long.
    #[error("the expression takes more than {MAX_STEPS} steps")]
    TooLong,
}

/// Whether an invariant holds for an element of a resource: it does if it gives `true`, or an empty collection. `top`
/// is the resource that contains the resource, or the resource itself.
///
/// # Errors
/// [`Stop`] if that cannot be decided.
pub fn holds(expression: &'static str, element: &Node<'_>, resource: &Node<'_>, top: &Node<'_>) -> Result<bool, Stop> {
    let parsed = parsed(expression)?;
    eval::Evaluation::new(element, resource, top).holds(&parsed)
}

/// The elements of a resource that a client's expression finds, in their order.
///
/// # Errors
/// [`Stop`] if it cannot be evaluated, or if it gives values that are not elements.
pub fn select<'n>(expression: &str, resource: &'n Node<'n>) -> Result<Vec<&'n Node<'n>>, Stop> {
    if expression.len() > MAX_EXPRESSION {
        return Err(Stop::TooLong);
    }
    let parsed = parse::parse(expression)?;
    eval::Evaluation::new(resource, resource, resource).elements(&parsed)
}

/// A client's expression in parsed form.
pub(super) fn parsed_once(expression: &str) -> Result<Expression, Stop> {
    if expression.len() > MAX_EXPRESSION { Err(Stop::TooLong) } else { parse::parse(expression) }
}

fn parsed(expression: &'static str) -> Result<Arc<Expression>, Stop> {
    static KEPT: OnceLock<RwLock<Kept>> = OnceLock::new();
    let kept = KEPT.get_or_init(RwLock::default);
    if let Some(known) = kept.read().get(expression) {
        return known.clone();
    }
    let fresh = parse::parse(expression).map(Arc::new);
    let mut kept = kept.write();
    if kept.len() < MAX_KEPT {
        kept.insert(expression, fresh.clone());
    }
    fresh
}

#[cfg(test)]
mod tests;
