//! The one source of randomness: the operating system's, or a seeded stream that a test can repeat.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;

/// A handle to randomness. Cloning is cheap; clones of a seeded handle share one stream.
#[derive(Clone)]
pub struct Chance(Source);

#[derive(Clone)]
enum Source {
    System(SystemRandom),
    /// SHA-256 of seed and counter: repeatable, and not meant to be secret.
    Seeded(Arc<Mutex<(u64, u64)>>),
}

/// No vowels and no look-alikes: ids are read aloud on the phone and must not spell words.
const ID_ALPHABET: &[u8; 32] = b"0123456789bcdfghjkmnpqrstvwxyzBC";

impl Chance {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// A repeatable stream for tests and generated data; never for secrets.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new((seed, 0)))))
    }

    /// Fills `out` with random bytes. A machine whose generator fails must not go on issuing secrets, so that
    /// case aborts the process instead of returning something guessable.
    pub fn fill(&self, out: &mut [u8]) {
        match &self.0 {
            Source::System(random) => {
                if random.fill(out).is_err() {
                    std::process::abort();
                }
            }
            Source::Seeded(state) => {
                for chunk in out.chunks_mut(digest::SHA256_OUTPUT_LEN) {
                    let mut state = state.lock();
                    let block = [state.0.to_be_bytes(), state.1.to_be_bytes()].concat();
                    state.1 += 1;
                    let hash = digest::digest(&digest::SHA256, &block);
                    for (to, from) in chunk.iter_mut().zip(hash.as_ref()) {
                        *to = *from;
                    }
                }
            }
        }
    }

    /// A secret of 256 bits in base64url, 43 characters.
    #[must_use]
    pub fn token(&self) -> String {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A fresh identifier of 130 bits, 26 characters, valid as a FHIR id.
    #[must_use]
    pub fn id(&self) -> String {
        let mut bytes = [0; 26];
        self.fill(&mut bytes);
        bytes.iter().filter_map(|byte| ID_ALPHABET.get(usize::from(byte & 31)).map(|c| char::from(*c))).collect()
    }

    /// `count` decimal digits, each equally likely.
    #[must_use]
    pub fn digits(&self, count: usize) -> String {
        let mut out = String::with_capacity(count);
        while out.len() < count {
            let mut byte = [0];
            self.fill(&mut byte);
            // 250 is the largest multiple of ten in a byte: values above it would favour low digits.
            if let [value @ 0..=249] = byte {
                out.push(char::from(b'0' + value % 10));
            }
        }
        out
    }
}
