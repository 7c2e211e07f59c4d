//! The tables that are read in blocks of rows: what their columns are, and their rows as records. Pure.

use std::sync::Arc;

use crate::formats::tables::mapping::Mapping;
use crate::formats::tables::{drug_list, providers};
use crate::formats::{Format, nppes};
use crate::map::formulary;
use crate::map::record::Read;

/// What the columns of a table are.
pub(crate) enum Columns {
    Nppes(Box<nppes::Header>),
    Providers(providers::Header),
    Formulary(drug_list::Header),
}

impl Columns {
    /// Reads rows, each with the number of its line.
    pub(crate) fn read(&self, file: &Arc<str>, rows: &[(u64, csv::StringRecord)]) -> Read {
        match self {
            Self::Nppes(header) => crate::map::nppes::read(file, header, rows),
            Self::Providers(header) => crate::map::providers::read(file, header, rows),
            Self::Formulary(header) => formulary::read(file, header, rows),
        }
    }

    /// Reads the header row of a table of this format.
    pub(crate) fn new(format: Format, header: &csv::StringRecord, mapping: &Mapping) -> Self {
        match format {
            Format::Nppes => Self::Nppes(Box::new(nppes::Header::new(header))),
            Format::Formulary => Self::Formulary(drug_list::Header::new(header, &mapping.formulary)),
            _ => Self::Providers(providers::Header::new(header, &mapping.providers)),
        }
    }

    pub(crate) const fn format(&self) -> Format {
        match self {
            Self::Nppes(_) => Format::Nppes,
            Self::Providers(_) => Format::Providers,
            Self::Formulary(_) => Format::Formulary,
        }
    }
}
