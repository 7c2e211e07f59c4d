//! What fuzz targets assert about the readers: for any bytes, a row that is read is a part that can be read again, and
//! it yields a bill or a refusal.

use std::io::Cursor;

use jiff::Timestamp;

use super::claim_rows;
use super::source::Source;
use crate::config::ClaimsAsClinical;
use crate::formats::ncpdp::Transmission;
use crate::formats::records::{ClaimRow, RowOutcome};
use crate::formats::tables::mapping::Mapping;
use crate::map::claims::{RowCase, review_rows};
use crate::map::record::{KnownMember, PlanContext};

/// Reads a file of rows. Returns how many rows it gave, and how many of them did not survive being written and read
/// again, which must be none.
#[must_use]
pub fn rows(bytes: &[u8]) -> (usize, usize) {
    let about = PlanContext { ids: "https://plan.example/ids", plan: "Plan", now: Timestamp::UNIX_EPOCH };
    let (mut count, mut lost) = (0, 0);
    let source = Source::over(Cursor::new(bytes.to_vec()));
    claim_rows::read(source, &Mapping::default(), &mut |found| {
        if let RowOutcome::Part(part) = found {
            count += 1;
            match ClaimRow::read(&part.text) {
                Some((source, row)) => {
                    for case in RowCase::fold(&part.group, [(source, row.clone())]) {
                        let _ = (
                            case.named_member(),
                            case.resources(&[], &KnownMember::default(), about, ClaimsAsClinical::All),
                        );
                    }
                    if let Ok(review) = review_rows(&[row]) {
                        let _ = review.resources(&KnownMember::default(), about);
                    }
                }
                None => lost += 1,
            }
        }
        true
    });
    (count, lost)
}

/// An NCPDP message, read and printed again; absent if the text is not one.
#[must_use]
pub fn ncpdp(text: &str) -> Option<String> {
    Transmission::parse(text).map(|message| message.print())
}
