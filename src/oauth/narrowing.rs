//! Limits that an app puts on its own token, offline, before handing it on: a part of the types, one patient, an
//! earlier end. Each appended block may hold checks over what a request is:
//!
//! ```text
//! check if resource_type($t), ["Coverage", "ExplanationOfBenefit"].contains($t);
//! check if operation("read");                      // or "search"
//! check if patient("pat-1");
//! check if time($now), $now <= 2026-06-30T00:00:00Z;
//! ```
//!
//! Every check of every block must hold. A token with anything but such checks is not good (see `appended`).

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use biscuit_auth::builder::{date, fact, string};
use biscuit_auth::datalog::RunLimits;
use biscuit_auth::{AuthorizerBuilder, Biscuit, error};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::limits;
use crate::access::{Narrowing, Operation};

/// The appended blocks of one token.
pub(super) struct Limits {
    token: Biscuit,
    answers: Mutex<Answers>,
}

/// Answers within one second of the clock: a page of fifty claims asks the same question fifty times.
#[derive(Default)]
struct Answers {
    second: i64,
    known: HashMap<(String, &'static str, Option<String>), bool>,
}

impl Limits {
    pub(super) fn new(token: Biscuit) -> Self {
        Self { token, answers: Mutex::new(Answers::default()) }
    }

    fn decide(&self, second: i64, kind: &str, operation: &str, patient: Option<&str>) -> Result<bool, error::Token> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second.try_into().unwrap_or(0));
        let mut request = AuthorizerBuilder::new()
            .set_limits(datalog_limits())
            .fact(fact("time", &[date(&now)]))?
            .fact(fact("resource_type", &[string(kind)]))?
            .fact(fact("operation", &[string(operation)]))?
            .policy("allow if true")?;
        if let Some(patient) = patient {
            request = request.fact(fact("patient", &[string(patient)]))?;
        }
        Ok(request.build(&self.token)?.authorize().is_ok())
    }
}

impl Narrowing for Limits {
    fn allows(&self, now: Timestamp, kind: &str, operation: Operation, patient: Option<&str>) -> bool {
        let second = now.as_second();
        let operation = name(operation);
        let key = (kind.to_owned(), operation, patient.map(str::to_owned));
        {
            let mut answers = self.answers.lock();
            if answers.second != second || answers.known.len() >= limits::CACHED_ANSWERS {
                *answers = Answers { second, known: HashMap::new() };
            }
            if let Some(answer) = answers.known.get(&key) {
                return *answer;
            }
        }
        let answer = self.decide(second, kind, operation, patient).unwrap_or(false);
        let mut answers = self.answers.lock();
        if answers.second == second {
            answers.known.insert(key, answer);
        }
        answer
    }
}

/// The word for an operation in a check.
const fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Read => "read",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Search => "search",
    }
}

pub(super) const fn datalog_limits() -> RunLimits {
    RunLimits {
        max_facts: limits::MAX_FACTS,
        max_iterations: limits::MAX_ROUNDS,
        max_time: Duration::from_millis(limits::MAX_DATALOG_MS),
    }
}
