//! Signed heads: once an hour the chain's state is signed, so that whoever keeps a head elsewhere (a backup, a print)
//! can prove that nothing before it was cut off or written anew.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::frame::Link;

/// Signs heads. Made from 32 secret bytes.
pub struct Signer(Ed25519KeyPair);

/// Checks heads; may be given to an auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(Vec<u8>);

/// The chain's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// How many frames stand before this head.
    pub(super) entries: u64,
    /// The link before this head, base64.
    pub(super) link: String,
    /// Ed25519, base64.
    pub(super) signature: String,
}

impl Signer {
    /// From a secret of 32 bytes. `None` when the bytes make no key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier(self.0.public_key().as_ref().to_vec())
    }

    pub(super) fn sign(&self, time: Timestamp, entries: u64, link: &Link) -> Head {
        let signature = self.0.sign(&message(time, entries, link));
        Head { entries, link: STANDARD.encode(link), signature: STANDARD.encode(signature.as_ref()) }
    }
}

impl Verifier {
    /// Whether the head was signed by us over exactly this state.
    pub(super) fn accepts(&self, time: Timestamp, entries: u64, link: &Link, head: &Head) -> bool {
        let Ok(signature) = STANDARD.decode(&head.signature) else { return false };
        head.entries == entries
            && head.link == STANDARD.encode(link)
            && UnparsedPublicKey::new(&ED25519, &self.0).verify(&message(time, entries, link), &signature).is_ok()
    }
}

fn message(time: Timestamp, entries: u64, link: &Link) -> Vec<u8> {
    [b"ingle audit head\0".as_slice(), time.to_string().as_bytes(), &entries.to_le_bytes(), link].concat()
}
