//! HL7 version 2 as text: messages, segments, fields, components and their escapes. Pure.

mod escape;
mod split;

pub(crate) use split::{FieldPart, Message, Segment, cut, messages, printed};
