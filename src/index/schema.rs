//! The fields of the index. One field of byte terms serves every token, string, reference and uri parameter (`terms.rs`
//! has their layout); dates and sort keys are columns in numbered slots, since a type has at most a few of each.

use tantivy::schema::{BytesOptions, Field, NumericOptions, Schema, TextOptions};

use crate::fhir::{Form, Kind};

/// Date parameters of one type that have columns; R4, US Core and CARIN need four.
pub(super) const DATE_SLOTS: usize = 6;
/// String parameters of one type that can be sorted by; R4 needs nine.
pub(super) const TEXT_SLOTS: usize = 10;

#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) term: Field,
    pub(super) rid: Field,
    pub(super) updated: Field,
    /// Bit n is set if slot n of the dates has more than one value, so that its two columns do not pair.
    pub(super) several: Field,
    pub(super) date_lo: [Field; DATE_SLOTS],
    pub(super) date_hi: [Field; DATE_SLOTS],
    pub(super) text: [Field; TEXT_SLOTS],
}

pub(super) fn name_of_date(slot: usize, end: &str) -> String {
    format!("date{slot}_{end}")
}

pub(super) fn name_of_text(slot: usize) -> String {
    format!("text{slot}")
}

pub(super) fn build() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let column = || NumericOptions::default().set_fast();
    // Only sorted by, never searched by term: the tokenizer is named for the column, and no postings are kept.
    let text = || TextOptions::default().set_fast("raw");
    let fields = Fields {
        term: schema.add_bytes_field("term", BytesOptions::default().set_indexed()),
        // Without the option of the same name, which stores a length byte beside each number.
        rid: schema.add_u64_field("rid", column().set_indexed()),
        updated: schema.add_i64_field("updated", column()),
        several: schema.add_u64_field("several", column()),
        date_lo: std::array::from_fn(|slot| schema.add_i64_field(&name_of_date(slot, "lo"), column())),
        date_hi: std::array::from_fn(|slot| schema.add_i64_field(&name_of_date(slot, "hi"), column())),
        text: std::array::from_fn(|slot| schema.add_text_field(&name_of_text(slot), text())),
    };
    (schema.build(), fields)
}

/// The slot of a parameter among those of its form; absent if there are not enough slots.
pub(super) fn slot(kind: Kind, number: u16, form: Form, slots: usize) -> Option<usize> {
    kind.standard().filter(|(_, p)| p.form == form).position(|(n, _)| n == number).filter(|slot| *slot < slots)
}

/// The column of a date parameter.
pub(super) fn date_slot(kind: Kind, number: u16) -> Option<usize> {
    slot(kind, number, Form::Date, DATE_SLOTS)
}

/// The column of a string parameter.
pub(super) fn text_slot(kind: Kind, number: u16) -> Option<usize> {
    slot(kind, number, Form::String, TEXT_SLOTS)
}
