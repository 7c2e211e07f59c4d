//! Members: enrollment events over time as spans of coverage, and the Patient and Coverage of a member. Pure.

mod resources;
mod spans;

pub(crate) use resources::{patient_id, resources};
pub(crate) use spans::State;
