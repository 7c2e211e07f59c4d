//! JSON as FHIR needs it: a tree that borrows from the text, keeps the text of numbers (1.00 is not 1.0 in FHIR),
//! refuses duplicate members, caps depth, and reports the line and column of a mistake. Trees that are not read but
//! made, by `node!` and `From`, own their text (`build.rs`).
//!
//! Our own, because no library does all four: `serde_json` loses number text or slows everything, and the SIMD parsers
//! accept duplicates and have no depth limit.

mod build;

use std::borrow::Cow;
use std::fmt;

pub(crate) use build::node;

/// Levels of nesting. FHIR resources rarely pass 20.
pub const MAX_DEPTH: usize = 64;
/// Members of one object; enough for any resource, small enough that the check for duplicates stays cheap.
const MAX_MEMBERS: usize = 1_024;

/// A JSON value. Two are equal if their members are, in whatever order; numbers are equal if their texts are.
#[derive(Clone, Debug, Default)]
pub enum Node<'a> {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its text.
    Number(Cow<'a, str>),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Node<'a>>),
    /// An object, with members in their order in the text, or in the order in which they were added.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// The place and the reason of a mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct JsonError {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// The mistake; never quotes the text.
    pub reason: &'static str,
}

impl<'a> Node<'a> {
    /// The member with that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The members of an object; empty for anything else.
    #[must_use]
    pub fn members(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of an array, or the value itself: callers may treat one and many alike.
    #[must_use]
    pub fn items(&self) -> &[Node<'a>] {
        match self {
            Self::Array(items) => items,
            other => std::slice::from_ref(other),
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string member.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// Writes the value without white space.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl Node<'_> {
    /// Writes the value with line breaks and two spaces per level.
    pub fn write_pretty(&self, out: &mut Vec<u8>, level: usize) {
        let line = |out: &mut Vec<u8>, level: usize| {
            out.push(b'\n');
            out.resize(out.len() + 2 * level, b' ');
        };
        match self {
            Self::Array(items) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    out.push(if at == 0 { b'[' } else { b',' });
                    line(out, level + 1);
                    item.write_pretty(out, level + 1);
                }
                line(out, level);
                out.push(b']');
            }
            Self::Object(members) if !members.is_empty() => {
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push(if at == 0 { b'{' } else { b',' });
                    line(out, level + 1);
                    write_string(name, out);
                    out.extend_from_slice(b": ");
                    value.write_pretty(out, level + 1);
                }
                line(out, level);
                out.push(b'}');
            }
            other => other.write(out),
        }
    }
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        f.write_str(&String::from_utf8_lossy(&bytes))
    }
}

/// Writes a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Reads one JSON value that fills the whole text; a byte-order mark and white space around it are allowed.
///
/// # Errors
/// [`JsonError`] with the place of the first mistake.
pub fn parse(bytes: &[u8]) -> Result<Node<'_>, JsonError> {
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(place(bytes, error.valid_up_to(), "not UTF-8")),
    };
    let mut parser = Parser { text, bytes, at: start };
    parser.value(0).and_then(|node| parser.end().map(|()| node)).map_err(|reason| place(bytes, parser.at, reason))
}

fn place(bytes: &[u8], at: usize, reason: &'static str) -> JsonError {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
    JsonError { line, column, reason }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => return Some(*byte),
            }
        }
        None
    }

    fn end(&mut self) -> Parsed<()> {
        self.peek().map_or(Ok(()), |_| Err("text after the end of the value"))
    }

    fn value(&mut self, depth: usize) -> Parsed<Node<'a>> {
        if depth > MAX_DEPTH {
            return Err("nested too deeply");
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Node::String(self.string()?)),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err("expected a value"),
            None => Err("the text ends in the middle of a value"),
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Node<'a>> {
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Node::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err("expected a member name in quotes");
            }
            let name_at = self.at;
            let name = self.string()?;
            if members.iter().any(|(known, _)| *known == name) {
                self.at = name_at;
                return Err("a member name that this object already has");
            }
            if members.len() >= MAX_MEMBERS {
                return Err("too many members in one object");
            }
            if self.peek() != Some(b':') {
                return Err("expected a colon");
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Node::Object(members));
                }
                _ => return Err("expected a comma or the end of the object"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<Node<'a>> {
        self.at += 1;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Node::Array(items));
                }
                _ => return Err("expected a comma or the end of the array"),
            }
        }
    }

    fn word(&mut self, word: &str, node: Node<'a>) -> Parsed<Node<'a>> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(node)
        } else {
            Err("expected a value")
        }
    }

    fn number(&mut self) -> Parsed<Node<'a>> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err("a number without digits"),
        }
        if matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err("a number with a leading zero");
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(Node::Number(Cow::Borrowed(self.text.get(start..self.at).unwrap_or_default())))
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn digits(&mut self) {
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Parsed<()> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err("a number that ends too early");
        }
        self.digits();
        Ok(())
    }

    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(start),
                Some(0..0x20) => return Err("a control character in a string"),
                Some(_) => self.at += 1,
                None => return Err("a string without its closing quote"),
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Parsed<Cow<'a, str>> {
        let mut out = self.text.get(start..self.at).unwrap_or_default().to_owned();
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(0..0x20) => return Err("a control character in a string"),
                Some(_) => {
                    let from = self.at;
                    while !matches!(self.byte(), None | Some(b'"' | b'\\' | 0..0x20)) {
                        self.at += 1;
                    }
                    out.push_str(self.text.get(from..self.at).unwrap_or_default());
                }
                None => return Err("a string without its closing quote"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let byte = self.byte().ok_or("a string without its closing quote")?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                match first {
                    0xD800..0xDC00 => {
                        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                            return Err("half of a surrogate pair");
                        }
                        self.at += 2;
                        let second = self.hex()?;
                        if !(0xDC00..0xE000).contains(&second) {
                            return Err("half of a surrogate pair");
                        }
                        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        char::from_u32(code).ok_or("half of a surrogate pair")?
                    }
                    0 => return Err("a NUL character"),
                    code => char::from_u32(code).ok_or("half of a surrogate pair")?,
                }
            }
            _ => return Err("an unknown escape"),
        })
    }

    fn hex(&mut self) -> Parsed<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or("a \\u escape without four digits")?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("a \\u escape without four digits");
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| "a \\u escape without four digits")
    }
}

#[cfg(test)]
mod tests;
