//! Escapes in texts: `\F\`, `\S\`, `\T\`, `\R\`, `\E\` for the delimiters, `\Xdd..\` for bytes, `\.br\` and similar for
//! lines.

use std::borrow::Cow;

use super::split::Delimiters;
use crate::formats::encoding;

/// No escape is longer; a longer one is plain text.
const ESCAPE_MAX: usize = 1_024;

/// A text with its escapes resolved. A sequence that is not an escape stays as it is.
pub(super) fn undo<'a>(text: &'a str, delimiters: &Delimiters) -> Cow<'a, str> {
    let Some(escape) = delimiters.escape.filter(|escape| text.contains(*escape)) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        out.push_str(before);
        let inner = after.split_once(escape).filter(|(inner, _)| inner.len() <= ESCAPE_MAX);
        if let Some((meaning, tail)) = inner.and_then(|(inner, tail)| Some((meaning(inner, delimiters)?, tail))) {
            out.push_str(&meaning);
            rest = tail;
        } else {
            out.push(escape);
            rest = after;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn meaning(inner: &str, delimiters: &Delimiters) -> Option<String> {
    let one = |c: Option<char>| Some(c.map(String::from).unwrap_or_default());
    match inner {
        "F" => return Some(delimiters.field.to_string()),
        "S" => return one(delimiters.component),
        "T" => return one(delimiters.subcomponent),
        "R" => return one(delimiters.repetition),
        "E" => return one(delimiters.escape),
        // Highlighting on and off.
        "H" | "N" => return Some(String::new()),
        _ => {}
    }
    if let Some(digits) = inner.strip_prefix('X') {
        return bytes(digits);
    }
    if let Some(command) = inner.strip_prefix('.') {
        let is_line = ["br", "sp", "ce"].iter().any(|name| command.starts_with(name));
        let is_other = ["fi", "nf", "in", "ti", "sk"].iter().any(|name| command.starts_with(name));
        return (is_line || is_other).then(|| if is_line { "\n".to_owned() } else { String::new() });
    }
    // Another character set, or a private agreement: this reader cannot interpret it.
    let is_code = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    inner.strip_prefix(['C', 'M', 'Z']).filter(|digits| is_code(digits)).map(|_| String::new())
}

fn bytes(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    Some(encoding::text(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let delimiters = Delimiters {
            field: '|',
            component: Some('^'),
            repetition: Some('~'),
            escape: Some('\\'),
            subcomponent: Some('&'),
        };
        for (text, expected) in [
            (r"A\T\E", "A&E"),
            (r"\F\\S\\R\\E\", r"|^~\"),
            (r"one\.br\two\.sp2\three", "one\ntwo\nthree"),
            (r"\H\loud\N\ \.in+4\x", "loud x"),
            (r"\X0D0A\", "\r\n"),
            (r"\XC3A9\ \XE9\", "é é"),
            (r"C:\dir\file", r"C:\dir\file"),
            (r"\XZZ\ \X1\", r"\XZZ\ \X1\"),
            (r"open \", r"open \"),
            (r"\Zab\\C2842\", ""),
        ] {
            assert_eq!(undo(text, &delimiters), expected, "{text}");
        }
    }
}
