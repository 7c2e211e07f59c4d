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
    /// The conditions as they were written.
    query: Option<String>,
    /// Written as in version 1.
    is_v1: bool,
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
    /// True for what SMART 2.2 calls experimental: modifiers and chains. Guessing at such a condition could widen it.
    pub is_experimental: bool,
}

/// Why one scope cannot be read.
struct Unread {
    reason: &'static str,
    is_experimental: bool,
}

impl From<&'static str> for Unread {
    fn from(reason: &'static str) -> Self {
        Self { reason, is_experimental: false }
    }
}

/// Scopes that are single words.
const WORDS: [&str; 6] = ["openid", "fhirUser", "profile", "launch/patient", "offline_access", "online_access"];
const LETTERS: &str = "cruds";
/// The letters of reading and searching, which is all that a member's app can have.
const READING: u8 = 0b1_0010;
/// Conditions that are experimental in SMART 2.2.
const EXPERIMENTAL: [&str; 4] = ["_filter", "_has", "_query", "_list"];

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

impl Scope {
    /// Reads one scope.
    ///
    /// # Errors
    /// [`ScopeError`] with what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        read(text).map_err(|Unread { reason, is_experimental }| ScopeError::new(text, reason, is_experimental))
    }

    /// True if the scope covers the operation on the type.
    #[must_use]
    pub fn covers(&self, kind: Kind, operation: Operation) -> bool {
        self.kind.is_none_or(|own| own == kind) && self.letters & operation.letter() != 0
    }

    /// What of the scope remains for reading under another, if anything.
    #[must_use]
    pub fn read_within(&self, allowed: &Self) -> Option<Self> {
        if self.level != allowed.level {
            return None;
        }
        let kind = match (self.kind, allowed.kind) {
            (mine, None) => mine,
            (None, theirs) => theirs,
            (mine, theirs) => (mine == theirs).then_some(mine)?,
        };
        let from = match (&self.query, &allowed.query) {
            (_, None) => self,
            (None, _) => allowed,
            (mine, theirs) => (mine == theirs).then_some(self)?,
        };
        // A condition is about the parameters of its type.
        if from.query.is_some() && kind != from.kind {
            return None;
        }
        let letters = self.letters & allowed.letters & READING;
        let is_v1 = self.is_v1 && letters == READING && from.query.is_none();
        let (only, query) = (from.only.clone(), from.query.clone());
        (letters != 0).then_some(Self { level: self.level, kind, letters, only, query, is_v1 })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.", self.level.word(), self.kind.map_or("*", Kind::name))?;
        if self.is_v1 && self.letters == READING {
            f.write_str("read")?;
        } else {
            for (_, letter) in LETTERS.chars().enumerate().filter(|(at, _)| self.letters & 1 << at != 0) {
                write!(f, "{letter}")?;
            }
        }
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

fn read(text: &str) -> Result<Scope, Unread> {
    let (level, rest) = text.split_once('/').ok_or("it is not a scope this server knows")?;
    let levels = [Level::Patient, Level::User, Level::System];
    let level = levels.into_iter().find(|known| known.word() == level);
    let level = level.ok_or("it must begin with patient/, user/ or system/")?;
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (kind, letters) = rest.split_once('.').ok_or("it must say what may be done, such as '.rs'")?;
    let kind = match kind {
        "*" => None,
        name => Some(Kind::parse(name).ok_or("its resource type is not one of FHIR R4")?),
    };
    let (letters, is_v1) = match letters {
        "read" => (READING, true),
        "write" => (letters_of("cud")?, true),
        "*" => (letters_of(LETTERS)?, true),
        letters => (letters_of(letters)?, false),
    };
    if is_v1 && query.is_some() {
        return Err("conditions need letters such as '.rs' before them".into());
    }
    let only = query.map_or(Ok(Vec::new()), |query| conditions(kind, query))?;
    Ok(Scope { level, kind, letters, only, query: query.map(str::to_owned), is_v1 })
}

/// Letters must be in the order of `cruds` and not repeat: those out of order are not guessed at.
fn letters_of(text: &str) -> Result<u8, &'static str> {
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

fn conditions(kind: Option<Kind>, query: &str) -> Result<Vec<Clause>, Unread> {
    let mut only = Vec::new();
    for pair in query.split('&') {
        let (name, _) = pair.split_once('=').ok_or("a condition has the form name=value")?;
        if name.contains([':', '.']) || EXPERIMENTAL.contains(&name) {
            return Err(Unread { reason: "its condition uses a modifier or a chain", is_experimental: true });
        }
    }
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let kind = kind.ok_or("conditions need a resource type")?;
        if key.starts_with('_') || value.is_empty() {
            return Err("its condition is not on an element of the resource".into());
        }
        let clause = filter::standard_clause(kind, &key, &value, Timestamp::UNIX_EPOCH, "");
        only.push(clause.ok().flatten().ok_or("its condition is not a search this server supports")?);
    }
    if only.is_empty() { Err("its condition is empty".into()) } else { Ok(only) }
}

impl ScopeError {
    fn new(scope: &str, reason: &'static str, is_experimental: bool) -> Self {
        Self { scope: scope.chars().take(100).collect(), reason, is_experimental }
    }
}

impl ScopeSet {
    /// Reads a space-separated list. Words and resource scopes that are not understood are errors: a client must not
    /// believe that it has what it has not.
    ///
    /// # Errors
    /// [`ScopeError`] for the first scope that cannot be granted.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_SCOPES {
            return Err(ScopeError::new("…", "the list is too long", false));
        }
        let mut set = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if WORDS.contains(&word) {
                if !set.words.iter().any(|known| known == word) {
                    set.words.push(word.to_owned());
                }
            } else {
                let scope = Scope::parse(word)?;
                if !set.scopes.contains(&scope) {
                    set.scopes.push(scope);
                }
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
        let words = self.words.iter().map(|word| word as &dyn fmt::Display);
        let scopes = self.scopes.iter().map(|scope| scope as &dyn fmt::Display);
        for (at, word) in words.chain(scopes).enumerate() {
            write!(f, "{}{word}", if at > 0 { " " } else { "" })?;
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
        // A condition stays: without it there would be more.
        let granted = ScopeSet::parse("patient/Observation.rs?category=laboratory").unwrap();
        for (asked, within) in [
            ("patient/Observation.rs?category=laboratory", true),
            ("patient/Observation.r?category=laboratory", true),
            ("patient/Observation.rs", false),
            ("patient/Observation.rs?category=vital-signs", false),
            ("patient/*.rs", false),
            ("patient/Condition.rs", false),
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
