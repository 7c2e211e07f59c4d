//! `near` of Location: locations near a point (FHIR R4, Location, search).

/// The earth's mean radius in meters.
const RADIUS: f64 = 6_371_008.8;
/// The distance in meters, if a query names none.
pub(super) const DEFAULT: u32 = 40_000;
/// Half the circumference of the earth: every point is nearer.
const FARTHEST: f64 = 20_100_000.0;

/// Reads `latitude|longitude[|distance[|unit]]`: millionths of degrees and meters.
pub(super) fn parse(text: &str) -> Option<(i64, i64, u32)> {
    let mut parts = text.split('|');
    let mut degrees = |most: f64| {
        let value: f64 = parts.next()?.trim().parse().ok()?;
        (value.abs() <= most).then(|| (value * 1e6).round() as i64)
    };
    let (latitude, longitude) = (degrees(90.0)?, degrees(180.0)?);
    let distance = parts.next().filter(|text| !text.is_empty());
    let metres = match parts.next().unwrap_or("km") {
        "" | "km" => 1_000.0,
        "m" => 1.0,
        "[mi_us]" | "[mi_i]" | "mi" => 1_609.344,
        _ => return None,
    };
    let metres = match distance {
        None => DEFAULT,
        Some(text) => {
            let value: f64 = text.trim().parse().ok()?;
            let far = value * metres;
            if !far.is_finite() || far < 0.0 {
                return None;
            }
            far.min(FARTHEST) as u32
        }
    };
    parts.next().is_none().then_some((latitude, longitude, metres))
}

/// The distance in meters between two points on a sphere (haversine).
pub(super) fn distance(left: (i64, i64), right: (i64, i64)) -> f64 {
    let radians = |micro: i64| (micro as f64 / 1e6).to_radians();
    let (lat1, lat2) = (radians(left.0), radians(right.0));
    let (dlat, dlon) = (lat2 - lat1, radians(right.1) - radians(left.1));
    let a = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlon / 2.0).sin().powi(2);
    2.0 * RADIUS * a.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_earth() {
        let (boston, new_york) = ((42_360_100, -71_058_900), (40_712_800, -74_006_000));
        assert!((distance(boston, new_york) - 306_100.0).abs() < 1_000.0, "{}", distance(boston, new_york));
        assert!(distance(boston, boston) < 1e-6);
        assert_eq!(parse("42.36|-71.06|10|km"), Some((42_360_000, -71_060_000, 10_000)));
        assert_eq!(parse("42.36|-71.06|10|[mi_us]"), Some((42_360_000, -71_060_000, 16_093)));
        assert_eq!(parse("42.36|-71.06"), Some((42_360_000, -71_060_000, DEFAULT)));
        for bad in ["", "42", "91|0", "0|181", "a|b", "1|2|-3", "1|2|3|parsec", "1|2|3|km|x", "1|2|NaN"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
