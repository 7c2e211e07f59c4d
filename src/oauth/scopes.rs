//! The scopes of a request, and what of them a member's app can be granted.
//!
//! SMART v1 (`patient/*.read`) and v2 (`patient/Coverage.rs?status=active`) are read alike. A request is *narrowed*:
//! to what the app is registered for, and to reading and searching, since members' apps write nothing. The answer
//! keeps the words of the request where they still hold. A scope with search modifiers or chains is refused, for those
//! are experimental in SMART 2.2 and guessing at a filter could widen it.
//!
//! What a scope *allows* is `access::ScopeSet`'s business; here is only which words of a request are kept.

use super::limits::MAX_SCOPES;
use crate::access::ScopeSet;

/// Read and search, the letters a member's app can have.
const READING: &str = "rs";
/// Letters of SMART v2 in their order.
const LETTERS: &str = "cruds";

/// Why a list of scopes is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A scope with `:modifier`, a chain or `_filter`.
    #[error("scopes with search modifiers or chained parameters are not supported")]
    Modifier,
    /// Too many scopes.
    #[error("a request can name 200 scopes at most")]
    TooMany,
    /// Nothing that was asked for can be granted.
    #[error("none of the requested scopes can be granted to this app; compare them with its registration")]
    Nothing,
}

/// A scope about records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clinical {
    /// `patient` or `user`; `system` is for programs without a member and is not granted here.
    context: String,
    /// Resource type or `*`.
    pub(super) kind: String,
    /// Some of [`LETTERS`], in order.
    letters: String,
    /// `name=value&…` as it was written.
    pub(super) query: Option<String>,
    v1: bool,
}

/// What was granted of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The granted scopes, space-separated, in the order of the request.
    pub text: String,
    /// An ID token was asked for.
    pub openid: bool,
    /// ... with the member's own address in it.
    pub fhir_user: bool,
    /// A refresh token was asked for.
    pub offline: bool,
    /// Resource types the app will be able to read, `*` for all, in order and without repeats.
    pub types: Vec<String>,
}

/// Narrows a request to the app's registration.
pub fn narrow(asked: &str, registered: &str) -> Result<Granted, Refused> {
    let words: Vec<&str> = asked.split_ascii_whitespace().collect();
    if words.len() > MAX_SCOPES {
        return Err(Refused::TooMany);
    }
    let allowed: Vec<Clinical> = registered.split_ascii_whitespace().filter_map(|word| parse(word).ok()).collect();
    let may_stay = registered.split_ascii_whitespace().any(|word| word == "offline_access");
    let mut granted =
        Granted { text: String::new(), openid: false, fhir_user: false, offline: false, types: Vec::new() };
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        match word {
            "openid" => granted.openid = true,
            "fhirUser" | "profile" => granted.fhir_user = true,
            "launch/patient" => {}
            "offline_access" if may_stay => granted.offline = true,
            _ => {
                for narrowed in clinical(word, &allowed)? {
                    if ScopeSet::parse(&narrowed.text()).is_err() {
                        continue;
                    }
                    if !granted.types.contains(&narrowed.kind) {
                        granted.types.push(narrowed.kind.clone());
                    }
                    keep(&mut kept, narrowed.text());
                }
                continue;
            }
        }
        keep(&mut kept, word.to_owned());
    }
    if granted.types.is_empty() && !granted.openid {
        return Err(Refused::Nothing);
    }
    granted.text = kept.join(" ");
    Ok(granted)
}

fn keep(kept: &mut Vec<String>, text: String) {
    if !kept.contains(&text) {
        kept.push(text);
    }
}

fn clinical(word: &str, allowed: &[Clinical]) -> Result<Vec<Clinical>, Refused> {
    match parse(word) {
        Ok(wanted) => Ok(allowed.iter().filter_map(|allowed| wanted.narrowed_to(allowed)).collect()),
        Err(Unread::Modifier) => Err(Refused::Modifier),
        // RFC 6749 lets a server grant less than was asked: what it does not know it leaves out, and says what is left.
        Err(Unread::Unknown) => Ok(Vec::new()),
    }
}

/// Why one scope is not about records.
#[derive(Debug, PartialEq, Eq)]
enum Unread {
    Unknown,
    Modifier,
}

fn parse(word: &str) -> Result<Clinical, Unread> {
    let (context, rest) = word.split_once('/').ok_or(Unread::Unknown)?;
    if !matches!(context, "patient" | "user") {
        return Err(Unread::Unknown);
    }
    let (reach, query) = match rest.split_once('?') {
        Some((reach, query)) => (reach, Some(query)),
        None => (rest, None),
    };
    let (kind, permission) = reach.split_once('.').ok_or(Unread::Unknown)?;
    let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(|c| c.is_ascii_alphabetic());
    if kind != "*" && !is_type {
        return Err(Unread::Unknown);
    }
    let (letters, v1) = match permission {
        "read" => ("rs", true),
        "write" => ("cud", true),
        "*" => (LETTERS, true),
        letters => (letters, false),
    };
    if letters.is_empty() || !is_ordered(letters) || (v1 && query.is_some()) {
        return Err(Unread::Unknown);
    }
    if let Some(query) = query {
        check_query(query)?;
    }
    let (context, kind) = (context.to_owned(), kind.to_owned());
    Ok(Clinical { context, kind, letters: letters.to_owned(), query: query.map(str::to_owned), v1 })
}

/// `dus` is not `uds`: letters out of order are not guessed at.
fn is_ordered(letters: &str) -> bool {
    let mut rest = LETTERS;
    letters.chars().all(|letter| match rest.split_once(letter) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn check_query(query: &str) -> Result<(), Unread> {
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or(Unread::Unknown)?;
        if name.contains([':', '.']) || matches!(name, "_filter" | "_has" | "_query" | "_list") {
            return Err(Unread::Modifier);
        }
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !plain || value.is_empty() {
            return Err(Unread::Unknown);
        }
    }
    Ok(())
}

impl Clinical {
    /// What of `self` remains under `allowed`, if anything.
    fn narrowed_to(&self, allowed: &Self) -> Option<Self> {
        if self.context != allowed.context {
            return None;
        }
        let kind = match (self.kind.as_str(), allowed.kind.as_str()) {
            (mine, "*") => mine,
            ("*", theirs) => theirs,
            (mine, theirs) => (mine == theirs).then_some(mine)?,
        };
        let query = match (&self.query, &allowed.query) {
            (mine, None) => mine.clone(),
            (None, theirs) => theirs.clone(),
            (mine, theirs) => (mine == theirs).then(|| mine.clone())?,
        };
        let letters: String =
            self.letters.chars().filter(|c| allowed.letters.contains(*c) && READING.contains(*c)).collect();
        (!letters.is_empty()).then(|| Self {
            context: self.context.clone(),
            kind: kind.to_owned(),
            v1: self.v1 && letters == READING && query.is_none(),
            letters,
            query,
        })
    }

    fn text(&self) -> String {
        let letters = if self.v1 { "read" } else { &self.letters };
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}/{}.{letters}{query}", self.context, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: &str = "patient/*.cruds user/*.rs offline_access";

    fn text(asked: &str, registered: &str) -> String {
        narrow(asked, registered).map(|granted| granted.text).unwrap_or_default()
    }

    #[test]
    fn both_versions_are_narrowed_to_reading() {
        assert_eq!(text("patient/*.read", ALL), "patient/*.read");
        assert_eq!(text("patient/*.*", ALL), "patient/*.read");
        assert_eq!(text("patient/Coverage.rs", ALL), "patient/Coverage.rs");
        assert_eq!(text("patient/Coverage.cruds", ALL), "patient/Coverage.rs");
        assert_eq!(text("patient/Coverage.r", ALL), "patient/Coverage.r");
        assert_eq!(text("patient/Coverage.write openid", ALL), "openid");
        let asked = "launch/patient openid fhirUser offline_access patient/Patient.rs user/Coverage.read";
        assert_eq!(text(asked, ALL), asked);
    }

    #[test]
    fn a_request_never_gets_more_than_the_registration() {
        let registered = "patient/Patient.rs patient/Coverage.r";
        assert_eq!(text("patient/*.read", registered), "patient/Patient.read patient/Coverage.r");
        assert_eq!(text("patient/Observation.rs patient/Patient.s", registered), "patient/Patient.s");
        assert_eq!(text("user/Patient.rs openid", registered), "openid");
        assert_eq!(text("offline_access patient/Patient.rs", registered), "patient/Patient.rs");
        assert_eq!(narrow("patient/Observation.rs", registered), Err(Refused::Nothing));
        let fine = "patient/Observation.rs?category=laboratory";
        assert_eq!(text("patient/Observation.rs", fine), fine);
        assert_eq!(text(fine, "patient/*.rs"), fine);
        assert_eq!(text("patient/Observation.rs?category=vital-signs openid", fine), "openid");
    }

    #[test]
    fn what_is_not_understood_is_left_out_and_never_guessed() {
        for odd in [
            "patient/Coverage.dus",
            "patient/Coverage.sr",
            "patient/Coverage.rr",
            "patient/Coverage.",
            "patient/.rs",
            "patient/coverage.rs",
            "patient/Coverage",
            "system/*.rs",
            "launch",
            "online_access",
            "patient/*.read?a=b",
            "patient/Coverage.rs?",
            "patient/Coverage.rs?status",
            "patient/Coverage.rs?=x",
            "Patient/Coverage.rs",
        ] {
            assert_eq!(narrow(odd, ALL), Err(Refused::Nothing), "{odd}");
        }
    }

    #[test]
    fn experimental_scopes_are_refused() {
        for odd in [
            "patient/Observation.rs?code:in=http://x",
            "patient/Observation.rs?subject.name=a",
            "patient/Observation.rs?_filter=x",
            "patient/Observation.rs?_has:x:y:z=1",
        ] {
            assert_eq!(narrow(&format!("openid {odd}"), ALL), Err(Refused::Modifier), "{odd}");
        }
    }

    proptest! {
        /// Narrowing twice changes nothing, and a grant is within what was registered.
        #[test]
        fn narrowing_is_stable(words in proptest::collection::vec("(patient|user)/(\\*|Coverage|Patient)\\.(read|\\*|write|[cruds]{1,5})", 1..6)) {
            let asked = words.join(" ");
            for registered in [ALL, "patient/Coverage.rs user/*.r", "patient/*.s"] {
                if let Ok(once) = narrow(&asked, registered) {
                    prop_assert_eq!(&narrow(&once.text, registered).unwrap(), &once);
                    let set = |text: &str| ScopeSet::parse(text).unwrap();
                    prop_assert!(set(&once.text).is_within(&set(registered)));
                }
            }
        }
    }
}
