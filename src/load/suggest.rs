//! A mapping file, proposed from the header row of a table: columns whose names are known, and guesses for the others.
//!
//! A guess needs a name that is near a known one and values that have the shape of the field's. Values are inspected
//! and never printed; a first row that holds values instead of names is refused for that reason.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::source::Source;
use crate::formats::cells::{Cell, amount, day};
use crate::formats::cells::{is_blank, normal};
use crate::formats::columns::Names;
use crate::formats::records::{ClaimField, NAMES, Shape};
use crate::formats::tables::claims::REVIEW_NAMES;
use crate::formats::tables::{csv_rows, drug_list, members, providers};

/// Rows that are inspected.
const ROWS: usize = 200;
/// Columns that are inspected.
const COLUMNS_MAX: usize = 2_000;
/// How near a guess must be: 1 is the same name.
const NEAR: f64 = 0.8;
/// Most values of a column must have one shape: four of five.
const MOST: (usize, usize) = (4, 5);

/// A kind of table: its section in a mapping file, and the names of its fields with the column names they are known by.
struct TableKind {
    section: &'static str,
    /// Fields without which no row can be kept.
    needs: &'static [&'static str],
    fields: Vec<(&'static str, &'static str)>,
}

/// A column: its name, and the shape of its values.
struct Column {
    name: String,
    plain: String,
    /// The name with its abbreviations written out.
    long: String,
    shape: Option<Shape>,
}

/// Proposes a mapping for the table in a file.
///
/// # Errors
/// Why none can be proposed, in words.
pub fn suggest(path: &Path) -> Result<String, String> {
    let mut source = Source::open(path, &Arc::new(AtomicU64::new(0))).map_err(|error| error.to_string())?;
    let delimiter = csv_rows::delimiter(source.first_line());
    let mut reader = csv_rows::reader(source, delimiter);
    let mut ended = false;
    let (rows, _) = csv_rows::rows(&mut reader, &mut ended, ROWS + 1);
    let rows: Vec<csv::StringRecord> = rows.into_iter().map(|(_, row)| row).collect();
    let (head, rows) = rows.split_first().ok_or("the file is empty")?;
    if head.len() < 2 {
        return Err("this is no table: its first line has one column".to_owned());
    }
    if head.iter().any(|cell| shape(cell).is_some()) {
        return Err("the first line holds values and not the names of columns; add a header row".to_owned());
    }
    let columns: Vec<Column> =
        head.iter().take(COLUMNS_MAX).enumerate().map(|(at, name)| column(at, name, rows)).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let kinds = kinds();
    let known = |kind: &TableKind| columns.iter().filter(|column| kind.find(&column.plain).is_some()).count();
    // The first of equals: a table of claims has the columns of all other kinds.
    let best = kinds.iter().rev().max_by_key(|kind| known(kind)).filter(|kind| known(kind) > 0);
    let best = best.ok_or("no column has a name that is known; write the mapping by hand")?;
    Ok(best.propose(&name, &columns))
}

fn kinds() -> [TableKind; 5] {
    fn fields<F>(names: &'static [Names<F>]) -> Vec<(&'static str, &'static str)> {
        names.iter().map(|(_, name, columns)| (*name, *columns)).collect()
    }
    let kind = |section, needs, fields| TableKind { section, needs, fields };
    [
        kind("claims", &["claim_number", "member_id", "service_from"], fields(&NAMES)),
        kind("prior_authorizations", &["authorization_number", "member_id", "decision"], fields(&REVIEW_NAMES)),
        kind("", &["member_id", "first_name", "last_name", "birth_date"], members::field_names()),
        kind("providers", &["npi"], fields(&providers::NAMES)),
        kind("formulary", &["tier"], fields(&drug_list::NAMES)),
    ]
}

impl TableKind {
    /// The field that is known by this column name; a number at the end of a name numbers repeated columns.
    fn find(&self, plain: &str) -> Option<&'static str> {
        let whole = |name: &str| {
            self.fields.iter().find(|(_, all)| all.split(' ').any(|known| known == name)).map(|(field, _)| *field)
        };
        whole(plain).or_else(|| {
            let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit());
            whole(stem).filter(|_| stem.len() < plain.len())
        })
    }

    fn propose(&self, file: &str, columns: &[Column]) -> String {
        let (mut known, mut left): (Vec<(&str, &Column)>, Vec<&Column>) = (Vec::new(), Vec::new());
        for column in columns {
            match self.find(&column.plain) {
                Some(field) => known.push((field, column)),
                None => left.push(column),
            }
        }
        let guessed = self.guess(&left, &known);
        let taken = |field: &str| known.iter().chain(&guessed).any(|(one, _)| *one == field);
        let mut out = format!("# Proposed for {}; read every line before you use it with --map.\n", one_line(file));
        if !self.section.is_empty() {
            let _ = writeln!(out, "[{}]", self.section);
        }
        out.push_str("# Known by their names:\n");
        lines(&mut out, &self.fields, &known);
        if !guessed.is_empty() {
            out.push_str("# Guessed from their names and the look of their values; check these:\n");
            lines(&mut out, &self.fields, &guessed);
        }
        for field in self.needs.iter().filter(|field| !taken(field)) {
            let _ = writeln!(out, "# Missing, and no row can be kept without it:\n# {field} = \"\"");
        }
        let is_left = |column: &&&Column| !guessed.iter().any(|(_, other)| std::ptr::eq(*other, **column));
        let unused: Vec<String> = left.iter().filter(is_left).map(|column| quoted(&column.name)).collect();
        if !unused.is_empty() {
            let _ = writeln!(out, "# Columns that are not used: {}", unused.join(", "));
        }
        out
    }

    /// The nearest fields for unknown columns, each field and each column once.
    fn guess<'c>(&self, left: &[&'c Column], known: &[(&'static str, &'c Column)]) -> Vec<(&'static str, &'c Column)> {
        let mut all: Vec<(f64, &'static str, &'c Column)> = Vec::new();
        for column in left.iter().filter(|column| column.plain.len() > 2) {
            for (field, names) in self.fields.iter().filter(|(field, _)| !known.iter().any(|(one, _)| one == field)) {
                let near = names
                    .split(' ')
                    .chain([*field])
                    .map(|name| nearness(&column.plain, &normal(name)).max(nearness(&column.long, &normal(name))));
                let near = near.fold(0.0, f64::max);
                if near >= NEAR && fits(column.shape, wanted(field)) {
                    all.push((near, field, column));
                }
            }
        }
        all.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut out: Vec<(&'static str, &'c Column)> = Vec::new();
        for (_, field, column) in all {
            if !out.iter().any(|(one, other)| *one == field || std::ptr::eq(*other, column)) {
                out.push((field, column));
            }
        }
        out
    }
}

/// A name with the usual abbreviations written out.
fn long(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    let word = |word: String| match word.as_str() {
        "pd" => "paid".to_owned(),
        "amt" | "amnt" => "amount".to_owned(),
        "dt" | "dte" => "date".to_owned(),
        "nbr" | "no" | "num" => "number".to_owned(),
        "mbr" | "mem" => "member".to_owned(),
        "prov" | "prvdr" => "provider".to_owned(),
        "cd" => "code".to_owned(),
        "svc" | "srv" | "srvc" => "service".to_owned(),
        "clm" => "claim".to_owned(),
        "proc" => "procedure".to_owned(),
        "diag" => "diagnosis".to_owned(),
        _ => word,
    };
    words.map(word).collect()
}

/// How near two names are: by their spelling, or because one is the other with a word added before or after it.
fn nearness(one: &str, other: &str) -> f64 {
    let within = |long: &str, short: &str| short.len() > 4 && (long.starts_with(short) || long.ends_with(short));
    let spelt = strsim::normalized_damerau_levenshtein(one, other);
    // The longer the common part, the nearer.
    let share = one.len().min(other.len()) as f64 / one.len().max(other.len()).max(1) as f64;
    if within(one, other) || within(other, one) { spelt.max(NEAR + share * (1.0 - NEAR) / 2.0) } else { spelt }
}

/// The shape of a field's values; absent where any text may stand.
fn wanted(field: &str) -> Option<Shape> {
    if let Some(field) = ClaimField::parse(field) {
        return Some(field.shape()).filter(|shape| *shape != Shape::Text);
    }
    let ends = |words: &[&str]| words.iter().any(|word| field.ends_with(word));
    if ends(&["date", "_start", "_end", "verified"]) { Some(Shape::Day) } else { ends(&["npi"]).then_some(Shape::Npi) }
}

/// Whether a column with values of one shape may be a field that wants another.
const fn fits(is: Option<Shape>, wanted: Option<Shape>) -> bool {
    matches!(
        (is, wanted),
        (None | Some(Shape::Npi | Shape::Number), None)
            | (Some(Shape::Text), _)
            | (Some(Shape::Day), Some(Shape::Day))
            | (Some(Shape::Npi), Some(Shape::Npi))
            | (Some(Shape::Amount | Shape::Number), Some(Shape::Amount | Shape::Number))
    )
}

fn column(at: usize, name: &str, rows: &[csv::StringRecord]) -> Column {
    let values: Vec<&str> =
        rows.iter().filter_map(|row| row.get(at)).map(str::trim).filter(|cell| !is_blank(cell)).collect();
    let count = |wanted: Shape| values.iter().filter(|value| shape(value) == Some(wanted)).count();
    let most = |wanted: &Shape| count(*wanted) * MOST.1 >= values.len() * MOST.0;
    let shape = if values.is_empty() {
        // A column without values may be any field.
        Some(Shape::Text)
    } else if (count(Shape::Amount) + count(Shape::Number)) * MOST.1 >= values.len() * MOST.0
        && count(Shape::Amount) > 0
    {
        Some(Shape::Amount)
    } else {
        [Shape::Day, Shape::Npi, Shape::Number].into_iter().find(most)
    };
    let long = long(name);
    Column { long, name: name.trim_start_matches('\u{feff}').trim().to_owned(), plain: normal(name), shape }
}

/// The shape of a value.
fn shape(value: &str) -> Option<Shape> {
    let value = value.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(day(value), Cell::Value(_)) {
        Some(Shape::Day)
    } else if digits && value.len() == 10 && matches!(value.as_bytes().first(), Some(b'1' | b'2')) {
        Some(Shape::Npi)
    } else if digits {
        Some(Shape::Number)
    } else {
        amount(value).value().map(|_| Shape::Amount)
    }
}

/// A line for each field in the order of the fields; several columns of one field are a list.
fn lines(out: &mut String, fields: &[(&'static str, &'static str)], found: &[(&str, &Column)]) {
    for (field, _) in fields {
        let names: Vec<String> =
            found.iter().filter(|(one, _)| one == field).map(|(_, column)| quoted(&column.name)).collect();
        match names.as_slice() {
            [] => {}
            [only] => drop(writeln!(out, "{field} = {only}")),
            // Numbers at the end of the names say which columns belong together, which a list would lose.
            several => drop(writeln!(out, "# {field}, by its names: {}", several.join(", "))),
        }
    }
}

/// A name as a TOML string on one line.
fn quoted(name: &str) -> String {
    toml::Value::String(one_line(name)).to_string()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::tables::mapping::Mapping;

    fn of(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.csv");
        std::fs::write(&path, text).unwrap();
        let out = suggest(&path);
        if let Ok(out) = &out {
            Mapping::parse(out).unwrap();
        }
        out
    }

    #[test]
    fn claims_with_names_of_the_plans_own() {
        let text = "Claim Number,Mbr Ident,Member ID,Clm Service Date,Proc Cd,Dx 1,Dx 2,Billed Amnt,Pd Amt Total,Bill Prov NPI Nbr,Remarks\n\
            SECRET1,X,SECRET2,01/02/2026,99213,E11.9,I10,\"$1,234.50\",80.00,1234567893,SECRET3\n";
        let out = of(text).unwrap();
        insta::assert_snapshot!(out);
        assert!(!out.contains("SECRET") && !out.contains("1,234") && !out.contains("99213"));
    }

    #[test]
    fn every_kind_of_table_is_told() {
        for (text, section, line) in [
            (
                "Mitglied,member_id,first_name,last_name,Birth Dat\nx,1,A,B,1980-01-02\n",
                "# Known",
                "birth_date = \"Birth Dat\"",
            ),
            (
                "Auth Number,Member ID,Status,CPT,Request Dte\n1,2,Approved,70551,2026-01-02\n",
                "[prior_authorizations]",
                "requested_date = \"Request Dte\"",
            ),
            ("rxcui,drug_name,tier,Plan Identifier\n1,a,1,p\n", "[formulary]", "tier = \"tier\""),
        ] {
            let out = of(text).unwrap();
            assert!(out.contains(section) && out.contains(line), "{out}");
        }
    }

    #[test]
    fn values_are_never_taken_for_names() {
        for text in ["", "one column\n", "A1,1980-01-02,Doe\n", "A1,1234567893,x\n", "x,\"$5.00\"\n", "foo,bar\n1,2\n"]
        {
            let reason = of(text).unwrap_err();
            assert!(!reason.contains("1980") && !reason.contains("Doe"), "{reason}");
        }
        // A column whose values have the wrong shape is not guessed.
        let out = of("claim_number,member_id,dos,Paid Daet\n1,2,2026-01-02,hello\n").unwrap();
        assert!(!out.contains("paid_date ="), "{out}");
    }
}
