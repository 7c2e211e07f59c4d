//! Exit codes, as the help lists them.

use std::process::ExitCode;

use crate::{config, load, realm, store};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Done = 0,
    Failed = 1,
    ConfigInvalid = 3,
    PartlyDone = 4,
    Busy = 5,
    Integrity = 6,
}

impl Code {
    /// The code of a number that a running server answered.
    pub(super) fn from_number(number: u8) -> Self {
        let all = [Self::Done, Self::ConfigInvalid, Self::PartlyDone, Self::Busy, Self::Integrity];
        all.into_iter().find(|code| *code as u8 == number).unwrap_or(Self::Failed)
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Printed at the end of every help page.
pub(super) const CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration invalid, 4 partly done \
(records rejected), 5 busy or locked, 6 integrity problem.";

/// The code of an error that stopped a command.
pub(super) fn code_of(error: &anyhow::Error) -> Code {
    error
        .chain()
        .find_map(|cause| {
            let of_store = |error: &store::Error| match error {
                store::Error::Busy => Some(Code::Busy),
                store::Error::Corrupted(_) => Some(Code::Integrity),
                _ => None,
            };
            // Transparent errors do not show up in the chain, so each room that wraps the store's is asked.
            if let Some(error) = cause.downcast_ref::<store::Error>() {
                return of_store(error);
            }
            if let Some(realm::Error::Store(error)) = cause.downcast_ref::<realm::Error>() {
                return of_store(error);
            }
            if let Some(load::Error::Store(error)) = cause.downcast_ref::<load::Error>() {
                return of_store(error);
            }
            cause.downcast_ref::<config::Error>().map(|_| Code::ConfigInvalid)
        })
        .unwrap_or(Code::Failed)
}
