//! Tables with a header row, read in rows whatever their size.

use std::sync::Arc;

use super::source::Source;
use crate::formats::Format;
use crate::formats::tables::csv_rows::{delimiter, reader, rows, text};
use crate::formats::tables::mapping::Mapping;
use crate::map::tables::TableColumns;

/// An open table.
pub(super) struct TableReader {
    reader: csv::Reader<Source>,
    columns: Arc<TableColumns>,
    ended: bool,
}

impl TableReader {
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
        let columns = TableColumns::new(format, &first, mapping);
        Ok(Self { reader, columns: Arc::new(columns), ended: false })
    }

    pub(super) fn columns(&self) -> Arc<TableColumns> {
        Arc::clone(&self.columns)
    }

    /// The next rows, and the lines on which reading failed; the first failure is the end.
    pub(super) fn next(&mut self, most: usize) -> (Vec<(u64, csv::StringRecord)>, Vec<u64>) {
        rows(&mut self.reader, &mut self.ended, most)
    }
}
