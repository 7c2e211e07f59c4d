//! A file of rows, read to its end.

use super::source::{Piece, Source};
use crate::formats::issue::Rule;
use crate::formats::ncpdp;
use crate::formats::records::{NAMES, RowOutcome};
use crate::formats::tables::cclf::{self, Feed};
use crate::formats::tables::claims::{ClaimHeader, ClaimRowReader, REVIEW_NAMES, RowParts};
use crate::formats::tables::csv_rows;
use crate::formats::tables::kind;
use crate::formats::tables::mapping::Mapping;

/// Rows that are read at a time.
const ROWS: usize = 500;
/// The largest file of NCPDP messages.
const MESSAGES_MAX: usize = 256 << 20;

/// Reads a file; `take` receives each outcome and says whether to go on.
pub(crate) fn read(mut source: Source, mapping: &Mapping, take: &mut dyn FnMut(RowOutcome) -> bool) {
    if ncpdp::looks_like(source.start()) {
        match source.rest(MESSAGES_MAX) {
            Some(text) => ncpdp::read(&text, take),
            None => {
                let _ =
                    take(RowOutcome::Refused(0, Rule::TooLong, "a file of messages of more than 256 MiB".to_owned()));
            }
        }
        return;
    }
    let first = source.first_line();
    match cclf::feed(first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first)) {
        Some(Feed::Claims(number)) => fixed(source, number, take),
        _ => table(source, mapping, take),
    }
}

fn hand(
    reader: &mut ClaimRowReader,
    line: u64,
    cells: &csv::StringRecord,
    take: &mut dyn FnMut(RowOutcome) -> bool,
) -> bool {
    match reader.read(line, cells) {
        Ok(RowParts { parts, odd }) => {
            let said = odd.is_empty() || {
                let reason =
                    format!("{} has not the form of its code system; the row is kept without it", odd.join(", "));
                take(RowOutcome::Refused(line, Rule::CodeForm, reason))
            };
            said && parts.into_iter().all(|part| take(RowOutcome::Part(part)))
        }
        Err(reason) => take(RowOutcome::Refused(line, Rule::ClaimRow, reason)),
    }
}

fn fixed(mut source: Source, number: usize, take: &mut dyn FnMut(RowOutcome) -> bool) {
    let mut reader =
        ClaimRowReader::new(ClaimHeader::new(cclf::names(number).into_iter(), &mapping_of_nobody(), &NAMES));
    while let Some(piece) = source.next() {
        match piece {
            Piece::Lines(first, text) => {
                for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
                    let is_empty = line.iter().all(u8::is_ascii_whitespace);
                    if !is_empty && !hand(&mut reader, first + at as u64, &cclf::row(number, line), take) {
                        return;
                    }
                }
            }
            Piece::TooLong(line) => {
                if !take(RowOutcome::Refused(line, Rule::TooLong, "the line is longer than 16 MiB".to_owned())) {
                    return;
                }
            }
        }
    }
    broken(&source, take);
}

/// Fixed-width files have no column names that a mapping file could change.
fn mapping_of_nobody() -> crate::formats::columns::Own<crate::formats::records::ClaimField> {
    crate::formats::columns::Own::default()
}

fn table(mut source: Source, mapping: &Mapping, take: &mut dyn FnMut(RowOutcome) -> bool) {
    let delimiter = csv_rows::delimiter(source.first_line());
    let mut csv = csv_rows::reader(source, delimiter);
    let mut ended = false;
    let (head, _) = csv_rows::rows(&mut csv, &mut ended, 1);
    let Some((_, head)) = head.into_iter().next() else { return };
    let cells: Vec<&str> = head.iter().collect();
    let header = if kind::is_of_reviews(&cells, mapping) {
        ClaimHeader::new(head.iter(), &mapping.reviews, &REVIEW_NAMES)
    } else {
        ClaimHeader::new(head.iter(), &mapping.claims, &NAMES)
    };
    let mut reader = ClaimRowReader::new(header);
    loop {
        let (rows, troubles) = csv_rows::rows(&mut csv, &mut ended, ROWS);
        for (line, row) in &rows {
            if !hand(&mut reader, *line, row, take) {
                return;
            }
        }
        for line in troubles {
            let reason = "the table cannot be read here; good rows before this one are kept".to_owned();
            if !take(RowOutcome::Refused(line, Rule::Truncated, reason)) {
                return;
            }
        }
        if rows.is_empty() {
            return broken(csv.get_ref(), take);
        }
    }
}

fn broken(source: &Source, take: &mut dyn FnMut(RowOutcome) -> bool) {
    if source.broken.is_some() {
        let reason = "the packed file is cut off or damaged here; good rows before this one are kept".to_owned();
        take(RowOutcome::Refused(source.line(), Rule::Truncated, reason));
    }
}
