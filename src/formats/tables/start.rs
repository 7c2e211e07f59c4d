//! The beginning of a table: the names of its columns and its first rows. Pure.

use super::csv_rows::{self, delimiter, reader};
use crate::formats::cells::{is_blank, normal};

/// Rows that are inspected.
const ROWS: usize = 200;
/// Columns that are inspected.
const COLUMNS_MAX: usize = 2_000;
/// Characters of a column's name that are shown.
const SHOWN_MAX: usize = 40;

/// The beginning of a table.
pub(crate) struct TableStart {
    pub(crate) columns: Vec<StartColumn>,
}

/// A column of it.
pub(crate) struct StartColumn {
    /// Its place, from 1.
    pub(crate) place: usize,
    /// Its name as it stands in the file.
    pub(crate) name: String,
    /// Its name in letters and digits, lower case.
    pub(crate) plain: String,
    /// The words of its name, lower case and without numbers at their ends.
    pub(crate) words: Vec<String>,
    /// Its cells in the first rows that are not blank.
    pub(crate) cells: Vec<String>,
}

impl TableStart {
    /// Reads the beginning of a file. A row that may be cut off is left out.
    pub(crate) fn read(start: &[u8], is_cut: bool) -> Self {
        let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut reader = reader(start, delimiter(first));
        let mut ended = false;
        let (mut rows, _) = csv_rows::rows(&mut reader, &mut ended, ROWS + 1);
        if is_cut && rows.len() > 1 && rows.len() <= ROWS {
            rows.pop();
        }
        let mut rows = rows.into_iter().map(|(_, row)| row);
        let head = rows.next().unwrap_or_default();
        let mut columns: Vec<StartColumn> =
            head.iter().take(COLUMNS_MAX).enumerate().map(|(at, name)| StartColumn::new(at + 1, name)).collect();
        for row in rows {
            for (column, cell) in columns.iter_mut().zip(&row) {
                let cell = cell.trim();
                if !is_blank(cell) {
                    column.cells.push(cell.to_owned());
                }
            }
        }
        Self { columns }
    }

    /// The names of the columns as they stand in the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The names of the columns in letters and digits, lower case.
    pub(crate) fn plain_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.plain.clone()).collect()
    }
}

impl StartColumn {
    fn new(place: usize, name: &str) -> Self {
        let name = name.trim().to_owned();
        Self { place, plain: normal(&name), words: words(&name), cells: Vec::new(), name }
    }

    /// Whether one of these is a word of its name.
    pub(crate) fn says(&self, any: &[&str]) -> bool {
        self.words.iter().any(|word| any.contains(&word.as_str()))
    }

    /// Its name for a report: letters, digits and what joins words, cut to a length.
    pub(crate) fn shown(&self) -> String {
        let is_plain = |c: char| c.is_alphanumeric() || " _-.#/".contains(c);
        self.name.chars().map(|c| if is_plain(c) { c } else { ' ' }).take(SHOWN_MAX).collect()
    }
}

/// The words of a name: `MbrBirth_DT1` is "mbr", "birth", "dt".
fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            before = ' ';
            continue;
        }
        if before == ' ' || (before.is_ascii_lowercase() && c.is_ascii_uppercase()) {
            out.push(String::new());
        }
        if let Some(word) = out.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    for word in &mut out {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if letters > 0 {
            word.truncate(letters);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        for (name, expected) in [
            ("MbrBirth_DT1", &["mbr", "birth", "dt"][..]),
            ("BIRTH_DT", &["birth", "dt"]),
            ("DIAG_1", &["diag", "1"]),
            ("Member ID", &["member", "id"]),
            ("SVCDT", &["svcdt"]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn a_row_that_may_be_cut_off_is_left_out() {
        let text = b"a,\"b\nc\",d\n1,2,3\n4,-,";
        let start = TableStart::read(text, true);
        assert_eq!(start.plain_names(), ["a", "bc", "d"]);
        assert_eq!(start.columns[0].cells, ["1"]);
        assert_eq!(TableStart::read(text, false).columns[0].cells, ["1", "4"]);
    }
}
