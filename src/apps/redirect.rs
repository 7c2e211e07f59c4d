//! Redirect addresses: which may be registered, and which of them a request names. Comparison is by exact text; the
//! one exception is the port of a loopback address, which a native app cannot know beforehand (RFC 8252).

use super::Kind;

/// Longest address that is registered.
const MAX_LENGTH: usize = 1_000;

/// What an answer adds to an address; one that holds it already would be read in two ways.
const ANSWERED: [&str; 4] = ["code", "state", "iss", "error"];

/// Why an address cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an absolute address.
    #[error("a redirect address must be a full address such as https://app.example.org/callback")]
    NotAbsolute,
    /// Has a fragment, a wildcard, white space, or control characters.
    #[error("a redirect address cannot hold a fragment (#), a wildcard (*), a user name or white space")]
    Unfit,
    /// Plain http to another machine.
    #[error("a redirect address must begin with https://, or http://127.0.0.1 while you develop")]
    Insecure,
    /// A scheme that browsers run or that names no app.
    #[error("a phone or desktop app uses https:// or its own reversed domain, such as org.example.app:/callback")]
    Scheme,
    /// Holds a parameter of the answer.
    #[error("a redirect address cannot hold code, state, iss or error: the answer adds them")]
    Answered,
    /// Too long.
    #[error("a redirect address can have 1,000 characters at most")]
    TooLong,
}

/// Checks an address at registration.
pub fn check(address: &str, kind: Kind) -> Result<(), Refused> {
    if address.len() > MAX_LENGTH {
        return Err(Refused::TooLong);
    }
    if address.chars().any(|c| !c.is_ascii_graphic() || "#*\\<>\"^`{|}".contains(c)) {
        return Err(Refused::Unfit);
    }
    let query = address.split_once('?').map_or("", |(_, query)| query);
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| ANSWERED.contains(&&*name)) {
        return Err(Refused::Answered);
    }
    let (scheme, rest) = address.split_once(':').ok_or(Refused::NotAbsolute)?;
    match scheme {
        "https" | "http" => {
            let rest = rest.strip_prefix("//").ok_or(Refused::NotAbsolute)?;
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            if authority.contains('@') {
                return Err(Refused::Unfit);
            }
            let host = host_of(authority).ok_or(Refused::NotAbsolute)?;
            if scheme == "http" && !is_loopback(host) { Err(Refused::Insecure) } else { Ok(()) }
        }
        // A private scheme must be a reversed domain name: that keeps out javascript, data, file and the like, and one
        // app from taking another's by accident.
        _ if kind == Kind::Native && is_reversed_domain(scheme) && !rest.is_empty() => Ok(()),
        _ => Err(Refused::Scheme),
    }
}

/// True for http on this machine.
pub(super) fn is_on_this_machine(address: &str) -> bool {
    authority(address).and_then(host_of).is_some_and(is_loopback)
}

/// True for an address of the site whose address is `home`.
pub(super) fn is_at(address: &str, home: &str) -> bool {
    let of = |address: &str| authority(address).and_then(host_of).map(str::to_ascii_lowercase);
    of(address).is_some() && of(address) == of(home)
}

fn authority(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    rest.split(['/', '?']).next()
}

/// True if a request may use `asked` because `registered` was registered.
#[must_use]
pub(super) fn matches(registered: &str, asked: &str, kind: Kind) -> bool {
    registered == asked
        || (kind == Kind::Native
            && matches!((without_loopback_port(registered), without_loopback_port(asked)), (Some(a), Some(b)) if a == b))
}

/// The address in two parts around the port, if it is http on a loopback address.
fn without_loopback_port(address: &str) -> Option<(&str, &str)> {
    let rest = address.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = host_of(authority)?;
    // `localhost` may be resolved to anything; only the literal addresses are safe to leave the port open.
    matches!(host, "127.0.0.1" | "[::1]").then_some((host, path))
}

fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let end = v6.find(']')? + 2;
            let (host, port) = authority.split_at_checked(end)?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("0"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "0")),
    };
    let fit = |c: char| c.is_ascii_alphanumeric() || ".-[]:".contains(c);
    // A sign before the number would be read as a port too.
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (!host.is_empty() && host.chars().all(fit) && is_port).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

fn is_reversed_domain(scheme: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    scheme.contains('.') && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example.org/callback",
            "https://app.example.org",
            "https://app.example.org:8443/cb?a=b",
            "http://127.0.0.1/cb",
            "http://localhost:3000/cb",
            "http://[::1]:9/cb",
        ] {
            assert_eq!(check(good, Kind::Web), Ok(()), "{good}");
        }
        assert_eq!(check("org.example.app:/callback", Kind::Native), Ok(()));
        assert_eq!(check("org.example.app:/callback", Kind::Web), Err(Refused::Scheme));
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "app:/cb",
            "http://app.example.org/cb",
            "https://user@app.example.org/cb",
            "https://app.example.org/#x",
            "https://*.example.org/cb",
            "/callback",
            "https:app.example.org",
            "https://",
            "https://app.example.org:99999/",
            "https://a b/",
            "",
            "http://127.0.0.1.example.org/",
            "http://localhost@evil.example/",
            "JavaScript:alert(1)",
            "//evil.example/",
            "https://[::1/cb",
            "https://app.example.org\\@evil.example/",
        ] {
            assert!(check(bad, Kind::Native).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_is_free_and_only_for_native_apps() {
        assert!(matches("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", Kind::Native));
        assert!(matches("http://[::1]:1/cb", "http://[::1]:51234/cb", Kind::Native));
        assert!(!matches("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", Kind::Web));
        assert!(!matches("http://127.0.0.1/cb", "http://127.0.0.1:51234/other", Kind::Native));
        assert!(!matches("http://127.0.0.1/cb", "http://[::1]:51234/cb", Kind::Native));
        assert!(!matches("http://127.0.0.1/cb", "http://127.0.0.1@evil.example/cb", Kind::Native));
        assert!(!matches("http://localhost/cb", "http://localhost:51234/cb", Kind::Native));
        assert!(!matches("https://a.example/cb", "https://a.example:444/cb", Kind::Native));
        assert!(!matches("https://a.example/cb", "https://a.example/cb/", Kind::Native));
    }

    proptest! {
        /// A registered address with anything changed is another address.
        #[test]
        fn a_changed_address_never_matches(at in 0_usize..40, byte in 0x20_u8..0x7f) {
            let registered = "https://app.example.org/callback?x=1";
            let mut changed = registered.as_bytes().to_vec();
            if at < changed.len() { changed[at] = byte } else { changed.push(byte) }
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(matches(registered, &changed, Kind::Native), registered == changed);
        }
    }
}
