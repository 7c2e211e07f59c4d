//! The tables that are read in blocks of rows: what their columns are, and their rows as records. Pure.

use std::sync::Arc;

use super::mapping::Mapping;
use super::record::Read;
use super::{Format, formulary, nppes, providers};

/// What the columns of a table are.
pub(in crate::load) enum Columns {
    Nppes(Box<nppes::Header>),
    Providers(providers::Header),
    Formulary(formulary::Header),
}

impl Columns {
    /// Reads rows, each with the number of its line.
    pub(in crate::load) fn read(&self, file: &Arc<str>, rows: &[(u64, csv::StringRecord)]) -> Read {
        match self {
            Self::Nppes(header) => nppes::read(file, header, rows),
            Self::Providers(header) => providers::read(file, header, rows),
            Self::Formulary(header) => formulary::read(file, header, rows),
        }
    }

    /// Reads the header row of a table of this format.
    pub(in crate::load) fn new(format: Format, header: &csv::StringRecord, mapping: &Mapping) -> Self {
        match format {
            Format::Nppes => Self::Nppes(Box::new(nppes::Header::new(header))),
            Format::Formulary => Self::Formulary(formulary::Header::new(header, &mapping.formulary)),
            _ => Self::Providers(providers::Header::new(header, &mapping.providers)),
        }
    }

    pub(in crate::load) const fn format(&self) -> Format {
        match self {
            Self::Nppes(_) => Format::Nppes,
            Self::Providers(_) => Format::Providers,
            Self::Formulary(_) => Format::Formulary,
        }
    }
}
