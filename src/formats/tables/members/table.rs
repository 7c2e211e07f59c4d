//! Rows of a table as texts by field; and the table of representatives.

use std::sync::Arc;

use jiff::civil::Date;

use super::header::{MemberField, MemberHeader};
use crate::formats::cells::{self, is_blank, visible};
use crate::formats::columns::Own;
use crate::formats::encoding;
use crate::formats::issue::{RecordPlace, Reject, Rule};
use crate::formats::tables::csv_rows;

/// One row.
pub(super) struct MemberRow {
    pub(super) place: RecordPlace,
    cells: Vec<(MemberField, String)>,
}

impl MemberRow {
    /// The first cell of the field that is not empty.
    pub(super) fn get(&self, field: MemberField) -> Option<&str> {
        self.all(field).next()
    }

    /// Every cell of the field that is not empty.
    pub(super) fn all(&self, field: MemberField) -> impl Iterator<Item = &str> {
        self.cells.iter().filter(move |(of, _)| *of == field).map(|(_, text)| text.as_str())
    }
}

/// Reads a table; rows that are not valid CSV are refused.
pub(super) fn rows(
    file: &Arc<str>,
    bytes: &[u8],
    own: &Own<MemberField>,
    rejects: &mut Vec<(Rule, Reject)>,
) -> Vec<MemberRow> {
    let text = encoding::text(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let delimiter = csv_rows::delimiter(text.lines().next().unwrap_or_default().as_bytes());
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map(|head| MemberHeader::new(head.iter(), own));
    let Ok(header) = header else {
        let place = RecordPlace { file: Arc::clone(file), line: 1, entry: None };
        rejects.push(place.reject(Rule::Member, "the first line, which should name the columns, cannot be read"));
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut counted = LineCounter { text: text.as_bytes(), at: 0, line: 1 };
    for record in reader.records() {
        let mut line = |position: Option<&csv::Position>| counted.line(position.map_or(0, csv::Position::byte));
        match record {
            Ok(record) => {
                let place = RecordPlace { file: Arc::clone(file), line: line(record.position()), entry: None };
                let cells: Vec<(MemberField, String)> = (header.fields().iter().zip(&record))
                    .filter_map(|(field, cell)| Some((field.as_ref()?, visible(cell))))
                    .filter(|(_, cell)| !is_blank(cell))
                    .map(|(field, cell)| (*field, cell.into_owned()))
                    .collect();
                if !record.iter().all(str::is_empty) {
                    out.push(MemberRow { place, cells });
                }
            }
            Err(error) => {
                let place = RecordPlace { file: Arc::clone(file), line: line(error.position()), entry: None };
                rejects.push(place.reject(Rule::Member, "the row is not valid CSV"));
            }
        }
    }
    out
}

/// Counts lines. The CSV reader's own count is one short after a Windows line end.
struct LineCounter<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    /// The line of the record that begins at or just before `byte`; called with rising offsets.
    fn line(&mut self, byte: u64) -> u64 {
        let rest = self.text.get(byte as usize..).unwrap_or_default();
        let gap = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let start = byte as usize + gap;
        let passed = self.text.get(self.at..start).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.at = start;
        self.line
    }
}

/// One row of the table of representatives.
pub(crate) struct Proxy {
    pub(crate) place: RecordPlace,
    pub(crate) representative: String,
    pub(crate) member: String,
    /// In what role, as the table says it; absent if it does not.
    pub(crate) role: Option<String>,
    /// The first and the last day of it.
    pub(crate) first: Option<Date>,
    pub(crate) last: Option<Date>,
}

/// Reads the table of representatives.
pub(crate) fn proxies(
    file: &Arc<str>,
    bytes: &[u8],
    own: &Own<MemberField>,
    rejects: &mut Vec<(Rule, Reject)>,
) -> Vec<Proxy> {
    let mut out = Vec::new();
    for row in rows(file, bytes, own, rejects) {
        match (row.get(MemberField::Representative), row.get(MemberField::MemberId)) {
            (Some(representative), Some(member)) if representative != member => {
                let (representative, member) = (representative.to_owned(), member.to_owned());
                let role = row.get(MemberField::Relationship).map(str::to_owned);
                let day = |field| row.get(field).map_or(Ok(None), |text| cells::date(text).read());
                match (day(MemberField::Start), day(MemberField::End)) {
                    (Ok(Some(first)), Ok(Some(last))) if last < first => {
                        rejects.push(row.place.reject(Rule::Member, "the last day comes before the first"));
                    }
                    (Ok(first), Ok(last)) => {
                        out.push(Proxy { place: row.place, representative, member, role, first, last });
                    }
                    // A row with an unreadable last day must not give access without an end.
                    (Err(_), _) => {
                        rejects.push(row.place.reject(Rule::Member, "the first day cannot be read as a date"));
                    }
                    (_, Err(_)) => {
                        rejects.push(row.place.reject(Rule::Member, "the last day cannot be read as a date"));
                    }
                }
            }
            (Some(_), Some(_)) => {
                rejects.push(row.place.reject(Rule::Member, "a member cannot be her own representative"));
            }
            _ => rejects.push(row.place.reject(Rule::Member, "both member ids must be filled")),
        }
    }
    out
}
