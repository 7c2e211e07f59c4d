//! Search parameters that the plan defines itself (`SearchParameter` resources), beside those of the tables.
//!
//! They belong to the install, not to a realm: one set for the process. A parameter takes part in extraction as soon as it
//! is known, and is found by its name once every index has it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use xxhash_rust::xxh3::Xxh3;

use super::{Kind, Parameter};

/// Numbers from here on are not of the tables.
pub const FIRST: u16 = 0x8000;
/// `SearchParameter` resources over the life of a store.
pub const MAX_EVER: usize = 4_096;
/// Definitions that one process makes; a restart forgets those that are gone.
const MAX_KEPT: usize = 2_000;

/// One parameter of one type.
#[derive(Clone, Copy, Debug)]
pub struct Custom {
    /// Its number.
    pub number: u16,
    /// What it is.
    pub parameter: &'static Parameter,
    /// True once it can be searched by.
    pub is_ready: bool,
}

static ANY: AtomicBool = AtomicBool::new(false);
static KNOWN: RwLock<Vec<Custom>> = RwLock::new(Vec::new());
static KEPT: Mutex<Option<HashMap<String, &'static Parameter>>> = Mutex::new(None);

/// Replaces all of them.
pub fn replace(customs: Vec<Custom>) {
    let mut known = KNOWN.write();
    ANY.store(!customs.is_empty(), Ordering::Release);
    *known = customs;
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Custom> {
    if ANY.load(Ordering::Acquire) { KNOWN.read().clone() } else { Vec::new() }
}

/// A number for those that can be searched by: an index that was made with others lacks something.
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

/// A parameter that lives as long as the process; the same text gives the same one, so that a definition that comes and
/// goes costs memory once. Nothing if there were too many.
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
