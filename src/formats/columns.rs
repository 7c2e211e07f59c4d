//! Which column of a table holds which field: by the names that systems give, or by the plan's own. Pure.
//!
//! What the plan's mapping names counts, always: a column that is only known by its name lies idle where the mapping names another
//! for its field.

use std::collections::BTreeMap;

use crate::formats::cells::{is_blank, normal};

/// A field, its name in a mapping file, and the column names it is known by (letters and digits only, lower case).
pub(crate) type Names<F> = (F, &'static str, &'static str);

/// What a column can hold.
pub(crate) trait ColumnField: Copy + PartialEq {
    /// Whether several columns of a row may hold it, and all of them count.
    fn is_list(self) -> bool;
}

/// The plan's own column names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own<F>(BTreeMap<String, F>);

impl<F> Default for Own<F> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<F: ColumnField> Own<F> {
    /// Reads a table of a mapping file: our field name = the column's name, or a list of them.
    pub(crate) fn parse(table: &toml::Table, names: &[Names<F>]) -> Result<Self, String> {
        let mut out = BTreeMap::new();
        for (name, columns) in table {
            let field = names.iter().find(|(_, known, _)| known == name).map(|(field, ..)| *field);
            let known = || names.iter().map(|(_, known, _)| *known).collect::<Vec<_>>().join(", ");
            let field = field.ok_or_else(|| format!("{name} is not a field; the fields are {}", known()))?;
            let columns = match columns {
                toml::Value::String(column) => vec![column.as_str()],
                toml::Value::Array(list) => list.iter().filter_map(toml::Value::as_str).collect(),
                _ => return Err(format!("{name} must be a column name, or a list of them")),
            };
            out.extend(columns.into_iter().map(|column| (normal(column), field)));
        }
        Ok(Self(out))
    }

    /// The field that the mapping gives to a column, by its normal name.
    pub(crate) fn mapped(&self, cell: &str) -> Option<F> {
        self.0.get(cell).copied()
    }

    /// How many of these columns the mapping names.
    pub(crate) fn count(&self, cells: &[String]) -> usize {
        cells.iter().filter(|cell| self.0.contains_key(*cell)).count()
    }

    /// The field of a column, by its normal name.
    pub(crate) fn find(&self, cell: &str, names: &[Names<F>]) -> Option<F> {
        self.mapped(cell).or_else(|| known(cell, names))
    }

    /// The field of each column of a header row, by its normal names. Where the mapping names a column of the row for a field,
    /// columns that are only known by their names do not count for it, unless the field is a list.
    pub(crate) fn assign(&self, cells: &[String], names: &[Names<F>]) -> Vec<Option<F>> {
        let mapped: Vec<F> = cells.iter().filter_map(|cell| self.mapped(cell)).collect();
        let field = |cell: &String| {
            let counts = |field: &F| field.is_list() || !mapped.contains(field);
            self.mapped(cell).or_else(|| known(cell, names).filter(counts))
        };
        cells.iter().map(field).collect()
    }
}

/// The field that is known by this column name.
fn known<F: Copy>(cell: &str, names: &[Names<F>]) -> Option<F> {
    names.iter().find(|(_, _, all)| all.split(' ').any(|name| name == cell)).map(|(field, ..)| *field)
}

/// The header row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Columns<F>(Vec<Option<F>>);

impl<F: ColumnField> Columns<F> {
    pub(crate) fn new<'h>(cells: impl Iterator<Item = &'h str>, own: &Own<F>, names: &[Names<F>]) -> Self {
        let cells: Vec<String> = cells.map(normal).collect();
        Self(own.assign(&cells, names))
    }

    pub(crate) fn has(&self, field: F) -> bool {
        self.0.contains(&Some(field))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The field of each column.
    pub(crate) fn fields(&self) -> &[Option<F>] {
        &self.0
    }

    /// The first cell of the field that is not empty; empty if there is none.
    pub(crate) fn get<'r>(&self, row: &'r csv::StringRecord, field: F) -> &'r str {
        self.all(row, field).next().unwrap_or_default()
    }

    /// Every nonempty cell of the field.
    pub(crate) fn all<'r>(&self, row: &'r csv::StringRecord, field: F) -> impl Iterator<Item = &'r str> {
        let cells = self.0.iter().zip(row).filter(move |(of, _)| **of == Some(field));
        cells.map(|(_, cell)| cell.trim()).filter(|cell| !is_blank(cell))
    }
}
