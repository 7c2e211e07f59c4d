//! The forms of codes: whether a text can be a code of a system, so that nothing stands under a system whose form it has not. Pure.

/// A place of service: two digits, the first of which spreadsheets drop.
pub(crate) fn is_place(text: &str) -> bool {
    (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A service: CPT, HCPCS, CDT and HIPPS have five characters, of which one is a digit at least.
pub(crate) fn is_service(text: &str) -> bool {
    text.len() == 5
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// A diagnosis of ICD-10-CM, with or without its point.
pub(crate) fn is_tenth_diagnosis(text: &str) -> bool {
    let Some(plain) = without_point(text, 3) else { return false };
    let mut bytes = plain.bytes();
    let is_start = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.next().is_some_and(|byte| byte.is_ascii_digit());
    is_start && (3..=7).contains(&plain.len()) && bytes.all(|byte| byte.is_ascii_alphanumeric())
}

/// A diagnosis of ICD-9-CM: three to five digits, V and two to four, E and three or four.
pub(crate) fn is_ninth_diagnosis(text: &str) -> bool {
    let (digits, shortest, longest, stem) = match text.as_bytes().first().map(u8::to_ascii_uppercase) {
        Some(b'V') => (text.get(1..).unwrap_or_default(), 2, 4, 2),
        Some(b'E') => (text.get(1..).unwrap_or_default(), 3, 4, 3),
        _ => (text, 3, 5, 3),
    };
    let Some(plain) = without_point(digits, stem) else { return false };
    (shortest..=longest).contains(&plain.len()) && plain.bytes().all(|byte| byte.is_ascii_digit())
}

/// A drug code (NDC) in eleven digits; absent if the text is none, or if nothing shows which zeros it lacks.
pub(crate) fn ndc(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return None;
    }
    match parts.as_slice() {
        [whole] if whole.len() == 11 => Some((*whole).to_owned()),
        [labeler, product, package] if labeler.len() <= 5 && product.len() <= 4 && package.len() <= 2 => {
            Some(format!("{labeler:0>5}{product:0>4}{package:0>2}"))
        }
        _ => None,
    }
}

/// A code without its point, which may stand behind the stem only.
fn without_point(text: &str, stem: usize) -> Option<String> {
    match text.split_once('.') {
        None => Some(text.to_owned()),
        // Some systems end every code with a point.
        Some((before, after)) => (before.len() == stem && !after.contains('.')).then(|| [before, after].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_tell_systems_apart() {
        for text in ["E11.9", "E119", "I10", "I10.", "W19.XXXA", "U07.1", "C7A.00", "e11.9"] {
            assert!(is_tenth_diagnosis(text), "{text}");
        }
        for text in ["250.00", "195662009", "NOTACODE", "E1", "E119.0", "EE1.9", ""] {
            assert!(!is_tenth_diagnosis(text), "{text}");
        }
        for text in ["250.00", "25000", "V30.00", "E849.0", "E8490", "401.9", "785"] {
            assert!(is_ninth_diagnosis(text), "{text}");
        }
        for text in ["E11.9", "I10", "195662009", "25.000", "V1", ""] {
            assert!(!is_ninth_diagnosis(text), "{text}");
        }
        assert!(["99213", "J1885", "D2393", "0001A", "G0438"].into_iter().all(is_service));
        assert!(!["185345009", "9921", "OFFICE", "VISIT", "99213-25"].into_iter().any(is_service));
        assert!(is_place("11") && is_place("2") && !is_place("e002090d-4e92") && !is_place(""));
        for (text, expected) in [
            ("00093-1074-01", Some("00093107401")),
            ("0093-1074-01", Some("00093107401")),
            ("00093107401", Some("00093107401")),
            ("93107401", None),
            ("9.31074E+07", None),
            ("00093107401.0", None),
            ("1234567890123", None),
            ("-1-", None),
        ] {
            assert_eq!(ndc(text).as_deref(), expected, "{text}");
        }
    }
}
