//! Columns of segments, opened once. Opening a column reads a description of each of its blocks, so it costs more the
//! larger the segment is: per search that would be most of the work, and it would grow with the plan.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use tantivy::columnar::{Column, StrColumn};
use tantivy::index::SegmentId;
use tantivy::{SegmentReader, TantivyError};

use super::schema::{DATE_SLOTS, TEXT_SLOTS, name_of_date, name_of_text};

/// Segments remembered; above this number, segments that were merged away are dropped.
const MAX_SEGMENTS: usize = 128;

#[derive(Default)]
pub(super) struct Columns(RwLock<HashMap<SegmentId, Arc<Opened>>>);

/// The columns of one segment.
#[derive(Default)]
pub(super) struct Opened {
    rid: OnceLock<Column<u64>>,
    updated: OnceLock<Column<i64>>,
    lo: [OnceLock<Option<Column<i64>>>; DATE_SLOTS],
    hi: [OnceLock<Option<Column<i64>>>; DATE_SLOTS],
    text: [OnceLock<Option<StrColumn>>; TEXT_SLOTS],
}

/// Which end of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Lo,
    Hi,
}

impl Columns {
    pub(super) fn of(&self, segment: &SegmentReader) -> Arc<Opened> {
        let id = segment.segment_id();
        if let Some(known) = self.0.read().get(&id) {
            return Arc::clone(known);
        }
        let mut all = self.0.write();
        if all.len() >= MAX_SEGMENTS {
            all.clear();
        }
        Arc::clone(all.entry(id).or_default())
    }
}

type Opening<T> = Result<T, TantivyError>;

impl Opened {
    pub(super) fn rid(&self, segment: &SegmentReader) -> Opening<Column<u64>> {
        once(&self.rid, || segment.fast_fields().u64("rid"))
    }

    pub(super) fn updated(&self, segment: &SegmentReader) -> Opening<Column<i64>> {
        once(&self.updated, || segment.fast_fields().i64("updated"))
    }

    pub(super) fn date(&self, segment: &SegmentReader, slot: usize, end: End) -> Opening<Option<Column<i64>>> {
        let (slots, name) = match end {
            End::Lo => (&self.lo, "lo"),
            End::Hi => (&self.hi, "hi"),
        };
        let Some(place) = slots.get(slot) else { return Ok(None) };
        once(place, || segment.fast_fields().column_opt(&name_of_date(slot, name)))
    }

    pub(super) fn text(&self, segment: &SegmentReader, slot: usize) -> Opening<Option<StrColumn>> {
        let Some(place) = self.text.get(slot) else { return Ok(None) };
        once(place, || segment.fast_fields().str(&name_of_text(slot)))
    }
}

fn once<T: Clone>(place: &OnceLock<T>, open: impl FnOnce() -> Opening<T>) -> Opening<T> {
    if let Some(known) = place.get() {
        return Ok(known.clone());
    }
    let opened = open()?;
    Ok(place.get_or_init(|| opened).clone())
}
