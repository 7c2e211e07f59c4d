//! Encryption of the few secrets that must be read again (authenticator seeds): AES-256-GCM under a key that is not in
//! the data file.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// Seals and opens small secrets.
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    /// Makes a sealer from a key of 32 bytes; nothing if the library refuses the key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Option<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, key).ok().map(Self)
    }

    /// Nonce, ciphertext and tag in one piece. `label` says what it is; opening under another label fails.
    #[must_use]
    pub fn seal(&self, label: &str, secret: &[u8]) -> Option<Vec<u8>> {
        let mut body = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(label.as_bytes()), &mut body).ok()?;
        Some([nonce.as_ref().as_slice(), &body].concat())
    }

    /// What was sealed, unless it was changed or the key or label is another.
    #[must_use]
    pub fn open(&self, label: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        Some(self.0.open_in_place(nonce, Aad::from(label.as_bytes()), &mut body).ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let mut body = sealer.seal("totp", b"seed").unwrap();
        assert_eq!(sealer.open("totp", &body).unwrap(), b"seed");
        assert!(sealer.open("other", &body).is_none());
        assert!(Sealer::new(&[2; 32]).unwrap().open("totp", &body).is_none());
        body[14] ^= 1;
        assert!(sealer.open("totp", &body).is_none());
        assert!(sealer.open("totp", b"short").is_none());
    }
}
