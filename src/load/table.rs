//! Tables with a header row, read in rows whatever their size.

use std::sync::Arc;

use super::members::Mapping;
use super::record::Read;
use super::source::Source;
use super::{Format, formulary, nppes, providers};

/// How much of the first line tells the delimiter.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// What the columns of a table are.
pub(super) enum Columns {
    Nppes(Box<nppes::Header>),
    Providers(providers::Header),
    Formulary(formulary::Header),
}

impl Columns {
    /// Reads rows, each with the number of its line.
    pub(super) fn read(&self, file: &Arc<str>, rows: &[(u64, csv::StringRecord)]) -> Read {
        match self {
            Self::Nppes(header) => nppes::read(file, header, rows),
            Self::Providers(header) => providers::read(file, header, rows),
            Self::Formulary(header) => formulary::read(file, header, rows),
        }
    }

    pub(super) const fn format(&self) -> Format {
        match self {
            Self::Nppes(_) => Format::Nppes,
            Self::Providers(_) => Format::Providers,
            Self::Formulary(_) => Format::Formulary,
        }
    }
}

/// An open table.
pub(super) struct Table {
    reader: csv::Reader<Source>,
    columns: Arc<Columns>,
    ended: bool,
}

impl Table {
    /// Reads the header.
    pub(super) fn open(mut source: Source, format: Format, mapping: &Mapping) -> Result<Self, &'static str> {
        let delimiter = delimiter(source.first_line());
        let mut reader = reader(source, delimiter);
        let mut first = csv::ByteRecord::new();
        let unreadable = "the first line, which should name the columns, cannot be read";
        if !reader.read_byte_record(&mut first).map_err(|_| unreadable)? {
            return Err(unreadable);
        }
        let first = text(first);
        let columns = match format {
            Format::Nppes => Columns::Nppes(Box::new(nppes::Header::new(&first))),
            Format::Formulary => Columns::Formulary(formulary::Header::new(&first, mapping)),
            _ => Columns::Providers(providers::Header::new(&first, mapping)),
        };
        Ok(Self { reader, columns: Arc::new(columns), ended: false })
    }

    pub(super) fn columns(&self) -> Arc<Columns> {
        Arc::clone(&self.columns)
    }

    /// The next rows, and the lines on which reading failed; the first failure is the end.
    pub(super) fn next(&mut self, most: usize) -> (Vec<(u64, csv::StringRecord)>, Vec<u64>) {
        rows(&mut self.reader, &mut self.ended, most)
    }
}

/// The character that stands most often in the first line; the first of equals wins, and a comma is the most usual.
pub(super) fn delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: &u8| memchr::memchr_iter(*delimiter, line).count();
    DELIMITERS.into_iter().max_by_key(count).unwrap_or(b',')
}

/// A reader of all rows, the first included.
pub(super) fn reader<R: std::io::Read>(source: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(source)
}

/// Up to `most` rows with the numbers of their lines, and the lines on which reading failed; the first failure is the end.
pub(super) fn rows<R: std::io::Read>(
    reader: &mut csv::Reader<R>,
    ended: &mut bool,
    most: usize,
) -> (Vec<(u64, csv::StringRecord)>, Vec<u64>) {
    let (mut rows, mut troubles) = (Vec::new(), Vec::new());
    while !*ended && rows.len() < most {
        let mut row = csv::ByteRecord::new();
        let line = reader.position().line();
        match reader.read_byte_record(&mut row) {
            Ok(true) if row.iter().all(<[u8]>::is_empty) => {}
            Ok(true) => {
                let line = row.position().map_or(line, csv::Position::line);
                rows.push((line, text(row)));
            }
            Ok(false) => *ended = true,
            Err(_) => {
                troubles.push(line);
                *ended = true;
            }
        }
    }
    (rows, troubles)
}

/// Cells that are no UTF-8 are read as Windows-1252's letters, as old systems write them.
fn text(row: csv::ByteRecord) -> csv::StringRecord {
    csv::StringRecord::from_byte_record(row).unwrap_or_else(|error| {
        let cell = |cell: &[u8]| match std::str::from_utf8(cell) {
            Ok(text) => text.to_owned(),
            Err(_) => cell.iter().map(|byte| char::from(*byte)).collect(),
        };
        error.into_byte_record().iter().map(cell).collect()
    })
}
