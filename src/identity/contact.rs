//! Ways to reach a person. Raw addresses are never stored: the roster keeps keyed digests of the normalised form, so
//! that a stolen data file does not say who is a member. The key lives in the keys folder, not in the data file.

use std::fmt;

use aws_lc_rs::hmac;

/// Longest address taken from a form (RFC 5321 path limit).
const MAX_EMAIL: usize = 254;

/// A normalised e-mail address or US phone number. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Contact {
    /// Lower-case `local@domain`.
    Email(String),
    /// Ten digits of the North American plan.
    Phone(String),
}

/// What the store keeps of a contact.
pub type ContactDigest = [u8; 32];

/// The key of the digests.
#[derive(Clone)]
pub struct ContactKey(hmac::Key);

impl Contact {
    /// Reads what a person typed, or what stands in the plan's file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('@') { email(text).map(Self::Email) } else { phone(text).map(Self::Phone) }
    }

    /// The form mail and SMS transports take.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Email(address) => address.clone(),
            Self::Phone(digits) => format!("+1{digits}"),
        }
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Contact::Email",
            Self::Phone(_) => "Contact::Phone",
        })
    }
}

impl ContactKey {
    /// Makes the key from its stored bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The digest of a contact: the same person, however she typed it, gives the same digest.
    #[must_use]
    pub fn digest(&self, contact: &Contact) -> ContactDigest {
        match contact {
            Contact::Email(address) => self.keyed("email", address.as_bytes()),
            Contact::Phone(digits) => self.keyed("phone", digits.as_bytes()),
        }
    }

    /// A keyed digest for another purpose; purposes never collide.
    pub(super) fn keyed(&self, purpose: &str, value: &[u8]) -> ContactDigest {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(value);
        let mut out = [0; 32];
        for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        out
    }
}

fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c);
    let domain_ok = domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && domain.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
    (text.len() <= MAX_EMAIL
        && !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && text.chars().all(plain)
        && domain_ok)
        .then_some(text)
}

fn phone(text: &str) -> Option<String> {
    if text.chars().any(|c| !c.is_ascii_digit() && !" ()-.+\u{a0}".contains(c)) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.len() {
        11 => digits.strip_prefix('1')?.to_owned(),
        10 => digits,
        _ => return None,
    };
    // Area codes and exchanges of the North American plan begin with 2 to 9.
    let starts = |at: usize| digits.as_bytes().get(at).is_some_and(|d| (b'2'..=b'9').contains(d));
    (starts(0) && starts(3)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_person_has_one_digest() {
        let key = ContactKey::new(&[7; 32]);
        let of = |text| key.digest(&Contact::parse(text).unwrap());
        assert_eq!(of("Ana.Ruiz@Example.ORG "), of("ana.ruiz@example.org"));
        assert_eq!(of("(415) 555-0134"), of("+1 415.555.0134"));
        assert_eq!(of("14155550134"), of("4155550134"));
        assert_ne!(of("4155550134"), of("4155550135"));
        assert_ne!(ContactKey::new(&[8; 32]).digest(&Contact::parse("a@b.org").unwrap()), of("a@b.org"));
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        for bad in [
            "",
            "ana",
            "@example.org",
            "ana@",
            "ana@example",
            "a b@example.org",
            "a@b@c.org",
            "ana@-x.org",
            "ana@example..org",
            "<ana@example.org>",
            "ana@example.org\r\nBcc: x@y.org",
            "555-0134",
            "0155550134",
            "4151550134",
            "24155550134",
            "415555013a",
        ] {
            assert!(Contact::parse(bad).is_none(), "{bad:?}");
        }
        assert!(Contact::parse(&format!("{}@example.org", "a".repeat(65))).is_none());
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", Contact::parse("ana@example.org").unwrap());
        assert!(!shown.contains("ana"));
    }
}
