//! The position of a ZIP code. Good enough to sort by distance, not to find a door.

use crate::fhir::json::{Node, node};

/// A point on the earth, in degrees.
pub(super) type Point = (f64, f64);

include!(concat!(env!("OUT_DIR"), "/centroids.rs"));

/// The center of a ZIP code's area: latitude and longitude.
pub(super) fn middle(zip: &str) -> Option<Point> {
    let zip: u32 = zip.get(..5)?.parse().ok()?;
    let at = CENTROIDS.binary_search_by_key(&zip, |(known, ..)| *known).ok()?;
    let (_, latitude, longitude) = CENTROIDS.get(at)?;
    Some((round(f64::from(*latitude)), round(f64::from(*longitude))))
}

/// Latitude and longitude from a file; absent if they are out of range, or are the zeros of an empty cell.
pub(super) fn given(latitude: &str, longitude: &str) -> Option<Point> {
    let (latitude, longitude): (f64, f64) = (latitude.trim().parse().ok()?, longitude.trim().parse().ok()?);
    let is_real = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude.abs() + longitude.abs()) > 0.0;
    is_real.then(|| (round(latitude), round(longitude)))
}

pub(super) fn value((latitude, longitude): Point) -> Node<'static> {
    node!({"longitude": longitude, "latitude": latitude})
}

/// Eleven meters; further digits are noise.
fn round(degrees: f64) -> f64 {
    (degrees * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_code_has_a_middle() {
        let (latitude, longitude) = middle("06105-1208").unwrap();
        assert!((latitude - 41.77).abs() < 0.1 && (longitude + 72.70).abs() < 0.1, "{latitude} {longitude}");
        assert_eq!(middle("00000"), None);
        assert_eq!(middle("K1A"), None);
    }

    #[test]
    fn only_places_on_earth_are_taken() {
        assert_eq!(given("41.5", "-72.5"), Some((41.5, -72.5)));
        for (latitude, longitude) in [("0", "0"), ("91", "1"), ("NaN", "1"), ("", "")] {
            assert_eq!(given(latitude, longitude), None);
        }
    }
}
