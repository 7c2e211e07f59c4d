//! C-CDA as XML: a document is checked against limits, decoded and parsed; its elements are found by name. Pure.

pub(crate) mod node;
pub(crate) mod text;
