//! Search parameters that the plan defines itself (`SearchParameter` resources), beside those of the tables.
//!
//! They belong to the install, not to a realm: one set for the process. A parameter takes part in extraction as soon as
//! it is known, and searches can name it once every index has it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use xxhash_rust::xxh3::Xxh3;

use super::{Kind, Parameter};

/// Numbers from here on belong to the plan's own parameters.
pub const FIRST: u16 = 0x8000;
/// `SearchParameter` resources over the lifetime of a store.
pub const MAX_EVER: usize = 4_096;
/// Definitions that one process makes; a restart frees those that are gone.
const MAX_KEPT: usize = 2_000;

/// One parameter of one type.
#[derive(Clone, Copy, Debug)]
pub struct Custom {
    /// Its number.
    pub number: u16,
    /// The definition.
    pub parameter: &'static Parameter,
    /// True once searches can use it.
    pub is_ready: bool,
}

static ANY: AtomicBool = AtomicBool::new(false);
static KNOWN: RwLock<Vec<Custom>> = RwLock::new(Vec::new());
static KEPT: Mutex<Option<HashMap<String, &'static Parameter>>> = Mutex::new(None);

/// Replaces all parameters.
pub fn replace(customs: Vec<Custom>) {
    let mut known = KNOWN.write();
    ANY.store(!customs.is_empty(), Ordering::Release);
    *known = customs;
}

/// All parameters.
#[must_use]
pub fn all() -> Vec<Custom> {
    if ANY.load(Ordering::Acquire) { KNOWN.read().clone() } else { Vec::new() }
}

/// A hash of the searchable ones: an index that was made with another set is incomplete.
#[must_use]
pub fn hash() -> u64 {
    let ready: Vec<Custom> = all().into_iter().filter(|custom| custom.is_ready).collect();
    if ready.is_empty() {
        return 0;
    }
    let mut digest = Xxh3::new();
    for custom in ready {
        digest.update(&custom.number.to_be_bytes());
        digest.update(format!("{:?}\0", custom.parameter).as_bytes());
    }
    digest.digest()
}

pub(super) fn of(kind: Kind) -> impl Iterator<Item = Custom> {
    all().into_iter().filter(move |custom| custom.parameter.kind == Some(kind))
}

pub(super) fn by_number(number: u16) -> Option<&'static Parameter> {
    all().into_iter().find(|custom| custom.number == number).map(|custom| custom.parameter)
}

/// Stores a parameter for the lifetime of the process; the same text gives the same parameter, so that a definition
/// that comes and goes costs memory once. Nothing if there are too many.
pub fn keep(text: String, define: impl FnOnce() -> Parameter) -> Option<&'static Parameter> {
    let mut guard = KEPT.lock();
    let kept = guard.get_or_insert_with(HashMap::new);
    if let Some(known) = kept.get(&text) {
        return Some(known);
    }
    if kept.len() >= MAX_KEPT {
        return None;
    }
    let parameter: &'static Parameter = Box::leak(Box::new(define()));
    kept.insert(text, parameter);
    Some(parameter)
}
