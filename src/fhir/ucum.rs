//! Units of the Unified Code for Units of Measure, as far as health records use them: the dimension of a unit, and its
//! factor. Two quantities can be compared if their dimensions are equal.
//!
//! Deliberately absent: special units on other scales (pH, decibel, Fahrenheit), which are compared as codes; and units
//! that no record in the guides has.

/// Parts of one unit.
const MAX_PARTS: usize = 12;
/// Characters of one unit.
const MAX_UNIT: usize = 64;

/// Exponents of meter, second, gram, kelvin, mole, international unit, enzyme unit, equivalent, candela, ampere.
type Dimension = [i8; 10];

/// The dimension of a unit, and its size in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// The dimension.
    pub dimension: Dimension,
    /// The size in base units.
    pub factor: f64,
}

const NONE: Dimension = [0; 10];

const fn base(at: usize) -> Dimension {
    let mut out = NONE;
    #[expect(clippy::indexing_slicing, reason = "called with the ten constants below, checked by the compiler")]
    {
        out[at] = 1;
    }
    out
}

const METRE: Dimension = base(0);
const SECOND: Dimension = base(1);
const GRAM: Dimension = base(2);
const KELVIN: Dimension = base(3);
const MOLE: Dimension = base(4);
const INTERNATIONAL: Dimension = base(5);
const ENZYME: Dimension = base(6);
const EQUIVALENT: Dimension = base(7);
const VOLUME: Dimension = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const PRESSURE: Dimension = [-1, -2, 1, 0, 0, 0, 0, 0, 0, 0];
const ENERGY: Dimension = [2, -2, 1, 0, 0, 0, 0, 0, 0, 0];

/// Unit, dimension, factor, and whether it takes prefixes.
const ATOMS: [(&str, Dimension, f64, bool); 48] = [
    ("m", METRE, 1.0, true),
    ("s", SECOND, 1.0, true),
    ("g", GRAM, 1.0, true),
    ("K", KELVIN, 1.0, true),
    ("Cel", KELVIN, 1.0, false),
    ("mol", MOLE, 1.0, true),
    ("[iU]", INTERNATIONAL, 1.0, true),
    ("[IU]", INTERNATIONAL, 1.0, true),
    ("U", ENZYME, 1.0, true),
    ("eq", EQUIVALENT, 1.0, true),
    ("osm", MOLE, 1.0, true),
    ("l", VOLUME, 1e-3, true),
    ("L", VOLUME, 1e-3, true),
    ("min", SECOND, 60.0, false),
    ("h", SECOND, 3_600.0, false),
    ("d", SECOND, 86_400.0, false),
    ("wk", SECOND, 604_800.0, false),
    ("mo", SECOND, 2_629_800.0, false),
    ("a", SECOND, 31_557_600.0, false),
    ("[in_i]", METRE, 0.0254, false),
    ("[in_us]", METRE, 0.025_400_050_8, false),
    ("[ft_i]", METRE, 0.3048, false),
    ("[mi_i]", METRE, 1_609.344, false),
    ("[mi_us]", METRE, 1_609.347_218_7, false),
    ("[lb_av]", GRAM, 453.592_37, false),
    ("[oz_av]", GRAM, 28.349_523_125, false),
    ("[foz_us]", VOLUME, 2.957_352_956_25e-5, false),
    ("[cup_us]", VOLUME, 2.365_882_365e-4, false),
    ("[tsp_us]", VOLUME, 4.928_921_593_75e-6, false),
    ("[tbs_us]", VOLUME, 1.478_676_478_125e-5, false),
    ("[pt_us]", VOLUME, 4.731_764_73e-4, false),
    ("[qt_us]", VOLUME, 9.463_529_46e-4, false),
    ("[gal_us]", VOLUME, 3.785_411_784e-3, false),
    ("[drp]", VOLUME, 5e-8, false),
    ("m[Hg]", PRESSURE, 133_322_387.415, true),
    ("m[H2O]", PRESSURE, 9_806_650.0, true),
    ("Pa", PRESSURE, 1_000.0, true),
    ("bar", PRESSURE, 1e8, true),
    ("J", ENERGY, 1_000.0, true),
    ("cal", ENERGY, 4_184.0, true),
    ("%", NONE, 0.01, false),
    ("[ppth]", NONE, 1e-3, false),
    ("[ppm]", NONE, 1e-6, false),
    ("10*", NONE, 10.0, false),
    ("10^", NONE, 10.0, false),
    ("1", NONE, 1.0, false),
    ("Hz", [0, -1, 0, 0, 0, 0, 0, 0, 0, 0], 1.0, true),
    ("kat", [0, -1, 0, 0, 1, 0, 0, 0, 0, 0], 1.0, true),
];

const PREFIXES: [(&str, f64); 12] = [
    ("da", 1e1),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("h", 1e2),
    ("d", 1e-1),
    ("c", 1e-2),
    ("m", 1e-3),
    ("u", 1e-6),
    ("n", 1e-9),
    ("p", 1e-12),
    ("f", 1e-15),
];

/// Reads a unit; nothing for an unknown one.
#[must_use]
pub fn parse(code: &str) -> Option<Unit> {
    if code.is_empty() || code.len() > MAX_UNIT {
        return None;
    }
    let mut out = Unit { dimension: NONE, factor: 1.0 };
    let mut divide = false;
    let mut rest = code;
    for _ in 0..MAX_PARTS {
        if let Some(after) = rest.strip_prefix('/') {
            divide = true;
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let (part, after) = split_part(rest);
        let unit = part_of(part)?;
        for (sum, exponent) in out.dimension.iter_mut().zip(unit.dimension) {
            *sum = if divide { sum.checked_sub(exponent)? } else { sum.checked_add(exponent)? };
        }
        out.factor = if divide { out.factor / unit.factor } else { out.factor * unit.factor };
        match after.chars().next() {
            None => return Some(out),
            Some('.') => {
                divide = false;
                rest = after.get(1..)?;
            }
            // The next iteration reads the slash.
            Some(_) => rest = after,
        }
    }
    None
}

/// The text up to the next `.` or `/` that is not in brackets or braces.
fn split_part(text: &str) -> (&str, &str) {
    let mut depth = 0;
    let at = text.find(|c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        depth == 0 && matches!(c, '.' | '/')
    });
    text.split_at(at.unwrap_or(text.len()))
}

/// One part: a unit with its prefix, its exponent and an annotation, or a number.
fn part_of(part: &str) -> Option<Unit> {
    let part = match part.split_once('{') {
        Some((unit, note)) if note.ends_with('}') => unit,
        Some(_) => return None,
        None => part,
    };
    // An annotation alone is a count.
    if part.is_empty() {
        return Some(Unit { dimension: NONE, factor: 1.0 });
    }
    if let Ok(number) = part.parse::<u32>() {
        return Some(Unit { dimension: NONE, factor: f64::from(number) });
    }
    let digits = part.len() - part.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (unit, exponent) = part.split_at(part.len() - digits);
    let (unit, sign) = match unit.strip_suffix(['-', '+']) {
        Some(shorter) if digits > 0 => (shorter, if unit.ends_with('-') { -1 } else { 1 }),
        _ => (unit, 1),
    };
    let exponent: i8 = if exponent.is_empty() { 1 } else { exponent.parse().ok()? };
    let found = atom(unit)?;
    let power = sign * i32::from(exponent);
    let mut dimension = NONE;
    for (out, one) in dimension.iter_mut().zip(found.dimension) {
        *out = i8::try_from(i32::from(one) * power).ok()?;
    }
    Some(Unit { dimension, factor: found.factor.powi(power) })
}

fn atom(text: &str) -> Option<Unit> {
    let find = |name: &str, prefixed: bool| {
        let known = ATOMS.iter().find(|(atom, _, _, metric)| *atom == name && (!prefixed || *metric));
        known.map(|(_, dimension, factor, _)| Unit { dimension: *dimension, factor: *factor })
    };
    find(text, false).or_else(|| {
        PREFIXES.iter().find_map(|(prefix, factor)| {
            let unit = find(text.strip_prefix(prefix)?, true)?;
            Some(Unit { factor: unit.factor * factor, ..unit })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_measure_the_same_compare() {
        for (left, right, ratio) in [
            ("kg", "g", 1_000.0),
            ("mg/dL", "g/L", 0.01),
            ("[lb_av]", "kg", 0.453_592_37),
            ("[in_i]", "cm", 2.54),
            ("mm[Hg]", "kPa", 0.133_322_387_415),
            ("mmol/L", "umol/mL", 1.0),
            ("10*3/uL", "10*9/L", 1.0),
            ("/min", "{beats}/min", 1.0),
            ("h", "min", 60.0),
            ("m2", "cm2", 10_000.0),
            ("kg/m2", "g/m2", 1_000.0),
            ("m[iU]/L", "[iU]/L", 1e-3),
            ("%", "1", 0.01),
            ("mL/min/{1.73_m2}", "L/h", 0.06),
            ("s-1", "Hz", 1.0),
            ("g.m/s2", "kg.m/s2", 1e-3),
        ] {
            let (one, other) = (parse(left).unwrap(), parse(right).unwrap());
            assert_eq!(one.dimension, other.dimension, "{left} {right}");
            assert!(
                (one.factor / other.factor / ratio - 1.0).abs() < 1e-9,
                "{left} {right}: {}",
                one.factor / other.factor
            );
        }
        assert_ne!(parse("mg").unwrap().dimension, parse("mL").unwrap().dimension);
        for unknown in ["", "[pH]", "[degF]", "apples", "kg/", "{open", "m99999", "k"] {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
    }
}
