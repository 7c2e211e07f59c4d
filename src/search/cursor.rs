//! Page links that nobody can forge, share or move to another query: a place in the order, sealed with a key that lives
//! as long as the process, together with the caller, the query and the expiry.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::index::{Key, Place};
use crate::outbound::Chance;

/// Seconds for which a page link works.
const LIFE: i64 = 15 * 60;
/// Characters of a cursor; a longer one was not made here.
const MAX_CURSOR: usize = 8_192;
const SEAL: usize = 32;

/// Makes and opens cursors.
pub struct Cursors {
    key: hmac::Key,
}

/// The caller and the query of a cursor: any text that names both.
pub(super) type Binding<'b> = &'b [&'b [u8]];

impl Cursors {
    /// Uses a fresh key: links do not survive a restart, and expire soon anyway.
    #[must_use]
    pub fn new(chance: &Chance) -> Self {
        let mut secret = [0; 32];
        chance.fill(&mut secret);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret) }
    }

    /// Seals a place.
    #[must_use]
    pub fn seal(&self, place: &Place, total: Option<u64>, binding: Binding<'_>, now: Timestamp) -> String {
        let mut out = (now.as_second() + LIFE).to_be_bytes().to_vec();
        out.extend_from_slice(&place.rid.to_be_bytes());
        out.extend_from_slice(&total.unwrap_or(u64::MAX).to_be_bytes());
        for key in &place.keys {
            match key {
                Key::Missing => out.push(0),
                Key::Time(time) => {
                    out.push(1);
                    out.extend_from_slice(&time.to_be_bytes());
                }
                Key::Number(number) => {
                    out.push(3);
                    out.extend_from_slice(&number.to_be_bytes());
                }
                Key::Text(text) => {
                    out.push(2);
                    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
        let seal = self.sign(&out, binding);
        out.extend_from_slice(seal.as_ref());
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Opens a cursor: the place, and the total that the first page counted. Nothing if it is forged, foreign or old.
    #[must_use]
    pub fn open(&self, text: &str, binding: Binding<'_>, now: Timestamp) -> Option<(Place, Option<u64>)> {
        if text.len() > MAX_CURSOR {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
        hmac::verify(&self.key, &joined(body, binding), seal).ok()?;
        let (until, rest) = body.split_first_chunk()?;
        if i64::from_be_bytes(*until) < now.as_second() {
            return None;
        }
        let (rid, rest) = rest.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        let total = Some(u64::from_be_bytes(*total)).filter(|total| *total != u64::MAX);
        Some((Place { keys: keys(rest)?, rid: u64::from_be_bytes(*rid) }, total))
    }

    fn sign(&self, body: &[u8], binding: Binding<'_>) -> hmac::Tag {
        hmac::sign(&self.key, &joined(body, binding))
    }
}

/// Lengths before contents, so that no two bindings give the same bytes.
fn joined(body: &[u8], binding: Binding<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64);
    for part in binding.iter().copied().chain([body]) {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

fn keys(mut rest: &[u8]) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    while let Some((tag, after)) = rest.split_first() {
        (keys, rest) = match tag {
            0 => (push(keys, Key::Missing), after),
            1 => {
                let (time, after) = after.split_first_chunk()?;
                (push(keys, Key::Time(i64::from_be_bytes(*time))), after)
            }
            3 => {
                let (number, after) = after.split_first_chunk()?;
                (push(keys, Key::Number(i64::from_be_bytes(*number))), after)
            }
            2 => {
                let (length, after) = after.split_first_chunk()?;
                let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                (push(keys, Key::Text(String::from_utf8(text.to_vec()).ok()?)), after)
            }
            _ => return None,
        };
    }
    Some(keys)
}

fn push(mut keys: Vec<Key>, key: Key) -> Vec<Key> {
    keys.push(key);
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> Place {
        Place { keys: vec![Key::Text("ñu".into()), Key::Time(-3), Key::of_number(-0.5), Key::Missing], rid: 9 }
    }

    #[test]
    fn opens_for_the_same_caller_and_query_in_time() {
        let cursors = Cursors::new(&Chance::seeded(1));
        let now = Timestamp::UNIX_EPOCH;
        let text = cursors.seal(&place(), Some(4), &[b"ana", b"q"], now);
        assert_eq!(cursors.open(&text, &[b"ana", b"q"], now), Some((place(), Some(4))));
        assert_eq!(cursors.open(&text, &[b"bob", b"q"], now), None);
        assert_eq!(cursors.open(&text, &[b"anaq", b""], now), None);
        let later = Timestamp::from_second(LIFE + 1).unwrap();
        assert_eq!(cursors.open(&text, &[b"ana", b"q"], later), None);
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_noticed(byte in 0_usize..200, bit in 0_u8..8) {
            let cursors = Cursors::new(&Chance::seeded(1));
            let text = cursors.seal(&place(), None, &[b"ana"], Timestamp::UNIX_EPOCH);
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
            let at = byte % bytes.len();
            bytes[at] ^= 1 << bit;
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(cursors.open(&forged, &[b"ana"], Timestamp::UNIX_EPOCH), None);
        }
    }
}
