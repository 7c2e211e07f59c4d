//! The scopes of a request, and what of them a member's app can be granted.
//!
//! SMART v1 (`patient/*.read`) and v2 (`patient/Coverage.rs?status=active`) are read alike. A request is *narrowed*:
//! to what the app is registered for, and to reading and searching, since members' apps write nothing. The answer
//! keeps the words of the request where they still hold. A scope with search modifiers or chains is refused, for those
//! are experimental in SMART 2.2 and guessing at a filter could widen it.
//!
//! How a scope is written and what it allows is `access::Scope`'s business; here is only which words of a request are kept.

use super::limits::MAX_SCOPES;
use crate::access::{Level, Scope};
use crate::fhir::Kind;

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
    let allowed: Vec<Scope> = registered.split_ascii_whitespace().filter_map(|word| Scope::parse(word).ok()).collect();
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
                    let kind = narrowed.kind.map_or("*", Kind::name);
                    if !granted.types.iter().any(|known| known == kind) {
                        granted.types.push(kind.to_owned());
                    }
                    keep(&mut kept, narrowed.to_string());
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

/// What of one scope about records the registration leaves.
fn clinical(word: &str, allowed: &[Scope]) -> Result<Vec<Scope>, Refused> {
    match Scope::parse(word) {
        // `system` is for programs without a member.
        Ok(wanted) if wanted.level == Level::System => Ok(Vec::new()),
        Ok(wanted) => Ok(allowed.iter().filter_map(|allowed| wanted.read_within(allowed)).collect()),
        Err(error) if error.is_experimental => Err(Refused::Modifier),
        // RFC 6749 lets a server grant less than was asked: what it does not know it leaves out, and says what is left.
        Err(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::access::ScopeSet;

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
