//! Days as X12 writes them. Pure.

/// `CCYYMMDD` as a FHIR date; absent if it is none.
pub(crate) fn day(text: &str) -> Option<String> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse().ok();
    let year: i16 = text.get(..4)?.parse().ok()?;
    let date = jiff::civil::Date::new(year, number(4, 6)?, number(6, 8)?).ok()?;
    (text.len() == 8).then(|| date.to_string())
}
