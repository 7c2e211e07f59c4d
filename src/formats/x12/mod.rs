//! X12 as plans receive it: 834 enrollment, 837 claims, 835 payments and 278 reviews, in versions 5010 and 4010; 270
//! and 271 are read and reported. Pure.
//!
//! ```text
//! bytes -> Cutter (segments) -> Splitter (parts: one claim, payment, member or review with all it needs) -> Claim, Remit, …
//! ```
//! A part is a text of its own with separators that cannot occur in data, so that it can be read again without the
//! file's envelope, and so that parts of many files can be assembled in any order.
//!
//! Invariants: bad segments never cost good ones; only one segment and one part are in memory; the envelope's counts
//! are checked and reported, not relied on. Absent: 276/277 and 999, which are recognized and left out;
//! acknowledgments.

mod amounts;
mod asked;
mod claim;
mod cut;
mod eligibility;
mod enrolment;
mod remit;
mod review;
mod segment;
mod split;
#[cfg(test)]
mod tests;

pub(crate) use claim::{Claim, ClaimKind, Line, Party};
pub(crate) use cut::Cutter;
pub(crate) use eligibility::{Eligibility, Tally};
pub(crate) use enrolment::{Event, Product, Upkeep};
pub(crate) use remit::{Adjustment, PaidLine, Remit};
pub(crate) use review::{Review, Service};
pub(crate) use split::{EnvelopeIssue, PartTaker, Splitter, claim_numbers, member};
