//! Proof key for code exchange (RFC 7636), `S256` only.

use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// True for 43 characters of base64url, which is what a SHA-256 digest gives.
pub(super) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// The challenge of a verifier.
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// True if the verifier is well formed and its digest is the challenge.
pub(super) fn matches(challenge: &str, verifier: &str) -> bool {
    let fit = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(fit) {
        return false;
    }
    constant_time::verify_slices_are_equal(self::challenge(verifier).as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(is_challenge(challenge) && matches(challenge, verifier));
        assert!(!matches(challenge, &verifier.replace('d', "e")));
        assert!(!matches(challenge, challenge));
        assert!(!matches(verifier, verifier), "plain is not a method");
    }

    #[test]
    fn malformed_input_is_refused() {
        for bad in ["", "short", &"a".repeat(44), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"] {
            assert!(!is_challenge(bad), "{bad}");
        }
        assert!(!matches("", ""));
        assert!(!matches("x", &"a".repeat(129)));
    }
}
