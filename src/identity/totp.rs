//! Authenticator codes (RFC 6238) and one-use backup codes. The seed is sealed; the last accepted step is stored and
//! that step and all before it are refused, so a code seen over a shoulder is worth nothing.

use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};

use super::contact::{ContactDigest, ContactKey};

/// The confirmed authenticator of an account.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SecondFactor {
    sealed_seed: Vec<u8>,
    last_step: u64,
    backup: Vec<ContactDigest>,
}

/// What the enrolment page shows, once.
pub struct Offer {
    /// The seed for people who type it, in groups of four.
    pub key: String,
    /// The `otpauth://` address for the QR code.
    pub url: String,
}

/// Which code was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// From the authenticator.
    Authenticator,
    /// A backup code; so many are left.
    Backup(usize),
}

impl SecondFactor {
    pub(super) const fn new(sealed_seed: Vec<u8>, last_step: u64, backup: Vec<ContactDigest>) -> Self {
        Self { sealed_seed, last_step, backup }
    }

    pub(super) fn backup_codes_left(&self) -> usize {
        self.backup.len()
    }

    pub(super) fn sealed_seed(&self) -> &[u8] {
        &self.sealed_seed
    }

    /// Judges a typed code and takes it out of use.
    pub(super) fn accept(&mut self, seed: &[u8], keys: &ContactKey, typed: &str, now: i64) -> Option<Factor> {
        let typed = plain(typed);
        if let Some(step) = step_of(seed, &typed, now).filter(|step| *step > self.last_step) {
            self.last_step = step;
            return Some(Factor::Authenticator);
        }
        let digest = backup_digest(keys, &typed);
        // Digests under a secret key: finding one by comparing them early tells a guesser nothing he can use.
        let at = self.backup.iter().position(|kept| *kept == digest)?;
        self.backup.remove(at);
        Some(Factor::Backup(self.backup.len()))
    }
}

/// The step whose code this is, within one step of clock difference.
pub(super) fn step_of(seed: &[u8], typed: &str, now: i64) -> Option<u64> {
    generator(seed, "Ingle", "account")?.check(typed, now.try_into().ok()?)
}

/// Seed as text and as address.
pub(super) fn offer(seed: &[u8], issuer: &str, account: &str) -> Option<Offer> {
    let totp = generator(seed, issuer, account)?;
    let text = totp.secret().to_base32();
    let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| str::from_utf8(group).ok()).collect();
    Some(Offer { key: groups.join(" "), url: totp.to_url().ok()? })
}

pub(super) fn backup_digest(keys: &ContactKey, code: &str) -> ContactDigest {
    keys.keyed("backup", plain(code).as_bytes())
}

fn generator(seed: &[u8], issuer: &str, account: &str) -> Option<Totp> {
    // A colon separates issuer and account in the address and is refused inside either.
    let clean = |text: &str| text.replace(':', " ");
    Builder::new()
        .with_secret(Secret::new(seed.into()))
        .with_issuer(Some(clean(issuer)))
        .with_account_name(clean(account))
        .build()
        .ok()
}

fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    fn code_at(time: u64) -> String {
        generator(SEED, "Plan", "a@b.org").unwrap().generate(time).to_string()
    }

    #[test]
    fn a_code_works_once_and_older_ones_never() {
        let keys = ContactKey::new(&[3; 32]);
        let mut second = SecondFactor::new(Vec::new(), 0, vec![backup_digest(&keys, "abcd-efgh-jk")]);
        let now = 1_700_000_000;
        assert_eq!(second.accept(SEED, &keys, &code_at(1_700_000_000), now), Some(Factor::Authenticator));
        assert_eq!(second.accept(SEED, &keys, &code_at(1_700_000_000), now), None);
        assert_eq!(second.accept(SEED, &keys, &code_at(1_699_999_970), now), None);
        assert_eq!(second.accept(SEED, &keys, "ABCD EFGH JK", now), Some(Factor::Backup(0)));
        assert_eq!(second.accept(SEED, &keys, "abcd-efgh-jk", now), None);
        assert_eq!(second.accept(SEED, &keys, &code_at(1_700_000_060), now + 60), Some(Factor::Authenticator));
    }

    #[test]
    fn the_offer_names_plan_and_account() {
        let offer = offer(SEED, "Plan: West", "a@b.org").unwrap();
        assert!(offer.url.starts_with("otpauth://totp/"), "{}", offer.url);
        assert_eq!(offer.key, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }
}
