//! X12 as plans get it: 834 enrolment, 837 claims, 835 payments and 278 reviews, in versions 5010 and 4010; 270 and
//! 271 are read and reported. Pure.
//!
//! ```text
//! bytes -> Cutter (segments) -> Splitter (parts: one claim, payment, member or review with all it needs) -> Claim, Remit, …
//! ```
//! A part is text of its own with separators that cannot occur in data, so that what a file's envelope said is not needed
//! to read it again, and so that parts of many files can be put together in any order.
//!
//! Invariants: bad segments never cost good ones; nothing is held but one segment and one part; what the envelope's counts
//! say is compared and told, not obeyed. Absent: 276/277 and 999, which are recognised and left out; acknowledgements.

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
