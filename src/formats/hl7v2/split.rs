//! The text of messages: where each begins, and its segments, fields, repetitions, components and subcomponents.
//! Nothing is copied; printing a parsed message gives the text back.
//!
//! Any line end is accepted (the standard says CR), and a line that does not begin with a segment name continues the
//! segment before it: free text is often sent with line ends in it.

use super::escape;

/// Segments of one message.
const SEGMENTS_MAX: usize = 20_000;
/// Bytes of one segment: a scanned document in base64.
const SEGMENT_MAX: usize = 16 << 20;
/// Fields of one segment; the longest of the standard has fewer than a hundred.
const FIELDS_MAX: usize = 1_000;

/// Characters before a message on a wire or in a file: block start and end, byte-order marks.
const FRAMING: [char; 4] = ['\u{b}', '\u{1c}', '\u{feff}', '\u{0}'];
/// Segments of the envelope.
const ENVELOPE: [&str; 4] = ["FHS", "BHS", "BTS", "FTS"];

/// The delimiters of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delimiters {
    pub(crate) field: char,
    pub(crate) component: Option<char>,
    pub(crate) repetition: Option<char>,
    pub(crate) escape: Option<char>,
    pub(crate) subcomponent: Option<char>,
}

impl Delimiters {
    /// Reads the delimiters from the start of the message.
    fn read(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix("MSH")?.chars();
        let field = rest.next().filter(|c| is_delimiter(*c))?;
        let declared: Vec<char> = rest.take_while(|c| *c != field && !matches!(c, '\r' | '\n')).take(6).collect();
        let mut used = vec![field];
        for c in &declared {
            if !is_delimiter(*c) || used.contains(c) {
                return None;
            }
            used.push(*c);
        }
        let at = |number: usize| declared.get(number).copied();
        Some(Self { field, component: Some(at(0)?), repetition: at(1), escape: at(2), subcomponent: at(3) })
    }
}

fn is_delimiter(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_control() && c != '"'
}

/// Why a text is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Delimiters,
    TooManySegments,
    TooLong,
    TooManyFields,
}

impl Wrong {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Delimiters => "the message does not declare its delimiters (MSH-1 and MSH-2)",
            Self::TooManySegments => "a message of more than 20,000 segments",
            Self::TooLong => "a segment of more than 16 MiB",
            Self::TooManyFields => "a segment of more than 1,000 fields",
        }
    }
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) delimiters: Delimiters,
    pub(crate) segments: Vec<Segment<'a>>,
}

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment<'a> {
    /// Three letters; empty for a text that does not begin with a name.
    pub(crate) name: &'a str,
    /// The segment's text, without its line end.
    pub(crate) text: &'a str,
    end: &'a str,
    fields: Vec<&'a str>,
    delimiters: Delimiters,
}

/// A field, a repetition, a component or a subcomponent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldPart<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl<'a> Message<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Wrong> {
        let delimiters = Delimiters::read(text.trim_start_matches(FRAMING)).ok_or(Wrong::Delimiters)?;
        let mut segments = Vec::new();
        for (line, end) in lines(text, delimiters.field) {
            if segments.len() >= SEGMENTS_MAX {
                return Err(Wrong::TooManySegments);
            }
            if line.len() > SEGMENT_MAX {
                return Err(Wrong::TooLong);
            }
            let fields: Vec<&str> = line.splitn(FIELDS_MAX + 1, delimiters.field).collect();
            if fields.len() > FIELDS_MAX {
                return Err(Wrong::TooManyFields);
            }
            let name = name(line, delimiters.field).unwrap_or_default();
            segments.push(Segment { name, text: line, end, fields, delimiters });
        }
        Ok(Self { delimiters, segments })
    }

    /// The first segment of that name.
    pub(crate) fn first(&self, name: &str) -> Option<&Segment<'a>> {
        self.segments.iter().find(|segment| segment.name == name)
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Segment<'a>> {
        self.segments.iter().filter(move |segment| segment.name == name)
    }

    /// A field of the header.
    pub(crate) fn header(&self, number: usize) -> FieldPart<'a> {
        self.first("MSH").map_or(FieldPart { text: "", delimiters: self.delimiters }, |segment| segment.field(number))
    }

    /// The message's text, reassembled from its smallest parts.
    pub(crate) fn print(&self) -> String {
        self.segments.iter().map(Segment::print).collect()
    }
}

impl<'a> Segment<'a> {
    /// A field by its number in the standard; empty where there is none.
    pub(crate) fn field(&self, number: usize) -> FieldPart<'a> {
        // The header's first field is the delimiter itself.
        let at = if self.name == "MSH" { number.saturating_sub(1) } else { number };
        let text = self.fields.get(at).copied().unwrap_or_default();
        FieldPart { text, delimiters: self.delimiters }
    }

    /// The repetitions of all fields.
    pub(crate) fn parts(&self) -> impl Iterator<Item = FieldPart<'a>> {
        let delimiters = self.delimiters;
        self.fields.iter().flat_map(move |text| FieldPart { text, delimiters }.repetitions())
    }

    /// The segment's text and its line end.
    pub(crate) fn whole(&self) -> [&'a str; 2] {
        [self.text, self.end]
    }

    fn print(&self) -> String {
        let join = |parts: Vec<String>, by: Option<char>| parts.join(&by.map(String::from).unwrap_or_default());
        let d = self.delimiters;
        let fields = self.fields.iter().map(|text| {
            let field = FieldPart { text, delimiters: d };
            let repetitions = field.split(d.repetition).map(|repetition| {
                let components = repetition.split(d.component).map(|component| {
                    join(component.split(d.subcomponent).map(|sub| sub.text.to_owned()).collect(), d.subcomponent)
                });
                join(components.collect(), d.component)
            });
            join(repetitions.collect(), d.repetition)
        });
        join(fields.collect(), Some(d.field)) + self.end
    }
}

impl<'a> FieldPart<'a> {
    fn split(self, by: Option<char>) -> impl Iterator<Item = FieldPart<'a>> {
        // A delimiter that was not declared occurs in no text.
        self.text.split(move |c| Some(c) == by).map(move |text| FieldPart { text, ..self })
    }

    fn nth(self, by: Option<char>, number: usize) -> Self {
        self.split(by).nth(number.saturating_sub(1)).unwrap_or(FieldPart { text: "", ..self })
    }

    /// The nonempty repetitions.
    pub(crate) fn repetitions(self) -> impl Iterator<Item = FieldPart<'a>> {
        self.split(self.delimiters.repetition).filter(|part| !part.is_empty())
    }

    /// A component of the first repetition, from 1.
    pub(crate) fn component(self, number: usize) -> Self {
        self.nth(self.delimiters.repetition, 1).nth(self.delimiters.component, number)
    }

    /// A subcomponent, from 1.
    pub(crate) fn sub(self, number: usize) -> Self {
        self.component(1).nth(self.delimiters.subcomponent, number)
    }

    /// Empty, or the `""` that means "delete the stored value".
    pub(crate) fn is_empty(self) -> bool {
        matches!(self.text.trim(), "" | "\"\"")
    }

    /// The text of the first subcomponent, with escapes resolved.
    pub(crate) fn text(self) -> String {
        self.sub(1).whole()
    }

    /// The whole text, not split into parts, with escapes resolved.
    pub(crate) fn whole(self) -> String {
        if self.is_empty() {
            String::new()
        } else {
            crate::formats::cells::text::clean(&escape::undo(self.text, &self.delimiters))
        }
    }
}

/// Three capital letters or digits, followed by a delimiter.
fn name(line: &str, field: char) -> Option<&str> {
    let line = line.trim_start_matches(FRAMING);
    let (name, rest) = line.split_at_checked(3)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (is_name && rest.starts_with(field)).then_some(name)
}

/// Segments with their line ends.
fn lines(text: &str, field: char) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    let (mut start, mut from) = (0, 0);
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(['\r', '\n'])) {
        let at = from + found;
        let rest = text.get(at..).unwrap_or_default();
        let length = if rest.starts_with("\r\n") { 2 } else { 1 };
        from = at + length;
        let after = rest.get(length..).unwrap_or_default();
        let next = after.split(['\r', '\n']).next().unwrap_or_default();
        if name(next, field).is_some() || out.len() > SEGMENTS_MAX {
            out.push((text.get(start..at).unwrap_or_default(), text.get(at..from).unwrap_or_default()));
            start = from;
        }
    }
    out.push((text.get(start..).unwrap_or_default(), ""));
    out
}

/// Where messages start.
fn starts(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(text, b"MSH").filter(|at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at + 3).copied().map(char::from);
        let is_first = matches!(before, None | Some(b'\r' | b'\n' | 0x0b | 0x1c | 0xbf | 0));
        is_first && after.is_some_and(|c| !c.is_ascii() || is_delimiter(c))
    })
}

/// The length of the longest prefix that ends just before the last message.
pub(crate) fn cut(buffer: &[u8]) -> Option<usize> {
    let (mut last, mut count) = (0, 0);
    for at in starts(buffer) {
        last = at;
        count += 1;
    }
    (count > 1).then_some(last)
}

/// Messages, each with the number of its first line, from 0; and whether anything but an envelope comes before them.
pub(crate) fn messages(text: &str) -> (Vec<(u64, &str)>, bool) {
    let at: Vec<usize> = starts(text.as_bytes()).collect();
    let before = text.get(..at.first().copied().unwrap_or(text.len())).unwrap_or_default();
    let is_envelope = before.split(['\r', '\n']).all(|line| {
        let line = line.trim_matches(FRAMING).trim();
        line.is_empty() || line.get(..3).is_some_and(|name| ENVELOPE.contains(&name))
    });
    let (mut line, mut from) = (0, 0);
    let mut out = Vec::with_capacity(at.len());
    for (number, start) in at.iter().enumerate() {
        line += line_ends(text.get(from..*start).unwrap_or_default());
        from = *start;
        let end = at.get(number + 1).copied().unwrap_or(text.len());
        out.push((line, without_envelope(text.get(*start..end).unwrap_or_default())));
    }
    (out, !is_envelope)
}

/// Messages as they stand in the text, each with its printed form.
pub(crate) fn printed(text: &str) -> Vec<(String, String)> {
    let found = messages(text).0.into_iter();
    found.filter_map(|(_, text)| Some((text.to_owned(), Message::read(text).ok()?.print()))).collect()
}

fn line_ends(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let is_end = |at: &usize| bytes.get(*at) == Some(&b'\n') || bytes.get(at + 1) != Some(&b'\n');
    memchr::memchr2_iter(b'\r', b'\n', bytes).filter(is_end).count() as u64
}

/// A message up to the trailer of its batch.
fn without_envelope(text: &str) -> &str {
    let mut end = text.len();
    for name in ENVELOPE {
        for (at, _) in text.match_indices(name) {
            if at < end && text.get(..at).is_some_and(|before| before.ends_with(['\r', '\n'])) {
                end = at;
            }
        }
    }
    let text = text.get(..end).unwrap_or_default();
    let inner = text.trim_end_matches(['\r', '\n']);
    if inner.ends_with(FRAMING) { inner.trim_end_matches(FRAMING) } else { text }
}
