//! FHIR JSON as single resources: one resource, NDJSON lines, and Bundles of every type. Pure.
//!
//! Each resource is handed on with its place and its address in a Bundle; references inside a Bundle are followed
//! first. Its id depends on the text alone ([`id_of`]); the run resolves references that need other files ([`links`]).

mod bundle;
mod id;
mod links;

use std::sync::Arc;

pub(crate) use id::of as id_of;
pub use links::Find;
pub(crate) use links::{Known, NameKey, find_all, may_be_named, name_key, wants_finding};

use crate::fhir::json::{self, Node};
use crate::fhir::kind_of;
use crate::formats::issue::{RecordPlace, Rule};

/// How many lines of a broken document are tried, to see whether it is NDJSON.
const LINES_TRIED: usize = 50;

/// Receives the contents of a FHIR file.
pub(crate) trait ResourceTaker {
    /// A resource; `full_url` is its address in a Bundle.
    fn resource(&mut self, place: RecordPlace, resource: Node<'_>, full_url: Option<&str>);
    /// A value that is not a resource.
    fn refuse(&mut self, place: &RecordPlace, rule: Rule, reason: String);
}

/// Takes lines of NDJSON; empty lines are skipped.
pub(crate) fn lines(file: &Arc<str>, first: u64, text: &[u8], taker: &mut dyn ResourceTaker) {
    for (line, bytes) in (first..).zip(text.split(|byte| *byte == b'\n')) {
        let bytes = bytes.trim_ascii();
        if !bytes.is_empty() {
            document(&RecordPlace { file: Arc::clone(file), line, entry: None }, bytes, true, taker);
        }
    }
}

/// Takes a file that is one JSON document. If it does not parse, it may be NDJSON whose first line is damaged.
pub(crate) fn file(file: &Arc<str>, text: &[u8], taker: &mut dyn ResourceTaker) {
    let whole = |line: &[u8]| json::parse(line.trim_ascii()).is_ok_and(|node| kind_of(&node).is_ok());
    if json::parse(text).is_err() {
        if text.split(|byte| *byte == b'\n').take(LINES_TRIED).any(whole) {
            return lines(file, 1, text, taker);
        }
        cut_file(file, text, taker);
    }
    document(&RecordPlace { file: Arc::clone(file), line: 1, entry: None }, text, false, taker);
}

/// Takes the complete entries of a Bundle that is cut off; the caller reports that it is.
pub(crate) fn cut_file(file: &Arc<str>, text: &[u8], taker: &mut dyn ResourceTaker) {
    if let Some(whole) = bundle::whole_entries(text)
        && json::parse(&whole).is_ok()
    {
        document(&RecordPlace { file: Arc::clone(file), line: 1, entry: None }, &whole, false, taker);
    }
}

/// Takes one JSON text: a resource, a Bundle, or an array of resources.
fn document(place: &RecordPlace, bytes: &[u8], is_line: bool, taker: &mut dyn ResourceTaker) {
    match json::parse(bytes) {
        Ok(Node::Array(items)) => {
            for (at, item) in items.into_iter().enumerate() {
                taker.resource(RecordPlace { entry: Some(at + 1), ..place.clone() }, item, None);
            }
        }
        Ok(node) if node.text_of("resourceType") == Some("Bundle") => bundle::take(place, node, taker),
        Ok(node) => taker.resource(place.clone(), node, None),
        Err(error) => {
            // In a line, the parser's own line number is always 1 and would mislead.
            let line = if is_line { place.line } else { error.line as u64 };
            let place = RecordPlace { line, ..place.clone() };
            let reason = format!("not valid JSON at column {}: {}", error.column, error.reason);
            taker.refuse(&place, Rule::Json, reason);
        }
    }
}
