//! From the text of a query to a page of resources: parameters, plan, numbers, page.
//!
//! Invariants: nothing is found or counted outside the View; a parameter that is not understood is an error unless the
//! caller asked for leniency, and then the self link and an outcome say so; a page costs the same wherever it lies.
//!
//! Deliberately absent: HTTP (that is `web/fhir/search`), and the meaning of parameters (`fhir/filter`).

mod contained;
mod cursor;
mod define;
mod everything;
mod follow;
mod hierarchy;
mod include;
mod lastn;
mod links;
mod page;
mod query;
mod words;

pub use cursor::Cursors;
pub use define::{Definer, read_definitions};
pub use everything::Everything;
pub use follow::{catch_up, follow};
pub use lastn::MAX_EACH;
pub use links::Link;
pub use page::{Page, Searched};
pub use query::{Include, Inside, Query, Total};

use crate::fhir::Kind;
use crate::fhir::filter::Refusal;
use crate::{index, store};

/// Matches on one page unless the query says otherwise.
pub const DEFAULT_COUNT: usize = 50;
/// Matches on one page at most.
pub const MAX_COUNT: usize = 500;
/// Resources that are included on one page at most.
pub const MAX_INCLUDED: usize = 1_000;
/// Bytes of JSON after which a page of matches ends early, and likewise its included resources: some resources are
/// whole documents.
pub const MAX_PAGE_BYTES: usize = 8 << 20;
/// Rounds of `:iterate`.
pub const MAX_ITERATE: usize = 3;
/// Candidates that the exact filter checks for one page; a query that needs more is refused as too costly.
pub const MAX_CHECKED: usize = 20_000;
/// Links of a chain, one behind the other.
pub const MAX_LINKS_DEEP: usize = 4;
/// Resources that one link of a chain may find; a chain that finds more is refused as too costly.
pub const MAX_LINKED: usize = 10_000;
/// Parameters in one query.
pub const MAX_PARAMETERS: usize = 64;

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter was not understood.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A result parameter was not understood.
    #[error("the value of '{name}' is not {expected}")]
    Result {
        /// The parameter.
        name: &'static str,
        /// The expected value.
        expected: String,
    },
    /// A parameter that R4 defines and this server does not support.
    #[error("'{name}' is not supported by this server")]
    Unsupported {
        /// The parameter.
        name: String,
    },
    /// A parameter that cannot be repeated is given twice.
    #[error("'{name}' is given twice")]
    Repeated {
        /// The parameter.
        name: String,
    },
    /// Over the limit of one parameter.
    #[error("{name} may have {limit}")]
    Limit {
        /// The parameter.
        name: &'static str,
        /// The limit.
        limit: &'static str,
    },
    /// Over a limit.
    #[error("the query has more than {MAX_PARAMETERS} parameters")]
    TooMany,
    /// The filter would have to read too much.
    #[error(
        "the query selects more than {MAX_CHECKED} candidates of {0}; narrow it, for example by patient or by a code"
    )]
    TooCostly(Kind),
    /// The cursor was not made for this caller and query, or it is too old.
    #[error("this page link has expired or was not made for this query; start the search again")]
    Cursor,
    /// The index failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}
