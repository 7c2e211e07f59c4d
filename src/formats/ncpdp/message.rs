//! A message of the NCPDP Telecommunication standard, version D.0: a fixed-width header, then segments (0x1E) of fields
//! (0x1C), in one or several transactions (0x1D).

use crate::formats::cells;

/// Between fields.
pub(super) const FIELD: char = '\u{1c}';
/// Before a transaction.
pub(super) const GROUP: char = '\u{1d}';
/// Before a segment.
pub(super) const SEGMENT: char = '\u{1e}';

/// Width of a request's header.
const ASKING_HEADER: usize = 56;
/// Segments of a message; four transactions have some fifty.
const SEGMENTS_MAX: usize = 1_000;
/// Fields of a segment; compounds repeat theirs.
const FIELDS_MAX: usize = 2_000;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transmission<'a> {
    pub(super) is_question: bool,
    header: &'a str,
    segments: Vec<NcpdpSegment<'a>>,
}

/// Fields of one transaction, by segment and name.
pub(super) type Fields<'a> = Vec<(String, &'a str)>;

/// The text between two separators of segments or transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NcpdpSegment<'a> {
    before: Option<char>,
    pieces: Vec<&'a str>,
}

impl<'a> Transmission<'a> {
    /// Reads a message; absent if the text is not one.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let is_question = text.get(6..8) == Some("D0");
        let (header, rest) = if is_question {
            text.split_at_checked(ASKING_HEADER)?
        } else if text.starts_with("D0") {
            text.split_at(text.find([SEGMENT, GROUP]).unwrap_or(text.len()))
        } else {
            return None;
        };
        if header.contains([FIELD, SEGMENT, GROUP]) {
            return None;
        }
        let mut segments = Vec::new();
        let (mut before, mut from) = (None, 0);
        let separators = rest.match_indices([SEGMENT, GROUP]).map(|(at, found)| (at, found.chars().next()));
        for (at, next) in separators.chain([(rest.len(), None)]) {
            let pieces: Vec<&str> = rest.get(from..at)?.split(FIELD).collect();
            if segments.len() >= SEGMENTS_MAX || pieces.len() > FIELDS_MAX {
                return None;
            }
            segments.push(NcpdpSegment { before, pieces });
            (before, from) = (next, at + 1);
        }
        Some(Self { is_question, header, segments })
    }

    /// The text that the message was read from.
    pub(crate) fn print(&self) -> String {
        let mut out = self.header.to_owned();
        for segment in &self.segments {
            out.extend(segment.before);
            out.push_str(&segment.pieces.join("\u{1c}"));
        }
        out
    }

    /// Columns of the header.
    pub(super) fn header(&self, from: usize, to: usize) -> &'a str {
        self.header.get(from..to).unwrap_or_default().trim()
    }

    /// The transactions: each with the fields of its own segments and of the segments before the first transaction. A
    /// field is named by its segment and its own two letters, such as `07D2`.
    pub(super) fn transactions(&self) -> Vec<Fields<'a>> {
        let (mut shared, mut out): (Fields<'a>, Vec<Fields<'a>>) = (Vec::new(), Vec::new());
        for segment in &self.segments {
            if segment.before == Some(GROUP) {
                out.push(shared.clone());
            }
            let mut pieces = segment.pieces.iter().filter(|piece| !piece.is_empty());
            let Some(id) = pieces.next().and_then(|piece| piece.strip_prefix("AM")) else { continue };
            let fields = pieces.filter_map(|piece| {
                let (name, value) = piece.split_at_checked(2)?;
                Some((format!("{}{name}", id.trim()), value.trim()))
            });
            match out.last_mut() {
                Some(last) => last.extend(fields),
                None => shared.extend(fields),
            }
        }
        if out.is_empty() { vec![shared] } else { out }
    }
}

/// An amount in overpunch: its last character encodes the last digit and the sign, with two decimals; a plain amount is
/// read too.
pub(super) fn amount(text: &str) -> Option<String> {
    let last = text.chars().next_back()?;
    let (digit, sign) = match last {
        '0'..='9' => (last, ""),
        '{' => ('0', ""),
        'A'..='I' => (char::from(b'1' + (last as u8 - b'A')), ""),
        '}' => ('0', "-"),
        'J'..='R' => (char::from(b'1' + (last as u8 - b'J')), "-"),
        _ => return None,
    };
    let digits = format!("{:0>3}", [text.get(..text.len() - 1)?, digit.encode_utf8(&mut [0; 4])].concat());
    if digits.contains('.') {
        return cells::amount(&digits).value();
    }
    let (whole, part) = digits.split_at_checked(digits.len() - 2)?;
    cells::amount(&format!("{sign}{whole}.{part}")).value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_carry_their_sign_in_the_last_letter() {
        for (text, expected) in [
            ("1234E", "123.45"),
            ("55{", "5.50"),
            ("100}", "-10.00"),
            ("12N", "-1.25"),
            ("1250", "12.50"),
            ("7", "0.07"),
        ] {
            assert_eq!(amount(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!((amount(""), amount("x"), amount("é{")), (None, None, None));
    }

    #[test]
    fn what_is_no_message() {
        for text in ["", "D", "999999D1B1", "999999D0B1", "hello"] {
            assert!(Transmission::parse(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_printed_as_it_was(
            header in "[0-9]{6}D0B1[0-9 ]{46}|D0B11A[0-9 ]{0,25}",
            rest in "([\u{1e}\u{1d}]?\u{1c}?(AM[0-9]{2})?(\u{1c}[A-Z0-9]{0,2}[ -~é]{0,9}){0,4}){0,8}",
        ) {
            let rest = if header.starts_with("D0") && !rest.starts_with(['\u{1e}', '\u{1d}']) { format!("\u{1e}{rest}") } else { rest };
            let text = header + &rest;
            let message = Transmission::parse(&text);
            proptest::prop_assert_eq!(message.map(|message| message.print()), Some(text));
        }

        #[test]
        fn no_text_is_too_much(text in "\\PC{0,80}|[\u{1c}-\u{1e}AMD0-9]{0,120}") {
            if let Some(message) = Transmission::parse(&text) {
                proptest::prop_assert_eq!(message.print(), text.clone());
                let _ = message.transactions();
            }
        }
    }
}
