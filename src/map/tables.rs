//! The tables that are read in blocks of rows: the fields of their columns, and their rows as records. Pure.

use std::sync::Arc;

use crate::formats::tables::mapping::Mapping;
use crate::formats::tables::{drug_list, providers};
use crate::formats::{Format, nppes};
use crate::map::formulary;
use crate::map::record::ReadPiece;

/// The fields of a table's columns.
pub(crate) enum TableColumns {
    Nppes(Box<nppes::NppesHeader>),
    Providers(providers::ProviderHeader),
    Formulary(drug_list::DrugListHeader),
}

impl TableColumns {
    /// Reads rows, each with the number of its line.
    pub(crate) fn read(&self, file: &Arc<str>, rows: &[(u64, csv::StringRecord)]) -> ReadPiece {
        match self {
            Self::Nppes(header) => crate::map::nppes::read(file, header, rows),
            Self::Providers(header) => crate::map::providers::read(file, header, rows),
            Self::Formulary(header) => formulary::read(file, header, rows),
        }
    }

    /// Reads the header row of a table of this format.
    pub(crate) fn new(format: Format, header: &csv::StringRecord, mapping: &Mapping) -> Self {
        match format {
            Format::Nppes => Self::Nppes(Box::new(nppes::NppesHeader::new(header))),
            Format::Formulary => Self::Formulary(drug_list::DrugListHeader::new(header, &mapping.formulary)),
            _ => Self::Providers(providers::ProviderHeader::new(header, &mapping.providers)),
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
