//! SMART App Launch 2.2 scopes, version 1 and 2 strings, and what they add up to.

use std::fmt;

use jiff::Timestamp;

use super::view::Operation;
use crate::fhir::Kind;
use crate::fhir::filter::{self, Clause};

/// Bytes of one scope string; more is refused before anything is parsed.
const MAX_SCOPES: usize = 4_096;

/// On whose behalf a scope speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One patient's compartment.
    Patient,
    /// What the user may see.
    User,
    /// What the client may see by the plan's policy.
    System,
}

/// One resource scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// On whose behalf.
    pub level: Level,
    /// The type; absent for `*`.
    pub kind: Option<Kind>,
    letters: u8,
    /// Conditions after `?`, joined by and; empty for all resources of the type.
    pub only: Vec<Clause>,
    text: String,
}

/// The scopes of a request, a grant or a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet {
    scopes: Vec<Scope>,
    words: Vec<String>,
}

/// A scope that cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scope '{scope}' cannot be granted: {reason}")]
pub struct ScopeError {
    /// As it came, cut at 100 characters.
    pub scope: String,
    /// Why, in words.
    pub reason: &'static str,
}

/// Scopes that are single words.
const WORDS: [&str; 6] = ["openid", "fhirUser", "profile", "launch/patient", "offline_access", "online_access"];
const LETTERS: &str = "cruds";

impl Scope {
    /// True if the scope covers the operation on the type.
    #[must_use]
    pub fn covers(&self, kind: Kind, operation: Operation) -> bool {
        self.kind.is_none_or(|own| own == kind) && self.letters & operation.letter() != 0
    }

    /// The scope as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (level, rest) = text.split_once('/').ok_or("it is not a scope this server knows")?;
        let level = match level {
            "patient" => Level::Patient,
            "user" => Level::User,
            "system" => Level::System,
            _ => return Err("it must begin with patient/, user/ or system/"),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (kind, letters) = rest.split_once('.').ok_or("it must say what may be done, such as '.rs'")?;
        let kind = match kind {
            "*" => None,
            name => Some(Kind::parse(name).ok_or("its resource type is not one of FHIR R4")?),
        };
        let letters = letters_of(letters)?;
        let only = query.map_or(Ok(Vec::new()), |query| conditions(kind, query))?;
        Ok(Self { level, kind, letters, only, text: text.to_owned() })
    }
}

/// Version 2 letters must be in the order of `cruds` and not repeat; version 1 has three words.
fn letters_of(text: &str) -> Result<u8, &'static str> {
    match text {
        "read" => return letters_of("rs"),
        "write" => return letters_of("cud"),
        "*" => return letters_of(LETTERS),
        _ => {}
    }
    let mut bits = 0;
    let mut from = 0;
    for letter in text.chars() {
        let at = LETTERS.get(from..).and_then(|rest| rest.find(letter));
        let at = from + at.ok_or("its letters must be some of 'cruds', in that order")?;
        bits |= 1 << at;
        from = at + 1;
    }
    if bits == 0 { Err("it must say what may be done, such as '.rs'") } else { Ok(bits) }
}

fn conditions(kind: Option<Kind>, query: &str) -> Result<Vec<Clause>, &'static str> {
    let kind = kind.ok_or("conditions need a resource type")?;
    let mut only = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        // Modifiers and chains in scopes are experimental in SMART 2.2: refused, as the guide advises.
        if key.contains([':', '.']) || key.starts_with('_') {
            return Err("its condition uses a modifier or a chain");
        }
        let clause = filter::clause(kind, &key, &value, Timestamp::UNIX_EPOCH, "");
        only.push(clause.ok().flatten().ok_or("its condition is not a search this server supports")?);
    }
    if only.is_empty() { Err("its condition is empty") } else { Ok(only) }
}

impl ScopeSet {
    /// Reads a space-separated list. Words and resource scopes that are not understood are errors: a client must not
    /// believe that it has what it has not.
    ///
    /// # Errors
    /// [`ScopeError`] for the first scope that cannot be granted.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let fail = |scope: &str, reason| ScopeError { scope: scope.chars().take(100).collect(), reason };
        if text.len() > MAX_SCOPES {
            return Err(fail("…", "the list is too long"));
        }
        let mut set = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if WORDS.contains(&word) {
                if !set.words.iter().any(|known| known == word) {
                    set.words.push(word.to_owned());
                }
            } else if !set.scopes.iter().any(|known| known.text == word) {
                set.scopes.push(Scope::parse(word).map_err(|reason| fail(word, reason))?);
            }
        }
        Ok(set)
    }

    /// The resource scopes.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// True if the word is among the scopes (`openid`, `offline_access`, …).
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// True if there is nothing in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.scopes.is_empty()
    }

    /// The scopes of this set that are also, to the letter, in `other`.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            scopes: self.scopes.iter().filter(|scope| other.covers_scope(scope)).cloned().collect(),
            words: self.words.iter().filter(|word| other.has(word)).cloned().collect(),
        }
    }

    /// True if everything here is within `other`: what a refresh may ask for.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.words.iter().all(|word| other.has(word)) && self.scopes.iter().all(|scope| other.covers_scope(scope))
    }

    /// True if one scope of the set allows at least what `scope` asks.
    fn covers_scope(&self, scope: &Scope) -> bool {
        self.scopes.iter().any(|own| {
            own.level == scope.level
                && (own.kind.is_none() || own.kind == scope.kind)
                && own.letters & scope.letters == scope.letters
                && (own.only.is_empty() || own.only == scope.only)
        })
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.words.iter().map(String::as_str).chain(self.scopes.iter().map(Scope::text));
        for (at, word) in all.enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Scope {
        ScopeSet::parse(text).unwrap().scopes()[0].clone()
    }

    #[test]
    fn reads_both_versions() {
        let kind = Kind::named("Observation");
        for (text, read, search, create) in [
            ("patient/Observation.rs", true, true, false),
            ("patient/Observation.read", true, true, false),
            ("patient/*.r", true, false, false),
            ("patient/*.s", false, true, false),
            ("system/*.*", true, true, true),
            ("user/Observation.write", false, false, true),
        ] {
            let scope = one(text);
            assert_eq!(scope.covers(kind, Operation::Read), read, "{text}");
            assert_eq!(scope.covers(kind, Operation::Search), search, "{text}");
            assert_eq!(scope.covers(kind, Operation::Create), create, "{text}");
        }
        assert!(!one("patient/Patient.rs").covers(kind, Operation::Read));
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in [
            "patient/Observation.sr",
            "patient/Observation.rr",
            "patient/Observation.x",
            "patient/Observation.",
            "patient/Cat.rs",
            "member/Patient.rs",
            "email",
            "patient/Observation",
            "patient/Observation.rs?code:in=x",
            "patient/*.rs?category=x",
            "patient/Observation.rs?_id=1",
            "patient/Observation.rs?nothing=1",
        ] {
            assert!(ScopeSet::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refresh_may_only_ask_for_less() {
        let granted = ScopeSet::parse("openid patient/*.rs").unwrap();
        for (asked, within) in [
            ("patient/Patient.r", true),
            ("openid patient/*.rs", true),
            ("patient/Patient.c", false),
            ("user/Patient.r", false),
            ("offline_access", false),
        ] {
            assert_eq!(ScopeSet::parse(asked).unwrap().is_within(&granted), within, "{asked}");
        }
    }

    #[test]
    fn prints_what_it_read() {
        let text = "openid patient/Observation.rs?category=laboratory";
        assert_eq!(ScopeSet::parse(text).unwrap().to_string(), text);
    }
}
