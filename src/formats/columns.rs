//! Which column of a table holds which field: by the names that systems give, or by the plan's own. Pure.

use std::collections::BTreeMap;

use crate::formats::cells::{is_blank, normal};

/// A field, its name in a mapping file, and the column names it is known by (letters and digits only, lower case).
pub(crate) type Names<F> = (F, &'static str, &'static str);

/// The plan's own column names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own<F>(BTreeMap<String, F>);

impl<F> Default for Own<F> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<F: Copy> Own<F> {
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

    /// The field of a column, by its normal name.
    pub(crate) fn find(&self, cell: &str, names: &[Names<F>]) -> Option<F> {
        let own = self.0.get(cell).copied();
        own.or_else(|| {
            names.iter().find(|(_, _, all)| all.split(' ').any(|name| name == cell)).map(|(field, ..)| *field)
        })
    }
}

/// The header row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Columns<F>(Vec<Option<F>>);

impl<F: Copy + PartialEq> Columns<F> {
    pub(crate) fn new<'h>(cells: impl Iterator<Item = &'h str>, own: &Own<F>, names: &[Names<F>]) -> Self {
        Self(cells.map(|cell| own.find(&normal(cell), names)).collect())
    }

    pub(crate) fn has(&self, field: F) -> bool {
        self.0.contains(&Some(field))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
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
