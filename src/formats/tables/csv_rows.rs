//! Rows of delimited text, as they are read. Pure.

use crate::formats::encoding;

/// Candidates for the delimiter.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// The delimiter that occurs most often in the first line; ties go to the later one, and a comma is the most usual.
pub(crate) fn delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: &u8| memchr::memchr_iter(*delimiter, line).count();
    DELIMITERS.into_iter().max_by_key(count).unwrap_or(b',')
}

/// A reader of all rows, the first included.
pub(crate) fn reader<R: std::io::Read>(source: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(source)
}

/// Up to `most` rows with the numbers of their lines, and the lines on which reading failed; the first failure is the end.
pub(crate) fn rows<R: std::io::Read>(
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

/// Cells that are not UTF-8 are read as Windows-1252, each by itself.
pub(crate) fn text(row: csv::ByteRecord) -> csv::StringRecord {
    csv::StringRecord::from_byte_record(row)
        .unwrap_or_else(|error| error.into_byte_record().iter().map(encoding::text).collect())
}
