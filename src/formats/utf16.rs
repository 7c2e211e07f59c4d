//! UTF-16 as UTF-8, as it is read: spreadsheets on Windows save "Unicode text" so. Only with its mark (BOM); without one nobody
//! can tell it from binary files.

use std::io::{self, Read};

/// Bytes that are decoded at a time.
const STEP: usize = 64 << 10;

/// Which of the two bytes of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// What the mark at the beginning of a text says; absent if there is none.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0xff, 0xfe, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] => Some(Self::Big),
            _ => None,
        }
    }

    fn unit(self, pair: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(pair),
            Self::Big => u16::from_be_bytes(pair),
        }
    }
}

/// The text of whole bytes, as far as it goes; without the mark.
pub(crate) fn text(bytes: &[u8], order: Order) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| order.unit(*pair));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.trim_start_matches('\u{feff}').to_owned()
}

/// Reads UTF-16 and gives UTF-8, without the mark.
pub(crate) struct Utf8<R> {
    inner: R,
    order: Order,
    /// Read and not decoded: less than a character.
    rest: Vec<u8>,
    /// Decoded, and how much of it was handed out.
    out: Vec<u8>,
    given: usize,
}

impl<R: Read> Utf8<R> {
    pub(crate) const fn new(inner: R, order: Order) -> Self {
        Self { inner, order, rest: Vec::new(), out: Vec::new(), given: 0 }
    }

    /// Decodes the next bytes; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let kept = self.rest.len();
        self.rest.resize(kept + STEP, 0);
        let count = match self.inner.read(self.rest.get_mut(kept..).unwrap_or_default()) {
            Ok(count) => count,
            Err(error) => {
                self.rest.truncate(kept);
                return Err(error);
            }
        };
        self.rest.truncate(kept + count);
        let mut whole = self.rest.len() / 2 * 2;
        // The first half of a character waits for the second.
        let last = whole.checked_sub(2).and_then(|at| self.rest.get(at..whole)).and_then(|pair| pair.first_chunk());
        if count > 0 && last.is_some_and(|pair| (0xd800..0xdc00).contains(&self.order.unit(*pair))) {
            whole -= 2;
        }
        let later = self.rest.split_off(whole);
        let bytes = std::mem::replace(&mut self.rest, later);
        self.out = text(&bytes, self.order).into_bytes();
        self.given = 0;
        Ok(count > 0)
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.out.len() {
            if !self.fill()? && self.out.is_empty() {
                return Ok(0);
            }
        }
        let left = self.out.get(self.given..).unwrap_or_default();
        let count = left.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn characters_survive_wherever_they_are_cut() {
        let text = "\u{feff}name,città\r\n𝒜,naïve\n";
        for order in [Order::Little, Order::Big] {
            let pair = |unit: u16| if order == Order::Little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let bytes: Vec<u8> = text.encode_utf16().flat_map(pair).collect();
            assert_eq!(Order::of(&bytes), Some(order));
            for step in 1..9 {
                let mut out = String::new();
                Utf8::new(Slow(&bytes, step), order).read_to_string(&mut out).unwrap();
                assert_eq!(out, text.trim_start_matches('\u{feff}'), "{step}");
            }
        }
        let mut out = String::new();
        Utf8::new(&b"A\0\x00\xd8"[..], Order::Little).read_to_string(&mut out).unwrap();
        assert_eq!(out, "A\u{fffd}");
    }
}
