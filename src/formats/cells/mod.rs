//! Cells as people write them: days, amounts, counts, yes and no, identifiers and texts. Each kind is read in one
//! place, for every format. Pure.
//!
//! A reader distinguishes a value, a cell that says nothing, and a cell that cannot be read; the reason is given in
//! words that quote nothing of the cell ([`form()`]).

mod amount;
mod answer;
pub(crate) mod code;
mod date;
mod form;
pub(crate) mod npi;
pub(crate) mod text;

use std::fmt;

pub(crate) use amount::{amount, number};
pub(crate) use answer::{is_blank, is_no, is_yes};
pub(crate) use date::{birth_date, compact_day, date, day};
pub(crate) use form::form;
pub(crate) use text::{normal, visible, zip};

/// A cell as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell<T> {
    Value(T),
    /// Blank, or a mark for "nothing".
    Absent,
    Unreadable(Unreadable),
}

/// Why a cell cannot be read: the expected form, and the form of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    expected: &'static str,
    form: String,
}

impl<T> Cell<T> {
    /// A value, or the fact that the text does not have the expected form.
    fn of(value: Option<T>, expected: &'static str, text: &str) -> Self {
        value.map_or_else(|| Self::Unreadable(Unreadable { expected, form: form(text) }), Self::Value)
    }

    /// The value, for callers that leave out unreadable cells.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The value if there is one, or the reason why the cell cannot be read.
    pub(crate) fn read(self) -> Result<Option<T>, Unreadable> {
        match self {
            Self::Value(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Unreadable(why) => Err(why),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} {}", self.expected, self.form)
    }
}
